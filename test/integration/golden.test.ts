// Journals of every format that was ever frozen, opened with the code of today.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { journalFormat } from "../../src/adapters/embedded/journal/connection.ts";
import { describeJournal } from "../golden/describe-journal.ts";
import { copyGolden, goldenDescription, goldenFormats } from "../golden/golden-directories.ts";
import { delaysMs, givenIds } from "../golden/write-journal.ts";

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
