import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
} from "../../../../test/journal/core-rig.ts";
import { seededRandom } from "../../../kernel/random.ts";
import { openConnection } from "./connection.ts";
import { Writer } from "./writer.ts";

/** What node:sqlite throws for a result code. */
const sqliteError = (errcode: number, message: string): Error =>
  Object.assign(new Error(message), { code: "ERR_SQLITE_ERROR", errcode });

describe("the writer", () => {
  let directory: string;
  let clock: HandClock;
  let rig: CoreRig;
  let writer: Writer;
  let waits: number;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    rig = new CoreRig(directory, clock);
    waits = 0;
    const options = { clock, durability: "relaxed", busyTimeoutMs: 20 } as const;
    writer = new Writer(openConnection(directory, "writer", options), {
      clock,
      random: seededRandom(3),
      busyTimeoutMs: 20,
      onWaiting: () => waits++,
    });
  });
  afterEach(() => {
    writer.close();
    rig.close();
    removeDirectory(directory);
  });

  const insert = (bell: string): void => {
    writer.run("INSERT INTO process (beat, bell) VALUES (0, ?)", bell);
  };
  const bells = (): unknown[] =>
    writer
      .all<{ bell: string }>("SELECT bell FROM process WHERE bell <> '' ORDER BY id")
      .map((row) => row.bell);

  test("each transaction raises the commit number by one and says if others came between", () => {
    const foreign: boolean[] = [];
    writer.attach({ begun: (others) => foreign.push(others), rolledBack: () => undefined });
    const numbers = [1, 2].map(() => writer.transaction("one", () => writer.commitNumber));
    rig.declare("orders");
    numbers.push(writer.transaction("three", () => writer.commitNumber));
    const [first = 0] = numbers;
    assert.deepEqual(numbers, [first, first + 1, first + 3]);
    assert.deepEqual(foreign, [false, false, true]);
    assert.equal(Number(writer.meta("commit")), first + 3);
  });

  test("what the action throws rolls back, tells the caches, and the next one works", () => {
    let rolledBack = 0;
    writer.attach({ rolledBack: () => rolledBack++ });
    assert.throws(
      () =>
        writer.transaction("failing", () => {
          insert("lost");
          throw sqliteError(13, "database or disk is full");
        }),
      { code: "JOURNAL_FULL", certainty: "definite", message: /the disk is full/ },
    );
    assert.deepEqual([rolledBack, bells()], [1, []]);
    writer.transaction("next", () => insert("kept"));
    assert.deepEqual(bells(), ["kept"]);
  });

  test("after an I/O error or damage nothing more is written", () => {
    const failing = (): never => {
      throw sqliteError(1_034, "disk I/O error");
    };
    assert.throws(() => writer.transaction("failing", failing), { code: "JOURNAL_IO" });
    assert.throws(() => writer.transaction("next", () => insert("late")), /disk I\/O error/);
    assert.deepEqual(bells(), []);
  });

  test("waits for the lock in many short steps, says so, and is then definite", () => {
    rig.withConnection((holder) => {
      holder.exec("BEGIN IMMEDIATE");
      assert.throws(() => writer.transaction("waiting", () => insert("never")), {
        code: "JOURNAL_BUSY",
        certainty: "definite",
      });
      holder.exec("ROLLBACK");
    });
    assert.equal(waits, 1);
    writer.othersWait = true;
    writer.transaction("next", () => insert("first"));
    assert.equal(writer.othersWait, false);
    assert.deepEqual(bells(), ["first"]);
  });

  test("a damaged meta row is reported", () => {
    rig.withConnection((connection) => {
      connection.exec("UPDATE meta SET value = '5' WHERE name = 'commit'");
    });
    assert.throws(() => writer.transaction("any", () => undefined), { code: "JOURNAL_DAMAGED" });
  });

  test("the core's own work reports a held lock as degraded, and ok when it is free again", () => {
    const statuses = (): unknown[] => rig.take("health").map((notice) => notice.status);
    rig.withConnection((holder) => {
      holder.exec("BEGIN IMMEDIATE");
      clock.pass(1_000);
      rig.core.tick();
      holder.exec("ROLLBACK");
    });
    assert.deepEqual(statuses(), ["degraded"]);
    rig.core.tick();
    assert.deepEqual(statuses(), ["ok"]);
  });
});
