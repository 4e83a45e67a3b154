// The journal's directory: the names of the files in it, and the file systems where SQLite's shared
// memory and locks cannot work. Opens nothing.
import { join } from "node:path";
import { SpillwayError } from "../../../errors/spillway-error.ts";

/** The database file of a journal. */
export function databasePath(directory: string): string {
  return join(directory, "journal.db");
}

/** The write-ahead log beside the database; only its size may be looked at. */
export function walPath(directory: string): string {
  return `${databasePath(directory)}-wal`;
}

/** Space that is given up when the disk is full; see docs/adr/0013. */
export function reservePath(directory: string): string {
  return join(directory, "reserve");
}

/** The database of a journal that is being restored; renamed once it is complete. */
export function restoringPath(directory: string): string {
  return `${databasePath(directory)}.restoring`;
}

/** Where each process that has the journal open listens on a socket. */
export function bellsPath(directory: string): string {
  return join(directory, "bells");
}

/** File systems of other machines, by the type that Linux's statfs(2) reports. */
const networkFileSystems: Readonly<Record<number, string>> = {
  0x6969: "NFS",
  0x517b: "SMB",
  0xff534d42: "CIFS",
  0xfe534d42: "SMB2",
  0x5346414f: "AFS",
  0x6b414653: "AFS",
  0x73757245: "Coda",
  0x564c: "NCP",
  0x00c36400: "Ceph",
  0x01161970: "GFS2",
  0x7461636f: "OCFS2",
  0x0bd00bd0: "Lustre",
  0x47504653: "GPFS",
  0x01021997: "9P",
  0x786f4256: "VirtualBox shared folder",
};

/** Throws JOURNAL_DIRECTORY for a file system type of another machine. */
export function assertLocalFileSystem(directory: string, type: number): void {
  const name = networkFileSystems[type >>> 0];
  if (name === undefined) return;
  throw new SpillwayError(
    "JOURNAL_DIRECTORY",
    `the directory ${directory} lies on a network file system (${name}): processes of ` +
      "one machine must share its memory and locks, so choose a local directory",
    { details: { directory, fileSystem: name } },
  );
}
