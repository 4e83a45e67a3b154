// What a journal's tables say of everything that was acknowledged, as of one commit: as text, so
// that two of them are compared as a whole. Reads through SQLite, and believes what it reads.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { decodeOpen } from "../../../src/adapters/embedded/journal/format.ts";
import { priorities, type Priority } from "../../../src/message/envelope.ts";

/** One commit's worth of rows. */
export interface Snapshot {
  readonly commit: number;
  /** Processes that have it open, or were killed. */
  readonly processes: number;
  /** "group/log/range" → position. */
  readonly cursors: ReadonlyMap<string, number>;
  /** "group/log/range/offset" of every open message. */
  readonly open: ReadonlySet<string>;
  /** "group/table/key" → version and value. */
  readonly state: ReadonlyMap<string, string>;
  readonly timers: ReadonlySet<number>;
  /** Names of the groups and of the channels that there were. */
  readonly groups: ReadonlySet<string>;
  readonly channels: ReadonlySet<string>;
  /** Log → the offset behind its last message. */
  readonly ends: ReadonlyMap<number, number>;
}

/** A log, and what people call it. */
export interface LogName {
  readonly log: number;
  readonly channel: string;
  readonly priority: Priority;
}

/** A group, and the channel and number of ranges that it divides. */
export interface GroupName {
  readonly id: number;
  readonly name: string;
  readonly channel: string;
  readonly partitions: number;
}

/** What there is. */
export interface Names {
  readonly channels: readonly string[];
  readonly logs: readonly LogName[];
  readonly groups: readonly GroupName[];
}

type Row = Record<string, unknown>;

/** Reads rows; closes the connection whatever happens. */
export function rowsOf(directory: string, sql: string): Row[] {
  return reading(directory, (all) => all(sql));
}

function reading<Result>(
  directory: string,
  action: (all: (sql: string) => Row[]) => Result,
): Result {
  const database = new DatabaseSync(join(directory, "journal.db"), { readOnly: true });
  try {
    return action((sql) => database.prepare(sql).all());
  } finally {
    database.close();
  }
}

/** Reads everything that units, publishers and timers change. */
export function snapshotOf(directory: string): Snapshot {
  return reading(directory, (all) => {
    const place = (row: Row): string =>
      [row["grp"], row["log"], row["range"]].map(String).join("/");
    const state = all(
      "SELECT grp, name, key, version, value FROM state JOIN state_table ON state_table.id = tbl",
    );
    return {
      commit: Number(all("SELECT value FROM meta WHERE name = 'commit'")[0]?.["value"]),
      processes: all("SELECT id FROM process").length,
      cursors: new Map(
        all("SELECT * FROM cursor").map((row) => [place(row), Number(row["position"])]),
      ),
      open: new Set(
        all("SELECT * FROM open").flatMap((row) => {
          const entries = decodeOpen(Number(row["base"]), row["entries"] as Uint8Array);
          return entries.map(({ offset }) => `${place(row)}/${offset}`);
        }),
      ),
      state: new Map(
        state.map((row) => [
          [row["grp"], row["name"], row["key"]].map(String).join("/"),
          `${Number(row["version"])} ${String(row["value"])}`,
        ]),
      ),
      timers: new Set(all("SELECT id FROM timer").map((row) => Number(row["id"]))),
      groups: new Set(all("SELECT name FROM grp").map((row) => String(row["name"]))),
      channels: new Set(all("SELECT name FROM channel").map((row) => String(row["name"]))),
      ends: new Map(
        all("SELECT id, end FROM log").map((row) => [Number(row["id"]), Number(row["end"])]),
      ),
    };
  });
}

/** Channels, logs and groups of a journal. */
export function namesOf(directory: string): Names {
  return reading(directory, (all) => ({
    channels: all("SELECT name FROM channel ORDER BY id").map((row) => String(row["name"])),
    logs: all(
      "SELECT log.id, lane, name FROM log JOIN channel ON channel.id = log.channel ORDER BY 1",
    ).map((row) => ({
      log: Number(row["id"]),
      channel: String(row["name"]),
      priority: priorities[Number(row["lane"])] ?? "normal",
    })),
    groups: all(
      "SELECT grp.id, grp.name, channel.name AS channel, partitions FROM grp " +
        "JOIN channel ON channel.id = grp.channel ORDER BY 1",
    ).map((row) => ({
      id: Number(row["id"]),
      name: String(row["name"]),
      channel: String(row["channel"]),
      partitions: Number(row["partitions"]),
    })),
  }));
}

/** The names of those channels, and of what belongs to them. */
export function namesWithin(names: Names, channels: ReadonlySet<string>): Names {
  return {
    channels: names.channels.filter((name) => channels.has(name)),
    logs: names.logs.filter(({ channel }) => channels.has(channel)),
    groups: names.groups.filter(({ channel }) => channels.has(channel)),
  };
}

/** Whether everything of two snapshots but the commit number is the same. */
export function sameContent(left: Snapshot, right: Snapshot): boolean {
  return textOf(left) === textOf(right);
}

const texts = new WeakMap<Snapshot, string>();

function textOf(snapshot: Snapshot): string {
  const known = texts.get(snapshot);
  if (known !== undefined) return known;
  const { cursors, open, state, timers, groups, channels, ends } = snapshot;
  const parts = [cursors, open, state, timers, groups, channels, ends].map((part) =>
    [...part].map((entry) => JSON.stringify(entry)).sort(),
  );
  const text = JSON.stringify(parts);
  texts.set(snapshot, text);
  return text;
}
