import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
  unitOf,
} from "../../../../test/journal/core-rig.ts";
import type { EngineOptions } from "./engine.ts";

describe("leases", () => {
  let directory: string;
  let clock: HandClock;
  let rigs: CoreRig[];
  let rig: CoreRig;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    rigs = [];
    rig = open();
    rig.declare("orders");
  });
  afterEach(() => {
    for (const opened of rigs) opened.close();
    removeDirectory(directory);
  });

  function open(bell = "", options: Partial<EngineOptions> = {}): CoreRig {
    const opened = new CoreRig(directory, clock, options, bell);
    rigs.push(opened);
    return opened;
  }

  /** Lets time pass in steps short enough to be an observation without interruption. */
  const live = (durationMs: number, ...living: CoreRig[]): void => {
    for (let passed = 0; passed < durationMs; passed += 200) {
      clock.pass(200);
      for (const each of living) each.core.tick();
    }
  };
  const owners = (): number[] =>
    rig
      .withConnection((connection) =>
        connection.prepare("SELECT member FROM lease ORDER BY grp, range").all(),
      )
      .map((row) => Number(row["member"]));
  const commits = (of: CoreRig, member: number, range: number, epoch: number, generation = 1) => {
    const cursors = [{ priority: "normal" as const, range, position: epoch }];
    const unit = unitOf(member, { generation, fences: [{ range, epoch }], cursors });
    return of.transact([unit])[0]?.kind;
  };

  test("the first member gets everything at once", () => {
    const member = rig.join("orders", "billing");
    assert.deepEqual(
      rig.grants(),
      [0, 1, 2, 3].map((range) => [member, range, 1]),
    );
  });

  test("a second member of the same process is given its share when it was released", () => {
    const first = rig.join("orders", "billing");
    const second = rig.join("orders", "billing");
    assert.deepEqual(rig.take("revoke"), [{ kind: "revoke", member: first, ranges: [1, 3] }]);
    rig.grants();
    rig.core.handle("release", { member: first, ranges: [1] });
    assert.deepEqual(rig.grants(), [[second, 1, 2]]);
    assert.equal(commits(rig, first, 1, 1), "fenced");
    rig.core.handle("release", { member: first, ranges: [3] });
    assert.deepEqual(owners(), [first, second, first, second]);
    assert.deepEqual(rig.take("revoke"), []);
  });

  test("a lease that is not what was written decides nothing: it is damage", () => {
    const member = rig.join("orders", "billing");
    const other = open();
    rig.withConnection((connection) =>
      connection.exec("UPDATE lease SET epoch = 9 WHERE range = 1"),
    );
    assert.equal(commits(rig, member, 0, 1), "committed");
    const damaged = { code: "JOURNAL_DAMAGED", message: /the lease of range 1/ };
    // Without its checksum the row would fence the unit, and the range would be lost for ever.
    assert.throws(() => commits(rig, member, 1, 1), damaged);
    assert.throws(() => other.join("orders", "billing"), damaged);
  });

  test("a member of another process: asked for at the next tick, taken at the next tick", () => {
    const first = rig.join("orders", "billing");
    const other = open();
    const second = other.join("orders", "billing");
    assert.deepEqual(other.grants(), []);
    rig.core.poll();
    assert.deepEqual(rig.take("revoke"), [{ kind: "revoke", member: first, ranges: [1, 3] }]);
    rig.core.poll();
    assert.deepEqual(rig.take("revoke"), []);
    rig.core.handle("release", { member: first, ranges: [1, 3] });
    other.core.poll();
    assert.deepEqual(other.grants(), [
      [second, 1, 2],
      [second, 3, 2],
    ]);
  });

  test("who leaves frees its ranges for the others, here and elsewhere", () => {
    const first = rig.join("orders", "billing");
    rig.core.handle("leave", { member: first });
    assert.deepEqual(owners(), [0, 0, 0, 0]);
    const second = rig.join("orders", "billing");
    const other = open();
    const third = other.join("orders", "billing");
    rig.close();
    rigs.shift();
    rig = other;
    other.core.poll();
    assert.deepEqual(owners(), Array(4).fill(third));
    assert.notEqual(second, third);
    assert.throws(() => other.core.handle("leave", { member: first }), {
      code: "INVALID_ARGUMENT",
    });
  });

  test("a process that was taken for dead, joins, and then dies leaves nothing behind", () => {
    const first = rig.join("orders", "billing");
    const other = open();
    const second = other.join("orders", "billing");
    rig.core.poll();
    rig.core.handle("release", { member: first, ranges: [1, 3] });
    other.core.poll();
    live(4_000, rig);
    assert.deepEqual(owners(), Array(4).fill(first), "it was slow: its ranges are taken");
    const third = other.join("orders", "billing");
    assert.deepEqual(other.take("lost"), [{ kind: "lost", member: second, ranges: [1, 3] }]);
    rig.core.poll();
    rig.core.handle("release", { member: first, ranges: [1, 2] });
    // Before its next beat it dies: it never ticks again.
    assert.notEqual(second, third);
    live(4_000, rig);
    assert.deepEqual(owners(), Array(4).fill(first));
    const left = rig.withConnection((each) => each.prepare("SELECT id FROM member").all());
    assert.deepEqual(
      left.map((row) => row["id"]),
      [first],
    );
  });

  test("a silent process loses its leases after leaseMs, and its late commit is fenced", () => {
    const frozen = open();
    const first = frozen.join("orders", "billing");
    const second = rig.join("orders", "billing");
    rig.core.tick();
    live(2_800, rig);
    assert.deepEqual(owners(), Array(4).fill(first));
    live(600, rig);
    assert.deepEqual(owners(), Array(4).fill(second));
    assert.deepEqual(rig.grants().length, 4);
    assert.equal(commits(frozen, first, 0, 1), "fenced");
    assert.deepEqual(frozen.take("lost")[0]?.ranges, [0]);
    frozen.core.tick();
    assert.deepEqual(frozen.take("lost")[0]?.ranges, [1, 2, 3]);
    assert.equal(commits(rig, second, 0, 2), "committed");
  });

  test("who was taken for dead registers again and gets a share under a new epoch", () => {
    const frozen = open();
    const first = frozen.join("orders", "billing");
    const second = rig.join("orders", "billing");
    live(3_400, rig);
    frozen.core.tick();
    rig.core.poll();
    assert.deepEqual(rig.take("revoke").at(-1), { kind: "revoke", member: second, ranges: [0, 2] });
    rig.core.handle("release", { member: second, ranges: [0, 2] });
    frozen.grants();
    frozen.core.poll();
    assert.deepEqual(frozen.grants(), [
      [first, 0, 3],
      [first, 2, 3],
    ]);
    assert.equal(commits(frozen, first, 0, 3), "committed");
  });

  test("nobody takes over: leases lost with the row are regained, fenced from before", () => {
    const member = rig.join("orders", "billing");
    rig.grants();
    rig.withConnection((connection) => connection.exec("DELETE FROM process; DELETE FROM member"));
    live(1_200, rig);
    assert.deepEqual(rig.take("lost"), [{ kind: "lost", member, ranges: [0, 1, 2, 3] }]);
    assert.equal(rig.grants().length, 4);
    assert.equal(commits(rig, member, 0, 1), "fenced");
    assert.equal(commits(rig, member, 0, 2, 2), "committed");
  });

  test("living processes are never taken for dead, whatever the wall clock does", () => {
    const other = open();
    const first = other.join("orders", "billing");
    rig.join("orders", "billing");
    for (let round = 0; round < 20; round++) {
      clock.wall += round % 2 === 0 ? 86_400_000 : -90_000_000;
      live(1_000, rig, other);
    }
    assert.deepEqual(owners(), Array(4).fill(first));
  });

  test("an observer that was itself frozen starts to observe anew", () => {
    const other = open();
    const first = other.join("orders", "billing");
    rig.join("orders", "billing");
    rig.core.tick();
    clock.pass(60_000);
    rig.core.tick();
    assert.deepEqual(owners(), Array(4).fill(first));
    live(1_000, rig, other);
    assert.deepEqual(owners(), Array(4).fill(first));
  });

  test("a refused doorbell is death at once; an unknown bell is nothing", () => {
    const other = open("bell-of-the-other");
    other.join("orders", "billing");
    const second = rig.join("orders", "billing");
    rig.core.poll();
    assert.deepEqual(rig.core.peers(), ["bell-of-the-other"]);
    rig.core.peerGone("nobody");
    rig.core.tick();
    assert.notDeepEqual(owners(), Array(4).fill(second));
    rig.core.peerGone("bell-of-the-other");
    rig.core.tick();
    assert.deepEqual(owners(), Array(4).fill(second));
  });

  test("a main thread that hangs for maxBlockedMs loses its leases, and not before", () => {
    const hanging = open("", { maxBlockedMs: 30_000 });
    const first = hanging.join("orders", "billing");
    const second = rig.join("orders", "billing");
    hanging.hanging = true;
    live(30_000, rig, hanging);
    assert.deepEqual(owners(), Array(4).fill(first));
    live(5_000, rig, hanging);
    assert.deepEqual(owners(), Array(4).fill(second));
    hanging.hanging = false;
    live(1_200, rig, hanging);
    assert.deepEqual(hanging.take("lost")[0]?.ranges, [0, 1, 2, 3]);
  });

  test("another selection is refused while a member lives, then replaces the old one", () => {
    const member = rig.join("orders", "billing", ["a"]);
    const other = open();
    assert.throws(() => other.join("orders", "billing", ["a", "b"]), { code: "GROUP_CONFLICT" });
    assert.throws(() => rig.join("orders", "billing"), { code: "GROUP_CONFLICT" });
    assert.equal(rig.stats("orders").groups[0]?.members, 1);
    rig.join("orders", "billing", ["a"]);
    rig.close();
    rigs.shift();
    rig = other;
    assert.ok(other.join("orders", "billing", ["b"]) > member);
  });

  test("members come and go: in the end every range has its wanted owner", () => {
    const others = [rig, open(), open()];
    const members = others.map((each) => [each, each.join("orders", "billing")] as const);
    const releaseAsked = (): void => {
      for (const each of others) {
        for (const { member, ranges } of each.take("revoke")) {
          each.core.handle("release", { member, ranges });
        }
      }
    };
    for (let round = 0; round < 4; round++) {
      live(200, ...others);
      releaseAsked();
    }
    const ids = members.map(([, id]) => id);
    assert.deepEqual(owners(), [ids[0], ids[1], ids[2], ids[0]]);
    rig.core.handle("leave", { member: ids[0] as number });
    for (let round = 0; round < 4; round++) {
      live(200, ...others);
      releaseAsked();
    }
    assert.deepEqual(owners(), [ids[1], ids[2], ids[1], ids[2]]);
  });

  test("a damaged cursor is reported to who would take it over", () => {
    const member = rig.join("orders", "billing");
    rig.publish("orders", ["1"]);
    assert.equal(commits(rig, member, 0, 1), "committed");
    rig.core.handle("leave", { member });
    rig.withConnection((connection) => connection.exec("UPDATE cursor SET position = 0"));
    assert.throws(() => rig.join("orders", "billing"), { code: "JOURNAL_DAMAGED" });
    assert.deepEqual(owners(), [0, 0, 0, 0]);
  });

  const whileLocked = (action: () => void): void =>
    rig.withConnection((holder) => {
      holder.exec("BEGIN IMMEDIATE");
      action();
      holder.exec("ROLLBACK");
    });

  test("ranges that became free while the lock was held are taken once it is let go", () => {
    const other = open();
    const first = other.join("orders", "billing");
    const member = rig.join("orders", "billing");
    other.core.handle("leave", { member: first });
    whileLocked(() => rig.core.poll());
    assert.deepEqual(rig.grants(), []);
    rig.core.poll();
    assert.deepEqual(
      rig.grants(),
      [0, 1, 2, 3].map((range) => [member, range, 2]),
    );
  });

  test("ranges and members given up while the lock is held go at the next look", () => {
    const first = rig.join("orders", "billing");
    const second = rig.join("orders", "billing");
    whileLocked(() => rig.core.handle("release", { member: first, ranges: [1, 3] }));
    assert.deepEqual(owners(), [first, first, first, first]);
    rig.core.poll();
    assert.deepEqual(owners(), [first, second, first, second]);
    whileLocked(() => rig.core.handle("leave", { member: first }));
    rig.core.poll();
    assert.deepEqual(owners(), [second, second, second, second]);
    assert.equal(rig.stats("orders").groups[0]?.members, 1);
  });

  test("a group whose cursor is damaged stops no other group", () => {
    const other = open();
    const first = other.join("orders", "billing");
    other.publish("orders", ["1"]);
    assert.equal(commits(other, first, 0, 1), "committed");
    rig.join("orders", "billing");
    other.withConnection((connection) => connection.exec("UPDATE cursor SET position = 0"));
    other.core.handle("leave", { member: first });
    rig.grants();
    const second = rig.join("orders", "shipping");
    assert.equal(rig.grants().filter(([member]) => member === second).length, 4);
    assert.equal(rig.join("orders", "mailing") > second, true);
    live(600, rig);
    assert.match(JSON.stringify(rig.take("health").at(-1)), /a cursor .* checksum/);
  });

  test("a late release of a range that was lost and regained: its owner is told", () => {
    const first = rig.join("orders", "billing");
    rig.withConnection((connection) => connection.exec("DELETE FROM process; DELETE FROM member"));
    live(1_200, rig);
    const second = rig.join("orders", "billing");
    rig.notices = [];
    // Sent before first heard that it lost range 1 and has it again under epoch 2.
    rig.core.handle("release", { member: first, ranges: [1] });
    assert.deepEqual(rig.grants(), [[second, 1, 3]]);
    assert.equal(commits(rig, first, 1, 2, 2), "fenced");
    assert.deepEqual(rig.take("lost"), [{ kind: "lost", member: first, ranges: [1] }]);
  });
});
