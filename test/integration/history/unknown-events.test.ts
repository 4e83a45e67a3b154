// Events that nobody knows, as they come from a file with a mistake in it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkHistory, type HistoryEvent } from "spillway/testing";

test("an event of an unknown kind is refused by name, and not passed over", () => {
  for (const [text, named] of [
    ['[{"kind":"publish","atMs":0}]', /no event of kind "publish"/],
    ['[{"atMs":0}]', /no event of kind undefined/],
  ] as const) {
    const history = JSON.parse(text) as HistoryEvent[];
    assert.throws(() => checkHistory(history), { code: "INVALID_ARGUMENT", message: named });
  }
});
