// A journal for the tests of repair, in two shapes: closed, all of it in the database file; and
// with its last transactions in the write-ahead log, as a crash leaves it. Everything that a repair
// has to keep is recorded beside it: batches, and after each commit cursors, open messages and
// state.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { decodeOpen } from "../../src/adapters/embedded/journal/format.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import { CoreRig, HandClock, makeDirectory } from "./core-rig.ts";
import { WorkRound } from "./work-round.ts";

/** What the journal's units changed together, as of one commit: rows as text. */
export interface UnitSnapshot {
  readonly commit: number;
  /** "group/log/range" → position. */
  readonly cursors: ReadonlyMap<string, number>;
  /** "group/log/range/offset" of every open message. */
  readonly open: ReadonlySet<string>;
  /** "group/table/key" → version and value. */
  readonly state: ReadonlyMap<string, string>;
  readonly timers: ReadonlySet<number>;
}

/** A batch as stored. */
export interface WorldBatch {
  readonly log: number;
  readonly base: number;
  readonly count: number;
  readonly crc: number;
}

/** A journal's files, and what they hold. */
export interface World {
  readonly directory: string;
  readonly batches: readonly WorldBatch[];
  /** Delayed messages at the end, and those that there ever were. */
  readonly timers: ReadonlySet<number>;
  readonly timersEver: ReadonlySet<number>;
  readonly channels: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  /** By commit, oldest first; a closed journal has only its last. */
  readonly history: readonly UnitSnapshot[];
}

const partitions = 4;
const work = { partitions, rows: 30, keys: 900 } as const;
const closedRounds = 60;
const openRounds = 40;

/** Makes both shapes below `root`. */
export function makeWorlds(
  root: string,
  seed: number,
): { readonly closed: World; readonly crashed: World } {
  const directory = makeDirectory();
  const random = seededRandom(seed);
  const pick = (below: number): number => random.uint32() % below;
  const clock = new HandClock();
  let rig = new CoreRig(directory, clock, { durability: "fsync" });
  try {
    rig.declare("orders", { partitions });
    rig.declare("audit", { partitions: 2, compression: "zstd" });
    for (let round = 0; round < closedRounds; round++) new WorkRound(rig, round, pick, work).run();
    rig.close();
    const closed = record(directory, join(root, "closed"), [snapshotOf(directory)]);
    rig = new CoreRig(directory, clock, { durability: "fsync" });
    const history = [snapshotOf(directory)];
    for (let round = closedRounds; round < closedRounds + openRounds; round++) {
      clock.pass(500);
      rig.core.tick();
      history.push(snapshotOf(directory));
      for (const step of new WorkRound(rig, round, pick, work).steps()) {
        step();
        history.push(snapshotOf(directory));
      }
    }
    return { closed, crashed: record(directory, join(root, "crashed"), history) };
  } finally {
    rig.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Reads everything that units change. */
export function snapshotOf(directory: string): UnitSnapshot {
  const database = new DatabaseSync(join(directory, "journal.db"), { readOnly: true });
  try {
    const all = (sql: string): Record<string, unknown>[] => database.prepare(sql).all();
    const commit = all("SELECT value FROM meta WHERE name = 'commit'")[0]?.["value"];
    const place = (row: Record<string, unknown>): string =>
      [row["grp"], row["log"], row["range"]].map(String).join("/");
    const cursors = all("SELECT * FROM cursor").map((row) => {
      return [place(row), Number(row["position"])] as const;
    });
    const open = all("SELECT * FROM open").flatMap((row) => {
      const entries = decodeOpen(Number(row["base"]), row["entries"] as Uint8Array);
      return entries.map(({ offset }) => `${place(row)}/${offset}`);
    });
    const state = all(
      "SELECT grp, name, key, version, value FROM state JOIN state_table ON id = tbl",
    ).map((row) => {
      const name = [row["grp"], row["name"], row["key"]].map(String).join("/");
      return [name, `${Number(row["version"])} ${String(row["value"])}`] as const;
    });
    return {
      commit: Number(commit),
      cursors: new Map(cursors),
      open: new Set(open),
      state: new Map(state),
      timers: new Set(all("SELECT id FROM timer").map((row) => Number(row["id"]))),
    };
  } finally {
    database.close();
  }
}

/** The batches that a journal holds, in order. */
export function batchesOf(directory: string): WorldBatch[] {
  return rowsOf<WorldBatch>(directory, "SELECT log, base, count, crc FROM batch ORDER BY 1, 2");
}

/** Rows of a journal that nobody writes. */
export function rowsOf<Row>(directory: string, sql: string): Row[] {
  const database = new DatabaseSync(join(directory, "journal.db"), { readOnly: true });
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row })) as Row[];
  } finally {
    database.close();
  }
}

function record(from: string, to: string, history: readonly UnitSnapshot[]): World {
  const names = (sql: string): string[] => rowsOf<{ name: string }>(from, sql).map((r) => r.name);
  const world = {
    directory: to,
    batches: batchesOf(from),
    timers: history.at(-1)?.timers ?? new Set(),
    timersEver: new Set(history.flatMap(({ timers }) => [...timers])),
    channels: new Set(names("SELECT name FROM channel")),
    groups: new Set(names("SELECT name FROM grp")),
    history,
  };
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith("-shm") });
  return world;
}
