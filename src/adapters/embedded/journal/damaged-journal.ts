// A journal that was found damaged: what is left to do with it. Reads on a connection that cannot
// write; everything that writes is refused. Always true: nothing of the journal is changed, its
// write-ahead log included, so that repair finds everything that is left.
import type { SpillwayError } from "../../../errors/spillway-error.ts";
import { Catalog } from "./catalog.ts";
import { openConnection } from "./connection.ts";
import { damagedJournal, type JournalDamage } from "./damage.ts";
import type { EngineOptions, EngineRequests } from "./engine.ts";
import type { CoreEnvironment } from "./journal.ts";
import { Stats } from "./stats.ts";
import { Writer } from "./writer.ts";

/** See the head of this file. */
export class DamagedJournal {
  /** What everybody is told who wants to write. */
  readonly error: SpillwayError;
  readonly stats: Stats;
  readonly #writer: Writer;
  readonly #catalog: Catalog;

  constructor(environment: CoreEnvironment, options: EngineOptions, damage: JournalDamage) {
    const { clock, random, onNotice: notify, onWaiting = () => undefined } = environment;
    const { directory, durability, busyTimeoutMs } = options;
    this.error = damagedJournal(directory, damage);
    const connection = openConnection(directory, "inspector", { clock, durability, busyTimeoutMs });
    const writer = new Writer(connection, {
      clock,
      random,
      busyTimeoutMs,
      onWaiting,
      failure: this.error,
    });
    this.#writer = writer;
    this.#catalog = new Catalog(writer);
    this.stats = new Stats({ writer, catalog: this.#catalog, clock });
    const reasons = [this.error.message];
    notify({ kind: "health", status: "failed", reasons, appendsStopped: false });
  }

  /** Readers declare what they read: a channel that exists is left as it is. */
  declare({ channel }: EngineRequests["declare"]["request"]): null {
    if (this.#catalog.isDeclared(channel)) return null;
    throw this.error;
  }

  /** Closes the connection. */
  close(): void {
    this.#writer.close();
  }
}
