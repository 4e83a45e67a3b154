// Repair where pages of two tables have changed places, or the number of a row was damaged: it
// always comes to an end, what cannot be known is said, and every group goes on.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { readBtreePage } from "../../src/adapters/embedded/inspection/salvage/btree-page.ts";
import { buildRepaired } from "../../src/adapters/embedded/inspection/salvage/build-repaired.ts";
import type { RepairReport } from "../../src/adapters/embedded/inspection/repair-report.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { dueIn, hear, type Hearing } from "../crash/faults/hearing.ts";
import { namesOf, type Snapshot, snapshotOf } from "../crash/faults/snapshot.ts";
import { makeWorlds, type World } from "../crash/faults/world.ts";
import { pageBytes } from "../journal/damage.ts";
import { journalFiles } from "../journal/damaged-directories.ts";

const root = mkdtempSync(join(tmpdir(), "spillway-misplaced-"));
let world: World;
let last: Snapshot;
let copies = 0;

before(() => {
  const worlds = makeWorlds(join(root, "worlds"), 7);
  world = worlds.find(({ moment }) => moment === "closed") as World;
  last = world.history.at(-1) as Snapshot;
  assert.ok(last.open.size > 0 && last.cursors.size > 0);
});
after(() => rmSync(root, { recursive: true, force: true }));

/** A copy of the closed journal, and the root pages of its tables. */
class Copy {
  readonly directory = join(root, `copy-${++copies}`);
  readonly #path = join(this.directory, journalFiles.database);
  readonly #bytes: Buffer;
  readonly #roots = new Map<string, number>();

  constructor() {
    cpSync(world.directory, this.directory, { recursive: true });
    const database = new DatabaseSync(this.#path, { readOnly: true });
    const sql = "SELECT name, rootpage FROM sqlite_schema";
    for (const row of database.prepare(sql).all()) {
      this.#roots.set(String(row["name"]), Number(row["rootpage"]));
    }
    database.close();
    this.#bytes = readFileSync(this.#path);
  }

  #page(table: string): Buffer {
    const number = this.#roots.get(table) ?? 0;
    return this.#bytes.subarray((number - 1) * pageBytes, number * pageBytes);
  }

  swap(one: string, other: string): void {
    const kept = Buffer.from(this.#page(one));
    this.#page(other).copy(this.#page(one));
    kept.copy(this.#page(other));
  }

  /** Writes the page of a table over another's, and makes it one of its own. */
  double(table: string, over: string): void {
    this.#page(table).copy(this.#page(over));
    // The map of pages is page 2: five bytes for each page behind it, kind and parent.
    const entry = pageBytes + 5 * ((this.#roots.get(over) ?? 0) - 3);
    this.#bytes[entry] = 5;
    this.#bytes.writeUInt32BE(this.#roots.get(table) ?? 0, entry + 1);
  }

  /** Nothing is left of the page. */
  zero(table: string): void {
    this.#page(table).fill(0);
  }

  /** Nothing is left of the first page below a table's. */
  zeroFirstLeaf(table: string): void {
    const leaf = readBtreePage(this.#page(table))?.children[0] ?? 0;
    this.#bytes.fill(0, (leaf - 1) * pageBytes, leaf * pageBytes);
  }

  /** Gives a row of a table the number 99. */
  renumber(table: string, row: number): void {
    const page = this.#page(table);
    const cell = readBtreePage(page)?.cells.find(({ rowid }) => rowid === row);
    assert.ok(cell !== undefined);
    // A small number is one byte, and stands before the row.
    page[cell.local.byteOffset - page.byteOffset - 1] = 99;
  }

  async repair(): Promise<Repaired> {
    writeFileSync(this.#path, this.#bytes);
    const to = `${this.directory}-repaired`;
    const report = await buildRepaired(
      { from: this.directory, to },
      {
        clock: new VirtualClock({ wallMs: world.wallMs }),
        random: seededRandom(1),
        signal: new AbortController().signal,
        report: () => undefined,
      },
    );
    assert.ok(report.sound, JSON.stringify(report.findings));
    const now = snapshotOf(to);
    const names = namesOf(to);
    return { report, now, names, heard: await hear(to, world, names, false) };
  }
}

interface Repaired {
  readonly report: RepairReport;
  readonly now: Snapshot;
  readonly names: ReturnType<typeof namesOf>;
  readonly heard: Hearing;
}

/** Every group goes on, with everything that it had not settled. */
function assertGoesOn({ heard }: Repaired): void {
  assert.deepEqual([heard.reports, heard.violations], [[], []]);
  const due = [...dueIn(world, world, last)];
  assert.deepEqual(
    due.filter((place) => !heard.delivered.has(place)),
    [],
  );
}

test("cursors and logs: the copies stand in, and that is said", async () => {
  const copy = new Copy();
  copy.swap("cursor", "log");
  const repaired = await copy.repair();
  assert.ok((repaired.report.noteCounts.cursor ?? 0) > 0);
  assert.deepEqual(repaired.now.cursors, last.cursors);
  assertGoesOn(repaired);
});

test("open messages and no cursors: they begin at the start, and that is said", async () => {
  const copy = new Copy();
  for (const table of ["cursor", "cursor_copy"]) copy.swap(table, "member_of_group");
  copy.swap("member_of_group", "doubt_of_channel");
  const repaired = await copy.repair();
  assert.match(JSON.stringify(repaired.report.notes), /open messages and no cursor/);
  assert.equal(repaired.now.cursors.size, 0);
  assertGoesOn(repaired);
});

test("the open messages and their index: nothing that was open is lost", async () => {
  const copy = new Copy();
  copy.swap("open", "open_of_batch");
  const repaired = await copy.repair();
  assert.ok((repaired.report.noteCounts.cursor ?? 0) > 0);
  assertGoesOn(repaired);
});

test("channels and leases: without a number of partitions groups begin anew", async () => {
  const copy = new Copy();
  copy.swap("channel", "lease");
  const repaired = await copy.repair();
  assert.match(JSON.stringify(repaired.report.notes), /how many partitions/);
  assert.equal(repaired.now.open.size, 0);
  assertGoesOn(repaired);
});

test("logs, their index and the copies of cursors: no two logs get one place", async () => {
  const copy = new Copy();
  copy.swap("log", "open_of_batch");
  copy.swap("sqlite_autoindex_log_1", "cursor_copy");
  const repaired = await copy.repair();
  assert.equal(repaired.report.messagesLost, 0);
  assertGoesOn(repaired);
});

test("one page of open messages in the places of two: each is there once", async () => {
  const copy = new Copy();
  copy.double("open", "doubt_of_channel");
  const repaired = await copy.repair();
  assert.deepEqual(repaired.now.open, last.open);
  assertGoesOn(repaired);
});

for (const table of ["channel", "log", "grp"]) {
  test(`a row of ${table} with another number is the one that its index knows`, async () => {
    const copy = new Copy();
    copy.renumber(table, 1);
    const repaired = await copy.repair();
    assert.match(JSON.stringify(repaired.report.notes), /number.* was damaged/);
    assert.equal(repaired.report.messagesLost, 0);
    assert.deepEqual([repaired.names.logs, repaired.names.groups], [world.logs, world.groups]);
    assert.deepEqual([repaired.now.cursors, repaired.now.open], [last.cursors, last.open]);
    assertGoesOn(repaired);
  });
}

test("the first messages, their index and their log: what may be missing is a gap", async () => {
  const copy = new Copy();
  copy.zeroFirstLeaf("batch");
  // The page above them still holds some of them, where nothing is in use.
  for (const table of ["batch", "sqlite_autoindex_batch_1", "log"]) copy.zero(table);
  const { report } = await copy.repair();
  const first = world.batches.find(({ log }) => log === 1);
  assert.equal(first?.base, 0);
  assert.match(JSON.stringify(report.notes), /where it began is lost/);
  const found = report.logs.find(({ channel, priority }) => {
    return channel === world.logs[0]?.channel && priority === world.logs[0]?.priority;
  });
  assert.equal(found?.startOffset, 0);
  assert.equal(found?.gaps[0]?.fromOffset, 0);
  assert.ok((found?.gaps[0]?.toOffset ?? 0) > 0 && (found?.batches ?? 0) > 0);
});

test("rows that a page above others still holds come back", async () => {
  const copy = new Copy();
  copy.zeroFirstLeaf("batch");
  const { report } = await copy.repair();
  const blank = new Copy();
  blank.zeroFirstLeaf("batch");
  blank.zero("batch");
  const { report: less } = await blank.repair();
  assert.ok(report.messages > less.messages, `${report.messages} of ${less.messages}`);
});
