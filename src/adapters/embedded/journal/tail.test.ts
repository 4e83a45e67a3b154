import assert from "node:assert/strict";
import {
  closeSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
} from "../../../../test/journal/core-rig.ts";
import { readTail, tailPath } from "./tail-file.ts";
import { readSlot, slotBytes, type Tail, TailSlot } from "./tail-format.ts";
import { TailLogs, tailLogsMax } from "./tail-logs.ts";

function endsOf(tail: Tail | undefined): Record<string, number> {
  return Object.fromEntries(
    (tail?.logs ?? []).map((row) => [`${row.channel}/${row.lane}`, row.end]),
  );
}

describe("a slot of the tail", () => {
  test("gives back what it was given", () => {
    const slot = new TailSlot("incarnation");
    slot.add(1, "orders", 1, 10);
    const place = slot.add(4_000_000_000, "a".repeat(200), 2, 3);
    slot.move(place, 2 ** 40);
    slot.unlisted(7, 8);
    slot.lastTimer(2 ** 32 + 6);
    assert.deepEqual(readSlot(slot.seal(9)), {
      incarnation: "incarnation",
      commit: 9,
      logs: [
        { log: 1, channel: "orders", lane: 1, end: 10 },
        { log: 4_000_000_000, channel: "a".repeat(200), lane: 2, end: 2 ** 40 },
      ],
      unlistedCommit: 7,
      unlistedEnd: 8,
      lastTimer: 6,
    });
  });

  test("with any bit of what it says flipped is not read", () => {
    const slot = new TailSlot("incarnation");
    slot.add(1, "orders", 1, 10);
    const bytes = slot.seal(9);
    // Magic, checksum, and everything up to the end of the only entry.
    for (let bit = 0; bit < (104 + 14 + "orders".length) * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.equal(readSlot(flipped), undefined, `bit ${bit}`);
    }
  });

  test("lists the logs that moved last, and says how recently the others moved", () => {
    const logs = new TailLogs("incarnation");
    const count = tailLogsMax + 10;
    for (let log = 1; log <= count; log++) logs.set(log, 1, log * 2, log, () => `channel-${log}`);
    const tail = readSlot(logs.slot.seal(count));
    const listed = new Set(tail?.logs.map(({ log }) => log));
    assert.ok(listed.size >= 64, `${listed.size} logs are listed`);
    // Whatever is not listed moved no later than it says, and ends no higher.
    for (let log = 1; log <= count; log++) {
      if (listed.has(log)) continue;
      assert.ok(
        log <= (tail?.unlistedCommit ?? 0) && log * 2 <= (tail?.unlistedEnd ?? 0),
        `${log}`,
      );
    }
    assert.ok((tail?.unlistedCommit ?? 0) < count);
    // One that was forgotten comes back when it moves.
    logs.set(1, 1, 99, count + 1, () => "channel-1");
    assert.equal(endsOf(readSlot(logs.slot.seal(count + 1)))["channel-1/1"], 99);
  });
});

describe("the tail of a journal", () => {
  let directory: string;
  let clock: HandClock;
  let rigs: CoreRig[];
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    rigs = [];
  });
  afterEach(() => {
    for (const rig of rigs) rig.close();
    removeDirectory(directory);
  });

  const open = (durability: "fsync" | "relaxed" = "fsync"): CoreRig => {
    const rig = new CoreRig(directory, clock, { durability });
    rigs.push(rig);
    return rig;
  };
  const commitOf = (rig: CoreRig): number =>
    rig.withConnection((connection) =>
      Number(connection.prepare("SELECT value FROM meta WHERE name = 'commit'").get()?.["value"]),
    );

  test("is as new as the last commit, and has every log", () => {
    const rig = open();
    rig.declare("orders");
    rig.publish("orders", ["a", "b"]);
    rig.publish("orders", ["c"], { priority: "high" });
    const { state, tail } = readTail(directory);
    assert.equal(state, "read");
    assert.equal(tail?.commit, commitOf(rig));
    assert.equal(tail?.incarnation, rig.incarnation);
    assert.deepEqual(endsOf(tail), { "orders/1": 2, "orders/0": 1 });
    assert.equal(statSync(tailPath(directory)).size, 3 * slotBytes);
  });

  test("of several processes knows what each of them appended", () => {
    const [one, two] = [open(), open()];
    one.declare("orders");
    one.declare("refunds");
    one.publish("orders", ["a", "b"]);
    two.publish("refunds", ["c"]);
    assert.deepEqual(endsOf(readTail(directory).tail), { "orders/1": 2, "refunds/1": 1 });
    one.publish("orders", ["d"]);
    const { tail } = readTail(directory);
    assert.deepEqual(endsOf(tail), { "orders/1": 3, "refunds/1": 1 });
    assert.equal(tail?.commit, commitOf(one));
  });

  test("has nothing of a transaction that was rolled back", () => {
    const rig = open();
    rig.declare("orders");
    rig.publish("orders", ["a"]);
    const before = readTail(directory).tail;
    assert.throws(() => rig.join("orders", "group", ["a"]) && rig.join("orders", "group", ["b"]));
    const after = readTail(directory).tail;
    assert.deepEqual(after?.logs, before?.logs);
    assert.equal(after?.commit, commitOf(rig));
  });

  test("is written with relaxed durability only where everything was synced", () => {
    const rig = open("relaxed");
    const first = readTail(directory).tail?.commit;
    rig.declare("orders");
    rig.publish("orders", ["a"]);
    assert.equal(readTail(directory).tail?.commit, first);
    rig.close();
    rigs = [];
    const { tail, copied } = readTail(directory);
    assert.deepEqual(endsOf(tail), { "orders/1": 1 });
    assert.equal(copied, tail?.commit);
    assert.equal(tail?.commit, commitOf(open()) - 1);
  });

  test("is made anew where it is missing or not readable", () => {
    open().declare("orders");
    for (const spoil of [
      () => rmSync(tailPath(directory)),
      () => writeFileSync(tailPath(directory), new Uint8Array(3 * slotBytes)),
      () => writeFileSync(tailPath(directory), "short"),
    ]) {
      for (const rig of rigs) rig.close();
      rigs = [];
      spoil();
      const rig = open();
      assert.equal(readTail(directory).tail?.commit, commitOf(rig));
    }
  });

  test("counts by its other slot when one is spoiled", () => {
    const rig = open();
    rig.declare("orders");
    const commit = commitOf(rig);
    const file = openSync(tailPath(directory), "r+");
    writeSync(file, new Uint8Array(100), 0, 100, (commit % 2) * slotBytes);
    closeSync(file);
    assert.equal(readTail(directory).tail?.commit, commit - 1);
    assert.equal(readFileSync(tailPath(directory)).length, 3 * slotBytes);
  });
});
