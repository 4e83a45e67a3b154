// Makes a renamed or new file durable: its name stands in the directory, which has to be synced
// like a file. Opens the directory, and no file in it.
import { closeSync, constants, fsyncSync, openSync } from "node:fs";

/** Waits until the names in a directory are on the disk. */
export function syncDirectory(directory: string): void {
  const folder = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
