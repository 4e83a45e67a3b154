// Several journals below one folder, each by a name, so that one can be copied over another. For
// the unit tests of damage.
import { join } from "node:path";
import { CoreRig, HandClock, makeDirectory, removeDirectory } from "./core-rig.ts";

/** "0" to "count − 1". */
export const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${index}`);

/** See the head of this file. */
export class NamedJournals {
  readonly clock = new HandClock();
  readonly #root = makeDirectory();
  readonly #rigs: CoreRig[] = [];

  /** The directory of that name. */
  readonly at = (name: string): string => join(this.#root, name);

  /** Opens the journal of that name; end() closes it. */
  readonly open = (name: string): CoreRig => {
    const rig = new CoreRig(this.at(name), this.clock, { durability: "fsync" });
    this.#rigs.push(rig);
    return rig;
  };

  /** Closes what is open and removes everything. */
  end(): void {
    for (const rig of this.#rigs) rig.close();
    removeDirectory(this.#root);
  }
}
