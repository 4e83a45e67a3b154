// What a finished copy holds, as its manifest and its errors say it. Reads the copy alone.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { priorities } from "../../../message/envelope.ts";
import {
  type BackupDamage,
  type BackupSnapshot,
  damageListedMax,
  type LogRange,
} from "./manifest.ts";
import type { Statements } from "./statements.ts";

/** The moment of the source that a copy shows. */
export type Moment = Pick<BackupSnapshot, "incarnation" | "commit" | "takenAtMs" | "format">;

/** The copy's content as of `moment`; `otherDamage` is what is wrong besides its holes. */
export function describeSnapshot(
  rows: Statements,
  moment: Moment,
  otherDamage: readonly string[],
): BackupSnapshot {
  return {
    ...moment,
    batches: rows.number("SELECT count(*) FROM batch"),
    bytes: rows.number("SELECT sum(bytes) FROM log"),
    logs: logRanges(rows),
    damage: [
      ...damageOf(rows),
      ...otherDamage.slice(0, damageListedMax).map((reason) => ({ reason })),
    ],
  };
}

/** The error for a copy that lacks something; `what` says what can be done with it. */
export function incompleteError(damage: readonly BackupDamage[], what: string): SpillwayError {
  const more = damage.length > 1 ? `, and ${damage.length - 1} more` : "";
  const first = damage[0] === undefined ? "" : `: ${damageText(damage[0])}${more}`;
  return new SpillwayError(
    "BACKUP_INCOMPLETE",
    `the journal is damaged, and the backup lacks what cannot be read${first}; ${what}`,
    { details: { damage } },
  );
}

/** One entry of damage, for people. */
export function damageText({ channel, priority, offset, count = 0, reason }: BackupDamage): string {
  if (channel === undefined || offset === undefined) return reason;
  const last = offset + Math.max(0, count - 1);
  return `channel '${channel}' (${priority ?? "normal"}), offsets ${offset} to ${last}: ${reason}`;
}

/** The holes of a copy, as "log/offset". */
export function holesOf(rows: Statements): ReadonlySet<string> {
  const holes = rows.all("SELECT log, base FROM backup_hole");
  return new Set(holes.map(([log, base]) => `${String(log)}/${String(base)}`));
}

function logRanges(rows: Statements): LogRange[] {
  const logs = rows.all(
    "SELECT channel.name, lane, start, end FROM log JOIN channel ON channel.id = log.channel " +
      "ORDER BY channel.name, lane",
  );
  return logs.map(([channel, lane, start, end]) => ({
    channel: String(channel),
    priority: priorities[Number(lane)] ?? "normal",
    start: Number(start),
    end: Number(end),
  }));
}

function damageOf(rows: Statements): BackupDamage[] {
  const holes = rows.all(
    "SELECT channel.name, log.lane, base, count, reason FROM backup_hole " +
      "LEFT JOIN log ON log.id = backup_hole.log LEFT JOIN channel ON channel.id = log.channel " +
      `ORDER BY log.id, base LIMIT ${damageListedMax}`,
  );
  return holes.map(([channel, lane, offset, count, reason]) => ({
    channel: channel === null ? undefined : String(channel),
    priority: lane === null ? undefined : priorities[Number(lane)],
    offset: Number(offset),
    count: Number(count),
    reason: String(reason),
  }));
}
