// Whether the files that this process writes still lie where others will look for them. SQLite goes
// on with a file that was deleted or replaced, and nobody would ever read what is stored in it.
// Looks at names and numbers only, and opens nothing. Always true: a file is known from the first
// look at it on.
import { type BigIntStats, statSync } from "node:fs";
import { databasePath, walPath } from "./directory.ts";

/** See the head of this file. */
export class FileIdentity {
  readonly #known = new Map<string, BigIntStats>();
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.look();
  }

  /** What is wrong; undefined while all is well. */
  look(): string | undefined {
    for (const path of [databasePath(this.#directory), walPath(this.#directory)]) {
      const stats = statOf(path);
      if (stats === "unknown") continue;
      const known = this.#known.get(path);
      if (known === undefined) {
        if (stats !== undefined) this.#known.set(path, stats);
      } else if (stats === undefined) return `${path} was deleted`;
      else if (stats.ino !== known.ino || stats.dev !== known.dev) return `${path} was replaced`;
    }
    return undefined;
  }
}

/** A disk that does not even say what lies there is found by the next read or write. */
function statOf(path: string): BigIntStats | undefined | "unknown" {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return "unknown";
  }
}
