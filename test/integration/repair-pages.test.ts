// The pages as read here are what SQLite itself reads, in the database and in the write-ahead log;
// and what each part does where bytes are wrong.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { flipBit, framePlace, truncate } from "../journal/damage.ts";
import { makeWorlds, type World } from "../journal/repair-world.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import {
  pageBytes,
  readBtreePage,
} from "../../src/adapters/embedded/inspection/salvage/btree-page.ts";
import { PageStore } from "../../src/adapters/embedded/inspection/salvage/page-store.ts";
import {
  readRecord,
  readVarint,
} from "../../src/adapters/embedded/inspection/salvage/sqlite-record.ts";
import {
  knownTables,
  type SalvagedRow,
  Tables,
} from "../../src/adapters/embedded/inspection/salvage/tables.ts";
import {
  walChecksum,
  walChecksumBefore,
  wordsBetween,
} from "../../src/adapters/embedded/inspection/salvage/wal-checksum.ts";

const root = mkdtempSync(join(tmpdir(), "spillway-pages-"));

function copyOf(world: World, name: string): string {
  const directory = join(root, name);
  cpSync(world.directory, directory, { recursive: true });
  return directory;
}

/** Rows as text, in an order of their own. */
function textOf(rows: Iterable<Readonly<Record<string, unknown>>>): string[] {
  return [...rows]
    .map((row) =>
      JSON.stringify(
        Object.entries(row).map(([name, value]) => [
          name,
          value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value,
        ]),
      ),
    )
    .sort();
}

describe("pages against SQLite", () => {
  let closed: World;
  let crashed: World;
  before(() => {
    ({ closed, crashed } = makeWorlds(join(root, "worlds"), 3));
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  /** By table: rows by pages, and rows by SQL, of a copy. */
  function compare(directory: string, view: "newest" | "cut" | "base"): void {
    const store = new PageStore(directory, 0);
    const looked = `${directory}-looked`;
    cpSync(directory, looked, { recursive: true });
    if (view === "base") rmSync(join(looked, "journal.db-wal"), { force: true });
    const database = new DatabaseSync(join(looked, "journal.db"), { readOnly: true });
    try {
      const known = knownTables(database);
      const tables = new Tables(store, store[view], known);
      let compared = 0;
      for (const { name } of known) {
        if (name.startsWith("sqlite_") || database.prepare(sqlOf(name)).get() === undefined) {
          continue;
        }
        compared++;
        const expected = database.prepare(`SELECT * FROM ${name}`).all();
        const found: SalvagedRow[] = [...tables.rows(name)];
        assert.deepEqual(textOf(found), textOf(expected), name);
        assert.equal(tables.isComplete(name), true, name);
      }
      assert.ok(compared > 10);
    } finally {
      database.close();
      store.close();
    }
  }
  const sqlOf = (name: string): string =>
    `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '${name}'`;

  test("every row of every table, in the database", () => {
    compare(copyOf(closed, "closed"), "newest");
  });

  test("every row of every table, with the write-ahead log", () => {
    compare(copyOf(crashed, "crashed"), "newest");
  });

  test("what stands before a damage of the write-ahead log is what SQLite recovers", () => {
    const random = seededRandom(5);
    for (let round = 0; round < 5; round++) {
      const directory = copyOf(crashed, `cut-${round}`);
      const { from } = framePlace(20 + (random.uint32() % 300));
      // In the page, not in the frame's header, which is mended.
      flipBit(join(directory, "journal.db-wal"), from + 24 + (random.uint32() % pageBytes), 3);
      compare(directory, "cut");
    }
  });

  test("a cut log ends with its last whole transaction", () => {
    const directory = copyOf(crashed, "short");
    truncate(join(directory, "journal.db-wal"), framePlace(57).from + 100);
    compare(directory, "newest");
  });

  test("a frame whose header is damaged costs at most its own page, each bit of it", () => {
    const directory = copyOf(crashed, "header");
    const path = join(directory, "journal.db-wal");
    const { from } = framePlace(40);
    const read = (): PageStore => new PageStore(directory, 0);
    const sound = read();
    const { frames } = sound.wal;
    sound.close();
    for (let bit = 0; bit < 24 * 8; bit += 11) {
      flipBit(path, from + (bit >> 3), bit & 7);
      const store = read();
      store.close();
      flipBit(path, from + (bit >> 3), bit & 7);
      assert.equal(store.wal.frames.length, frames.length, `bit ${bit}`);
      // Salts and checksum are told by the frames around; page and size are suspected.
      const isProved = bit >= 64;
      const broken = store.wal.frames.filter((frame) => !frame.sound);
      assert.deepEqual([bit, broken.length], [bit, isProved ? 0 : 1]);
      if (isProved) continue;
      const page = frames[40]?.page ?? 0;
      const rest = frames.slice(41).some((frame) => frame.page === page);
      assert.ok(store.lost.has(page) || store.lostUnknown || rest, `bit ${bit}`);
    }
  });

  test("cells that no pointer leads to are found by the bytes they leave unaccounted for", () => {
    const store = new PageStore(closed.directory, 0);
    let pages = 0;
    for (let number = 3; number <= store.newest.pages; number++) {
      const bytes = store.newest.page(number);
      const sound = bytes === undefined ? undefined : readBtreePage(bytes);
      if (bytes === undefined || sound === undefined || sound.cells.length < 3) continue;
      assert.equal(sound.exact, true);
      if (!sound.leaf) continue;
      pages++;
      const expected = sound.cells.map(({ local }) => local.byteOffset - bytes.byteOffset);
      // Byte 3 and 4: the number of cells. Byte 9: the pointer of the first one.
      for (const at of [3, 4, 9]) {
        const damaged: Uint8Array = new Uint8Array(bytes);
        damaged[at] = (damaged[at] as number) ^ 2;
        const found = readBtreePage(damaged);
        const kept = found?.cells.map((cell): number => cell.local.byteOffset - damaged.byteOffset);
        for (const place of expected) assert.ok(kept?.includes(place), `${number}: ${at}`);
      }
    }
    store.close();
    assert.ok(pages > 5);
  });
});

test("a record ends where it says, and nothing else is one", () => {
  // Header of 4 bytes: NULL, an 8-bit integer, text of two bytes.
  const record = new Uint8Array([4, 0, 1, 17, 0xff, 0x68, 0x69]);
  assert.deepEqual(readRecord(record, 8), [null, -1, "hi"]);
  assert.equal(readRecord(record.subarray(0, 6), 8), undefined);
  assert.equal(readRecord(record, 2), undefined);
  assert.equal(readRecord(new Uint8Array([9, 0]), 8), undefined);
  assert.equal(readRecord(new Uint8Array(), 8), undefined);
  assert.deepEqual(readVarint(new Uint8Array([0x81, 0x00]), 0), { value: 128, next: 2 });
  assert.equal(readVarint(new Uint8Array([0x81]), 0), undefined);
});

test("a checksum can be undone, and the words between two be told", () => {
  const random = seededRandom(9);
  const bytes = new Uint8Array(256);
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.uint32();
  const seed = [random.uint32(), random.uint32()] as const;
  for (const littleEndian of [true, false]) {
    const after = walChecksum(seed, bytes, littleEndian);
    assert.deepEqual(walChecksumBefore(after, bytes, littleEndian), seed);
    const head = walChecksum(seed, bytes.subarray(0, 8), littleEndian);
    const view = new DataView(bytes.buffer);
    const words = [view.getUint32(0, littleEndian), view.getUint32(4, littleEndian)];
    assert.deepEqual(wordsBetween(seed, head), words);
  }
});
