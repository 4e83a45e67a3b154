// The files of a simulation: a trace that is read, a picture that is written. Always true: neither
// is a file of a journal, and no journal is open in this process meanwhile.
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { SpillwayError } from "../../errors/spillway-error.ts";

/** What a journal keeps in its directory. */
const journalFile = /^(journal\.db(-wal|-shm)?|tail|reserve)$/;

/** The text of a trace. */
export function readTraceFile(path: string): string {
  assertNoJournal(path);
  return readFileSync(path, "utf8");
}

/** Writes a picture. */
export function writePlot(path: string, svg: string): void {
  assertNoJournal(path);
  writeFileSync(path, svg);
}

function assertNoJournal(path: string): void {
  if (!journalFile.test(basename(path))) return;
  const text = `'${path}' is a file of a journal: give another name`;
  throw new SpillwayError("INVALID_ARGUMENT", text);
}
