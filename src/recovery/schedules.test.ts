// Retry schedules: growth, bounds, jitter.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Random, seededRandom } from "../kernel/random.ts";
import { exponential, immediate, linear, type RetrySchedule } from "./schedules.ts";

const highest: Random = { uint32: () => 2 ** 32 - 1, float: () => 1 };
const failures = [1, 2, 3, 4, 50, 2_000];

/** The wait after each number of failures. */
function waitsOf(schedule: RetrySchedule, random: Random = highest): number[] {
  return failures.map((each) => schedule.waitMs(each, random));
}

test("without jitter waits are none, grow by steps, or double, up to their maximum", () => {
  assert.deepEqual(waitsOf(immediate()), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(waitsOf(linear({ stepMs: 10, maxMs: 35 })), [10, 20, 30, 35, 35, 35]);
  const doubling = exponential({ initialMs: 10, maxMs: 35, jitter: "none" });
  assert.deepEqual(waitsOf(doubling), [10, 20, 35, 35, 35, 35]);
  assert.deepEqual(waitsOf(exponential()), [100, 200, 400, 800, 30_000, 30_000]);
});

test("full jitter draws from 0 to the wait, all over", () => {
  for (const schedule of [
    exponential({ initialMs: 100, maxMs: 800 }),
    linear({ stepMs: 200, maxMs: 800, jitter: "full" }),
  ]) {
    const random = seededRandom(3);
    const waits = Array.from({ length: 1_000 }, () => schedule.waitMs(4, random));
    assert.ok(waits.every((wait) => wait >= 0 && wait < 800));
    for (const quarter of [0, 1, 2, 3]) {
      const within = waits.filter((wait) => Math.floor(wait / 200) === quarter).length;
      assert.ok(within > 200 && within < 300, `quarter ${quarter} has ${within}`);
    }
  }
});

test("decorrelated jitter stays between the first wait and the maximum, and spreads", () => {
  const random = seededRandom(5);
  const schedule = exponential({ initialMs: 100, maxMs: 5_000, jitter: "decorrelated" });
  assert.deepEqual(waitsOf(schedule), [300, 900, 2_700, 5_000, 5_000, 5_000]);
  const waits = Array.from({ length: 1_000 }, () => schedule.waitMs(6, random));
  assert.ok(waits.every((wait) => wait >= 100 && wait <= 5_000));
  assert.ok(Math.min(...waits) < 300 && Math.max(...waits) === 5_000);
  const meanAfter = (n: number): number => meanOf(() => schedule.waitMs(n, random));
  assert.ok(meanAfter(1) < meanAfter(2) && meanAfter(2) < meanAfter(3));
});

test("numbers and words that make no schedule are refused with place and value", () => {
  assert.throws(() => linear({ stepMs: -1 }), /linear: stepMs is -1: give milliseconds/);
  assert.throws(() => linear({ stepMs: 1, maxMs: Number.NaN }), /linear: maxMs is NaN/);
  assert.throws(() => exponential({ initialMs: Infinity }), /exponential: initialMs is Infinity/);
  assert.throws(() => exponential({ maxMs: -1 }), /exponential: maxMs is -1/);
  const jitter = "some" as "full";
  assert.throws(
    () => exponential({ jitter }),
    /exponential: jitter is "some": give "none" or "full" or "dec/,
  );
  assert.throws(() => linear({ stepMs: 1, jitter }), /linear: jitter is "some"/);
});

test("an option that a schedule does not know is refused, with the schedule's name", () => {
  const strange = { jiter: "full" };
  assert.throws(() => linear({ stepMs: 1, ...strange }), /linear.*jiter/s);
  assert.throws(() => exponential({ initialMs: 1, ...strange }), /exponential.*jiter/s);
});

test("without a word steps are not drawn", () => {
  const lowest: Random = { uint32: () => 0, float: () => 0 };
  assert.deepEqual(waitsOf(linear({ stepMs: 10, maxMs: 35 }), lowest), [10, 20, 30, 35, 35, 35]);
});

function meanOf(draw: () => number): number {
  return Array.from({ length: 1_000 }, draw).reduce((sum, each) => sum + each, 0) / 1_000;
}
