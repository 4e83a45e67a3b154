// Keeps the `tail` of an open journal as new as its commits (docs/adr/0006): knows where each log
// ends, and writes that after every commit that is durable. Always true: what is written was
// committed; with relaxed durability nothing is written here before close(); a tail that cannot be
// written is reported, and fails no commit.
import { existsSync } from "node:fs";
import type { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Catalog } from "./catalog.ts";
import { timerLane } from "./dedupe-table.ts";
import { walPath } from "./directory.ts";
import type { Doubts } from "./doubts.ts";
import type { EngineOptions } from "./engine.ts";
import type { Health } from "./health.ts";
import { TailFile } from "./tail-file.ts";
import { readLastTimer, readTailLogs, TailLogs } from "./tail-logs.ts";
import type { Writer, WriterCache } from "./writer.ts";

interface CheckpointRow {
  busy: number;
  log: number;
  checkpointed: number;
}

/** See the head of this file. */
export class TailKeeper implements WriterCache {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #doubts: Doubts;
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
    /** Knows what the running transaction appends. */
    readonly doubts: Doubts;
    readonly health: Health;
    readonly options: Pick<EngineOptions, "directory" | "durability">;
  }) {
    this.#writer = parts.writer;
    this.#catalog = parts.catalog;
    this.#doubts = parts.doubts;
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

  /** Says where the journal ends, as far as that is on the disk. */
  closing(failure: SpillwayError | undefined): void {
    const file = this.#file;
    if (file === undefined || failure !== undefined) return;
    this.#attempt(() => {
      const commit = this.#writer.commitNumber;
      const row = this.#writer.one<CheckpointRow>("PRAGMA wal_checkpoint(PASSIVE)");
      if (row?.busy !== 0 || row.log !== row.checkpointed) return;
      if (!this.#eachCommit) this.#lookAtAll(commit);
      file.write(this.#logs.slot.seal(commit), commit);
      file.writeCopied(this.#incarnation, commit);
      // Before the log is deleted: a power cut could keep that and lose this.
      file.sync();
    });
  }

  /** The last connection to close copies what is left, and deletes the write-ahead log. */
  closed(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    this.#attempt(() => {
      if (!existsSync(walPath(this.#directory))) {
        file.writeCopied(this.#incarnation, this.#writer.commitNumber);
      }
      file.sync();
    });
    file.close();
  }

  #takeMoved(): void {
    const commit = this.#writer.commitNumber;
    for (const { id, lane, end, channel } of this.#catalog.moved) {
      this.#logs.set(id, lane, end, commit, () => channel.name);
    }
    for (const { lane, end } of this.#doubts.underWay) {
      if (lane === timerLane) this.#logs.slot.lastTimer(end - 1);
    }
  }

  #lookAtAll(commit: number): void {
    for (const { log, lane, end, channel } of readTailLogs((sql) => this.#writer.all(sql))) {
      this.#logs.set(log, lane, end, commit, () => channel);
    }
    this.#logs.slot.lastTimer(readLastTimer((sql) => this.#writer.all(sql)));
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
