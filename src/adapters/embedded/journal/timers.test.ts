import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
} from "../../../../test/journal/core-rig.ts";

describe("delayed messages", () => {
  let directory: string;
  let clock: HandClock;
  let rig: CoreRig;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    rig = new CoreRig(directory, clock);
    rig.declare("orders");
  });
  afterEach(() => {
    rig.close();
    removeDirectory(directory);
  });

  const delay = (payloads: readonly string[], delaysMs: readonly number[]): void => {
    const dueAtMs = delaysMs.map((delayMs) => clock.wall + delayMs);
    const result = rig.publish("orders", payloads, { dueAtMs });
    assert.deepEqual(result, { firstOffset: -1, exceptions: [] });
  };
  const data = (): string[] => rig.stored("orders").map((row) => row.data);

  test("appear in order of their due time, not before, merged into batches", () => {
    delay(["c", "a", "b"], [300, 100, 100]);
    assert.equal(rig.stats("orders").delayed, 3);
    assert.ok(rig.core.tick() <= 100);
    clock.pass(99);
    rig.core.tick();
    assert.deepEqual([data(), rig.take("advanced")], [[], []]);
    clock.pass(1);
    rig.core.tick();
    assert.deepEqual(data(), ["a", "b"]);
    assert.deepEqual(rig.take("advanced")[0]?.logs, [["orders", "normal", 2]]);
    clock.pass(1_000);
    rig.core.tick();
    assert.deepEqual(data(), ["a", "b", "c"]);
    assert.equal(rig.stats("orders").delayed, 0);
    const batches = rig.withConnection((connection) =>
      connection.prepare("SELECT count(*) AS batches FROM batch").get(),
    );
    assert.equal(batches?.["batches"], 2);
  });

  test("a new delayed message shortens the wait", () => {
    rig.core.tick();
    const before = rig.core.waitMs();
    delay(["a"], [7]);
    assert.ok(before > 7);
    assert.equal(rig.core.waitMs(), 7);
  });

  test("survive a restart", () => {
    delay(["a"], [1_000]);
    rig.close();
    clock.pass(5_000);
    rig = new CoreRig(directory, clock);
    rig.core.tick();
    assert.deepEqual(data(), ["a"]);
  });

  test("wait when the wall clock jumps back, all fire when it jumps forward", () => {
    delay(["a"], [1_000]);
    clock.wall -= 3_600_000;
    clock.pass(2_000);
    rig.core.tick();
    assert.deepEqual(data(), []);
    clock.wall += 7_200_000;
    rig.core.tick();
    assert.deepEqual(data(), ["a"]);
  });

  test("at most 1,000 move in one transaction; the rest at the next ticks", () => {
    for (let batch = 0; batch < 3; batch++) {
      delay(
        Array.from({ length: 800 }, (_, n) => `${batch}-${n}`),
        Array<number>(800).fill(5),
      );
    }
    clock.pass(5);
    const after: number[] = [];
    for (let round = 0; round < 3; round++) {
      assert.equal(rig.core.tick() === 0, round < 2);
      after.push(data().length);
    }
    assert.deepEqual(after, [1_000, 2_000, 2_400]);
    assert.equal(new Set(data()).size, 2_400);
  });

  test("two processes move each message once", () => {
    const other = new CoreRig(directory, clock);
    delay(["a", "b"], [10, 20]);
    clock.pass(10);
    other.core.tick();
    rig.core.tick();
    clock.pass(10);
    rig.core.tick();
    other.core.tick();
    assert.deepEqual(data(), ["a", "b"]);
    other.close();
  });

  test("the wait is until the next one, whoever keeps, moves or cancels it", () => {
    const other = new CoreRig(directory, clock);
    const wait = (one: CoreRig, passMs: number): number => {
      clock.pass(passMs);
      one.core.poll();
      return one.core.waitMs();
    };
    delay(["a"], [100]);
    const soon = { data: "b", id: "b" };
    other.publish("orders", [soon], { dueAtMs: [clock.wall + 40] });
    assert.deepEqual([wait(rig, 0), wait(other, 0)], [40, 40]);
    const message = { id: "b", source: "test", tenant: undefined };
    const timers = rig.withConnection((connection) =>
      connection.prepare("SELECT id FROM timer WHERE given = 1").all(),
    );
    const request = { channel: "orders", message, timers: timers.map(({ id }) => Number(id)) };
    assert.equal(other.core.handle("cancel", request).cancelled, 1);
    assert.deepEqual([wait(other, 0), wait(rig, 0)], [100, 100]);
    assert.ok(wait(other, 100) > 0, "it has moved it");
    assert.ok(wait(rig, 0) > 0, "it is not due any more");
    assert.deepEqual(data(), ["a"]);
    other.close();
  });

  test("those of a removed channel are waited for by nobody", () => {
    delay(["a"], [2_000]);
    rig.core.handle("remove", { channel: "orders" });
    clock.pass(1_990);
    rig.core.tick();
    assert.ok(rig.core.waitMs() > 10);
  });

  test("keep their lane, key, attributes and time", () => {
    const wallMs = clock.wall;
    const sample = { data: "1", id: "a-1", key: "k", attributes: { subject: "s" } };
    rig.publish("orders", [sample], { priority: "low", dueAtMs: [wallMs + 10] });
    clock.pass(2_500_000_000);
    rig.publish("orders", [{ data: "2" }], { priority: "low", dueAtMs: [wallMs] });
    rig.core.tick();
    assert.deepEqual(rig.stored("orders", "low"), [
      { offset: 0, id: rig.stored("orders", "low")[0]?.id, data: "2" },
      { offset: 1, id: "a-1", data: "1" },
    ]);
  });

  test("a damaged one is reported and stops no other work", () => {
    delay(["a"], [10]);
    rig.withConnection((connection) => connection.exec("UPDATE timer SET due_at = due_at - 1"));
    clock.pass(10);
    rig.core.tick();
    assert.match(rig.take("health")[0]?.reasons[0] ?? "", /a timer .* does not match/);
    assert.equal(rig.publish("orders", ["b"]).firstOffset, 0);
  });

  test("large ones move a few megabytes at a time", () => {
    const due = clock.wall + 1_000;
    const data = "x".repeat(1_000_000);
    for (let n = 0; n < 10; n++) rig.publish("orders", [`${n}${data}`], { dueAtMs: [due] });
    clock.pass(1_000);
    for (const moved of [4, 8, 10]) {
      rig.core.tick();
      assert.equal(rig.stored("orders").length, moved);
    }
  });

  test("wait while the write-ahead log is too large, without asking for a tick at once", () => {
    const other = new CoreRig(directory, clock, { walBytesMax: 1_048_576 });
    other.publish("orders", ["delayed"], { dueAtMs: [clock.wall + 1_000] });
    other.withConnection((reader) => {
      reader.exec("BEGIN; SELECT count(*) FROM batch");
      reader.prepare("SELECT count(*) FROM batch").get();
      while (other.take("health").at(-1)?.appendsStopped !== true) {
        other.publish("orders", ["x".repeat(100_000)]);
      }
      clock.pass(1_000);
      assert.ok(other.core.tick() > 0);
      assert.equal(other.stats("orders").delayed, 1);
      reader.exec("COMMIT");
    });
    clock.pass(50);
    other.core.tick();
    assert.equal(other.stats("orders").delayed, 0);
    other.close();
  });
});
