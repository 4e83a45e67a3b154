// A journal for the tests of repair, in two shapes: closed, all of it in the database file; and
// with its last transactions in the write-ahead log, as a crash leaves it. Everything that a repair
// has to keep is recorded beside it: batches, and after each commit cursors, open messages and
// state.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { decodeOpen, encodeOpen, viewOf } from "../../src/adapters/embedded/journal/format.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import type { StateChange } from "../../src/ports/commit-unit.ts";
import { CoreRig, HandClock, makeDirectory, unitOf } from "./core-rig.ts";

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
    for (let round = 0; round < closedRounds; round++) new Round(rig, round, pick).run();
    rig.close();
    const closed = record(directory, join(root, "closed"), [snapshotOf(directory)]);
    rig = new CoreRig(directory, clock, { durability: "fsync" });
    const history = [snapshotOf(directory)];
    for (let round = closedRounds; round < closedRounds + openRounds; round++) {
      clock.pass(500);
      rig.core.tick();
      history.push(snapshotOf(directory));
      for (const step of new Round(rig, round, pick).steps()) {
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

/** What one round of work does: some of everything that a journal stores. */
class Round {
  readonly #rig: CoreRig;
  readonly #round: number;
  readonly #pick: (below: number) => number;

  constructor(rig: CoreRig, round: number, pick: (below: number) => number) {
    this.#rig = rig;
    this.#round = round;
    this.#pick = pick;
  }

  run(): void {
    for (const step of this.steps()) step();
  }

  steps(): (() => void)[] {
    return [() => this.#publish(), () => this.#delay(), () => this.#settle()];
  }

  #publish(): void {
    const big = this.#round % 5 === 0;
    const count = big ? 40 : 1 + this.#pick(12);
    const samples = Array.from({ length: count }, (_, index) => ({
      data: JSON.stringify({ round: this.#round, index, note: "n".repeat(big ? 900 : 30) }),
      key: `k-${this.#pick(20)}`,
      ...(this.#pick(9) === 0 ? { id: `given-${this.#round}-${index}` } : {}),
    }));
    const priority = this.#round % 7 === 3 ? ("high" as const) : ("normal" as const);
    this.#rig.publish("orders", samples, { priority });
    if (this.#round % 3 === 0) this.#rig.publish("audit", [`"${"audit ".repeat(200)}"`]);
  }

  #delay(): void {
    if (this.#round % 4 !== 1) return;
    const { wall } = this.#rig.clock;
    // Some become due while the journal is still being written, some never do.
    const dueAtMs = [wall + (this.#round % 8 === 1 ? 3_000 : 86_400_000)];
    this.#rig.publish("orders", [`{"delayed":${this.#round}}`], { dueAtMs });
  }

  #settle(): void {
    const rig = this.#rig;
    const group = this.#round % 2 === 0 ? "billing" : "mailing";
    const member = rig.join("orders", group);
    const fences = rig
      .grants()
      .filter(([owner]) => owner === member)
      .map(([, range, epoch]) => ({ range, epoch }));
    const batches = rig.withConnection((connection) =>
      connection
        .prepare(
          "SELECT base, count, data FROM batch JOIN log ON log.id = batch.log " +
            "WHERE lane = 1 AND channel = 1 ORDER BY base DESC LIMIT 1",
        )
        .all(),
    );
    const [newest] = batches as unknown as { base: number; count: number; data: Uint8Array }[];
    if (newest === undefined) return;
    const { base, count, data } = newest;
    // The range of the first message, which stays open.
    const range = (viewOf(data).slotAt(0) * partitions) >>> 16;
    const entries = [{ offset: base, attempt: 2, dueAtMs: 77, reason: "retry" as const }];
    const state = Array.from({ length: 30 }, (): StateChange => {
      const key = `account-${this.#pick(900)}`;
      const value = this.#pick(20) === 0 ? null : JSON.stringify({ cents: this.#round });
      return { table: group, key: key.padEnd(90, "."), expected: undefined, value };
    });
    const priority = "normal" as const;
    rig.transact([
      unitOf(member, {
        fences,
        cursors: [{ priority, range, position: base + count }],
        open: [{ priority, range, base, entries: encodeOpen(base, entries) }],
        state,
      }),
    ]);
    rig.core.handle("leave", { member });
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
