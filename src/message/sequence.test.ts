// Numbers within a key on the wire: what is written, what others write, and what is no number.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sequenceNumber, sequenceText } from "./sequence.ts";

test("texts sort as their numbers do, and give them back", () => {
  const numbers = [0, 1, 9, 10, 99, 100, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
  const texts = numbers.map(sequenceText);
  assert.deepEqual(texts.toSorted(), texts);
  assert.deepEqual(texts.map(sequenceNumber), numbers);
});

test("what others write is read; what is no number, or too large to be told apart, is none", () => {
  assert.deepEqual(["7", "007", "2147483647"].map(sequenceNumber), [7, 7, 2_147_483_647]);
  for (const text of [
    "",
    "-1",
    "1.0",
    "1e3",
    "0x1",
    " 1",
    "a",
    "9007199254740992",
    "9".repeat(64),
  ]) {
    assert.equal(sequenceNumber(text), undefined, text);
  }
});
