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

const coded =
  (code: string, certainty?: string) =>
  (error: unknown): boolean =>
    error instanceof SpillwayError &&
    error.code === code &&
    (certainty === undefined || error.certainty === certainty);

describe("appending", () => {
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

  const data = (channel = "orders"): string[] => rig.stored(channel).map((row) => row.data);

  test("goes on behind what another process stored, also in a log that it began", () => {
    const other = new CoreRig(directory, clock);
    rig.publish("orders", ["1"]);
    clock.pass(1_000);
    // Looks for old messages, in all logs there are.
    rig.core.tick();
    assert.equal(rig.publish("orders", ["1"], { priority: "high" }).firstOffset, 0);
    clock.pass(1_000);
    rig.core.tick();
    other.publish("orders", ["2"], { priority: "low" });
    assert.equal(rig.publish("orders", ["3"], { priority: "low" }).firstOffset, 1);
    assert.equal(other.publish("orders", ["4"], { priority: "low" }).firstOffset, 2);
    other.close();
  });

  test("gives dense offsets per lane and says how far each log reaches", () => {
    assert.deepEqual(rig.publish("orders", ["1", "2"]), { firstOffset: 0, exceptions: [] });
    assert.equal(rig.publish("orders", ["3"]).firstOffset, 2);
    assert.equal(rig.publish("orders", ["4"], { priority: "high" }).firstOffset, 0);
    assert.deepEqual(
      rig.stored("orders").map((row) => row.offset),
      [0, 1, 2],
    );
    assert.deepEqual(
      rig.stored("orders", "high").map((row) => row.data),
      ["4"],
    );
    assert.deepEqual(
      rig.take("advanced").map((notice) => notice.logs),
      [[["orders", "normal", 2]], [["orders", "normal", 3]], [["orders", "high", 1]]],
    );
  });

  test("units of one request share a transaction, also over several channels", () => {
    rig.declare("audit");
    rig.core.takeCommitted();
    const results = rig.transact([
      plainUnit([rig.encoded("orders", [{ data: "1" }]), rig.encoded("audit", [{ data: "2" }])]),
      plainUnit([rig.encoded("orders", [{ data: "3" }])]),
    ]);
    const versions = results.map((result) => (result.kind === "committed" ? result.version : -1));
    assert.equal((versions[1] as number) - (versions[0] as number), 1);
    assert.ok((versions[0] as number) > 0);
    assert.deepEqual([data(), data("audit")], [["1", "3"], ["2"]]);
    assert.deepEqual(rig.take("advanced").at(-1)?.logs, [
      ["orders", "normal", 2],
      ["audit", "normal", 1],
    ]);
    assert.equal(rig.core.takeCommitted(), true);
    assert.equal(rig.core.takeCommitted(), false);
  });

  test("the time of storing never goes back, whatever the clock does", () => {
    const times = (): unknown[] =>
      rig
        .withConnection((connection) =>
          connection.prepare("SELECT appended_at FROM batch ORDER BY id").all(),
        )
        .map((row) => row["appended_at"]);
    const start = clock.wall;
    rig.publish("orders", ["1"]);
    clock.wall = start - 5_000;
    rig.publish("orders", ["2"]);
    clock.wall = start + 7;
    rig.publish("orders", ["3"]);
    assert.deepEqual(times(), [start, start, start + 7]);
  });

  test("compresses where the channel says so", () => {
    rig.declare("packed", { compression: "zstd" });
    const rows = Array.from({ length: 300 }, (_, index) => `{"city":"Rotterdam","n":${index}}`);
    rig.publish("packed", rows);
    rig.publish("orders", rows);
    assert.deepEqual(data("packed"), rows);
    const bytes = (channel: string): number => rig.stats(channel).logs[0]?.bytes as number;
    assert.ok(bytes("packed") < bytes("orders") - 5_000);
  });

  test("an unknown channel refuses its unit, with the names there are, and nothing else", () => {
    const units = [
      plainUnit([rig.encoded("orders", [{ data: "1" }])]),
      plainUnit([rig.encoded("nowhere", [{ data: "2" }])]),
    ];
    const [stored, refused] = rig.transact(units);
    assert.equal(stored?.kind, "committed");
    assert.equal(refused?.kind, "unknown");
    assert.match(refused.message, /no channel 'nowhere'.*there are: orders/);
    assert.deepEqual(data(), ["1"]);
  });

  test("more units than state versions can tell apart are refused", () => {
    const units = Array.from({ length: 1_025 }, () => plainUnit([]));
    assert.throws(() => rig.transact(units), coded("INVALID_ARGUMENT"));
    assert.equal(rig.transact(units.slice(1)).length, 1_024);
  });

  test("a failing transaction leaves nothing, in the file or in memory", () => {
    const member = rig.join("orders", "billing");
    const plant = (sql: string): void => rig.withConnection((connection) => connection.exec(sql));
    plant(
      "CREATE TRIGGER planted BEFORE INSERT ON state " +
        "BEGIN SELECT RAISE(ABORT, 'planted failure'); END",
    );
    const sample = { data: "1", id: "order-1" };
    const units = [
      plainUnit([rig.encoded("orders", [sample])]),
      unitOf(member, { state: [{ table: "t", key: "k", expected: 0, value: "1" }] }),
    ];
    assert.throws(() => rig.transact(units), coded("JOURNAL_IO", "indefinite"));
    assert.deepEqual(data(), []);
    plant("DROP TRIGGER planted");
    const again = rig.publish("orders", [sample, { data: "2", id: "order-2" }]);
    assert.deepEqual(again, { firstOffset: 0, exceptions: [] });
    assert.deepEqual(rig.publish("orders", [sample]).exceptions, [[0, 0]]);
    assert.deepEqual(data(), ["1", "2"]);
  });

  test("a lock held elsewhere makes a definite JOURNAL_BUSY after the deadline", () => {
    let waited = 0;
    rig.withConnection((connection) => {
      connection.exec("BEGIN IMMEDIATE");
      assert.throws(
        () => {
          waited++;
          rig.publish("orders", ["1"]);
        },
        coded("JOURNAL_BUSY", "definite"),
      );
      connection.exec("ROLLBACK");
    });
    assert.equal(waited, 1);
    rig.publish("orders", ["2"]);
    assert.deepEqual(data(), ["2"]);
  });

  test("declaring again changes what may change and refuses the rest", () => {
    rig.publish("orders", ["1"]);
    rig.declare("orders", { compression: "zstd", retention: { days: 3 } });
    rig.publish("orders", ["x".repeat(5_000)]);
    assert.ok((rig.stats("orders").logs[0]?.bytes as number) < 1_000);
    assert.throws(() => rig.declare("orders", { partitions: 5 }), coded("CHANNEL_CONFLICT"));
    assert.equal(rig.stats("orders").partitions, 4);
  });

  test("everything is there after closing and opening", () => {
    rig.publish("orders", ["1", "2"]);
    const { incarnation } = new Reopened(rig);
    assert.match(incarnation, /^[0-9a-f-]{36}$/);
    assert.equal(rig.publish("orders", ["3"]).firstOffset, 2);
    assert.deepEqual(data(), ["1", "2", "3"]);
  });

  test("a request before open and after close is refused as CLOSED", () => {
    rig.close();
    assert.throws(() => rig.publish("orders", ["1"]), coded("CLOSED"));
    rig = new CoreRig(directory, clock);
  });

  /** Closes the rig of this test and opens the directory again. */
  class Reopened {
    readonly incarnation: string;

    constructor(old: CoreRig) {
      const before = meta(old);
      old.close();
      rig = new CoreRig(directory, clock);
      this.incarnation = meta(rig);
      assert.equal(this.incarnation, before);
    }
  }

  function meta(of: CoreRig): string {
    return of.withConnection((connection) =>
      String(
        connection.prepare("SELECT value FROM meta WHERE name = 'incarnation'").get()?.["value"],
      ),
    );
  }
});

describe("the write-ahead log's bound", () => {
  test("an open reader stops appends by notice; settlements go on; then appends do", () => {
    const directory = makeDirectory();
    const rig = new CoreRig(directory, new HandClock(), { walBytesMax: 2_000_000 });
    rig.declare("orders");
    rig.withConnection((reader) => {
      reader.exec("BEGIN");
      reader.prepare("SELECT count(*) FROM batch").get();
      for (let round = 0; round < 40 && rig.take("health").length === 0; round++) {
        rig.publish(
          "orders",
          Array.from({ length: 100 }, () => "x".repeat(500)),
        );
      }
      rig.core.tick();
      assert.equal(rig.transact([unitOf(rig.join("orders", "g"))])[0]?.kind, "committed");
      reader.exec("COMMIT");
    });
    assert.deepEqual(rig.take("health"), []);
    rig.core.tick();
    assert.deepEqual(rig.take("health"), [
      { kind: "health", status: "ok", reasons: [], appendsStopped: false },
    ]);
    rig.close();
    removeDirectory(directory);
  });
});
