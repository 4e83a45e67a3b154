// Reads back what a copy of a journal holds and checks it with the same walks as verify: batches by
// checksum, chain and density, rows by checksum and reference, the database's structure. Knows
// nothing of where the copy came from. Always true: it changes nothing.
import type { Clock } from "../../../kernel/clock.ts";
import { priorities } from "../../../message/envelope.ts";
import { FindingList, type InspectionFinding } from "../inspection/finding.ts";
import { type InspectedCounts, LogWalk } from "../inspection/log-walk.ts";
import { rowChecksOf } from "../inspection/row-checks.ts";
import { RowWalk } from "../inspection/row-walk.ts";
import { Snapshot } from "../inspection/snapshot.ts";
import type { Statements } from "./statements.ts";

/** Most lines that SQLite's own check gives. */
const structureLinesMax = 20;

/** What checkCopy() is told. */
export interface CheckOptions {
  readonly clock: Clock;
  /** First offset to check, by log; a log that is not in it is left out. Undefined: everything. */
  readonly from?: ReadonlyMap<number, number> | undefined;
  /** Called with the bytes of batches checked so far. */
  readonly onBytes: (bytes: number) => void;
  /** Awaited between two pieces. */
  readonly pieceDone: () => Promise<void>;
}

/** A range of offsets that is not what was stored. */
export interface BadRange {
  readonly log: number;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  /** Whether batches are bad, and not what the log's row says of them. */
  readonly ofBatches: boolean;
}

/** Everything that is wrong with the batches. */
export async function checkBatches(rows: Statements, options: CheckOptions): Promise<BadRange[]> {
  const findings = new FindingList();
  const counts = emptyCounts();
  const logs = rows.all(
    "SELECT log.id, lane, name FROM log JOIN channel ON channel.id = log.channel ORDER BY log.id",
  );
  const ids = new Map<string, number>();
  for (const [id, lane, channel] of logs) {
    ids.set(`${String(channel)}/${priorities[Number(lane)] ?? ""}`, Number(id));
    const from = options.from === undefined ? 0 : options.from.get(Number(id));
    if (from === undefined) continue;
    const walk = new LogWalk({
      snapshot: new Snapshot(rows.connection),
      findings,
      counts,
      log: Number(id),
      channel: String(channel),
      lane: Number(lane),
      from,
    });
    while (walk.slice()) {
      options.onBytes(counts.bytes);
      await options.pieceDone();
    }
  }
  options.onBytes(counts.bytes);
  return findings.findings.filter(isDamage).map((finding) => ({
    log: ids.get(`${finding.channel}/${finding.priority}`) ?? 0,
    from: finding.fromOffset ?? 0,
    to: finding.toOffset ?? 0,
    reason: finding.message,
    ofBatches: finding.kind !== "log-wrong",
  }));
}

/** Everything that is wrong with the small tables and with the file; in a line each. */
export async function checkRows(rows: Statements, options: CheckOptions): Promise<string[]> {
  const findings = new FindingList();
  const checks = rowChecksOf(rows.number("PRAGMA user_version"));
  const snapshot = new Snapshot(rows.connection);
  for (const check of checks.filter(({ table }) => hasTable(rows, table))) {
    const walk = new RowWalk(check, { snapshot, findings, counts: emptyCounts() });
    while (walk.slice()) await options.pieceDone();
  }
  const structure = rows.all(`PRAGMA integrity_check(${structureLinesMax})`).map(String);
  return [
    ...findings.findings.filter(isDamage).map(({ message }) => message),
    ...structure.filter((line) => line !== "ok").map((line) => `SQLite: ${line}`),
  ];
}

function hasTable(rows: Statements, name: string): boolean {
  const sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?";
  return rows.one(sql, name) !== undefined;
}

function emptyCounts(): InspectedCounts {
  return { batches: 0, messages: 0, bytes: 0, rows: 0 };
}

function isDamage({ severity }: InspectionFinding): boolean {
  return severity === "damage";
}
