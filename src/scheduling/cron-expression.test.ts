// Due times of cron expressions, above all where a time zone skips or repeats an hour.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTime, parseTime } from "../kernel/timestamp.ts";
import { CronExpression } from "./cron-expression.ts";

/** The next due times after a moment. */
function next(cron: string, timeZone: string, from: string, count: number): string[] {
  const expression = new CronExpression(cron, timeZone);
  const times: string[] = [];
  let atMs = parseTime(from);
  for (let index = 0; index < count && atMs !== undefined; index++) {
    atMs = expression.after(atMs);
    if (atMs !== undefined) times.push(formatTime(atMs).replace(":00.000Z", ""));
  }
  return times;
}

test("a daily time follows the zone, not UTC", () => {
  assert.deepEqual(next("30 2 * * *", "Europe/Zurich", "2026-03-27T12:00:00Z", 1), [
    "2026-03-28T01:30",
  ]);
  assert.deepEqual(next("30 2 * * *", "UTC", "2026-03-27T12:00:00Z", 1), ["2026-03-28T02:30"]);
});

test("a time in the hour that is skipped fires once, when the clock jumps", () => {
  assert.deepEqual(next("30 2 * * *", "Europe/Zurich", "2026-03-28T12:00:00Z", 2), [
    "2026-03-29T01:00",
    "2026-03-30T00:30",
  ]);
  assert.deepEqual(next("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2), [
    "2026-03-08T07:00",
    "2026-03-09T06:30",
  ]);
});

test("a time in the hour that is repeated fires once, at its first occurrence", () => {
  assert.deepEqual(next("30 2 * * *", "Europe/Zurich", "2026-10-24T12:00:00Z", 2), [
    "2026-10-25T00:30",
    "2026-10-26T01:30",
  ]);
  assert.deepEqual(next("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2), [
    "2026-11-01T05:30",
    "2026-11-02T06:30",
  ]);
});

test("what fires every half hour goes on in real time through both", () => {
  for (const from of ["2026-03-28T23:45:00Z", "2026-10-24T22:45:00Z"]) {
    const times = next("*/30 * * * *", "Europe/Zurich", from, 12).map((each) =>
      parseTime(`${each}:00Z`),
    );
    const steps = times.slice(1).map((each, at) => (each ?? 0) - (times[at] ?? 0));
    assert.deepEqual(new Set(steps), new Set([1_800_000]));
  }
});

test("the newest due times up to a moment are those that after() goes through", () => {
  for (const [cron, zone] of [
    ["30 2 * * *", "Europe/Zurich"],
    ["0 */5 * * *", "America/New_York"],
    ["*/7 * * * * *", "UTC"],
  ] as const) {
    const expression = new CronExpression(cron, zone);
    let atMs = parseTime("2026-10-20T00:00:00Z") ?? 0;
    const all: number[] = [];
    for (let index = 0; index < 40; index++) all.push((atMs = expression.after(atMs) ?? 0));
    assert.deepEqual(expression.upTo(atMs, 40), all, cron);
    assert.deepEqual(expression.upTo(atMs + 999, 3), all.slice(-3), cron);
    assert.deepEqual(expression.upTo(atMs - 1, 3), all.slice(-4, -1), cron);
  }
});

test("an expression or zone that cannot be used is named with what is wrong", () => {
  for (const [cron, zone, text] of [
    ["nonsense", "UTC", /cron "nonsense".*give five fields/],
    ["61 * * * *", "UTC", /minute: 61/],
    ["0 0 * * *", "Mars/Olympus", /"Mars\/Olympus"/],
  ] as const) {
    assert.throws(() => new CronExpression(cron, zone), {
      code: "INVALID_ARGUMENT",
      message: text,
    });
  }
});
