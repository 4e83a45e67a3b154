// What the checkpoint thread adds to the `tail` (docs/adr/0006): up to which commit the database
// itself is complete, a sync now and then, and with relaxed durability where the journal ended when
// it was last synced. Always true: what is noted was read before the checkpoint that proves it.
import type { Clock } from "../../../kernel/clock.ts";
import type { Connection } from "./connection.ts";
import { TailFile } from "./tail-file.ts";
import { readLastTimer, readTailLogs, TailLogs } from "./tail-logs.ts";

/** How often the file is synced at most. */
const syncIntervalMs = 1_000;

type Statement = ReturnType<Connection["prepare"]>;

interface Before {
  readonly commit: number;
  readonly logs: TailLogs | undefined;
}

/** See the head of this file. */
export class CheckpointTail {
  readonly #clock: Clock;
  readonly #relaxed: boolean;
  readonly #incarnation: string;
  readonly #file: TailFile | undefined;
  readonly #selectMeta: Statement;
  readonly #connection: Connection;
  #syncedAtMs: number;
  #before: Before | undefined;

  constructor(
    connection: Connection,
    options: {
      readonly directory: string;
      readonly clock: Clock;
      readonly durability: "fsync" | "relaxed";
    },
  ) {
    this.#clock = options.clock;
    this.#relaxed = options.durability === "relaxed";
    this.#syncedAtMs = options.clock.monotonicMs();
    this.#selectMeta = connection.prepare("SELECT value FROM meta WHERE name = ?");
    this.#connection = connection;
    this.#incarnation = this.#meta("incarnation");
    const { slot } = new TailLogs(this.#incarnation);
    // The writer made it before this thread was started.
    this.#file = attempt(() => TailFile.open(options.directory, slot.bytes));
  }

  /** Before a checkpoint. */
  before(): void {
    this.#before = attempt(() => {
      const commit = Number(this.#meta("commit"));
      return { commit, logs: this.#relaxed ? this.#logs(commit) : undefined };
    });
  }

  /** After a checkpoint that copied everything it found; `isSynced`: and synced the database. */
  complete(isSynced: boolean): void {
    const [file, before] = [this.#file, this.#before];
    if (file === undefined || before === undefined) return;
    attempt(() => this.#write(file, before, isSynced));
  }

  #write(file: TailFile, { commit, logs }: Before, isSynced: boolean): void {
    // What was copied is in the write-ahead log too, which a checkpoint syncs before it copies.
    if (logs !== undefined) file.write(logs.slot.seal(commit), commit);
    // A power cut may take back what the database was not synced with.
    if (isSynced) file.writeCopied(this.#incarnation, commit);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#syncedAtMs < syncIntervalMs) return;
    this.#syncedAtMs = nowMs;
    file.sync();
  }

  /** Closes the file; the writer syncs it. */
  close(): void {
    this.#file?.close();
  }

  #meta(name: string): string {
    return String(this.#selectMeta.get(name)?.["value"]);
  }

  #logs(commit: number): TailLogs {
    const logs = new TailLogs(this.#incarnation);
    const all = (sql: string): unknown[] => this.#connection.prepare(sql).all();
    for (const { log, channel, lane, end } of readTailLogs(all)) {
      logs.set(log, lane, end, commit, () => channel);
    }
    logs.slot.lastTimer(readLastTimer(all));
    return logs;
  }
}

/** What fails here makes the tail older than it could be, and nothing else: the writer reports. */
function attempt<Result>(step: () => Result): Result | undefined {
  try {
    return step();
  } catch {
    return undefined;
  }
}
