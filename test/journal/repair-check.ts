// Repairs a damaged copy of a world and compares the result with what was recorded: every batch
// that the fault did not touch is there, the others are gaps, and cursors, open messages and state
// are those of one commit. Violations are text.
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { RepairReport } from "../../src/adapters/embedded/index.ts";
import { readBtreePage } from "../../src/adapters/embedded/inspection/salvage/btree-page.ts";
import { buildRepaired } from "../../src/adapters/embedded/inspection/salvage/build-repaired.ts";
import { PageStore } from "../../src/adapters/embedded/inspection/salvage/page-store.ts";
import {
  readTypes,
  readRecord,
} from "../../src/adapters/embedded/inspection/salvage/sqlite-record.ts";
import { batchCrc } from "../../src/adapters/embedded/journal/format.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { systemRandom } from "../../src/kernel/random.ts";
import { pageBytes, type Place } from "./damage.ts";
import { batchesOf, rowsOf, snapshotOf, type UnitSnapshot, type World } from "./repair-world.ts";

/** A fault, and which bytes it changed; none are named for whole files. */
export interface Fault {
  readonly name: string;
  readonly plant: (directory: string) => void;
  /** Bytes it may have changed. */
  readonly places: readonly Place[];
}

/** Where each batch of a world stands, as of its newest version: "log:base" → its bytes. */
export type BatchPlaces = ReadonlyMap<string, readonly Place[]>;

/** What became of one fault. */
export interface Verdict {
  readonly violations: readonly string[];
  readonly messagesLost: number;
  readonly notes: number;
}

/** Finds the bytes of every batch of a sound world. */
export function placesOf(world: World): BatchPlaces {
  const store = new PageStore(world.directory, 0);
  const places = new Map<string, Place[]>();
  const newest = new Map(store.wal.frames.map((frame) => [frame.page, frame.at]));
  const placeOf = (page: number, from: number, length: number): Place => {
    const at = newest.get(page);
    const start = (at ?? (page - 1) * pageBytes) + from;
    return { file: at === undefined ? "db" : "wal", from: start, to: start + length };
  };
  for (let page = 3; page <= store.newest.pages; page++) {
    const bytes = store.newest.page(page);
    const found = bytes === undefined ? undefined : readBtreePage(bytes);
    if (bytes === undefined || found?.kind !== "table" || !found.leaf) continue;
    for (const { local, overflow, payloadBytes } of found.cells) {
      const types = readTypes(local, 10)?.list ?? [];
      // A batch's last column is its blob.
      if (types.length !== 10 || (types[9] as number) < 12) continue;
      const [, log, base] = readHead(local).map(Number);
      // The cell begins with two integers of at most nine bytes, and ends with a page number.
      const start = local.byteOffset - bytes.byteOffset;
      const own = [placeOf(page, Math.max(0, start - 18), local.byteLength + 22)];
      let left = payloadBytes - local.byteLength;
      for (let next = overflow; left > 0 && next !== 0; left -= pageBytes - 4) {
        own.push(placeOf(next, 0, pageBytes));
        next = Buffer.from(store.newest.page(next) ?? []).readUInt32BE(0);
      }
      places.set(`${log}:${base}`, own);
    }
  }
  store.close();
  return places;
}

function readHead(local: Uint8Array): unknown[] {
  const types = readTypes(local, 10);
  const record = Buffer.concat([Buffer.from([4, ...(types?.list.slice(0, 3) ?? [])])]);
  const sizes = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];
  const bytes = (types?.list.slice(0, 3) ?? []).reduce((sum, type) => sum + (sizes[type] ?? 0), 0);
  const at = types?.bodyAt ?? 0;
  return readRecord(Buffer.concat([record, local.subarray(at, at + bytes)]), 3) ?? [];
}

/** Plants a fault in a copy of the world, repairs it, and compares. */
export async function tryFault(
  root: string,
  world: World,
  places: BatchPlaces,
  fault: Fault,
): Promise<Verdict> {
  const damaged = join(root, "damaged");
  const looked = join(root, "looked");
  const repaired = join(root, "repaired");
  mkdirSync(root, { recursive: true });
  try {
    cpSync(world.directory, damaged, { recursive: true });
    fault.plant(damaged);
    cpSync(damaged, looked, { recursive: true });
    const report = await buildRepaired(
      { from: damaged, to: repaired },
      {
        clock: systemClock,
        random: systemRandom,
        signal: new AbortController().signal,
        report: () => undefined,
      },
    );
    const violations = [
      ...compareBatches(world, places, fault, report, repaired),
      ...stillReadable(world, looked, repaired),
      ...compareUnits(world, report, snapshotOf(repaired)),
      ...compareRest(world, report, repaired),
    ];
    return { violations, messagesLost: report.messagesLost, notes: report.notes.length };
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error);
    return { violations: [`failed: ${text}`], messagesLost: 0, notes: 0 };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function compareBatches(
  world: World,
  places: BatchPlaces,
  fault: Fault,
  report: RepairReport,
  repaired: string,
): string[] {
  const violations: string[] = [];
  const kept = new Map(batchesOf(repaired).map((batch) => [`${batch.log}:${batch.base}`, batch]));
  let lost = 0;
  for (const batch of world.batches) {
    const key = `${batch.log}:${batch.base}`;
    const found = kept.get(key);
    kept.delete(key);
    if (found?.crc === batch.crc && found.count === batch.count) continue;
    lost += batch.count;
    if (found !== undefined) violations.push(`batch ${key} is another one`);
    const touched = (places.get(key) ?? []).some((place) =>
      fault.places.some(
        ({ file, from, to }) => file === place.file && from < place.to && to > place.from,
      ),
    );
    if (!touched) violations.push(`batch ${key} is lost, and the fault did not touch it`);
  }
  for (const key of kept.keys()) violations.push(`batch ${key} came from nowhere`);
  if (report.messagesLost !== lost) {
    violations.push(`${lost} messages are lost, the report says ${report.messagesLost}`);
  }
  const gaps = rowsOf<{ n: number }>(repaired, "SELECT coalesce(sum(count), 0) AS n FROM gap");
  if (gaps[0]?.n !== lost) violations.push(`${lost} messages are lost, ${gaps[0]?.n} are gaps`);
  if (!report.sound) violations.push(`not sound: ${JSON.stringify(report.findings)}`);
  return violations;
}

/** What SQLite itself still reads in the damaged journal must be in the new one. */
function stillReadable(world: World, damaged: string, repaired: string): string[] {
  const kept = new Set(batchesOf(repaired).map(({ log, base, crc }) => `${log}:${base}:${crc}`));
  const violations: string[] = [];
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(damaged, "journal.db"), { readOnly: true });
    const select = database.prepare("SELECT * FROM batch WHERE log = ? AND base = ?");
    for (const { log, base, crc } of world.batches) {
      if (kept.has(`${log}:${base}:${crc}`)) continue;
      const row = attempt(() => select.get(log, base));
      if (row === undefined || !(row["data"] instanceof Uint8Array)) continue;
      const head = {
        log,
        base,
        count: Number(row["count"]),
        appendedAtMs: Number(row["appended_at"]),
        previousCrc: Number(row["previous_crc"]),
      };
      // Where the flipped bit is in the stored checksum itself, the batch proves nothing any more.
      if (row["crc"] !== crc) continue;
      if (batchCrc(head, row["data"]) === crc) violations.push(`SQLite reads ${log}:${base}`);
    }
  } catch {
    // Not even its schema is readable.
  } finally {
    database?.close();
  }
  return violations;
}

function attempt<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** Cursors, open messages and state are those of one commit, but for what is named. */
function compareUnits(world: World, report: RepairReport, now: UnitSnapshot): string[] {
  const all = world.history.toReversed();
  const tried = all.map((then) => [then, differences(then, now, report)] as const);
  const [fit] = tried.filter(([, problems]) => problems.length === 0);
  if (fit === undefined) {
    const [, problems = []] = tried[0] ?? [];
    return [`units are of no commit; against the last: ${problems.slice(0, 4).join("; ")}`];
  }
  if (fit[0] === all[0] || sameUnits(fit[0], all[0])) return [];
  return report.noteCounts["write-ahead-log"] === undefined
    ? [`units are those of commit ${fit[0].commit}, and nothing says so`]
    : [];
}

function sameUnits(left: UnitSnapshot, right: UnitSnapshot | undefined): boolean {
  const text = (one: UnitSnapshot | undefined): string =>
    JSON.stringify([[...(one?.cursors ?? [])], [...(one?.open ?? [])], [...(one?.state ?? [])]]);
  return text(left) === text(right);
}

function differences(then: UnitSnapshot, now: UnitSnapshot, report: RepairReport): string[] {
  const problems: string[] = [];
  let missing = 0;
  for (const [key, value] of then.state) {
    const found = now.state.get(key);
    if (found === undefined) missing++;
    else if (found !== value) problems.push(`state ${key} is ${found} and not ${value}`);
  }
  for (const key of now.state.keys()) {
    if (!then.state.has(key)) problems.push(`state ${key} came from nowhere`);
  }
  if (missing > 0 && report.noteCounts.state === undefined) {
    problems.push(`${missing} rows of state are gone, and nothing says so`);
  }
  for (const [key, position] of then.cursors) {
    const found = now.cursors.get(key) ?? 0;
    if (found > position) problems.push(`cursor ${key} is at ${found}, behind ${position}`);
    if (found < position && report.noteCounts.cursor === undefined) {
      problems.push(`cursor ${key} went back from ${position} to ${found}, and nothing says so`);
    }
  }
  for (const key of then.open) {
    if (now.open.has(key)) continue;
    const [group, log, range, offset] = key.split("/").map(Number);
    const position = now.cursors.get(`${group}/${log}/${range}`) ?? 0;
    if (position <= Number(offset) || isGap(report, Number(offset))) continue;
    problems.push(`open message ${key} is settled now`);
  }
  return problems;
}

/** Open messages are all of one log; its gaps are enough. */
function isGap(report: RepairReport, offset: number): boolean {
  return report.logs.some(({ channel, priority, gaps }) => {
    if (channel !== "orders" || priority !== "normal") return false;
    return gaps.some(({ fromOffset, toOffset }) => offset >= fromOffset && offset < toOffset);
  });
}

function compareRest(world: World, report: RepairReport, repaired: string): string[] {
  const violations: string[] = [];
  const names = (sql: string): string =>
    rowsOf<{ name: string }>(repaired, sql)
      .map(({ name }) => name)
      .sort()
      .join();
  const channels = names("SELECT name FROM channel");
  if (channels !== [...world.channels].sort().join()) violations.push(`channels: ${channels}`);
  const groups = names("SELECT name FROM grp");
  if (groups !== [...world.groups].sort().join()) violations.push(`groups: ${groups}`);
  const timers = rowsOf<{ id: number }>(repaired, "SELECT id FROM timer").map(({ id }) => id);
  const said = report.noteCounts["delayed-message"] ?? report.noteCounts["write-ahead-log"];
  const known = said === undefined ? world.timers : world.timersEver;
  const more = timers.filter((id) => !known.has(id));
  if (more.length > 0) violations.push(`delayed messages ${more.join()} came from nowhere`);
  const fewer = [...world.timers].filter((id) => !timers.includes(id)).length;
  if (fewer > 0 && said === undefined) {
    violations.push(`${fewer} delayed messages are gone, and nothing says so`);
  }
  return violations;
}
