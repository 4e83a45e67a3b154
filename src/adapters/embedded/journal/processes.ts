// The processes that have the journal open: this one's row with its beat, and what is observed
// of the others. Knows no wall clocks and no process ids. Always true: another process is called
// dead only when its beat stood still for `leaseMs` of this process's own monotonic,
// uninterrupted observation, or when its doorbell refused a connection.
import type { Clock } from "../../../kernel/clock.ts";
import type { Writer } from "./writer.ts";

interface ProcessRow {
  id: number;
  beat: number;
  bell: string;
}

interface Observation {
  beat: number;
  sinceMs: number;
}

/** A process that is to be removed, with the beat it was last seen at. */
export interface DeadProcess {
  readonly id: number;
  readonly beat: number;
}

/** See the head of this file. */
export class Processes {
  /** The number of this process's row. */
  readonly id: number;
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #bell: string;
  readonly #leaseMs: number;
  readonly #observed = new Map<number, Observation>();
  readonly #gone = new Set<string>();
  #rows: ProcessRow[] = [];
  #observedAtMs: number;

  /** Registers this process. */
  constructor(writer: Writer, clock: Clock, bell: string, leaseMs: number) {
    this.#writer = writer;
    this.#clock = clock;
    this.#bell = bell;
    this.#leaseMs = leaseMs;
    this.#observedAtMs = clock.monotonicMs();
    this.id = writer.transaction("registering this process", () =>
      writer.insert("INSERT INTO process (beat, bell) VALUES (0, ?)", bell),
    );
  }

  /** Raises the beat; false when this process's row is gone: others took it for dead. */
  beat(): boolean {
    return this.#writer.run("UPDATE process SET beat = beat + 1 WHERE id = ?", this.id) === 1;
  }

  /** Puts this process's row back under its old number where it is gone; inside a transaction. */
  registerAgain(): boolean {
    const sql = "INSERT OR IGNORE INTO process (id, beat, bell) VALUES (?, 0, ?)";
    return this.#writer.run(sql, this.id, this.#bell) === 1;
  }

  /** Bells of the other processes, as of the last observation. */
  peers(): string[] {
    return this.#rows.map((row) => row.bell).filter((bell) => bell !== "");
  }

  /** Whether no other process that has the journal open did so before this one. */
  isEldest(): boolean {
    return this.#rows.every((row) => row.id > this.id);
  }

  /** That bell refuses connections: its process is dead. */
  peerGone(bell: string): void {
    if (bell !== "" && this.#rows.some((row) => row.bell === bell)) this.#gone.add(bell);
  }

  /** Looks at the other processes; returns those that are dead. */
  observe(): DeadProcess[] {
    const nowMs = this.#clock.monotonicMs();
    // After a pause of its own (stopped, frozen) this process knows nothing of the others' beats.
    const interrupted = nowMs - this.#observedAtMs > this.#leaseMs / 2;
    this.#observedAtMs = nowMs;
    this.#rows = this.#writer.all<ProcessRow>(
      "SELECT id, beat, bell FROM process WHERE id <> ?",
      this.id,
    );
    const dead: DeadProcess[] = [];
    for (const { id, beat, bell } of this.#rows) {
      const seen = this.#observed.get(id);
      if (seen === undefined || seen.beat !== beat || interrupted) {
        this.#observed.set(id, { beat, sinceMs: nowMs });
        if (!this.#gone.has(bell)) continue;
      }
      const silent = seen !== undefined && nowMs - seen.sinceMs >= this.#leaseMs;
      if ((silent && !interrupted) || this.#gone.has(bell)) dead.push({ id, beat });
    }
    this.#forget();
    return dead;
  }

  /** Removes a dead process's row unless it moved since; inside a transaction. */
  remove({ id, beat }: DeadProcess): boolean {
    return this.#writer.run("DELETE FROM process WHERE id = ? AND beat = ?", id, beat) === 1;
  }

  /** Removes this process's row; inside a transaction. */
  leave(): void {
    this.#writer.run("DELETE FROM process WHERE id = ?", this.id);
  }

  #forget(): void {
    const ids = new Set(this.#rows.map((row) => row.id));
    const bells = new Set(this.#rows.map((row) => row.bell));
    for (const id of this.#observed.keys()) if (!ids.has(id)) this.#observed.delete(id);
    for (const bell of this.#gone) if (!bells.has(bell)) this.#gone.delete(bell);
  }
}
