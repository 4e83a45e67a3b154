// Looks at everything that SQL can reach: batches log by log, then the small tables. Works on any
// connection to a database with the journal's tables: an open journal, a backup, a restored copy.
// Always true: it changes nothing, holds no read transaction between two slices, and ends early
// only when asked to.
import type { Clock } from "../../../kernel/clock.ts";
import { priorities } from "../../../message/envelope.ts";
import { type Connection, type ConnectionOptions, retryWhileBusy } from "../journal/connection.ts";
import type { FindingList } from "./finding.ts";
import { type InspectedCounts, LogWalk } from "./log-walk.ts";
import { Pace } from "./pace.ts";
import { rowChecksOf } from "./row-checks.ts";
import { RowWalk } from "./row-walk.ts";
import { Snapshot } from "./snapshot.ts";
import type { VerifyProgress } from "./verify-report.ts";

/** What an inspection needs. */
export interface InspectionParts {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly findings: FindingList;
  /** Ends the inspection after the current slice. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
  /** How long to wait for a lock; default 5 s. */
  readonly busyTimeoutMs?: number | undefined;
}

/** What an inspection looked at. */
export interface InspectionResult extends Readonly<InspectedCounts> {
  /** False when it was stopped before its end. */
  readonly complete: boolean;
}

const busyTimeoutMsDefault = 5_000;

/** Looks at batches and rows; what is wrong goes to `findings`. */
export async function inspectConnection(parts: InspectionParts): Promise<InspectionResult> {
  return new Inspection(parts).run();
}

interface LogName {
  readonly id: number;
  readonly lane: number;
  readonly channel: string | null;
}

class Inspection {
  readonly #parts: InspectionParts;
  readonly #snapshot: Snapshot;
  readonly #pace: Pace;
  readonly #lock: ConnectionOptions;
  readonly #counts: InspectedCounts = { batches: 0, messages: 0, bytes: 0, rows: 0 };
  #bytesTotal = 0;

  constructor(parts: InspectionParts) {
    const { connection, clock, busyTimeoutMs = busyTimeoutMsDefault } = parts;
    this.#parts = parts;
    this.#snapshot = new Snapshot(connection);
    this.#pace = new Pace(clock, connection);
    this.#lock = { clock, durability: "fsync", busyTimeoutMs };
  }

  async run(): Promise<InspectionResult> {
    const { findings } = this.#parts;
    const sum = "SELECT coalesce(sum(bytes), 0) AS bytes FROM log";
    this.#bytesTotal = Math.max(1, this.#read(sum)[0]?.["bytes"] as number);
    let complete = true;
    for (let log = this.#nextLog(0); log !== undefined && complete; log = this.#nextLog(log.id)) {
      complete = await this.#walk("batches", this.#logWalk(log));
    }
    if (complete) this.#lookForLostLogs();
    const format = Number(this.#read("PRAGMA user_version")[0]?.["user_version"]);
    for (const check of rowChecksOf(format)) {
      const parts = { snapshot: this.#snapshot, findings, counts: this.#counts };
      complete &&= await this.#walk("rows", new RowWalk(check, parts));
    }
    return { ...this.#counts, complete };
  }

  async #walk(step: VerifyProgress["step"], walk: { slice(): boolean }): Promise<boolean> {
    const { signal, onProgress, findings } = this.#parts;
    for (;;) {
      if (signal?.aborted === true) return false;
      const more = retryWhileBusy("reading the journal", this.#lock, () => walk.slice());
      const share = step === "rows" ? 1 : Math.min(1, this.#counts.bytes / this.#bytesTotal);
      onProgress?.({ step, share, ...this.#counts, damage: findings.damage });
      if (!more) return true;
      await this.#pace.next();
    }
  }

  #read(sql: string, ...values: number[]): Record<string, unknown>[] {
    return retryWhileBusy("reading the journal", this.#lock, () =>
      this.#snapshot.read(sql, ...values),
    ).rows;
  }

  #nextLog(after: number): LogName | undefined {
    const [row] = this.#read(
      "SELECT log.id, lane, name AS channel FROM log " +
        "LEFT JOIN channel ON channel.id = log.channel WHERE log.id > ? ORDER BY log.id LIMIT 1",
      after,
    );
    return row as LogName | undefined;
  }

  #logWalk({ id, lane, channel }: LogName): LogWalk {
    return new LogWalk({
      snapshot: this.#snapshot,
      findings: this.#parts.findings,
      counts: this.#counts,
      log: id,
      channel: channel ?? `(log ${id})`,
      lane: priorities[lane] === undefined ? priorities.indexOf("normal") : lane,
    });
  }

  /** Batches whose log has no row. */
  #lookForLostLogs(): void {
    const sql = "SELECT log FROM batch WHERE log > ? ORDER BY log LIMIT 1";
    for (let log = this.#read(sql, 0)[0]; log !== undefined; ) {
      const id = Number(log["log"]);
      const known = this.#read("SELECT id FROM log WHERE id = ?", id)[0];
      if (known === undefined) {
        const message = `batches of log ${id}, which has no row`;
        this.#parts.findings.add("row-inconsistent", message, { table: "log" });
      }
      log = this.#read(sql, id)[0];
    }
  }
}
