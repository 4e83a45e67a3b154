// Every kind of damage that SQL can plant is found, at its place, and a journal that uses
// everything the format has is sound.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { writeJournal } from "../../../../test/golden/write-journal.ts";
import { systemClock } from "../../../kernel/clock.ts";
import { type Connection, openConnection } from "../journal/connection.ts";
import { batchCrc } from "../journal/format.ts";
import { cursorCrc, logCrc, openCrc, stateCrc } from "../journal/row-checksums.ts";
import { checkCursors } from "./cursor-check.ts";
import { type FindingKind, FindingList, findingsMax } from "./finding.ts";
import { inspectConnection } from "./inspect-connection.ts";
import { journalFormat } from "../journal/connection.ts";
import { rowChecksOf } from "./row-checks.ts";

type Row = Record<string, number | string | Uint8Array>;

const options = { clock: systemClock, durability: "relaxed", busyTimeoutMs: 1_000 } as const;

function flipped(data: unknown, at: number): Uint8Array {
  assert.ok(data instanceof Uint8Array);
  const copy = new Uint8Array(data);
  copy[at] = (copy[at] as number) ^ 4;
  return copy;
}

function one(connection: Connection, sql: string, ...values: (number | string)[]): Row {
  const row = connection.prepare(sql).get(...values);
  assert.ok(row, sql);
  return row as Row;
}

/** The log of 'orders', priority normal: three batches of 40. */
function orders(connection: Connection): Row {
  const sql =
    "SELECT log.* FROM log JOIN channel ON channel.id = log.channel " +
    "WHERE name = 'orders' AND lane = 1";
  return one(connection, sql);
}

function batch(connection: Connection, base: number): Row {
  const { id } = orders(connection);
  return one(connection, "SELECT * FROM batch WHERE log = ? AND base = ?", Number(id), base);
}

function setLog(connection: Connection, change: Partial<Record<string, number>>): void {
  const row = { ...orders(connection), ...change } as Record<string, number>;
  const { id = 0, channel = 0, lane = 0, start = 0, end = 0, bytes = 0 } = row;
  const { appended_at: at = 0, last_crc: last = 0 } = row;
  connection
    .prepare("UPDATE log SET start = ?, end = ?, bytes = ?, crc = ? WHERE id = ?")
    .run(start, end, bytes, logCrc(channel, lane, start, end, bytes, at, last), id);
}

interface Case {
  readonly name: string;
  readonly plant: (connection: Connection) => void;
  readonly kind: FindingKind;
  readonly message: RegExp;
}

const run =
  (sql: string) =>
  (connection: Connection): void =>
    assert.ok(Number(connection.prepare(sql).run().changes) > 0, sql);

const batchCases: readonly Case[] = [
  {
    name: "a flipped bit in a batch",
    plant(connection) {
      const { id, data } = batch(connection, 40);
      const update = connection.prepare("UPDATE batch SET data = ? WHERE id = ?");
      update.run(flipped(data, 100), Number(id));
    },
    kind: "batch-damaged",
    message: /'orders' \(normal\), offsets 40 to 79: checksum does not match/,
  },
  {
    name: "a flipped bit in each of two neighbours, as one finding",
    plant(connection) {
      const update = connection.prepare("UPDATE batch SET appended_at = 7 WHERE id = ?");
      update.run(Number(batch(connection, 40)["id"]));
      update.run(Number(batch(connection, 80)["id"]));
    },
    kind: "batch-damaged",
    message: /offsets 40 to 119: checksum/,
  },
  {
    name: "a batch that is gone",
    plant: (connection) =>
      run(`DELETE FROM batch WHERE id = ${Number(batch(connection, 40)["id"])}`)(connection),
    kind: "batch-missing",
    message: /'orders' \(normal\), offsets 40 to 79: missing/,
  },
  {
    name: "the last batch gone",
    plant: (connection) =>
      run(`DELETE FROM batch WHERE id = ${Number(batch(connection, 80)["id"])}`)(connection),
    kind: "batch-missing",
    message: /offsets 80 to 119: missing/,
  },
  {
    name: "two batches of one log exchanged",
    plant(connection) {
      const [first, second] = [batch(connection, 0), batch(connection, 40)];
      const move = connection.prepare("UPDATE batch SET base = ? WHERE id = ?");
      move.run(1_000, Number(first["id"]));
      move.run(0, Number(second["id"]));
      move.run(40, Number(first["id"]));
    },
    kind: "batch-damaged",
    message: /offsets 0 to 79: checksum/,
  },
  {
    name: "a batch that was replaced by another, sound in itself",
    plant(connection) {
      const { id, log, base, count, appended_at: appendedAtMs, data } = batch(connection, 40);
      const head = { log, base, count, appendedAtMs, previousCrc: 99 } as Record<string, number>;
      const crc = batchCrc(head as never, data as Uint8Array);
      const update = connection.prepare("UPDATE batch SET previous_crc = 99, crc = ? WHERE id = ?");
      update.run(crc, Number(id));
    },
    kind: "chain-broken",
    message: /offsets 40 to 119: not chained/,
  },
  {
    name: "a batch left out of the search for repeats",
    plant: run("UPDATE batch SET given = 0 WHERE given = 1"),
    kind: "batch-damaged",
    message: /left out of the search for repeats/,
  },
  {
    name: "a log whose row ends early",
    plant: (connection) => setLog(connection, { end: 80 }),
    kind: "log-wrong",
    message: /offsets 80 to 119: stored behind the log's end/,
  },
  {
    name: "a log whose row starts late",
    plant: (connection) => setLog(connection, { start: 40 }),
    kind: "log-wrong",
    message: /offsets 0 to 39: stored before the log's start/,
  },
  {
    name: "a log whose row counts other bytes",
    plant: (connection) => setLog(connection, { bytes: 17 }),
    kind: "log-wrong",
    message: /bytes, the log's row says 17/,
  },
  {
    name: "a log without a row",
    plant: (connection) =>
      run(`DELETE FROM log WHERE id = ${Number(orders(connection)["id"])}`)(connection),
    kind: "row-inconsistent",
    message: /batches of log \d+, which has no row/,
  },
];

const rowCases: readonly Case[] = [
  ["meta", "UPDATE meta SET value = '1' WHERE name = 'commit'", /meta \(commit\): does not/],
  ["channel", "UPDATE channel SET partitions = 5 WHERE name = 'orders'", /channel \(\d\): does/],
  ["log", "UPDATE log SET last_crc = 1 WHERE lane = 0", /log \(\d\): does not match/],
  ["grp", "UPDATE grp SET selection = 'x' WHERE id = 1", /grp \(1\): does not match/],
  ["cursor", "UPDATE cursor SET position = position + 1", /cursor \(1, \d, \d\): does not/],
  ["cursor_copy", "UPDATE cursor_copy SET position = position + 1", /cursor_copy \(1, /],
  ["open", "UPDATE open SET entries = zeroblob(length(entries))", /open \(1, .*: does not/],
  ["lease", "UPDATE lease SET epoch = 0 WHERE epoch > 0", /lease \(1, \d\): does not match/],
  ["state", "UPDATE state SET value = '{}'", /state \(\d, .*\): does not match/],
  ["timer", "UPDATE timer SET due_at = 0", /timer \(\d\): does not match/],
].map(([table, sql, message]) => ({
  name: `a changed row of ${String(table)}`,
  plant: run(String(sql)),
  kind: "row-damaged",
  message: message as RegExp,
}));

const referenceCases: readonly Case[] = [
  {
    name: "an open list of a batch that is not there",
    plant(connection) {
      const row = one(connection, "SELECT * FROM open LIMIT 1");
      const place = [Number(row["grp"]), Number(row["log"]), Number(row["range"])] as const;
      const crc = openCrc(...place, 7, row["entries"] as Uint8Array);
      connection
        .prepare("UPDATE open SET base = 7, crc = ? WHERE (grp, log, range, base) = (?, ?, ?, ?)")
        .run(crc, ...place, Number(row["base"]));
    },
    kind: "row-inconsistent",
    message: /open .*, 7\): names a batch that is not there/,
  },
  {
    name: "a group with a lease too few",
    plant: run("DELETE FROM lease WHERE grp = 1 AND range = 0"),
    kind: "row-inconsistent",
    message: /grp \(1\): has 3 leases for 4 ranges/,
  },
  {
    name: "state of a group that is not there",
    plant(connection) {
      const row = one(connection, "SELECT * FROM state LIMIT 1");
      const { name } = one(connection, "SELECT name FROM state_table LIMIT 1");
      connection.exec("UPDATE state_table SET grp = 77");
      const [key, version, value] = [row["key"], row["version"], row["value"]];
      const crc = stateCrc(77, String(name), String(key), Number(version), String(value));
      connection.prepare("UPDATE state SET crc = ? WHERE key = ?").run(crc, String(key));
    },
    kind: "row-inconsistent",
    message: /state .* names group 77/,
  },
];

describe("inspection by SQL", () => {
  const root = mkdtempSync(join(tmpdir(), "spillway-inspection-"));
  const whole = join(root, "whole");
  before(() => writeJournal(whole));
  after(() => rmSync(root, { recursive: true, force: true }));

  async function inspected(
    name: string,
    plant: (connection: Connection) => void,
  ): Promise<FindingList> {
    const directory = join(root, name.replaceAll(/\W/g, "-"));
    await cp(whole, directory, { recursive: true });
    const connection = openConnection(directory, "writer", options);
    try {
      plant(connection);
      const findings = new FindingList();
      const result = await inspectConnection({ connection, clock: systemClock, findings });
      assert.equal(result.complete, true);
      return findings;
    } finally {
      connection.close();
    }
  }

  test("a journal that uses everything is sound, and everything is looked at", async () => {
    const connection = openConnection(whole, "inspector", options);
    const findings = new FindingList();
    const result = await inspectConnection({ connection, clock: systemClock, findings });
    assert.deepEqual(findings.findings, []);
    const count = (sql: string): number => Number(one(connection, sql)["n"]);
    assert.deepEqual(
      [result.batches, result.messages, result.bytes, result.complete],
      [
        count("SELECT count(*) AS n FROM batch"),
        count("SELECT sum(count) AS n FROM batch"),
        count("SELECT sum(bytes) AS n FROM log"),
        true,
      ],
    );
    const tables = rowChecksOf(journalFormat).map(({ table }) => table);
    const sum = tables.map((table) => `SELECT count(*) AS n FROM ${table}`).join(" UNION ALL ");
    assert.equal(result.rows, count(`SELECT sum(n) AS n FROM (${sum})`));
    connection.close();
  });

  for (const { name, plant, kind, message } of [...batchCases, ...rowCases, ...referenceCases]) {
    test(`found: ${name}`, async () => {
      const { findings, counts, damage } = await inspected(name, plant);
      const found = findings.filter((finding) => finding.kind === kind);
      assert.match(found.map((finding) => finding.message).join("\n"), message);
      assert.equal(found.length, counts[kind]);
      assert.ok(damage > 0);
      for (const finding of findings) assert.notEqual(finding.remedy, "");
    });
  }

  test("a range that is known to be gone is a note, and no damage", async () => {
    const findings = await inspected("a gap", (connection) => {
      const { id, log } = batch(connection, 40);
      connection.exec(`DELETE FROM batch WHERE id = ${Number(id)}`);
      connection.prepare("INSERT INTO gap VALUES (?, 40, 40, 'unreadable', 0, 0)").run(Number(log));
      setLog(connection, { bytes: 0 });
    });
    const gap = findings.findings.find(({ kind }) => kind === "gap");
    assert.deepEqual(
      [gap?.severity, gap?.channel, gap?.fromOffset, gap?.toOffset],
      ["note", "orders", 40, 80],
    );
    assert.equal(findings.counts["batch-missing"], undefined);
  });

  test("a group may wait behind its log's end: that is noted, and no damage", async () => {
    const findings = await inspected("a group ahead", (connection) => {
      const { grp, log, range } = one(connection, "SELECT * FROM cursor LIMIT 1");
      const place = [Number(grp), Number(log), Number(range)] as const;
      connection
        .prepare("UPDATE cursor SET position = 999, crc = ? WHERE (grp, log, range) = (?, ?, ?)")
        .run(cursorCrc(...place, 999), ...place);
      const noted = new FindingList();
      checkCursors(connection, noted, options);
      assert.deepEqual([noted.damage, noted.counts], [0, { "cursor-ahead": 1 }]);
      assert.match(noted.findings[0]?.message ?? "", /waits at offset 999, the log ends at/);
    });
    assert.equal(findings.damage, 0);
  });

  test("it stops between two slices when asked to, and says so", async () => {
    const connection = openConnection(whole, "inspector", options);
    const findings = new FindingList();
    const stop = new AbortController();
    const result = await inspectConnection({
      connection,
      clock: systemClock,
      findings,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    assert.equal(result.complete, false);
    assert.ok(result.batches > 0);
    assert.equal(connection.isTransaction, false);
    connection.close();
  });
});

test("the list of findings is bounded, and counts what it leaves out", () => {
  const list = new FindingList();
  for (let row = 0; row < findingsMax + 10; row++) list.add("row-damaged", `row ${row}`);
  assert.equal(list.findings.length, findingsMax);
  assert.equal(list.counts["row-damaged"], findingsMax + 10);
  assert.equal(list.damage, findingsMax + 10);
});

test("ranges that touch are one finding, others are not", () => {
  const list = new FindingList();
  const range = (fromOffset: number, toOffset: number, channel = "a") => {
    return { channel, priority: "normal" as const, fromOffset, toOffset };
  };
  list.addRange("batch-missing", "missing", range(0, 5));
  list.addRange("batch-missing", "missing", range(5, 9));
  list.addRange("batch-missing", "missing", range(10, 11));
  list.addRange("batch-missing", "missing", range(11, 12, "b"));
  assert.deepEqual(
    list.findings.map(({ message }) => message),
    [
      "channel 'a' (normal), offsets 0 to 8: missing",
      "channel 'a' (normal), offset 10: missing",
      "channel 'b' (normal), offset 11: missing",
    ],
  );
  assert.equal(list.counts["batch-missing"], 3);
});
