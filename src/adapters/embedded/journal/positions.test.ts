import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveStart } from "./positions.ts";

const none = (): undefined => undefined;

test("an offset at or before the normal log's start is the start of every log", () => {
  const high = { id: 1, start: 2, end: 5 };
  const empty = { id: 2, start: 0, end: 0 };
  assert.equal(resolveStart({ offset: 0 }, high, empty, none), 2);
  assert.equal(resolveStart({ offset: 4 }, high, { id: 2, start: 4, end: 9 }, none), 2);
});

test("an offset that the normal log has not reached is the end of the others", () => {
  const high = { id: 1, start: 2, end: 5 };
  assert.equal(resolveStart({ offset: 1 }, high, { id: 2, start: 0, end: 0 }, none), 5);
  assert.equal(resolveStart({ offset: 9 }, high, { id: 2, start: 4, end: 9 }, none), 5);
  assert.equal(resolveStart({ offset: 1 }, high, undefined, none), 5);
});
