// What a sound row of each small table is: its checksum, and what it refers to. Each statement
// reads a row together with what it refers to, so that both are of the same state. Knows nothing
// of how tables are walked.
import { decodeOpen, viewOf } from "../journal/format.ts";
import { rowCrc } from "../journal/format-crc.ts";
import { batchFlags } from "../journal/format-layout.ts";
import {
  channelCrc,
  cursorCopyCrc,
  cursorCrc,
  groupCrc,
  leaseCrc,
  logCrc,
  metaCrc,
  openCrc,
  stateCrc,
  timerCrc,
} from "../journal/row-checksums.ts";
import { priorities } from "../../../message/envelope.ts";
import type { RowCheck } from "./row-walk.ts";
import { type Row, textOf } from "./snapshot.ts";

type Problem = ReturnType<RowCheck["problem"]>;

const checksumWrong = ["row-damaged", "does not match its checksum"] as const;
const wrong = (what: string): Problem => ["row-inconsistent", what];
const number = (row: Row, name: string): number => Number(row[name]);
const text = (row: Row, name: string): string => String(row[name]);
const bytes = (row: Row, name: string): Uint8Array => {
  const value = row[name];
  return value instanceof Uint8Array ? value : new Uint8Array();
};

/** Ranges that a group's channel has, as a statement that joins `grp` gets them. */
const partitionsOf = "(SELECT partitions FROM channel WHERE channel.id = grp.channel)";

const meta: RowCheck = {
  table: "meta",
  key: ["name"],
  select: "SELECT name, value, crc FROM meta",
  problem: (row) =>
    metaCrc(text(row, "name"), text(row, "value")) === row["crc"] ? undefined : checksumWrong,
};

const channel: RowCheck = {
  table: "channel",
  key: ["id"],
  select: "SELECT * FROM channel",
  problem(row) {
    const crc = channelCrc(
      text(row, "name"),
      number(row, "partitions"),
      text(row, "retention"),
      text(row, "compression"),
    );
    return crc === row["crc"] ? undefined : checksumWrong;
  },
};

const log: RowCheck = {
  table: "log",
  key: ["id"],
  select:
    "SELECT *, (SELECT count(*) FROM channel WHERE channel.id = log.channel) AS channels FROM log",
  problem(row) {
    const [start, end] = [number(row, "start"), number(row, "end")];
    const [channelId, lane] = [number(row, "channel"), number(row, "lane")];
    const last = [
      number(row, "bytes"),
      number(row, "appended_at"),
      number(row, "last_crc"),
    ] as const;
    if (logCrc(channelId, lane, start, end, ...last) !== row["crc"]) return checksumWrong;
    if (number(row, "channels") === 0) return wrong(`names channel ${channelId}`);
    if (start > end) return wrong("starts behind its end");
    return undefined;
  },
};

const group: RowCheck = {
  table: "grp",
  key: ["id"],
  select:
    "SELECT *, (SELECT count(*) FROM lease WHERE lease.grp = grp.id) AS leases, " +
    `${partitionsOf} AS partitions FROM grp`,
  problem(row) {
    const crc = groupCrc(number(row, "channel"), text(row, "name"), text(row, "selection"));
    if (crc !== row["crc"]) return checksumWrong;
    if (row["partitions"] === null) return wrong(`names channel ${number(row, "channel")}`);
    if (number(row, "leases") === number(row, "partitions")) return undefined;
    return wrong(`has ${number(row, "leases")} leases for ${number(row, "partitions")} ranges`);
  },
};

const cursor: RowCheck = {
  table: "cursor",
  key: ["cursor.grp", "cursor.log", "cursor.range"],
  select:
    "SELECT cursor.*, log.channel AS log_channel, " +
    `grp.channel AS group_channel, ${partitionsOf} AS partitions FROM cursor ` +
    "LEFT JOIN grp ON grp.id = cursor.grp LEFT JOIN log ON log.id = cursor.log",
  problem(row) {
    const [grp, logId, range] = [number(row, "grp"), number(row, "log"), number(row, "range")];
    const position = number(row, "position");
    if (cursorCrc(grp, logId, range, position) !== row["crc"]) return checksumWrong;
    // A group may start behind the log's end and wait there: cursor-check.ts says so.
    return placeProblem(row);
  },
};

const cursorCopy: RowCheck = {
  table: "cursor_copy",
  key: ["grp", "log", "range"],
  select: "SELECT * FROM cursor_copy",
  problem(row) {
    const [grp, logId, range] = [number(row, "grp"), number(row, "log"), number(row, "range")];
    const crc = cursorCopyCrc(grp, logId, range, number(row, "position"));
    return crc === row["crc"] ? undefined : checksumWrong;
  },
};

const isStored =
  "EXISTS (SELECT 1 FROM batch WHERE batch.log = open.log AND batch.base = open.base)";
const isInGap =
  "EXISTS (SELECT 1 FROM gap WHERE gap.log = open.log AND gap.base <= open.base " +
  "AND gap.base + gap.count > open.base)";

/** Open lists with what says whether their batch is there. */
const openSelect = (isThere: string): string =>
  "SELECT open.*, log.end AS log_end, log.channel AS log_channel, " +
  `grp.channel AS group_channel, ${partitionsOf} AS partitions, ${isThere} AS stored ` +
  "FROM open LEFT JOIN grp ON grp.id = open.grp LEFT JOIN log ON log.id = open.log";

const open: RowCheck = {
  table: "open",
  key: ["open.grp", "open.log", "open.range", "open.base"],
  select: openSelect(`${isStored} OR ${isInGap}`),
  problem(row) {
    const [grp, logId, range] = [number(row, "grp"), number(row, "log"), number(row, "range")];
    const base = number(row, "base");
    const entries = bytes(row, "entries");
    if (openCrc(grp, logId, range, base, entries) !== row["crc"]) return checksumWrong;
    const place = placeProblem(row);
    if (place !== undefined) return place;
    if (number(row, "stored") === 0) return wrong("names a batch that is not there");
    try {
      const offsets = decodeOpen(base, entries).map((entry) => entry.offset);
      const inside = offsets.every((offset) => offset >= base && offset < number(row, "log_end"));
      return inside ? undefined : wrong("names offsets outside its log");
    } catch (error) {
      return ["row-damaged", textOf(error)];
    }
  },
};

/** Whether group, log and range of a row belong together. */
function placeProblem(row: Row): Problem {
  if (row["group_channel"] === null) return wrong("names a group that is not there");
  if (row["log_channel"] === null) return wrong("names a log that is not there");
  if (row["group_channel"] !== row["log_channel"]) return wrong("names a log of another channel");
  const partitions = number(row, "partitions");
  if (number(row, "range") < partitions) return undefined;
  return wrong(`names range ${number(row, "range")} of ${partitions}`);
}

const leaseOf = (isSoundUntagged: (values: readonly number[], row: Row) => boolean): RowCheck => ({
  table: "lease",
  key: ["lease.grp", "lease.range"],
  select:
    `SELECT lease.*, grp.id AS grp_id, ${partitionsOf} AS partitions FROM lease ` +
    "LEFT JOIN grp ON grp.id = lease.grp",
  problem(row) {
    const [grp, range] = [number(row, "grp"), number(row, "range")];
    const values = [grp, range, number(row, "epoch"), number(row, "member")] as const;
    const isTagged = leaseCrc(...values) === row["crc"];
    if (!isTagged && !isSoundUntagged(values, row)) return checksumWrong;
    if (row["grp_id"] === null) return wrong("names a group that is not there");
    if (range < number(row, "partitions")) return undefined;
    return wrong(`names range ${range} of ${number(row, "partitions")}`);
  },
});
const lease = leaseOf(() => false);
/** Leases did not say that they are some; those of a restored backup do. */
const leaseOfFormat1 = leaseOf((values, row) => rowCrc(values) === row["crc"]);

const state: RowCheck = {
  table: "state",
  key: ["state.tbl", "state.key"],
  select:
    "SELECT state.*, state_table.grp AS grp, state_table.name AS name, grp.id AS grp_id " +
    "FROM state LEFT JOIN state_table ON state_table.id = state.tbl " +
    "LEFT JOIN grp ON grp.id = state_table.grp",
  problem(row) {
    if (row["name"] === null) return wrong(`names state table ${number(row, "tbl")}`);
    const crc = stateCrc(
      number(row, "grp"),
      text(row, "name"),
      text(row, "key"),
      number(row, "version"),
      text(row, "value"),
    );
    if (crc !== row["crc"]) return checksumWrong;
    return row["grp_id"] === null ? wrong(`names group ${number(row, "grp")}`) : undefined;
  },
};

/** Its rows named their table themselves, under the same checksum. */
const stateOfFormat1: RowCheck = {
  ...state,
  key: ["state.grp", "state.name", "state.key"],
  select: "SELECT state.*, grp.id AS grp_id FROM state LEFT JOIN grp ON grp.id = state.grp",
};

const timer: RowCheck = {
  table: "timer",
  key: ["id"],
  select:
    "SELECT *, (SELECT count(*) FROM channel WHERE channel.id = timer.channel) AS channels " +
    "FROM timer",
  problem(row) {
    const data = bytes(row, "data");
    const [channelId, lane] = [number(row, "channel"), number(row, "lane")];
    const crc = timerCrc(channelId, lane, number(row, "due_at"), number(row, "accepted_at"), data);
    if (crc !== row["crc"]) return checksumWrong;
    if (number(row, "channels") === 0) return wrong(`names channel ${channelId}`);
    if (priorities[lane] === undefined) return wrong(`names priority ${lane}`);
    try {
      const given = (viewOf(data).layout.flags & batchFlags.givenIds) !== 0;
      if (given && number(row, "given") === 0)
        return wrong("is left out of the search for repeats");
      return undefined;
    } catch (error) {
      return ["row-damaged", textOf(error)];
    }
  },
};

const checks = [meta, channel, log, group, cursor, cursorCopy, open, lease, state, timer];
/** There were no gaps and no copies of cursors yet. */
const openOfFormat1 = { ...open, select: openSelect(isStored) };
const checksOfFormat1 = checks
  .filter((check) => check !== cursorCopy)
  .map((check) => {
    if (check === open) return openOfFormat1;
    if (check === lease) return leaseOfFormat1;
    return check === state ? stateOfFormat1 : check;
  });

/** The checks of a journal's small tables, in the order in which they are reported. */
export function rowChecksOf(format: number): readonly RowCheck[] {
  return format === 1 ? checksOfFormat1 : checks;
}
