import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
  unitOf,
} from "../../../../test/journal/core-rig.ts";
import { seededRandom } from "../../../kernel/random.ts";
import { openConnection } from "./connection.ts";
import { copiesAtOnce, copiesWaitingMax, copyMs, CursorCopies } from "./cursor-copies.ts";
import { cursorCopyCrc, cursorCrc } from "./row-checksums.ts";
import { Writer } from "./writer.ts";

describe("copies of cursors", () => {
  let directory: string;
  let clock: HandClock;
  let rig: CoreRig;
  let member: number;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    rig = new CoreRig(directory, clock);
    rig.declare("orders");
    rig.publish("orders", ["1", "2", "3"]);
    member = rig.join("orders", "billing");
  });
  afterEach(() => {
    rig.close();
    removeDirectory(directory);
  });

  const settle = (position: number, range = 1): void => {
    const cursors = [{ priority: "normal" as const, range, position }];
    const unit = unitOf(member, { fences: [{ range, epoch: 1 }], cursors });
    assert.equal(rig.transact([unit])[0]?.kind, "committed");
  };
  const rows = (table: string): unknown[] =>
    rig.withConnection((connection) =>
      connection
        .prepare(`SELECT range, position, crc FROM ${table} ORDER BY range`)
        .all()
        .map((row) => Object.values(row)),
    );
  const beat = (): void => {
    clock.pass(1_000);
    rig.core.tick();
  };

  test("a cursor that moved is copied a few seconds later, with a checksum of its own", () => {
    settle(2);
    beat();
    assert.deepEqual(rows("cursor_copy"), []);
    clock.pass(copyMs);
    beat();
    assert.deepEqual(rows("cursor_copy"), [[1, 2, cursorCopyCrc(1, 1, 1, 2)]]);
    assert.notEqual(cursorCopyCrc(1, 1, 1, 2), cursorCrc(1, 1, 1, 2));
    settle(3);
    clock.pass(copyMs);
    beat();
    assert.deepEqual(rows("cursor_copy"), [[1, 3, cursorCopyCrc(1, 1, 1, 3)]]);
  });

  test("closing copies what still waits", () => {
    settle(3);
    rig.close();
    rig = new CoreRig(directory, clock);
    assert.deepEqual(rows("cursor_copy"), [[1, 3, cursorCopyCrc(1, 1, 1, 3)]]);
  });

  test("a damaged cursor does not replace its copy", () => {
    settle(2);
    clock.pass(copyMs);
    beat();
    settle(3);
    rig.withConnection((connection) => connection.exec("UPDATE cursor SET position = 1"));
    clock.pass(copyMs);
    beat();
    assert.deepEqual(rows("cursor_copy"), [[1, 2, cursorCopyCrc(1, 1, 1, 2)]]);
  });

  test("a position that was rolled back is never copied", () => {
    settle(2);
    const fences = [{ range: 1, epoch: 1 }];
    const cursors = [{ priority: "normal" as const, range: 1, position: 3 }];
    // The second unit needs the table of delayed messages: all fails after the cursor moved.
    rig.withConnection((connection) => connection.exec("DROP TABLE timer"));
    const delayed = rig.encoded("orders", [{ data: "4" }], { dueAtMs: [clock.wall + 1] });
    assert.throws(() =>
      rig.transact([
        unitOf(member, { fences, cursors }),
        unitOf(member, { fences, appends: [delayed] }),
      ]),
    );
    clock.pass(copyMs);
    beat();
    assert.deepEqual(rows("cursor_copy"), [[1, 2, cursorCopyCrc(1, 1, 1, 2)]]);
  });

  test("at most so many at once, and at most so many wait", () => {
    const connection = openConnection(directory, "checkpoint", {
      clock,
      durability: "relaxed",
      busyTimeoutMs: 100,
    });
    try {
      const writer = new Writer(connection, {
        clock,
        random: seededRandom(1),
        busyTimeoutMs: 100,
        onWaiting: () => undefined,
      });
      const copies = new CursorCopies(writer);
      for (let key = 0; key <= copiesWaitingMax; key++) {
        copies.moving(key, { group: 1, log: 1, range: key });
      }
      assert.equal(copies.waiting, copiesWaitingMax);
      writer.transaction("copying", () => copies.refresh());
      assert.equal(copies.waiting, copiesWaitingMax - copiesAtOnce);
    } finally {
      connection.close();
    }
  });
});
