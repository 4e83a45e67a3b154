// The golden directories beside this file: which there are, and copies of them to open.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import type { JournalDescription } from "./describe-journal.ts";

/** The formats that are kept, oldest first. */
export function goldenFormats(): number[] {
  return readdirSync(new URL(".", import.meta.url))
    .flatMap((name) => /^format-(\d+)\.db\.zst$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((left, right) => left - right);
}

/** Puts the journal of that format into a directory. */
export function copyGolden(format: number, directory: string): void {
  mkdirSync(directory, { recursive: true });
  const packed = readFileSync(new URL(`format-${format}.db.zst`, import.meta.url));
  writeFileSync(join(directory, "journal.db"), zstdDecompressSync(packed));
}

/** What must be read from it. */
export function goldenDescription(format: number): JournalDescription {
  const url = new URL(`format-${format}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as JournalDescription;
}
