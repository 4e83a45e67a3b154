// How many pages the write-ahead log of a journal holds that SQLite would use. Always true: asking
// copies nothing into the database.
import { statSync } from "node:fs";
import type { Snapshot } from "../inspection/snapshot.ts";
import { walPath } from "./directory.ts";

/** Undefined where SQLite does not tell: an older one would copy instead, and is not asked. */
export function countWalFrames(directory: string, snapshot: Snapshot): number | undefined {
  const version = snapshot.first<{ version: string }>("SELECT sqlite_version() AS version");
  const [major = 0, minor = 0] = String(version?.version).split(".").map(Number);
  if (major < 3 || (major === 3 && minor < 51)) {
    const size = statSync(walPath(directory), { throwIfNoEntry: false })?.size ?? 0;
    return size === 0 ? 0 : undefined;
  }
  return snapshot.first<{ log: number }>("PRAGMA wal_checkpoint(NOOP)")?.log;
}
