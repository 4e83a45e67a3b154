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
import type { StartPosition } from "../../../ports/transport.ts";
import { encodeOpen } from "./format.ts";
import { batchesMax } from "./unread-walk.ts";

/** What the statistics of a group with one member say beside its progress. */
const fresh = {
  group: "billing",
  members: 1,
  expired: 0,
  dropped: 0,
  lost: 0,
  idleSinceMs: undefined,
  expiresAtMs: undefined,
};

describe("statistics and start positions", () => {
  let directory: string;
  let clock: HandClock;
  let rig: CoreRig;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    rig = new CoreRig(directory, clock);
    rig.declare("orders", { partitions: 2 });
  });
  afterEach(() => {
    rig.close();
    removeDirectory(directory);
  });

  const group = () => rig.stats("orders").groups[0];
  const keyIn = (range: number, partitions = 2): string => {
    for (let n = 0; ; n++) if ((keySlot(`k${n}`) * partitions) >>> 16 === range) return `k${n}`;
  };
  const move = (member: number, positions: readonly number[], sequence = 1): void => {
    rig.transact([
      unitOf(member, {
        sequence,
        fences: positions.map((_, range) => ({ range, epoch: 1 })),
        cursors: positions.map((position, range) => ({ priority: "normal", range, position })),
      }),
    ]);
  };

  test("depth and lag of a group that has settled nothing, some, and everything", () => {
    const member = rig.join("orders", "billing");
    assert.deepEqual(group(), { ...fresh, depth: 0, open: 0, lagMs: 0 });
    rig.publish("orders", ["1", "2"]);
    clock.pass(50);
    rig.publish("orders", ["3"]);
    clock.pass(10);
    assert.deepEqual([group()?.depth, group()?.lagMs], [3, 60]);
    move(member, [2, 2]);
    assert.deepEqual([group()?.depth, group()?.lagMs], [1, 10]);
    move(member, [3, 3], 2);
    assert.deepEqual([group()?.depth, group()?.lagMs], [0, 0]);
  });

  test("ranges at different offsets are counted record by record", () => {
    const member = rig.join("orders", "billing");
    const [first, second] = [keyIn(0), keyIn(1)];
    rig.publish("orders", [
      { data: "1", key: first },
      { data: "2", key: second },
    ]);
    clock.pass(5);
    rig.publish("orders", [
      { data: "3", key: first },
      { data: "4", key: first },
    ]);
    rig.publish("orders", [{ data: "5", key: second }]);
    move(member, [4, 0]);
    assert.deepEqual([group()?.depth, group()?.lagMs], [2, 5]);
    move(member, [0, 5], 2);
    assert.equal(group()?.depth, 3);
    move(member, [3, 5], 3);
    assert.deepEqual([group()?.depth, group()?.lagMs], [1, 0]);
  });

  test("far apart, the rest is taken as spread evenly", () => {
    const member = rig.join("orders", "billing");
    for (let n = 0; n < batchesMax + 100; n++) rig.publish("orders", ["x", "y"]);
    move(member, [0, 2 * (batchesMax + 100)]);
    const depth = group()?.depth as number;
    assert.ok(depth > 250 && depth < 460, `${depth}`);
  });

  test("open messages count in depth; in-flight ones are not open", () => {
    const member = rig.join("orders", "billing");
    rig.publish("orders", ["1", "2", "3"]);
    const entries = encodeOpen(0, [
      { offset: 0, attempt: 1, dueAtMs: 9, reason: "retry" },
      { offset: 1, attempt: 0, dueAtMs: 0, reason: "parked" },
      { offset: 2, attempt: 0, dueAtMs: 0, reason: "in-flight" },
    ]);
    rig.transact([
      unitOf(member, {
        fences: [{ range: 0, epoch: 1 }],
        open: [{ priority: "normal", range: 0, base: 0, entries }],
      }),
    ]);
    move(member, [3, 3], 2);
    clock.pass(30);
    assert.deepEqual(group(), { ...fresh, depth: 3, open: 2, lagMs: 30 });
  });

  test("a group starts where it chose, lane by lane", () => {
    rig.publish("orders", ["0", "1"]);
    rig.publish("orders", ["h0"], { priority: "high" });
    clock.pass(100);
    const middleMs = clock.wall;
    rig.publish("orders", ["2", "3"]);
    rig.publish("orders", ["h1", "h2"], { priority: "high" });
    clock.pass(100);
    rig.publish("orders", ["4"]);
    const starts: (readonly [StartPosition, number, number])[] = [
      ["earliest", 0, 0],
      ["latest", 5, 3],
      [{ offset: 0 }, 0, 0],
      [{ offset: 1 }, 1, 0],
      [{ offset: 3 }, 3, 1],
      [{ offset: 4 }, 4, 3],
      [{ offset: 9 }, 9, 3],
      [{ timeMs: 0 }, 0, 0],
      [{ timeMs: middleMs }, 2, 1],
      [{ timeMs: middleMs + 1 }, 4, 3],
      [{ timeMs: middleMs + 999 }, 5, 3],
    ];
    for (const [index, [from, normal, high]] of starts.entries()) {
      rig.core.handle("join", { channel: "orders", group: `g${index}`, from, types: undefined });
      const position = new Map(
        rig.take("granted")[0]?.grants[1]?.cursors.map((row) => [row.priority, row.position]),
      );
      const found = [position.get("normal") ?? 0, position.get("high") ?? 0];
      assert.deepEqual(found, [normal, high], JSON.stringify(from));
    }
  });

  test("a start position that is none is refused, and no group is left behind", () => {
    rig.publish("orders", ["0"]);
    for (const from of [{ offset: -1 }, { timeMs: Number.NaN }]) {
      assert.throws(
        () => rig.core.handle("join", { channel: "orders", group: "g", from, types: undefined }),
        { code: "INVALID_ARGUMENT" },
      );
    }
    assert.deepEqual(rig.stats("orders").groups, []);
  });

  test("an offset given for an empty channel is kept until messages get there", () => {
    rig.core.handle("join", {
      channel: "orders",
      group: "g",
      from: { offset: 2 },
      types: undefined,
    });
    rig.publish("orders", ["0", "1", "2"]);
    assert.deepEqual(rig.take("granted")[0]?.grants[0]?.cursors, [
      { priority: "normal", position: 2 },
    ]);
    assert.equal(group()?.depth, 1);
  });
});
