// RFC 3339 text and back: every valid form, every kind of invalid one, and the round trip.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatTime, parseTime } from "./timestamp.ts";

test("every time of the years 0 to 9999 survives as text", () => {
  const first = Date.parse("0000-01-01T00:00:00.000Z");
  const last = Date.parse("9999-12-31T23:59:59.999Z");
  fc.assert(
    fc.property(fc.integer({ min: first, max: last }), (wallMs) => {
      assert.equal(parseTime(formatTime(wallMs)), wallMs);
    }),
  );
});

test("offsets, fractions, small letters and leap seconds", () => {
  const noon = Date.UTC(2030, 0, 31, 12);
  const same = [
    "2030-01-31T12:00:00Z",
    "2030-01-31t12:00:00z",
    "2030-01-31T12:00:00.000999999Z",
    "2030-01-31T14:30:00+02:30",
    "2030-01-30T12:01:00-23:59",
    "2030-01-31T11:59:60Z",
    "2030-01-31T12:00:00-00:00",
  ];
  for (const text of same) assert.equal(parseTime(text), noon, text);
  assert.equal(parseTime("2030-01-31T12:00:00.5Z"), noon + 500);
  assert.equal(parseTime("2030-01-31T12:00:00.1239Z"), noon + 123);
  assert.equal(parseTime("2028-02-29T00:00:00Z"), Date.UTC(2028, 1, 29));
});

test("what is no RFC 3339 timestamp is refused", () => {
  const wrong = [
    "",
    "yesterday",
    "2030-01-31",
    "2030-01-31T12:00Z",
    "2030-01-31 12:00:00Z",
    "2030-01-31T12:00:00",
    "2030-02-30T12:00:00Z",
    "2029-02-29T12:00:00Z",
    "2030-13-01T12:00:00Z",
    "2030-00-01T12:00:00Z",
    "2030-01-31T24:00:00Z",
    "2030-01-31T12:60:00Z",
    "2030-01-31T12:00:61Z",
    "2030-01-31T12:00:00.Z",
    "2030-01-31T12:00:00+24:00",
    "2030-01-31T12:00:00+2:00",
    "0000-01-01T00:00:00+00:01",
    "9999-12-31T23:59:60Z",
    "+002030-01-31T12:00:00Z",
    " 2030-01-31T12:00:00Z",
    "2030-01-31T12:00:00Z\n",
    `2030-01-31T12:00:00.${"0".repeat(31)}Z`,
  ];
  for (const text of wrong) assert.equal(parseTime(text), undefined, text);
});
