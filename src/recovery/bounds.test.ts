// The bounds of the numbers in a policy belong to what is allowed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertMilliseconds, assertWhole } from "./bounds.ts";

test("a whole number may be either bound, and nothing beyond or between numbers", () => {
  for (const value of [1, 2, 3]) assertWhole("attempts", value, 1, 3);
  for (const value of [0, 4, 1.5, Number.NaN]) {
    assert.throws(() => assertWhole("attempts", value, 1, 3), {
      code: "INVALID_ARGUMENT",
      message: `attempts is ${value}: give a whole number from 1 to 3`,
    });
  }
});

test("milliseconds may be the least of them, and must be a finite number", () => {
  for (const value of [0, 0.5, 1e12]) assertMilliseconds("waitMs", value);
  assertMilliseconds("waitMs", 5, 5);
  assert.throws(() => assertMilliseconds("waitMs", 4.9, 5), /waitMs is 4.9: .* 5 or more/);
  for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => assertMilliseconds("waitMs", value), { code: "INVALID_ARGUMENT" });
  }
});
