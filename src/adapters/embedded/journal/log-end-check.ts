// Whether each log begins and ends where its row says: with a batch, or with a gap. Two look-ups a
// log. Knows nothing of what lies between. Always true: a log whose last batch is not the one that
// was appended last is reported.
import { priorities } from "../../../message/envelope.ts";
import type { Snapshot } from "../inspection/snapshot.ts";

interface LogRow {
  readonly id: number;
  readonly lane: number;
  readonly start: number;
  readonly end: number;
  readonly last_crc: number;
  readonly name: string | null;
}

interface Span {
  readonly base: number;
  readonly count: number;
  readonly crc: number;
}

const logsSql =
  "SELECT log.id, log.lane, log.start, log.end, log.last_crc, channel.name FROM log " +
  "LEFT JOIN channel ON channel.id = log.channel";

/** What is wrong, one line each. */
export function endProblems(snapshot: Snapshot): string[] {
  return snapshot.read<LogRow>(logsSql).rows.flatMap((log) => {
    const problem = problemOf(snapshot, log);
    return problem === undefined
      ? []
      : [`channel '${log.name}' (${priorities[log.lane] ?? log.lane}): ${problem}`];
  });
}

function problemOf(snapshot: Snapshot, { id, start, end, last_crc }: LogRow): string | undefined {
  const [firstBatch, lastBatch] = ends(snapshot, "batch", id);
  const [firstGap, lastGap] = ends(snapshot, "gap", id);
  const first = Math.min(firstBatch?.base ?? end, firstGap?.base ?? end);
  if (first > start) return `it starts at offset ${start}, its first message is ${first}`;
  const last = Math.max(endOf(lastBatch), endOf(lastGap));
  if (last !== end && end !== start) return `it ends at offset ${end}, its messages at ${last}`;
  const isBatch = lastBatch !== undefined && endOf(lastBatch) === end;
  if (isBatch && lastBatch.crc !== last_crc) return `its last batch is not the one it ended with`;
  return undefined;
}

function ends(snapshot: Snapshot, table: "batch" | "gap", log: number): (Span | undefined)[] {
  return ["ASC", "DESC"].map((order) => {
    const sql = `SELECT base, count, crc FROM ${table} WHERE log = ? ORDER BY base ${order}`;
    return snapshot.first<Span>(`${sql} LIMIT 1`, log);
  });
}

function endOf(span: Span | undefined): number {
  return span === undefined ? 0 : span.base + span.count;
}
