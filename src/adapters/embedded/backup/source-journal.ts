// The journal that a backup is taken of, as a reader sees it. Knows nothing of the copy. Always
// true: nothing of it is changed, and no read transaction outlives the synchronous call that began
// it, so that the write-ahead log can start anew in between.
import type { Clock } from "../../../kernel/clock.ts";
import { openConnection } from "../journal/connection.ts";
import { checkRowCrc } from "../journal/format-crc.ts";
import { openFailure } from "../journal/sqlite-errors.ts";
import { Statements } from "./statements.ts";

/** How long to wait for a lock that only recovery and creation hold. */
export const busyTimeoutMs = 5_000;

/** Where one log stands. */
export interface LogState {
  readonly id: number;
  readonly channel: number;
  readonly lane: number;
  readonly start: number;
  readonly end: number;
  /** Bytes of its batches. */
  readonly bytes: number;
}

/** See the head of this file. */
export class SourceJournal {
  readonly directory: string;
  readonly rows: Statements;
  readonly incarnation: string;
  readonly format: number;
  #dataVersion = 0;

  /** Opens the journal; throws JOURNAL_FORMAT where there is none. */
  constructor(directory: string, clock: Clock) {
    this.directory = directory;
    const options = { clock, durability: "fsync", busyTimeoutMs } as const;
    const connection = openConnection(directory, "inspector", options);
    this.rows = new Statements(connection, (error) => openFailure(directory, error));
    try {
      this.incarnation = this.meta("incarnation");
      this.format = this.rows.number("PRAGMA user_version");
    } catch (error) {
      this.rows.close();
      throw error;
    }
  }

  /** Runs `action` on one snapshot; inside another call, on that one's. */
  snapshot<Result>(action: () => Result): Result {
    if (this.rows.connection.isTransaction) return action();
    this.rows.exec("BEGIN");
    try {
      return action();
    } finally {
      // COMMIT would repeat what a statement has failed with.
      this.rows.rollBack();
    }
  }

  /** The number of the last commit. */
  commitNumber(): number {
    return Number(this.meta("commit"));
  }

  /** Where each log stands. */
  logs(): LogState[] {
    const logs = this.rows.all(
      "SELECT id, channel, lane, start, end, bytes, appended_at, last_crc, crc FROM log " +
        "ORDER BY id",
    );
    return logs.map((row) => {
      const [id = 0, channel = 0, lane = 0, start = 0, end = 0, bytes = 0, ...rest] =
        row.map(Number);
      const [appendedAtMs = 0, lastCrc = 0, crc = 0] = rest;
      const covered = [channel, lane, start, end, bytes, appendedAtMs, lastCrc];
      checkRowCrc(`the row of log ${id}`, crc, covered);
      return { id, channel, lane, start, end, bytes };
    });
  }

  /** Whether anybody committed since the last call. */
  changed(): boolean {
    const version = this.rows.number("PRAGMA data_version");
    const changed = version !== this.#dataVersion;
    this.#dataVersion = version;
    return changed;
  }

  /** A value of the meta table. */
  meta(name: string): string {
    const [value = "", crc = 0] =
      this.rows.one("SELECT value, crc FROM meta WHERE name = ?", name) ?? [];
    checkRowCrc("a meta row", Number(crc), [name, String(value)]);
    return String(value);
  }

  /** Closes the connection. */
  close(): void {
    this.rows.close();
  }
}
