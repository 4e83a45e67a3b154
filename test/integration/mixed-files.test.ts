// Directories in which not everything is of one journal and one moment: pages in the wrong place,
// a log or a database of another time or another journal. What the fault suite once found.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { embedded } from "../../src/adapters/embedded/index.ts";
import { buildRepaired } from "../../src/adapters/embedded/inspection/salvage/build-repaired.ts";
import { PageStore } from "../../src/adapters/embedded/inspection/salvage/page-store.ts";
import { inspectJournal, type Soundness } from "../../src/adapters/embedded/journal/soundness.ts";
import { cursorCrc, leaseCrc } from "../../src/adapters/embedded/journal/row-checksums.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import type { Placed } from "../crash/faults/places.ts";
import { makeWorlds, type World } from "../crash/faults/world.ts";
import { framePlace, pageBytes } from "../journal/damage.ts";
import { journalFiles } from "../journal/damaged-directories.ts";

const root = mkdtempSync(join(tmpdir(), "spillway-mixed-"));
let worlds: World[];
let copies = 0;

before(() => {
  worlds = makeWorlds(join(root, "worlds"), 7);
});
after(() => rmSync(root, { recursive: true, force: true }));

function copyOf(moment: World["moment"]): { readonly world: World; readonly directory: string } {
  const world = worlds.find((each) => each.moment === moment) as World;
  const directory = join(root, `copy-${++copies}`);
  cpSync(world.directory, directory, { recursive: true });
  return { world, directory };
}

const clock = (): VirtualClock => new VirtualClock({ wallMs: worlds[0]?.wallMs ?? 0 });

function look(directory: string): Soundness {
  return inspectJournal(directory, { clock: clock(), durability: "fsync", busyTimeoutMs: 100 });
}

function repair(directory: string): ReturnType<typeof buildRepaired> {
  return buildRepaired(
    { from: directory, to: `${directory}-repaired` },
    {
      clock: clock(),
      random: seededRandom(1),
      signal: new AbortController().signal,
      report: () => undefined,
    },
  );
}

/** Writes the page of one table over that of another; both are their only pages. */
function overwrite(directory: string, to: string, from: string): void {
  const path = join(directory, journalFiles.database);
  const database = new DatabaseSync(path, { readOnly: true });
  const root = (name: string): number =>
    Number(
      database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").get(name)?.["rootpage"],
    );
  const [source, target] = [root(from), root(to)];
  database.close();
  const bytes = readFileSync(path);
  bytes.copy(bytes, (target - 1) * pageBytes, (source - 1) * pageBytes, source * pageBytes);
  writeFileSync(path, bytes);
}

/** Flips a bit of the first batch of a log, in the database; returns where it stood. */
function damageFirstBatch(world: World, directory: string, of: number | undefined): Placed {
  const [first] = world.batches
    .filter(({ log }) => log === of)
    .sort((left, right) => left.base - right.base);
  const place = first?.places.find(({ file }) => file === "database");
  assert.ok(first !== undefined && place !== undefined);
  const path = join(directory, journalFiles.database);
  const bytes = readFileSync(path);
  const at = Math.floor((place.from + place.to) / 2);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(path, bytes);
  return first;
}

test("no row of a lease passes for a cursor", async () => {
  assert.notEqual(leaseCrc(1, 2, 3, 4), cursorCrc(1, 2, 3, 4));
  const { directory } = copyOf("closed");
  overwrite(directory, "cursor", "lease");
  assert.equal(look(directory).kind, "damaged");
  const report = await repair(directory);
  assert.ok(report.sound, JSON.stringify(report.findings));
  assert.ok((report.noteCounts.cursor ?? 0) > 0);
});

test("an index of given ids that is another's page is found on opening", () => {
  const { directory } = copyOf("closed");
  overwrite(directory, "timer_given", "cursor");
  const found = look(directory);
  assert.equal(found.kind, "damaged");
  assert.match(JSON.stringify(found), /timer_given/);
});

test("a definition of a table that was changed is found on opening", async () => {
  const { directory } = copyOf("closed");
  const path = join(directory, journalFiles.database);
  const bytes = readFileSync(path);
  const at = bytes.indexOf("ended_at");
  assert.ok(at > 0);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(path, bytes);
  assert.match(JSON.stringify(look(directory)), /ended_at/);
  const transport = embedded({ directory, engine: "direct" });
  await transport.open({ clock: clock(), random: seededRandom(2), name: "mixed" }).then(
    () => assert.equal(transport.health().status, "failed"),
    (error: unknown) => assert.match(String(error), /cannot be opened|damaged/),
  );
  await transport.close();
});

test("a log that is older than its database is no mere loss of the end", () => {
  const { world, directory } = copyOf("reused");
  const [, older = ""] = world.earlier;
  cpSync(join(older, journalFiles.wal), join(directory, journalFiles.wal));
  const found = look(directory);
  assert.ok(found.kind === "damaged" && !found.damage.isLoss);
  assert.match(found.damage.reasons.join(), /older than its database/);
});

test("the log of another journal is not read, and not repaired from", async () => {
  const { world, directory } = copyOf("reused");
  cpSync(join(world.earlier.at(-1) as string, journalFiles.wal), join(directory, journalFiles.wal));
  assert.throws(() => look(directory), /belongs to another journal/);
  const report = await repair(directory);
  assert.equal(report.noteCounts["other-journal"], 1);
  assert.ok(report.messages > 0);
});

test("the log of another journal is not read over a cut database either", () => {
  const { world, directory } = copyOf("killed");
  cpSync(join(world.earlier.at(-1) as string, journalFiles.wal), join(directory, journalFiles.wal));
  truncateSync(join(directory, journalFiles.database), 19 * pageBytes);
  assert.throws(() => look(directory), /cannot be read without its write-ahead log/);
});

test("two journals' files are told apart without a tail", () => {
  for (const moment of ["young", "killed"] as const) {
    const { world, directory } = copyOf(moment);
    const foreign = world.earlier.at(-1) as string;
    cpSync(join(foreign, journalFiles.database), join(directory, journalFiles.database));
    rmSync(join(directory, journalFiles.tail));
    assert.throws(() => look(directory), /belongs to another journal/, moment);
  }
});

test("a log that is older than its database is found without a tail", () => {
  const { world, directory } = copyOf("reused");
  const [, older = ""] = world.earlier;
  cpSync(join(older, journalFiles.wal), join(directory, journalFiles.wal));
  rmSync(join(directory, journalFiles.tail));
  const found = look(directory);
  assert.ok(found.kind === "damaged" && !found.damage.isLoss);
  assert.match(found.damage.reasons.join(), /older than its database/);
});

test("repair says that it was given another journal than its tail's", async () => {
  const { world, directory } = copyOf("closed");
  const foreign = world.earlier.at(-1) as string;
  cpSync(join(foreign, journalFiles.database), join(directory, journalFiles.database));
  assert.equal((await repair(directory)).noteCounts["other-journal"], 1);
});

test("a journal that was killed before its first checkpoint is repaired", async () => {
  const { world, directory } = copyOf("young");
  const path = join(directory, journalFiles.wal);
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length * 0.8);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(path, bytes);
  const { messages, messagesLost } = await repair(directory);
  const all = world.batches.reduce((sum, { count }) => sum + count, 0);
  assert.ok(messages > 0 && messages + messagesLost >= all, `${messages} of ${all} messages`);
});

test("tables behind the end of a cut database are named as lost", async () => {
  const { directory } = copyOf("closed");
  truncateSync(join(directory, journalFiles.database), 4 * pageBytes);
  const { noteCounts } = await repair(directory);
  for (const kind of ["group", "cursor", "state"] as const) {
    assert.ok((noteCounts[kind] ?? 0) > 0, `${kind}: ${JSON.stringify(noteCounts)}`);
  }
});

test("groups of which neither rows nor index are left are named as lost", async () => {
  const { directory } = copyOf("closed");
  overwrite(directory, "grp", "lease");
  overwrite(directory, "sqlite_autoindex_grp_1", "sqlite_autoindex_channel_1");
  const { notes } = await repair(directory);
  assert.match(JSON.stringify(notes), /groups and of their index are lost/);
});

test("an empty page in the place of delayed messages is named as a loss", async () => {
  const { world, directory } = copyOf("closed");
  assert.ok((world.history.at(-1)?.timers.size ?? 0) > 0);
  overwrite(directory, "timer", "process");
  assert.ok(((await repair(directory)).noteCounts["delayed-message"] ?? 0) > 0);
});

test("an empty page in the place of cursors is found, and their copies stand in", async () => {
  const { directory } = copyOf("closed");
  overwrite(directory, "cursor", "member_of_group");
  assert.match(JSON.stringify(look(directory)), /cursor of group \d+ .* is gone/);
  const { noteCounts, sound } = await repair(directory);
  assert.ok(sound && (noteCounts.cursor ?? 0) > 0, JSON.stringify(noteCounts));
});

test("an empty page in the place of open messages is named as a loss", async () => {
  const { world, directory } = copyOf("closed");
  assert.ok((world.history.at(-1)?.open.size ?? 0) > 0);
  overwrite(directory, "open", "member_of_group");
  assert.ok(((await repair(directory)).noteCounts["open-list"] ?? 0) > 0);
});

test("an empty page in the place of state is named as a loss", async () => {
  const { world, directory } = copyOf("closed");
  assert.ok((world.history.at(-1)?.state.size ?? 0) > 0);
  overwrite(directory, "state", "process");
  assert.ok(((await repair(directory)).noteCounts.state ?? 0) > 0);
});

test("behind zeros at the beginning of a log everything else is kept", async () => {
  const { directory } = copyOf("young");
  const path = join(directory, journalFiles.wal);
  const bytes = readFileSync(path).fill(0, 0, pageBytes);
  writeFileSync(path, bytes);
  const { messages, messagesLost } = await repair(directory);
  assert.ok(messages > 0 && messagesLost === 0, `${messages} kept, ${messagesLost} lost`);
});

test("the database of another journal is known when its first table has moved", async () => {
  const { world, directory } = copyOf("killed");
  const path = join(directory, journalFiles.database);
  const bytes = readFileSync(join(world.earlier.at(-1) as string, journalFiles.database));
  const page = (number: number): Buffer =>
    bytes.subarray((number - 1) * pageBytes, number * pageBytes);
  const meta = Buffer.from(page(3));
  page(11).copy(page(3));
  meta.copy(page(11));
  writeFileSync(path, bytes);
  assert.throws(() => look(directory), /cannot be read without its write-ahead log/);
  assert.equal((await repair(directory)).noteCounts["other-journal"], 1);
});

test("a lost first batch of a log leaves a gap although the log's row is gone too", async () => {
  const { world, directory } = copyOf("closed");
  const first = damageFirstBatch(world, directory, 1);
  overwrite(directory, "log", "lease");
  const { gaps } = (await repair(directory)).logs[0] ?? {};
  const end = first.base + first.count;
  assert.ok(gaps?.some((gap) => gap.fromOffset <= first.base && gap.toOffset >= end));
});

test("under a log that is older than the database a lost first batch leaves a gap", async () => {
  const { world, directory } = copyOf("reused");
  const [older = ""] = world.earlier;
  cpSync(join(older, journalFiles.wal), join(directory, journalFiles.wal));
  const high = world.logs.find(({ priority }) => priority === "high")?.log;
  const first = damageFirstBatch(world, directory, high);
  const gaps = (await repair(directory)).logs.find(({ priority }) => priority === "high")?.gaps;
  const end = first.base + first.count;
  const isGap = gaps?.some((gap) => gap.fromOffset <= first.base && gap.toOffset >= end);
  assert.ok(isGap, `${first.base} to ${end}: ${JSON.stringify(gaps)}`);
});

test("a database that is older than its log: units are those of one commit", async () => {
  const { world, directory } = copyOf("reused");
  const [older = ""] = world.earlier;
  cpSync(join(older, journalFiles.database), join(directory, journalFiles.database));
  const { notes } = await repair(directory);
  assert.match(JSON.stringify(notes), /older than its log/);
});

test("a page that another transaction's stands over hides none behind it", () => {
  const { directory } = copyOf("killed");
  const path = join(directory, journalFiles.wal);
  const all = new PageStore(directory, 0);
  const { frames } = all.wal;
  const meta = frames.flatMap((frame, index) => (frame.page === 3 ? [index] : []));
  all.close();
  const bytes = readFileSync(path);
  const [early = 0, late = 0] = [meta[1], meta.at(-2)];
  const body = (frame: number): number => framePlace(frame).to - pageBytes;
  // The number of a late commit in the place of an early one's.
  bytes.copy(bytes, body(early), body(late), body(late) + pageBytes);
  writeFileSync(path, bytes);
  const store = new PageStore(directory, 0);
  assert.equal(store.wal.frames.length, frames.length);
  store.close();
});
