// What counts as a text for people, and is not changed by mutation testing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isProse } from "../../scripts/mutation/prose-ignorer.ts";

test("several words are a text for people; names and SQL are not", () => {
  for (const text of ["the journal is damaged", "x: no such channel", "not found in x."]) {
    assert.ok(isProse(text), text);
  }
  const names = ["dead-letter", "", " ", "x.dead-letters", "AT_MOST_ONCE"];
  const statements = [
    "SELECT id FROM messages",
    "\n  UPDATE x SET a = 1",
    "PRAGMA journal_mode = wal",
  ];
  for (const text of [...names, ...statements]) assert.ok(!isProse(text), text);
});
