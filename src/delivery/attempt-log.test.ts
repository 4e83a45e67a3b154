// The list of failed attempts: what stays of a long one, and its text.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  attemptsListedMax,
  attemptsOf,
  attemptsText,
  type FailedAttempt,
  reasonLengthMax,
  withAttempt,
} from "./attempt-log.ts";

const failed = (attempt: number, reason = "broken"): FailedAttempt => ({
  attempt,
  atMs: attempt * 1_000,
  code: "HANDLER_FAILED",
  reason,
});

test("of a long list the first and the last attempts stay", () => {
  let list: readonly FailedAttempt[] | undefined;
  for (let attempt = 1; attempt <= 20; attempt++) list = withAttempt(list, failed(attempt));
  assert.equal(list?.length, attemptsListedMax);
  assert.deepEqual(
    list?.map(({ attempt }) => attempt),
    [1, 14, 15, 16, 17, 18, 19, 20],
  );
});

test("a list begins with its first attempt; a reason that just fits is not cut", () => {
  const first = failed(1, "x".repeat(reasonLengthMax));
  assert.deepEqual(withAttempt([], first), [first]);
  assert.deepEqual(withAttempt(undefined, first), [first]);
});

test("a reason is cut, and the list survives as text", () => {
  const list = withAttempt(undefined, failed(3, "x".repeat(10_000)));
  assert.equal(list[0]?.reason.length, reasonLengthMax);
  assert.deepEqual(attemptsOf(attemptsText(list)), list);
  for (const text of [undefined, 7, ["[[1, 2]]"], "", "{", "{}", "null"]) {
    assert.deepEqual(attemptsOf(text), []);
  }
});
