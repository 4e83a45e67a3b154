import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  plainUnit,
  removeDirectory,
  type Sample,
} from "../../../../test/journal/core-rig.ts";
import { seededRandom } from "../../../kernel/random.ts";
import { Catalog } from "./catalog.ts";
import { openConnection } from "./connection.ts";
import { Deduper } from "./dedupe.ts";
import { FingerprintTable, type Hit } from "./dedupe-table.ts";
import { viewOf } from "./format.ts";
import { Writer } from "./writer.ts";

describe("repeats of given ids", () => {
  let directory: string;
  let clock: HandClock;
  let rig: CoreRig;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    rig = open();
  });
  afterEach(() => {
    rig.close();
    removeDirectory(directory);
  });

  function open(options = {}): CoreRig {
    const opened = new CoreRig(directory, clock, options);
    opened.declare("orders");
    return opened;
  }

  const sample = (n: number): Sample => ({ data: `{"n":${n}}`, id: `order-${n}` });
  const samples = (from: number, to: number): Sample[] =>
    Array.from({ length: to - from }, (_, index) => sample(from + index));
  const data = (): string[] => rig.stored("orders").map((row) => row.data);

  test("the same message again gets the first offset, other content is ID_REUSED", () => {
    rig.publish("orders", samples(0, 5));
    const result = rig.publish("orders", [
      sample(9),
      sample(3),
      { ...sample(4), data: "{}" },
      sample(10),
    ]);
    assert.deepEqual(result, {
      firstOffset: 5,
      exceptions: [
        [1, 3],
        [2, "ID_REUSED"],
      ],
    });
    assert.deepEqual(data().slice(5), ['{"n":9}', '{"n":10}']);
    assert.deepEqual(rig.publish("orders", [sample(10), sample(9)]).exceptions, [
      [0, 6],
      [1, 5],
    ]);
  });

  test("type, key and lane are content; source and tenant belong to the identity", () => {
    const first: Sample = { data: "1", id: "a", key: "k", attributes: { tenant: "acme" } };
    rig.publish("orders", [first]);
    const verdict = (changed: Partial<Sample>): unknown =>
      rig.publish("orders", [{ ...first, ...changed }]).exceptions[0]?.[1];
    assert.equal(verdict({}), 0);
    assert.equal(verdict({ attributes: { tenant: "acme", traceparent: "00-1-2-00" } }), 0);
    assert.equal(verdict({ key: "other" }), "ID_REUSED");
    assert.equal(verdict({ type: "com.acme.other" }), "ID_REUSED");
    assert.deepEqual(rig.publish("orders", [first], { priority: "high" }).exceptions, [
      [0, "ID_REUSED"],
    ]);
    assert.equal(verdict({ source: "elsewhere" }), undefined);
    assert.equal(verdict({ attributes: { tenant: "globex" } }), undefined);
    assert.equal(verdict({ source: "elsewhere" }), 1);
  });

  test("within one batch and within one transaction", () => {
    const result = rig.publish("orders", [sample(1), sample(2), sample(1), sample(3), sample(2)]);
    assert.deepEqual(result, {
      firstOffset: 0,
      exceptions: [
        [2, 0],
        [4, 1],
      ],
    });
    const units = [1, 2].map(() => plainUnit([rig.encoded("orders", samples(3, 6))]));
    const results = rig.transact(units);
    assert.deepEqual(
      results.map((unit) => (unit.kind === "committed" ? unit.appended[0] : undefined)),
      [
        { firstOffset: 3, exceptions: [[0, 2]] },
        {
          firstOffset: 5,
          exceptions: [
            [0, 2],
            [1, 3],
            [2, 4],
          ],
        },
      ],
    );
    assert.equal(data().length, 5);
  });

  test("messages without a given id are never repeats, mixed in or not", () => {
    const mixed = [{ data: "a" }, sample(1), { data: "b" }];
    rig.publish("orders", mixed);
    assert.deepEqual(rig.publish("orders", mixed), { firstOffset: 3, exceptions: [[1, 1]] });
    assert.deepEqual(data(), ["a", '{"n":1}', "b", "a", "b"]);
  });

  test("survives a restart, compressed batches too", () => {
    rig.declare("orders", { compression: "zstd" });
    rig.publish("orders", samples(0, 500));
    rig.close();
    rig = open();
    const { exceptions } = rig.publish("orders", samples(400, 600));
    assert.deepEqual(exceptions.length, 100);
    assert.deepEqual(exceptions[99], [99, 499]);
  });

  test("holds between processes that publish in turn", () => {
    const other = new CoreRig(directory, clock);
    rig.publish("orders", [sample(0)]);
    assert.deepEqual(other.publish("orders", [sample(0), sample(1)]).exceptions, [[0, 0]]);
    assert.deepEqual(rig.publish("orders", [sample(1), sample(2)]).exceptions, [[0, 1]]);
    other.publish("orders", samples(3, 200));
    const late = rig.publish("orders", samples(0, 201));
    assert.deepEqual(
      late.exceptions.map(([, offset]) => offset),
      [...Array(200).keys()],
    );
    other.close();
  });

  test("the window ends by time", () => {
    rig.publish("orders", [sample(0)]);
    clock.pass(600_000);
    assert.equal(rig.publish("orders", [sample(0)]).exceptions.length, 1);
    clock.pass(1);
    assert.deepEqual(rig.publish("orders", [sample(0)]), { firstOffset: 1, exceptions: [] });
    assert.deepEqual(rig.publish("orders", [sample(0)]).exceptions, [[0, 1]]);
  });

  test("the window is bounded by count, and remembers at least that many", () => {
    rig.close();
    rig = open({ dedupeCountMax: 100 });
    for (let n = 0; n < 400; n += 10) rig.publish("orders", samples(n, n + 10));
    assert.equal(rig.publish("orders", samples(300, 400)).exceptions.length, 100);
    assert.equal(rig.publish("orders", samples(0, 10)).exceptions.length, 0);
    rig.close();
    rig = open({ dedupeCountMax: 100 });
    assert.equal(rig.publish("orders", samples(320, 400)).exceptions.length, 80);
  });

  test("after a restart the latest ids count, of whatever priority", () => {
    rig.publish("orders", samples(0, 100), { priority: "low" });
    clock.pass(1_000);
    for (let n = 100; n < 200; n += 10) rig.publish("orders", samples(n, n + 10));
    rig.close();
    rig = open({ dedupeCountMax: 100 });
    assert.equal(rig.publish("orders", samples(100, 200)).exceptions.length, 100);
  });

  test("a channel without new ids for a window keeps no table", () => {
    const connection = { clock, durability: "relaxed", busyTimeoutMs: 100 } as const;
    const writer = new Writer(openConnection(directory, "writer", connection), {
      ...connection,
      random: seededRandom(1),
      onWaiting: () => undefined,
    });
    const catalog = new Catalog(writer);
    const deduper = new Deduper(writer, catalog, { windowMs: 1_000, countMax: 100 }, 1);
    const check = (channel: string): void =>
      writer.transaction("checking", () => {
        const { blob } = rig.encoded(channel, [sample(1)]);
        const head = catalog.head(catalog.channel(channel), 1);
        deduper.checkBatch(head, viewOf(blob), clock.wallMs());
      });
    for (let n = 0; n < 20; n++) {
      rig.declare(`idle-${n}`);
      check(`idle-${n}`);
    }
    assert.equal(deduper.tables, 20);
    clock.pass(1_001);
    check("orders");
    assert.equal(deduper.tables, 1);
    writer.close();
  });

  test("a window of nothing turns it off", () => {
    rig.close();
    rig = open({ dedupeWindowMs: 0 });
    rig.publish("orders", [sample(0)]);
    assert.deepEqual(rig.publish("orders", [sample(0)]).exceptions, []);
  });

  test("a delayed message is remembered from acceptance, and after it moved", () => {
    const dueAtMs = [clock.wall + 1_000];
    assert.deepEqual(rig.publish("orders", [sample(1)], { dueAtMs }).exceptions, []);
    assert.deepEqual(rig.publish("orders", [sample(1)], { dueAtMs }).exceptions, [[0, -1]]);
    assert.deepEqual(rig.publish("orders", [sample(1), sample(2)]).exceptions, [[0, -1]]);
    rig.close();
    rig = open();
    assert.deepEqual(rig.publish("orders", [sample(1)]).exceptions, [[0, -1]]);
    clock.pass(1_000);
    rig.core.tick();
    assert.deepEqual(rig.publish("orders", [sample(1)]).exceptions, [[0, 1]]);
    assert.deepEqual(rig.publish("orders", [sample(2)], { dueAtMs }).exceptions, [[0, 0]]);
    assert.equal(rig.stored("orders").length, 2);
  });
});

describe("fingerprint table", () => {
  const words = (n: number): Uint32Array => Uint32Array.of(n, n * 7, 1, 2);
  const seen = (table: FingerprintTable, n: number): Hit[] => {
    const hits: Hit[] = [];
    table.take(words(n), 0);
    table.find(hits);
    return hits;
  };

  test("finds every place and index through growth, and nothing else", () => {
    const table = new FingerprintTable(1_000, 100_000, 5);
    for (let base = 0; base < 20_000; base += 100) {
      table.startPlace({ lane: base % 3, base }, 0);
      for (let index = 0; index < 100; index += 2) {
        table.take(words(base + index), 0);
        table.add(index);
      }
      table.endPlace(100);
    }
    assert.equal(table.count, 10_000);
    assert.deepEqual(seen(table, 12_346), [{ lane: 12_300 % 3, base: 12_300, index: 46 }]);
    for (let n = 1; n < 20_000; n += 2) assert.deepEqual(seen(table, n), []);
  });

  test("forgets by time and by count, whole generations at once, so memory is bounded", () => {
    const table = new FingerprintTable(1_000, 100, 5);
    for (let n = 0; n < 10_000; n++) {
      table.startPlace({ lane: 0, base: n }, n < 5_000 ? 0 : n - 5_000);
      table.take(words(n), 0);
      table.add(0);
      table.endPlace(1);
      assert.ok(table.count <= 150, `${table.count} at ${n}`);
      for (const back of [1, 50, 99]) {
        if (n >= back) assert.equal(seen(table, n - back).length, 1, `${n} − ${back}`);
      }
    }
    table.startPlace({ lane: 0, base: 10_001 }, 20_000);
    assert.equal(table.count, 0);
  });
});
