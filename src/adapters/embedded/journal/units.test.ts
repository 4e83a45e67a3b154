import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  plainUnit,
  removeDirectory,
  unitOf,
} from "../../../../test/journal/core-rig.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { StateChange } from "../../../ports/commit-unit.ts";
import type { EngineUnit } from "./engine.ts";
import { decodeOpen, encodeOpen } from "./format.ts";
import { leaseCrc } from "./row-checksums.ts";
import { recentUnitsMax } from "./units.ts";

describe("commit units", () => {
  let directory: string;
  let clock: HandClock;
  let rig: CoreRig;
  let member: number;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    rig = new CoreRig(directory, clock);
    rig.declare("orders");
    member = rig.join("orders", "billing");
  });
  afterEach(() => {
    rig.close();
    removeDirectory(directory);
  });

  const one = (unit: EngineUnit) => rig.transact([unit])[0];
  const change = (
    key: string,
    expected: number,
    value: string | null | undefined = "v",
  ): StateChange => ({ table: "accounts", key, expected, value });
  const committed = (unit: EngineUnit): number => {
    const result = one(unit);
    if (result?.kind !== "committed") throw new Error(JSON.stringify(result));
    return result.version;
  };
  const state = (): unknown[] =>
    rig
      .withConnection((connection) =>
        connection.prepare("SELECT key, version, value FROM state ORDER BY key").all(),
      )
      .map((row) => ({ ...row }));

  test("settlements, state and appends are there together", () => {
    rig.publish("orders", ["1", "2", "3"]);
    const entries = [{ offset: 1, attempt: 1, dueAtMs: 77, reason: "retry" as const }];
    const version = committed(
      unitOf(member, {
        fences: [{ range: 2, epoch: 1 }],
        cursors: [{ priority: "normal", range: 2, position: 3 }],
        open: [{ priority: "normal", range: 2, base: 0, entries: encodeOpen(0, entries) }],
        state: [change("alice", 0, "1")],
        appends: [rig.encoded("orders", [{ data: "4" }])],
      }),
    );
    assert.deepEqual(state(), [{ key: "alice", version, value: "1" }]);
    assert.equal(rig.stored("orders").length, 4);
    rig.grants();
    rig.core.handle("release", { member, ranges: [2] });
    const grant = rig.take("granted")[0]?.grants[0];
    assert.deepEqual([grant?.range, grant?.epoch], [2, 2]);
    assert.deepEqual(grant?.cursors, [{ priority: "normal", position: 3 }]);
    assert.deepEqual(decodeOpen(0, grant?.open[0]?.entries as Uint8Array), entries);
  });

  test("an open list that became empty is removed", () => {
    rig.publish("orders", ["1"]);
    const fences = [{ range: 0, epoch: 1 }];
    const row = { priority: "normal" as const, range: 0, base: 0 };
    const entries = encodeOpen(0, [{ offset: 0, attempt: 1, dueAtMs: 0, reason: "parked" }]);
    committed(unitOf(member, { fences, open: [{ ...row, entries }] }));
    assert.equal(rig.stats("orders").groups[0]?.open, 1);
    committed(unitOf(member, { sequence: 2, fences, open: [{ ...row, entries: null }] }));
    assert.equal(rig.stats("orders").groups[0]?.open, 0);
  });

  test("a wrong epoch or owner refuses the whole unit, and it leaves no trace", () => {
    for (const fence of [
      { range: 1, epoch: 2 },
      { range: 9, epoch: 1 },
    ]) {
      const generation = fence.range;
      const unit = unitOf(member, {
        generation,
        fences: [{ range: 0, epoch: 1 }, fence],
        cursors: [{ priority: "normal", range: 0, position: 9 }],
        state: [change("alice", 0)],
        appends: [rig.encoded("orders", [{ data: "1", id: "a" }])],
      });
      assert.deepEqual(one(unit), { kind: "fenced" });
    }
    assert.deepEqual([state(), rig.stored("orders")], [[], []]);
    assert.deepEqual(rig.publish("orders", [{ data: "1", id: "a" }]).exceptions, []);
    assert.deepEqual(one(unitOf(99, { fences: [{ range: 0, epoch: 1 }] })), { kind: "fenced" });
  });

  test("a lease that was lost and regained fences what was fetched before", () => {
    rig.core.handle("release", { member, ranges: [0] });
    const move = { priority: "normal" as const, range: 0, position: 1 };
    const late = unitOf(member, { fences: [{ range: 0, epoch: 1 }], cursors: [move] });
    assert.deepEqual(one(late), { kind: "fenced" });
    assert.deepEqual(rig.take("lost"), []);
    const now = { ...late, generation: 2, fences: [{ range: 0, epoch: 2 }] };
    assert.equal(one(now)?.kind, "committed");
  });

  test("a failed fence is told as lost before the answer", () => {
    rig.withConnection((connection) => {
      const sql = "UPDATE lease SET epoch = 7, member = 99, crc = ? WHERE grp = 1 AND range = ?";
      const update = connection.prepare(sql);
      for (let range = 0; range < 4; range++) update.run(leaseCrc(1, range, 7, 99), range);
    });
    const fences = [
      { range: 0, epoch: 1 },
      { range: 3, epoch: 1 },
    ];
    assert.deepEqual(one(unitOf(member, { fences })), { kind: "fenced" });
    assert.deepEqual(rig.take("lost"), [{ kind: "lost", member, ranges: [0, 3] }]);
  });

  test("after a refusal units of that generation are poisoned, those of others go on", () => {
    const other = rig.join("orders", "audit");
    const fences = [{ range: 0, epoch: 1 }];
    const results = rig.transact([
      unitOf(member, { sequence: 1, state: [change("a", 5)] }),
      unitOf(member, { sequence: 2, fences, state: [change("b", 0)] }),
      unitOf(other, { sequence: 1, state: [change("c", 0)] }),
      plainUnit([rig.encoded("orders", [{ data: "1" }])]),
      unitOf(member, { sequence: 3, generation: 2, state: [change("d", 0)] }),
    ]);
    assert.deepEqual(
      results.map((result) => result.kind),
      ["conflict", "poisoned", "committed", "committed", "committed"],
    );
    assert.deepEqual(results[0], { kind: "conflict", table: "accounts", key: "a" });
    assert.equal(one(unitOf(member, { state: [change("e", 0)] }))?.kind, "poisoned");
  });

  test("a channel that another process removed refuses the unit that names it, no other", () => {
    for (const samples of [[{ data: "x" }], [{ data: "x", id: "id-1" }]]) {
      rig.declare("gone");
      rig.publish("gone", ["1"]);
      const process = new CoreRig(directory, clock);
      process.core.handle("remove", { channel: "gone" });
      process.close();
      const other = rig.join("orders", "audit");
      const mine = rig.join("orders", "mine");
      const gone = rig.encoded("gone", samples);
      const fresh = { state: [change(other.toString(), 0)] };
      const before = rig.stored("orders").length;
      const results = rig.transact([
        unitOf(mine, { sequence: 1, appends: [rig.encoded("orders", samples), gone] }),
        unitOf(mine, { sequence: 2 }),
        unitOf(other, fresh),
        plainUnit([rig.encoded("orders", [{ data: "2" }])]),
        plainUnit([gone]),
        plainUnit([{ ...gone, isOptional: true }]),
      ]);
      const kinds = ["unknown", "poisoned", "committed", "committed", "unknown", "committed"];
      assert.deepEqual(
        results.map(({ kind }) => kind),
        kinds,
      );
      const message = "there is no channel 'gone' in this journal; there are: orders";
      assert.deepEqual(results[0], { kind: "unknown", channel: "gone", message });
      assert.equal(rig.stored("orders").length, before + 1);
      for (const each of [mine, other]) rig.core.handle("leave", { member: each });
    }
  });

  test("a transaction that fails as a whole poisons all its members", () => {
    const other = rig.join("orders", "audit");
    const units = [
      unitOf(member, { sequence: 1, state: [change("a", 0)] }),
      unitOf(other, { sequence: 1, state: [change("a", 0)] }),
    ];
    rig.withConnection((connection) => {
      connection.exec("BEGIN IMMEDIATE");
      assert.throws(() => rig.transact(units), { code: "JOURNAL_BUSY" });
      connection.exec("ROLLBACK");
    });
    for (const late of [member, other]) {
      const queued = unitOf(late, { sequence: 2, state: [change("a", -1)] });
      assert.equal(one(queued)?.kind, "poisoned");
      assert.equal(one({ ...queued, generation: 2 })?.kind, "conflict");
      assert.equal(
        one(unitOf(late, { generation: 3, state: [change("z", 0)] }))?.kind,
        "committed",
      );
    }
  });

  test("settling without a fence of that range is a fault of the caller", () => {
    const cursors = [{ priority: "normal" as const, range: 1, position: 1 }];
    for (const unit of [
      unitOf(member, { fences: [{ range: 0, epoch: 1 }], cursors }),
      unitOf(0, { cursors, fences: [{ range: 1, epoch: 1 }] }),
    ]) {
      assert.throws(
        () => one(unit),
        (error) => error instanceof SpillwayError && error.code === "INVALID_ARGUMENT",
      );
    }
  });
});

describe("state versions", () => {
  let directory: string;
  let rig: CoreRig;
  let member: number;
  let sequence: number;
  let generation: number;
  beforeEach(() => {
    directory = makeDirectory();
    rig = new CoreRig(directory, new HandClock());
    rig.declare("orders");
    member = rig.join("orders", "billing");
    sequence = 0;
    generation = 1;
  });
  afterEach(() => {
    rig.close();
    removeDirectory(directory);
  });

  /** Units of the member in one transaction: each a list of [key, expected, value]. */
  const write = (...units: (readonly [string, number, (string | null)?])[][]): string[] => {
    const results = rig.transact(
      units.map((rows) =>
        unitOf(member, {
          sequence: ++sequence,
          generation,
          state: rows.map(([key, expected, value]) => ({ table: "t", key, expected, value })),
        }),
      ),
    );
    if (results.some((result) => result.kind !== "committed")) generation++;
    return results.map((result) => result.kind);
  };

  test("−n means what the n-th unit wrote, in this transaction or an earlier one", () => {
    assert.deepEqual(write([["a", 0, "1"]], [["a", -1, "2"]]), ["committed", "committed"]);
    assert.deepEqual(write([["a", -2, "3"]]), ["committed"]);
    assert.deepEqual(write([["a", -2, "4"]]), ["conflict"]);
    assert.deepEqual(write([["a", -3, "4"]]), ["committed"]);
    assert.deepEqual(write([["a", -4]]), ["conflict"]);
  });

  test("two units of one transaction have versions of their own", () => {
    assert.deepEqual(write([["a", 0, "1"]], [["a", -1, "2"]], [["a", -1, "3"]]), [
      "committed",
      "committed",
      "conflict",
    ]);
  });

  test("a row that the n-th unit deleted is absent for −n and 0, and only then", () => {
    assert.deepEqual(write([["a", 0, "1"]], [["a", -1, null]]), ["committed", "committed"]);
    assert.deepEqual(write([["a", -2, "again"]]), ["committed"]);
    assert.deepEqual(write([["a", -2, "x"]]), ["conflict"]);
    assert.deepEqual(write([["a", -3, null]], [["a", 0, "new"]]), ["committed", "committed"]);
    assert.deepEqual(write([["b", -5]]), ["conflict"]);
  });

  test("undefined only checks; other groups have rows of their own", () => {
    write([["a", 0, "1"]]);
    assert.deepEqual(write([["a", -1]], [["a", 0]]), ["committed", "conflict"]);
    const other = rig.join("orders", "audit");
    const state = [{ table: "t", key: "a", expected: 0, value: "2" }];
    assert.equal(rig.transact([unitOf(other, { state })])[0]?.kind, "committed");
  });

  test("only so many units are remembered for −n", () => {
    write([["a", 0, "1"]]);
    for (let round = 0; round < 4; round++) {
      write(...Array.from({ length: recentUnitsMax / 4 }, () => []));
    }
    assert.deepEqual(write([["a", -1]]), ["conflict"]);
    assert.deepEqual(write([["b", 0, "1"]]), ["committed"]);
    assert.deepEqual(write([["b", -sequence]]), ["committed"]);
  });
});
