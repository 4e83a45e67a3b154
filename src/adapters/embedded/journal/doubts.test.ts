import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
} from "../../../../test/journal/core-rig.ts";
import { Catalog } from "./catalog.ts";
import { type Connection, openConnection } from "./connection.ts";
import { doubtRowsMax, Doubts, doubtsAfter } from "./doubts.ts";
import { systemClock } from "../../../kernel/clock.ts";
import { seededRandom } from "../../../kernel/random.ts";
import { Writer } from "./writer.ts";

const options = { clock: systemClock, durability: "fsync", busyTimeoutMs: 2_000 } as const;

describe("appends in doubt", () => {
  let directory: string;
  let rig: CoreRig;
  let connection: Connection;
  let writer: Writer;
  let doubts: Doubts;
  beforeEach(() => {
    directory = makeDirectory();
    rig = new CoreRig(directory, new HandClock());
    rig.declare("orders");
    connection = openConnection(directory, "writer", options);
    const environment = { clock: systemClock, random: seededRandom(1), busyTimeoutMs: 2_000 };
    writer = new Writer(connection, { ...environment, onWaiting: () => undefined });
    doubts = new Doubts(writer, new Catalog(writer));
  });
  afterEach(() => {
    writer.close();
    rig.close();
    removeDirectory(directory);
  });

  const note = (base: number, end: number, nowMs = rig.clock.wallMs()): void => {
    const doubt = { channel: "orders", lane: 1, base, end };
    writer.transaction("noting", () => doubts.keep([doubt], nowMs));
  };

  test("an id drawn by the library is found in every process once its append is in doubt", () => {
    rig.publish("orders", [{ data: "a" }, { data: "b" }]);
    const [first, second] = rig.stored("orders");
    assert.ok(first !== undefined && second !== undefined);
    // Another process has looked at the channel before: its table has passed these offsets.
    rig.publish("orders", [{ data: "c", id: "given" }]);
    note(0, 2);
    const repeat = rig.publish("orders", [
      { data: "a", id: first.id },
      { data: "d", id: "new" },
    ]);
    assert.deepEqual(repeat.exceptions, [[0, 0]]);
    const other = rig.publish("orders", [{ data: "x", id: second.id }]);
    assert.deepEqual(other.exceptions, [[0, "ID_REUSED"]]);
    assert.deepEqual(
      rig.stored("orders").map(({ data }) => data),
      ["a", "b", "c", "d"],
    );
  });

  test("rows are bounded, the oldest go first, and old ones are not kept", () => {
    const nowMs = rig.clock.wallMs();
    writer.transaction("noting", () => {
      const many = Array.from({ length: doubtRowsMax + 5 }, (_, index) => {
        return { channel: "orders", lane: 1, base: index, end: index + 1 };
      });
      doubts.keep(many, nowMs);
    });
    const rows = doubtsAfter(writer, 1, 0);
    assert.deepEqual([rows.length, rows[0]?.base], [doubtRowsMax, 5]);
    note(9_999, 10_000, nowMs + 700_000_000);
    assert.deepEqual(
      doubtsAfter(writer, 1, 0).map(({ base }) => base),
      [9_999],
    );
  });
});
