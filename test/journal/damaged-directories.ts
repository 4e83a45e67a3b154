// Copies of journals, and damage to them. What touches SQLite's files by path does so in a process
// of its own, because the test's own process may have the journal open.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** The files of a journal, by what they are called in tests. */
export const journalFiles = {
  database: "journal.db",
  wal: "journal.db-wal",
  shm: "journal.db-shm",
  tail: "tail",
} as const;

/** Copies these files of a journal that may be open, as a power cut would leave them. */
export function copyFiles(
  from: string,
  to: string,
  files: readonly (keyof typeof journalFiles)[] = ["database", "wal", "tail"],
): void {
  const names = files.map((file) => journalFiles[file]);
  run("mkdir", ["-p", to]);
  for (const name of names) {
    run("rm", ["-f", join(to, name)]);
    run("sh", ["-c", 'if [ -e "$1" ]; then cp "$1" "$2"; fi', "sh", join(from, name), to]);
  }
}

/** Inverts one bit of a file. */
export function flipBit(path: string, byte: number, bit = 0): void {
  const script =
    "const fs = require('fs'); const [path, byte, bit] = process.argv.slice(1);" +
    "const file = fs.openSync(path, 'r+'); const one = Buffer.alloc(1);" +
    "if (fs.readSync(file, one, 0, 1, Number(byte)) !== 1) throw new Error('behind the end');" +
    "one[0] ^= 1 << Number(bit); fs.writeSync(file, one, 0, 1, Number(byte));";
  run(process.execPath, ["-e", script, path, `${byte}`, `${bit}`]);
}

/** The checksum of a file's content; "" where it is not there. */
export function fingerprint(path: string): string {
  return spawnSync("md5sum", [path], { encoding: "utf8" }).stdout.slice(0, 32);
}

function run(command: string, words: readonly string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${words.join(" ")}: ${stderr}`);
}
