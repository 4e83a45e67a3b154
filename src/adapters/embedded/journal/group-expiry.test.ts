import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
  unitOf,
} from "../../../../test/journal/core-rig.ts";
import type { Retention } from "../../../ports/transport.ts";
import { groupsAtOnce } from "./group-expiry.ts";

const dayMs = 86_400_000;

describe("groups without members", () => {
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

  const pass = (days: number): void => {
    clock.pass(days * dayMs);
    for (let turn = 0; turn < 3; turn++) {
      clock.pass(1_000);
      rig.core.tick();
    }
  };
  const events = (): string[] => rig.take("group").map(({ group, state }) => `${group} ${state}`);
  const reasons = (): readonly string[] => rig.take("health").at(-1)?.reasons ?? [];
  const groupOf = (name: string) => {
    const found = rig.stats("orders").groups.find(({ group }) => group === name);
    return found ?? assert.fail(name);
  };
  const stored = (): number => rig.stored("orders").length;

  /** A group that left after it had settled `settled` of three messages. */
  const abandoned = (retention: Retention, settled = 0): void => {
    rig.declare("orders", { retention, partitions: 1 });
    const member = rig.join("orders", "billing");
    for (let n = 0; n < 3; n++) rig.publish("orders", [`${n}`]);
    if (settled > 0) {
      const fences = [{ range: 0, epoch: 1 }];
      const cursors = [{ priority: "normal", range: 0, position: settled } as const];
      rig.transact([unitOf(member, { fences, cursors })]);
    }
    rig.core.handle("leave", { member });
    rig.notices = [];
  };

  test("it is announced after two thirds of the time, and passed after all of it", () => {
    abandoned({ days: 1 });
    const expiresAtMs = clock.wall + 30 * dayMs;
    assert.equal(groupOf("billing").expiresAtMs, expiresAtMs);
    pass(19.9);
    assert.deepEqual([events(), reasons()], [[], []]);
    pass(0.2);
    assert.deepEqual(rig.take("group"), [
      {
        kind: "group",
        channel: "orders",
        group: "billing",
        state: "expiring",
        expiresAtMs: clock.wall - 2_000 + 10 * dayMs,
      },
    ]);
    assert.match(
      reasons().join(),
      /^group 'billing' on channel 'orders' has had no member since 20/,
    );
    pass(9.8);
    assert.deepEqual([events(), stored(), groupOf("billing").dropped], [[], 3, 0]);
    pass(0.3);
    assert.deepEqual([events(), reasons()], [["billing expired"], []]);
    pass(0.1);
    assert.deepEqual([events(), stored(), groupOf("billing").dropped], [[], 1, 2]);
  });

  test("the channel says how long; a channel that drops unread waits for nobody", () => {
    abandoned({ days: 1, groupDays: 3 });
    pass(2.1);
    assert.deepEqual(events(), ["billing expiring"]);
    pass(1.1);
    assert.deepEqual(events(), ["billing expired"]);
    rig.declare("orders", { retention: { days: 1, unread: "drop" }, partitions: 1 });
    assert.equal(groupOf("billing").expiresAtMs, undefined);
  });

  test("a group that has read everything is left alone until something comes", () => {
    abandoned({ days: 1, groupDays: 3 }, 3);
    pass(40);
    assert.deepEqual(events(), []);
    rig.publish("orders", ["late"]);
    pass(0.1);
    assert.deepEqual(events(), ["billing expiring"]);
    pass(0.8);
    assert.deepEqual(events(), []);
    pass(0.2);
    assert.deepEqual(events(), ["billing expired"]);
  });

  test("a member that joins takes the notice back, and the end of a group too", () => {
    abandoned({ days: 1, groupDays: 3 });
    pass(2.5);
    assert.deepEqual([events(), reasons().length], [["billing expiring"], 1]);
    const member = rig.join("orders", "billing");
    pass(2);
    assert.deepEqual([events(), reasons()], [[], []]);
    assert.equal(groupOf("billing").expiresAtMs, undefined);
    rig.core.handle("leave", { member });
    pass(2.5);
    assert.deepEqual(events(), ["billing expiring"]);
    pass(1.1);
    assert.deepEqual(events(), ["billing expired"]);
    pass(0.1);
    assert.equal(stored(), 1);
    rig.join("orders", "billing");
    rig.publish("orders", ["a"]);
    rig.publish("orders", ["b"]);
    pass(9);
    assert.equal(stored(), 3, "it lives again: nothing more is removed unread");
  });

  test("however long the journal was closed, the notice comes first", () => {
    abandoned({ days: 1 });
    rig.close();
    clock.pass(400 * dayMs);
    rig = new CoreRig(directory, clock);
    pass(0);
    assert.deepEqual(events(), ["billing expiring"]);
    pass(9.9);
    assert.deepEqual([events(), stored()], [[], 3]);
    pass(0.2);
    assert.deepEqual(events(), ["billing expired"]);
  });

  test("of several processes one tells, and all know", () => {
    abandoned({ days: 1, groupDays: 3 });
    const other = new CoreRig(directory, clock);
    clock.pass(2.1 * dayMs);
    rig.core.tick();
    other.core.tick();
    const told = [...rig.take("group"), ...other.take("group")];
    assert.equal(told.length, 1);
    for (const each of [rig, other]) {
      assert.match(each.take("health").at(-1)?.reasons.join() ?? "", /'billing'/);
    }
    other.close();
  });

  test("very many groups are looked at in parts, and all of them are found", () => {
    rig.declare("orders", { retention: { groupDays: 3 }, partitions: 1 });
    rig.publish("orders", ["1"]);
    const columns = "channel, name, selection, seen_at, dropped, crc";
    rig.withConnection((connection) => {
      connection.exec(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n " +
          `WHERE i < ${groupsAtOnce + 20}) INSERT INTO grp (${columns}) ` +
          `SELECT 1, 'g' || i, 'null', ${clock.wall}, 0, 0 FROM n`,
      );
    });
    pass(2.5);
    assert.equal(events().length, groupsAtOnce + 20);
    assert.match(reasons().join(), /; 1039 more: unless/);
  });
});
