// Compares what was heard of a damaged journal, and of what became of it, with everything that was
// acknowledged. Violations are text.
import type { RepairReport } from "../../../src/adapters/embedded/index.ts";
import { type Hearing, dueIn } from "./hearing.ts";
import { type FileBytes, isTouched, type Placed } from "./places.ts";
import { type Names, rowsOf, sameContent, type Snapshot } from "./snapshot.ts";
import type { World } from "./world.ts";

/** Most of one kind that are named. */
const namedMax = 4;

/**
 * A journal that says nothing is whole. `mayBeOlder`: the tail is lost together with something
 * else; then nothing tells a journal whose end is gone from one that never had it (the tail is
 * all that there is outside of SQLite's files), and it has to be what it was at some commit.
 */
export function compareQuiet(world: World, mayBeOlder: boolean, heard: Hearing): string[] {
  const { snapshot } = heard;
  if (snapshot === undefined) return ["its tables cannot be read, and nothing says so"];
  const from = mayBeOlder ? 0 : world.history.length - 1 - world.unacknowledged;
  const then = world.history.slice(from).find((commit) => sameContent(commit, snapshot));
  const what = mayBeOlder ? "what it was at no commit" : "not what it was";
  if (then === undefined) {
    const last = world.history.at(-1) as Snapshot;
    return [`it says nothing (${heard.status}) and is ${what}: ${difference(last, snapshot)}`];
  }
  return compareWhole(world, world, then, heard);
}

/** A journal that gives everything that it held at one commit, and nothing else. */
export function compareWhole(
  world: World,
  names: Names,
  then: Snapshot,
  { read, gaps, delivered }: Hearing,
): string[] {
  const violations: string[] = [];
  const ends = new Map(names.logs.map(({ log }) => [log, endOf(then, log, read.get(log))]));
  for (const { log } of names.logs) {
    const end = then.ends.get(log) ?? 0;
    const missing = [...(world.messages.get(log) ?? [])]
      .map(([offset]) => offset)
      .filter((offset) => offset < end)
      .filter((offset) => read.get(log)?.has(offset) !== true);
    const silent = missing.filter((offset) => gaps.get(log)?.has(offset) !== true);
    if (silent.length > 0) violations.push(`log ${log} skips ${named(silent)} in silence`);
    else if (missing.length > 0) violations.push(`log ${log} has lost ${named(missing)}`);
  }
  // Between two commits of units messages were stored.
  const due = dueIn(world, names, { ...then, ends });
  violations.push(...undelivered(due, delivered, () => false));
  const more = [...delivered].filter((place) => !due.has(place) && isOld(world, place));
  if (more.length > 0) violations.push(`delivered again, although settled: ${named(more)}`);
  return violations;
}

function endOf(then: Snapshot, log: number, offsets: ReadonlySet<number> = new Set()): number {
  return Math.max(then.ends.get(log) ?? 0, ...[...offsets].map((offset) => offset + 1));
}

/** What became of a repair. */
interface Repaired {
  readonly tables: Tables;
  readonly report: RepairReport;
  readonly heard: Hearing;
}

/** A repaired journal has everything that the faults did not touch, and tells of the rest. */
export function compareRepaired(
  world: World,
  sound: FileBytes,
  damaged: FileBytes,
  repaired: Repaired,
  isTailKnown: boolean,
): string[] {
  const { tables, report, heard } = repaired;
  const violations = heard.violations.map((text) => `repaired: ${text}`);
  violations.push(...heard.reports.map((text) => `repaired, and still: ${text}`));
  if (heard.status !== "ok") violations.push(`repaired, and its health is ${heard.status}`);
  if (!report.sound) violations.push(`not sound: ${JSON.stringify(report.findings.slice(0, 3))}`);
  violations.push(...compareBatches(world, sound, damaged, tables, report));
  if (heard.snapshot !== undefined) {
    violations.push(...compareUnits(world, repaired, heard.snapshot, isTailKnown));
  }
  violations.push(...compareNames(world, report, tables));
  return violations;
}

/** What a repaired journal's tables say, before anybody works on it. */
export interface Tables {
  readonly batches: ReadonlyMap<string, { readonly count: number; readonly crc: number }>;
  readonly gaps: readonly { readonly log: number; readonly from: number; readonly to: number }[];
  readonly ends: ReadonlyMap<number, number>;
  readonly channels: readonly string[];
}

/** Reads them. */
export function tablesOf(directory: string): Tables {
  const numbers = (sql: string): number[][] =>
    rowsOf(directory, sql).map((row) => Object.values(row).map(Number));
  const names = (table: string): string[] =>
    rowsOf(directory, `SELECT name FROM ${table} ORDER BY name`).map((row) => String(row["name"]));
  return {
    batches: new Map(
      numbers("SELECT log, base, count, crc FROM batch").map(
        ([log, base, count = 0, crc = 0]) => [`${log}:${base}`, { count, crc }] as const,
      ),
    ),
    gaps: numbers("SELECT log, base, count FROM gap").map(([log = 0, from = 0, count = 0]) => {
      return { log, from, to: from + count };
    }),
    ends: new Map(numbers("SELECT id, end FROM log").map(([log = 0, end = 0]) => [log, end])),
    channels: names("channel"),
  };
}

function compareBatches(
  world: World,
  sound: FileBytes,
  damaged: FileBytes,
  { batches, gaps, ends }: Tables,
  report: RepairReport,
): string[] {
  const violations: string[] = [];
  const kept = new Map(batches);
  let lost = 0;
  for (const batch of world.batches) {
    const { log, base, count, crc } = batch;
    const key = `${log}:${base}`;
    const found = kept.get(key);
    kept.delete(key);
    if (found?.crc === crc && found.count === count) continue;
    if (found !== undefined) violations.push(`batch ${key} is another one`);
    if (!isTouched(batch, sound, damaged) && isPromised(world, batch)) {
      violations.push(`batch ${key} is lost, and no fault touched it`);
    }
    const isGap = gaps.some((gap) => gap.log === log && gap.from <= base && gap.to >= base + count);
    if (isGap) lost += count;
    // Where the tail is damaged too, nobody may know that there was one.
    else if ((ends.get(log) ?? 0) > base) violations.push(`batch ${key} is gone without a gap`);
  }
  for (const key of kept.keys()) violations.push(`batch ${key} came from nowhere`);
  if (report.messagesLost < lost) {
    violations.push(`${lost} messages are lost, the report says ${report.messagesLost}`);
  }
  return violations;
}

/** Whether a batch was acknowledged; the last one may stand in a transaction that never was. */
function isPromised({ history, unacknowledged }: World, { log, base }: Placed): boolean {
  return base < (history.at(-1 - unacknowledged)?.ends.get(log) ?? 0);
}

/** Cursors, open messages and state are those of one commit, but for what is named. */
function compareUnits(
  world: World,
  { report, heard }: Repaired,
  now: Snapshot,
  isTailKnown: boolean,
): string[] {
  const { "write-ahead-log": olderNote } = report.noteCounts;
  // Groups that there were not yet at that commit may be there all the same: then with everything.
  const isThere = (name: string): boolean => {
    return now.groups.has(name) || report.noteCounts.group !== undefined;
  };
  const names = { ...world, groups: world.groups.filter(({ name }) => isThere(name)) };
  const all = world.history.toReversed();
  const tried = all.map((then) => [then, differences(then, now, report)] as const);
  const isGone = (place: string): boolean => {
    const [, log, offset] = place.split("/").map(Number);
    if (heard.gaps.get(log as number)?.has(offset as number) === true) return true;
    return (offset as number) >= (now.ends.get(log as number) ?? 0);
  };
  const fits = tried.filter(([, problems]) => problems.length === 0);
  if (fits.length === 0) {
    const [, problems = []] = tried[0] ?? [];
    return [`units are of no commit; against the last: ${problems.slice(0, namedMax).join("; ")}`];
  }
  const last = all[0] as Snapshot;
  const violations = leastOf(
    fits.map(([then]) => () => {
      return undelivered(dueIn(world, names, then), heard.delivered, isGone);
    }),
  );
  const isLast = fits.some(([then]) => sameUnits(then, last));
  // Without the tail nobody can know what is missing at the end.
  const isSaid = olderNote !== undefined || !isTailKnown;
  if (!isLast && !isSaid) {
    violations.push(`units are those of commit ${fits[0]?.[0].commit}, and nothing says so`);
  }
  const others = [...now.groups].filter((name) => !last.groups.has(name));
  if (others.length > 0 && report.noteCounts.group === undefined) {
    violations.push(`groups ${named(others)} came from nowhere`);
  }
  const fewer = [...last.timers].filter((id) => !now.timers.has(id));
  const said = report.noteCounts["delayed-message"] ?? olderNote;
  if (fewer.length > 0 && said === undefined && isTailKnown) {
    violations.push(`${fewer.length} delayed messages are gone, and nothing says so`);
  }
  const ever = new Set(all.flatMap(({ timers }) => [...timers]));
  const more = [...now.timers].filter(
    (id) => !(said === undefined && isTailKnown ? last.timers : ever).has(id),
  );
  if (more.length > 0) violations.push(`delayed messages ${named(more)} came from nowhere`);
  return violations;
}

/** The shortest list, none of those behind an empty one being made. */
export function leastOf(lists: readonly (() => string[])[]): string[] {
  let least: string[] | undefined;
  for (const make of lists) {
    const list = make();
    if (least === undefined || list.length < least.length) least = list;
    if (least.length === 0) break;
  }
  return least ?? [];
}

function sameUnits(left: Snapshot, right: Snapshot): boolean {
  const names = { groups: new Set<string>(), channels: new Set<string>() };
  const none = { timers: new Set<number>(), ends: new Map(), ...names };
  return sameContent({ ...left, ...none }, { ...right, ...none });
}

function differences(then: Snapshot, now: Snapshot, report: RepairReport): string[] {
  const problems: string[] = [];
  if (report.noteCounts.group === undefined) {
    for (const name of then.groups) {
      if (!now.groups.has(name)) problems.push(`group '${name}' is gone, and nothing says so`);
    }
  }
  let missing = 0;
  for (const [key, value] of then.state) {
    const found = now.state.get(key);
    if (found === undefined) missing++;
    else if (found !== value) problems.push(`state ${key} is ${found} and not ${value}`);
    if (problems.length > namedMax) return problems;
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
  return problems;
}

/** Channels that are gone are told of; nothing else has another name than before. */
function compareNames(world: World, report: RepairReport, tables: Tables): string[] {
  const violations: string[] = [];
  const channels = [...world.channels].sort().join();
  if (report.noteCounts.channel === undefined && channels !== tables.channels.join()) {
    violations.push(`channels: ${tables.channels.join()}`);
  }
  return violations;
}

function undelivered(
  due: ReadonlySet<string>,
  delivered: ReadonlySet<string>,
  isGone: (place: string) => boolean,
): string[] {
  const missing = [...due].filter((place) => !delivered.has(place) && !isGone(place));
  return missing.length === 0 ? [] : [`unsettled, and never delivered: ${named(missing)}`];
}

/** Whether a delivery is of a message that was there before. */
function isOld(world: World, place: string): boolean {
  const [, log, offset] = place.split("/").map(Number);
  return (offset as number) < (world.ends.get(log as number) ?? 0);
}

function named(things: readonly unknown[]): string {
  const more = things.length > namedMax ? ` and ${things.length - namedMax} more` : "";
  return things.slice(0, namedMax).join(", ") + more;
}

/** The first thing in which two snapshots differ. */
function difference(then: Snapshot, now: Snapshot): string {
  const parts = ["cursors", "open", "state", "timers", "groups", "channels", "ends"] as const;
  for (const part of parts) {
    const before = new Set([...then[part]].map((entry) => JSON.stringify(entry)));
    const after = new Set([...now[part]].map((entry) => JSON.stringify(entry)));
    const gone = [...before].filter((entry) => !after.has(entry));
    const come = [...after].filter((entry) => !before.has(entry));
    if (gone.length + come.length === 0) continue;
    return `${part}: ${named(gone)} became ${named(come)}`;
  }
  return "nothing that can be named";
}
