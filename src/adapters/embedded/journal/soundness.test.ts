import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type CoreRig, plainUnit } from "../../../../test/journal/core-rig.ts";
import { copyFiles, fingerprint, flipBit } from "../../../../test/journal/damaged-directories.ts";
import { NamedJournals, names } from "../../../../test/journal/named-journals.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { systemClock } from "../../../kernel/clock.ts";
import { databasePath, walPath } from "./directory.ts";
import { inspectJournal } from "./soundness.ts";
import { CheckpointTail } from "./tail-checkpoint.ts";
import { tailPath } from "./tail-file.ts";

describe("opening a journal", () => {
  let journals: NamedJournals;
  beforeEach(() => {
    journals = new NamedJournals();
  });
  afterEach(() => journals.end());

  const at = (name: string): string => journals.at(name);
  const open = (name: string): CoreRig => journals.open(name);
  /** A journal with ten messages in "live", as it was after five of them in "earlier". */
  const tenMessages = (): CoreRig => {
    const rig = open("live");
    rig.declare("orders");
    rig.publish("orders", names(5));
    copyFiles(at("live"), at("earlier"));
    rig.publish("orders", names(5));
    return rig;
  };
  const healthOf = (rig: CoreRig): { status: string; text: string } => {
    const notice = rig.take("health").at(-1);
    return { status: notice?.status ?? "ok", text: notice?.reasons.join() ?? "" };
  };
  const damaged = (expected: RegExp) => (error: unknown) =>
    error instanceof SpillwayError &&
    error.code === "JOURNAL_DAMAGED" &&
    expected.test(error.message);

  test("whose end is missing: reads, and refuses what writes, naming what is missing", () => {
    tenMessages();
    copyFiles(at("live"), at("earlier"), ["tail"]);
    const wal = fingerprint(walPath(at("earlier")));
    const rig = open("earlier");
    const missing = /channel 'orders' \(normal\), offsets 5 to 9.*--accept-loss/;
    assert.deepEqual(rig.stats("orders").logs, [
      {
        priority: "normal",
        startOffset: 0,
        endOffset: 5,
        bytes: rig.stats("orders").logs[0]?.bytes,
      },
    ]);
    const append = [rig.encoded("orders", [{ data: "x" }])];
    assert.throws(() => rig.transact([plainUnit(append)]), damaged(missing));
    assert.throws(() => rig.join("orders", "group"), damaged(missing));
    rig.declare("orders");
    assert.throws(() => rig.declare("refunds"), damaged(missing));
    const { status, text } = healthOf(rig);
    assert.equal(status, "failed");
    assert.match(text, missing);
    rig.close();
    assert.equal(fingerprint(walPath(at("earlier"))), wal, "the write-ahead log is as it was");
  });

  test("with a bit flipped in the write-ahead log is found damaged", () => {
    tenMessages();
    copyFiles(at("live"), at("flipped"));
    const bytes = statSync(walPath(at("flipped"))).size;
    flipBit(walPath(at("flipped")), Math.floor(bytes * 0.7));
    const rig = open("flipped");
    assert.match(healthOf(rig).text, /commits are missing/);
    rig.close();
    assert.equal(statSync(walPath(at("flipped"))).size, bytes);
  });

  test("behind its tail by commits that moved no log is found damaged", () => {
    const rig = open("live");
    rig.declare("orders");
    copyFiles(at("live"), at("earlier"));
    rig.join("orders", "group");
    copyFiles(at("live"), at("earlier"), ["tail"]);
    assert.match(healthOf(open("earlier")).text, /the last 1 commits are missing/);
  });

  test("with the tail of another journal is found damaged", () => {
    tenMessages();
    open("other");
    copyFiles(at("other"), at("earlier"), ["tail"]);
    assert.match(healthOf(open("earlier")).text, /tail belongs to another journal/);
  });

  test("without a tail: says so, and works", () => {
    tenMessages();
    rmSync(tailPath(at("earlier")));
    const rig = open("earlier");
    const { status, text } = healthOf(rig);
    assert.equal(status, "degraded");
    assert.match(text, /tail was missing/);
    assert.equal(rig.publish("orders", ["x"]).firstOffset, 5);
    rig.close();
    writeFileSync(tailPath(at("earlier")), "not a tail");
    assert.match(healthOf(open("earlier")).text, /tail was not readable/);
  });

  test("ahead of its tail, or copied whole: nothing to say", () => {
    tenMessages();
    copyFiles(at("live"), at("whole"));
    copyFiles(at("live"), at("earlier"), ["database", "wal"]);
    for (const name of ["whole", "earlier"]) assert.equal(healthOf(open(name)).status, "ok");
  });

  /** A sound journal that was closed, for damage to its rows. */
  const closedCopy = (): string => {
    const rig = tenMessages();
    rig.join("orders", "group");
    rig.close();
    return at("live");
  };

  for (const [what, sql] of [
    ["meta", "UPDATE meta SET value = '1' WHERE name = 'commit'"],
    ["meta", "DELETE FROM meta WHERE name = 'incarnation'"],
    ["channel", "UPDATE channel SET partitions = 5"],
    ["log", "UPDATE log SET end = 11"],
    ["log", "UPDATE log SET channel = 9"],
    ["grp", "UPDATE grp SET selection = '[]'"],
    ["grp", "UPDATE grp SET id = 7"],
    ["lease", "UPDATE lease SET epoch = epoch - 1"],
    ["cursor", "INSERT INTO cursor VALUES (1, 1, 0, 3, 0)"],
    ["orders", "DELETE FROM batch WHERE base = 5"],
    ["orders", "DELETE FROM batch WHERE base = 0"],
    [
      "structure",
      "PRAGMA writable_schema = 1; DELETE FROM sqlite_schema WHERE name = 'batch_given'",
    ],
  ] as const) {
    test(`is found damaged after: ${sql}`, () => {
      const directory = closedCopy();
      const database = new DatabaseSync(databasePath(directory), { defensive: false });
      database.exec(sql);
      database.close();
      const before = fingerprint(databasePath(directory));
      const rig = open("live");
      const { status, text } = healthOf(rig);
      assert.equal(status, "failed");
      assert.match(text, new RegExp(`${what}.*spillway repair`));
      assert.throws(() => rig.join("orders", "second"), damaged(/spillway repair/));
      rig.close();
      assert.equal(fingerprint(databasePath(directory)), before);
    });
  }

  for (const [what, spoil, expected] of [
    ["no database", (path: string) => rmSync(path), /is missing, and there was a journal/],
    ["an empty database", (path: string) => writeFileSync(path, ""), /is empty, and there was/],
    ["another first page", (path: string) => flipBit(path, 3), /is not what it was/],
    ["another application's mark", (path: string) => flipBit(path, 68), /is not what it was/],
    ["no format", (path: string) => flipBit(path, 63, 1), /which format/],
  ] as const) {
    test(`with ${what} is refused, and nothing is changed`, () => {
      const directory = closedCopy();
      spoil(databasePath(directory));
      const before = [databasePath(directory), tailPath(directory)].map(fingerprint);
      assert.throws(() => open("live"), damaged(expected));
      assert.throws(() => open("live"), damaged(/nothing was changed.*verify.*repair/));
      assert.deepEqual([databasePath(directory), tailPath(directory)].map(fingerprint), before);
    });
  }

  test("whose making was cut short is made anew", () => {
    const making = new DatabaseSync(databasePath(at(".")));
    making.exec("PRAGMA page_size = 16384; PRAGMA cache_size = 1; BEGIN; CREATE TABLE half (row)");
    making.exec("INSERT INTO half SELECT randomblob(9000) FROM json_each('[1,2,3,4,5,6,7,8,9]')");
    spawnSync("sh", ["-c", `mkdir "${at("cut")}" && cp "${at(".")}"/journal.db* "${at("cut")}"`]);
    making.close();
    assert.equal(healthOf(open("cut")).status, "ok");
  });

  test("with an older database under its write-ahead log is found damaged", () => {
    const rig = open("live");
    rig.declare("orders");
    const checkpoint = (isSynced: boolean): void =>
      rig.withConnection((connection) => {
        const options = {
          directory: at("live"),
          clock: journals.clock,
          durability: "fsync",
        } as const;
        const tail = new CheckpointTail(connection, options);
        tail.before();
        connection.exec(`PRAGMA wal_checkpoint(${isSynced ? "TRUNCATE" : "PASSIVE"})`);
        tail.complete(isSynced);
        tail.close();
      });
    for (const name of ["one", "two"]) {
      rig.publish("orders", names(5));
      checkpoint(true);
      copyFiles(at("live"), at(name));
    }
    rig.publish("orders", names(5));
    // Copied and not synced: a power cut may take it back, and the log still has it.
    checkpoint(false);
    copyFiles(at("live"), at("one"), ["wal", "tail"]);
    copyFiles(at("live"), at("two"), ["wal", "tail"]);
    assert.match(healthOf(open("one")).text, /older than its write-ahead log/);
    assert.equal(healthOf(open("two")).status, "ok");
  });

  test("which looks damaged once: is looked at again, as a read may have failed", () => {
    tenMessages().close();
    const path = databasePath(at("live"));
    const bytes = readFileSync(path);
    flipBit(path, 5, 0);
    let looks = 0;
    // Asked for the time whenever the file is opened: well again at the second look.
    const monotonicMs = (): number => {
      if (++looks === 2) writeFileSync(path, bytes);
      return 0;
    };
    const clock = { ...systemClock, monotonicMs };
    const options = { clock, durability: "fsync", busyTimeoutMs: 0 } as const;
    assert.equal(inspectJournal(at("live"), options).kind, "sound");
    assert.ok(looks >= 2, `${looks} looks`);
    flipBit(path, 5, 0);
    assert.throws(() => inspectJournal(at("live"), options), damaged(/is not what it was/));
  });
});
