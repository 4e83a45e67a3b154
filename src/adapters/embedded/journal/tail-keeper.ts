// Keeps the `tail` of an open journal as new as its commits (docs/adr/0006): knows where each log
// ends, and writes that after every commit that is durable. Always true: what is written was
// committed; with relaxed durability nothing is written here before close(); a tail that cannot be
// written is reported, and fails no commit.
import type { Catalog } from "./catalog.ts";
import type { EngineOptions } from "./engine.ts";
import type { Health } from "./health.ts";
import { TailFile } from "./tail-file.ts";
import { TailSlot } from "./tail-format.ts";
import type { Writer, WriterCache } from "./writer.ts";

/** Logs that are known here at most; above it the half that moved longest ago is forgotten. */
export const tailLogsMax = 4_096;

interface KnownLog {
  readonly log: number;
  readonly channel: string;
  readonly lane: number;
  end: number;
  /** The commit that moved it, or a later one. */
  movedAt: number;
  /** Where its end stands in the slot; −1: it found no room. */
  place: number;
}

interface LogRow {
  id: number;
  lane: number;
  end: number;
  name: string;
}

interface CheckpointRow {
  busy: number;
  log: number;
  checkpointed: number;
}

/** Every log with its channel's name. */
export const tailLogsSql =
  "SELECT log.id, log.lane, log.end, channel.name FROM log " +
  "JOIN channel ON channel.id = log.channel";

/** Which logs a slot lists: as many as fit, the most recently moved ones first. */
export class TailLogs {
  readonly slot: TailSlot;
  readonly #logs = new Map<number, KnownLog>();
  #unlistedCommit = 0;
  #unlistedEnd = 0;

  constructor(incarnation: string) {
    this.slot = new TailSlot(incarnation);
  }

  /** A log ended here after this commit; the name is asked for when the log is new. */
  set(log: number, lane: number, end: number, commit: number, channel: () => string): void {
    let known = this.#logs.get(log);
    if (known === undefined) {
      known = { log, lane, channel: channel(), end, movedAt: commit, place: -1 };
      if (this.#logs.size >= tailLogsMax) this.#forget();
      this.#logs.set(log, known);
    } else if (known.end === end) return;
    known.end = end;
    known.movedAt = commit;
    if (known.place >= 0) return this.slot.move(known.place, end);
    known.place = this.slot.add(log, known.channel, lane, end);
    if (known.place < 0) this.#listAnew();
  }

  /** The half of the slot's room stays free, so that this happens seldom. */
  #listAnew(): void {
    const latestFirst = [...this.#logs.values()].sort(
      (left, right) => right.movedAt - left.movedAt,
    );
    const listedMax = Math.max(1, latestFirst.filter(({ place }) => place >= 0).length / 2);
    this.slot.clear();
    for (const [index, known] of latestFirst.entries()) {
      const { log, channel, lane, end } = known;
      known.place = index < listedMax ? this.slot.add(log, channel, lane, end) : -1;
      if (known.place < 0) this.#unlist(known);
    }
    this.slot.unlisted(this.#unlistedCommit, this.#unlistedEnd);
  }

  #unlist({ movedAt, end }: KnownLog): void {
    this.#unlistedCommit = Math.max(this.#unlistedCommit, movedAt);
    this.#unlistedEnd = Math.max(this.#unlistedEnd, end);
  }

  #forget(): void {
    const oldestFirst = [...this.#logs.values()].sort(
      (left, right) => left.movedAt - right.movedAt,
    );
    for (const known of oldestFirst.slice(0, tailLogsMax / 2)) {
      this.#logs.delete(known.log);
      this.#unlist(known);
    }
    this.#listAnew();
  }
}

/** See the head of this file. */
export class TailKeeper implements WriterCache {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #logs: TailLogs;
  readonly #directory: string;
  readonly #eachCommit: boolean;
  readonly #health: Health;
  readonly #incarnation: string;
  #file: TailFile | undefined;
  #faulty = false;

  constructor(parts: {
    readonly writer: Writer;
    readonly catalog: Catalog;
    readonly health: Health;
    readonly options: Pick<EngineOptions, "directory" | "durability">;
  }) {
    this.#writer = parts.writer;
    this.#catalog = parts.catalog;
    this.#health = parts.health;
    this.#directory = parts.options.directory;
    this.#eachCommit = parts.options.durability === "fsync";
    this.#incarnation = parts.writer.meta("incarnation");
    this.#logs = new TailLogs(this.#incarnation);
    parts.writer.attach(this);
  }

  /** Makes the file where it is missing; `anew`: what it says so far counts no longer. */
  start(anew: boolean): void {
    this.#attempt(() => {
      this.#lookAtAll(this.#writer.commitNumber);
      const slot = this.#logs.slot.seal(this.#writer.commitNumber);
      this.#file = TailFile.open(this.#directory, slot);
      if (!anew) return;
      this.#file.replace(slot);
      this.#file.sync();
    });
  }

  /** Others may have moved any log. */
  begun(foreign: boolean): void {
    if (foreign && this.#eachCommit) this.#lookAtAll(this.#writer.commitNumber - 1);
  }

  rolledBack(): void {
    // What begun() read was committed by others, and stays true.
  }

  committed(): void {
    const file = this.#file;
    if (file === undefined || !this.#eachCommit) return;
    this.#takeMoved();
    const commit = this.#writer.commitNumber;
    this.#attempt(() => file.write(this.#logs.slot.seal(commit), commit));
  }

  /** Says where the journal ends, as far as that is on the disk, and waits for the file's own. */
  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    this.#attempt(() => {
      const commit = this.#writer.commitNumber;
      if (this.#copyAll()) {
        if (!this.#eachCommit) this.#lookAtAll(commit);
        file.write(this.#logs.slot.seal(commit), commit);
        file.writeCopied(this.#incarnation, commit);
      }
      file.sync();
    });
    file.close();
  }

  /** Copies the write-ahead log into the database; whether all of it is there, and on the disk. */
  #copyAll(): boolean {
    if (this.#writer.failure !== undefined) return false;
    const row = this.#writer.one<CheckpointRow>("PRAGMA wal_checkpoint(PASSIVE)");
    return row?.busy === 0 && row.log === row.checkpointed;
  }

  #takeMoved(): void {
    const commit = this.#writer.commitNumber;
    for (const { id, lane, end, channel } of this.#catalog.moved) {
      this.#logs.set(id, lane, end, commit, () => channel.name);
    }
  }

  #lookAtAll(commit: number): void {
    for (const { id, lane, end, name } of this.#writer.all<LogRow>(tailLogsSql)) {
      this.#logs.set(id, lane, end, commit, () => name);
    }
  }

  #attempt(step: () => void): void {
    try {
      step();
      if (this.#faulty) this.#health.clear("tail");
      this.#faulty = false;
    } catch (error) {
      this.#faulty = true;
      this.#health.report(
        "tail",
        `the journal's tail cannot be written (${String(error)}): should its last commits be ` +
          "lost, nobody would notice",
      );
    }
  }
}
