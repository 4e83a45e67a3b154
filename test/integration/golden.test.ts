// Journals of every format that was ever frozen, opened with the code of today.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { verifyJournal } from "spillway/embedded";
import { journalFormat } from "../../src/adapters/embedded/journal/connection.ts";
import { describeJournal } from "../golden/describe-journal.ts";
import { copyGolden, goldenDescription, goldenFormats } from "../golden/golden-directories.ts";
import { delaysMs, givenIds } from "../golden/write-journal.ts";

/** Opens the database and changes one thing that its checksums cover. */
function change(directory: string, sql: string): void {
  const database = new DatabaseSync(join(directory, "journal.db"));
  try {
    assert.equal(database.prepare(sql).run().changes, 1);
  } finally {
    database.close();
  }
}

function formatIn(directory: string): unknown {
  const database = new DatabaseSync(join(directory, "journal.db"), { readOnly: true });
  try {
    return database.prepare("PRAGMA user_version").get()?.["user_version"];
  } finally {
    database.close();
  }
}

test("there is a golden directory of each older format", () => {
  const older = Array.from({ length: journalFormat - 1 }, (_, index) => index + 1);
  assert.deepEqual(
    older.filter((format) => !goldenFormats().includes(format)),
    [],
  );
});

for (const format of goldenFormats()) {
  test(`format ${format}: it can be verified before anybody has opened it`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "spillway-golden-"));
    try {
      copyGolden(format, directory);
      const report = await verifyJournal(directory);
      assert.deepEqual(
        report.findings.filter(({ severity }) => severity === "damage"),
        [],
      );
      assert.deepEqual([report.sound, report.complete], [true, true]);
      assert.ok(report.messages > 120 && report.rows > 30, JSON.stringify(report));
      assert.equal(formatIn(directory), format);
      const one = (table: string): string => `rowid = (SELECT min(rowid) FROM ${table})`;
      change(directory, "UPDATE state SET value = '0' WHERE key = (SELECT min(key) FROM state)");
      change(directory, `UPDATE timer SET due_at = due_at + 1 WHERE ${one("timer")}`);
      change(directory, `UPDATE batch SET crc = crc + 1 WHERE ${one("batch")}`);
      const damaged = await verifyJournal(directory);
      assert.deepEqual(damaged.counts, { ...report.counts, "batch-damaged": 1, "row-damaged": 2 });
      assert.equal(formatIn(directory), format);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test(`format ${format}: everything is delivered as it was recorded`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "spillway-golden-"));
    try {
      copyGolden(format, directory);
      assert.equal(formatIn(directory), format);
      const expected = goldenDescription(format);
      // As JSON, in which the record has no undefined members either.
      const described = JSON.parse(JSON.stringify(await describeJournal(directory))) as unknown;
      assert.deepEqual(described, expected);
      assert.equal(formatIn(directory), journalFormat);
      // The record itself is not an empty one.
      assert.equal(expected.messages["orders/normal"]?.length, 120);
      assert.equal(expected.deliveries["orders/billing"]?.length, 18);
      assert.equal(Object.values(expected.delayed).flat().length, delaysMs.length);
      for (const id of givenIds) assert.notEqual(expected.repeats[id], null);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
