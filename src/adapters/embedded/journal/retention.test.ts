import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
  unitOf,
} from "../../../../test/journal/core-rig.ts";
import { keySlot } from "../../../kernel/key-slot.ts";
import type { Retention as RetentionOptions } from "../../../ports/transport.ts";
import { seededRandom } from "../../../kernel/random.ts";
import { Catalog } from "./catalog.ts";
import { openConnection } from "./connection.ts";
import { encodeOpen } from "./format.ts";
import { channelsAtOnce, Retention } from "./retention.ts";
import { Writer } from "./writer.ts";

const dayMs = 86_400_000;

describe("retention", () => {
  let directory: string;
  let clock: HandClock;
  let rig: CoreRig;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    rig = new CoreRig(directory, clock);
  });
  afterEach(() => {
    rig.close();
    removeDirectory(directory);
  });

  const declare = (retention: RetentionOptions, partitions = 1): void =>
    rig.declare("orders", { retention, partitions });
  const data = (): string[] => rig.stored("orders").map((row) => row.data);
  const sweep = (): void => {
    for (let round = 0; round < 10; round++) {
      clock.pass(1_000);
      rig.core.tick();
    }
  };
  const settle = (member: number, positions: readonly number[], sequence = 1): void => {
    const result = rig.transact([
      unitOf(member, {
        sequence,
        fences: positions.map((_, range) => ({ range, epoch: 1 })),
        cursors: positions.map((position, range) => ({ priority: "normal", range, position })),
      }),
    ]);
    assert.equal(result[0]?.kind, "committed");
  };
  const dropped = (): unknown =>
    rig.withConnection((connection) => connection.prepare("SELECT dropped FROM grp").get())?.[
      "dropped"
    ];

  test("deletes whole batches by age, keeps the last one, and says where the log starts", () => {
    declare({ days: 2.5 });
    for (const payload of ["1", "2", "3"]) {
      rig.publish("orders", [payload, payload]);
      clock.pass(dayMs);
    }
    sweep();
    assert.deepEqual(data(), ["2", "2", "3", "3"]);
    assert.deepEqual(
      rig.stats("orders").logs.map(({ startOffset, endOffset }) => [startOffset, endOffset]),
      [[2, 6]],
    );
    clock.pass(10 * dayMs);
    sweep();
    assert.deepEqual(data(), ["3", "3"]);
    assert.equal(rig.publish("orders", ["4"]).firstOffset, 6);
  });

  test("keeps seven days where nothing is said", () => {
    declare({});
    rig.publish("orders", ["1"]);
    rig.publish("orders", ["2"]);
    clock.pass(7 * dayMs - 20_000);
    sweep();
    assert.deepEqual(data(), ["1", "2"]);
    clock.pass(20_000);
    sweep();
    assert.deepEqual(data(), ["2"]);
  });

  test("deletes by bytes, the oldest first, however many batches at a time", () => {
    declare({ bytes: 20_000 });
    for (let n = 0; n < 60; n++) rig.publish("orders", [`${n}:${"x".repeat(900)}`]);
    sweep();
    const bytes = rig.stats("orders").logs[0]?.bytes as number;
    assert.ok(bytes <= 20_000 && bytes > 18_000, `${bytes}`);
    assert.equal(data().at(-1)?.slice(0, 2), "59");
  });

  test("never passes a living group's cursor", () => {
    declare({ days: 1 });
    const member = rig.join("orders", "billing");
    for (let n = 0; n < 4; n++) rig.publish("orders", [`${n}`]);
    clock.pass(9 * dayMs);
    sweep();
    assert.equal(data().length, 4);
    settle(member, [2]);
    sweep();
    assert.deepEqual(data(), ["2", "3"]);
    rig.core.handle("leave", { member });
    clock.pass(29 * dayMs);
    sweep();
    clock.pass(9 * dayMs);
    sweep();
    assert.deepEqual(data(), ["2", "3"]);
    clock.pass(2 * dayMs);
    sweep();
    assert.deepEqual([data(), dropped()], [["3"], 1]);
  });

  test("never passes an open message", () => {
    declare({ days: 1 });
    const member = rig.join("orders", "billing");
    for (let n = 0; n < 4; n++) rig.publish("orders", [`${n}`, `${n}'`]);
    const entries = encodeOpen(2, [{ offset: 3, attempt: 1, dueAtMs: 0, reason: "retry" }]);
    const row = { priority: "normal" as const, range: 0, base: 2 };
    const fences = [{ range: 0, epoch: 1 }];
    rig.transact([unitOf(member, { fences, open: [{ ...row, entries }] })]);
    settle(member, [8], 2);
    clock.pass(9 * dayMs);
    sweep();
    assert.equal(data()[0], "1");
    rig.transact([unitOf(member, { sequence: 3, fences, open: [{ ...row, entries: null }] })]);
    sweep();
    assert.deepEqual(data(), ["3", "3'"]);
  });

  test("a range without messages in the batch does not hold it, one with some does", () => {
    declare({ days: 1 }, 2);
    const member = rig.join("orders", "billing");
    const keys = ["a", "b", "c", "d", "e", "f"];
    const rangeOf = (key: string): number => (keySlot(key) * 2) >>> 16;
    const [inFirst, inSecond] = [0, 1].map((range) => {
      return keys.find((key) => rangeOf(key) === range) as string;
    });
    rig.publish("orders", [{ data: "1", key: inFirst as string }]);
    rig.publish("orders", [{ data: "2", key: inSecond as string }]);
    rig.publish("orders", ["3"]);
    settle(member, [3, 0]);
    clock.pass(9 * dayMs);
    sweep();
    assert.deepEqual(data(), ["2", "3"]);
  });

  test("unread: drop passes slow groups and counts what they miss, open messages too", () => {
    declare({ days: 1, unread: "drop" });
    const member = rig.join("orders", "billing");
    for (let n = 0; n < 3; n++) rig.publish("orders", [`${n}`, `${n}'`]);
    const entries = encodeOpen(0, [{ offset: 1, attempt: 1, dueAtMs: 0, reason: "retry" }]);
    const fences = [{ range: 0, epoch: 1 }];
    const open = [{ priority: "normal" as const, range: 0, base: 0, entries }];
    rig.transact([unitOf(member, { fences, open })]);
    settle(member, [3], 2);
    clock.pass(9 * dayMs);
    sweep();
    assert.deepEqual([data(), dropped()], [["2", "2'"], 2]);
    const [group] = rig.stats("orders").groups;
    assert.deepEqual([group?.open, group?.depth], [0, 2]);
  });

  test("freed pages are used again, and given back when many are free", () => {
    declare({ days: 1 });
    const pages = (name: string): number =>
      rig.withConnection((connection) =>
        Number(Object.values(connection.prepare(`PRAGMA ${name}`).get() ?? {})[0]),
      );
    for (let n = 0; n < 60; n++) rig.publish("orders", ["x".repeat(200_000)]);
    const full = pages("page_count");
    assert.ok(full > 700);
    clock.pass(9 * dayMs);
    for (let round = 0; round < 40; round++) sweep();
    assert.ok(pages("freelist_count") < 400);
    assert.ok(pages("page_count") < full / 2, `${pages("page_count")} of ${full}`);
  });

  test("with very many channels a step looks at some of them, and in the end at all", () => {
    const channels = 3 * channelsAtOnce + 10;
    const names = Array.from({ length: channels }, (_, n) => `many-${n}`);
    for (const name of names) rig.declare(name, { retention: { days: 1 } });
    const looked = [names[0], names[channelsAtOnce], names.at(-1)] as string[];
    for (const name of looked) for (const payload of ["1", "2"]) rig.publish(name, [payload]);
    clock.pass(2 * dayMs);
    const options = { clock, durability: "relaxed", busyTimeoutMs: 100 } as const;
    const writer = new Writer(openConnection(directory, "writer", options), {
      ...options,
      random: seededRandom(1),
      onWaiting: () => undefined,
    });
    let reads = 0;
    const one = writer.one.bind(writer);
    writer.one = (...parameters) => {
      reads++;
      return one(...parameters);
    };
    const retention = new Retention(writer, new Catalog(writer), clock);
    for (let round = 0; round < 12; round++) {
      clock.pass(1_000);
      reads = 0;
      retention.step();
      assert.ok(reads < 5 * channelsAtOnce, `${reads} rows in one step`);
    }
    writer.close();
    for (const name of looked) assert.equal(rig.stored(name).length, 1);
  });
});
