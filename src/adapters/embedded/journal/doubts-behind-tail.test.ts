import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
} from "../../../../test/journal/core-rig.ts";
import { doubtMessagesMax } from "./doubts-behind-tail.ts";
import { readTail, tailPath } from "./tail-file.ts";

describe("commits behind the tail", () => {
  let directory: string;
  let clock: HandClock;
  let rig: CoreRig;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    rig = open();
    rig.declare("orders");
  });
  afterEach(() => {
    rig.close();
    removeDirectory(directory);
  });

  const open = (): CoreRig => new CoreRig(directory, clock, { durability: "fsync" });
  const tailNow = (): Uint8Array => readFileSync(tailPath(directory));
  /** Ends the process without a word, with this tail: as it was when its last commit failed. */
  const die = (tail: Uint8Array): void => {
    rig.core.fail("reading", Object.assign(new Error("disk I/O error"), { errcode: 10 }));
    assert.ok(rig.core.stopIfFailed() !== undefined);
    writeFileSync(tailPath(directory), tail);
  };
  const idOf = (data: string): string => {
    const found = rig.stored("orders").find((row) => row.data === data);
    return found?.id ?? assert.fail(`${data} is not stored`);
  };
  const doubts = (): unknown[] =>
    rig.withConnection((connection) =>
      connection
        .prepare("SELECT lane, base, end FROM doubt ORDER BY id")
        .all()
        .map((row) => Object.values(row)),
    );

  test("are in doubt: a repeat by an id that the library drew is found in the next process", () => {
    rig.publish("orders", ["a", "b"]);
    const tail = tailNow();
    rig.publish("orders", ["c", "d"]);
    const ids = ["b", "c", "d"].map(idOf);
    die(tail);
    rig = open();
    assert.deepEqual(doubts(), [[1, 2, 4]]);
    const [b, c, d] = ids as [string, string, string];
    const again = rig.publish("orders", [
      { data: "c", id: c },
      { data: "other", id: d },
      { data: "new", id: "new" },
      // Acknowledged before, so that nobody repeats it: it is as new as ever.
      { data: "b", id: b },
    ]);
    assert.deepEqual(again.exceptions, [
      [0, 2],
      [1, "ID_REUSED"],
    ]);
    const data = rig.stored("orders").map((row) => row.data);
    assert.deepEqual(data, ["a", "b", "c", "d", "new", "b"]);
  });

  test("are noted once, before the tail is written again", () => {
    const tail = tailNow();
    rig.publish("orders", ["a"]);
    die(tail);
    rig = open();
    rig.publish("orders", ["b"]);
    die(tailNow());
    rig = open();
    assert.deepEqual(doubts(), [[1, 0, 1]]);
    rig.close();
    rig = open();
    assert.deepEqual(doubts(), [[1, 0, 1]]);
  });

  test("of delayed messages are told by their numbers", () => {
    const dueAtMs = [clock.wallMs() + 1_000];
    const delayed = (data: string): void => void rig.publish("orders", [data], { dueAtMs });
    delayed("a");
    const tail = tailNow();
    delayed("b");
    delayed("c");
    const given = (): unknown[] =>
      rig.withConnection((connection) =>
        connection
          .prepare("SELECT given FROM timer ORDER BY id")
          .all()
          .map((row) => row["given"]),
      );
    assert.deepEqual(given(), [0, 0, 0]);
    assert.equal(readTail(directory).tail?.lastTimer, 3);
    die(tail);
    rig = open();
    assert.deepEqual(doubts(), [[3, 2, 4]]);
    assert.deepEqual(given(), [0, 1, 1]);
  });

  test("of a tail that is far behind: the last messages of each log", () => {
    const tail = tailNow();
    const thousand = Array.from({ length: 1_000 }, (_, index) => `${index}`);
    for (let thousands = 0; thousands < 17; thousands++) rig.publish("orders", thousand);
    rig.publish("orders", ["urgent"], { priority: "high" });
    die(tail);
    rig = open();
    assert.deepEqual(doubts(), [
      [1, 17_000 - doubtMessagesMax, 17_000],
      [0, 0, 1],
    ]);
  });

  test("are not looked for under another journal's tail, or one that says as much", () => {
    rig.publish("orders", ["a"]);
    die(tailNow());
    rig = open();
    rig.publish("orders", ["b"]);
    rig.close();
    rig = open();
    assert.deepEqual(doubts(), []);
  });
});
