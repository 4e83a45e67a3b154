// Back-off: bounds and growth.
import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "./backoff.ts";
import { seededRandom } from "./random.ts";

const options = { delayMsMin: 100, delayMsMax: 30_000 };

test("the ceiling doubles with every failure and stays at the largest delay", () => {
  const highest = { uint32: () => 2 ** 32 - 1, float: () => 1 };
  const ceilings = [1, 2, 3, 9, 10, 2_000].map((failures) => backoffMs(failures, options, highest));
  assert.deepEqual(ceilings, [100, 200, 400, 25_600, 30_000, 30_000]);
});

test("the jitter is full: waits spread over all of the range below the ceiling", () => {
  const random = seededRandom(7);
  const waits = Array.from({ length: 1_000 }, () => backoffMs(4, options, random));
  assert.ok(waits.every((wait) => wait >= 0 && wait < 800));
  for (const quarter of [0, 1, 2, 3]) {
    const within = waits.filter((wait) => Math.floor(wait / 200) === quarter).length;
    assert.ok(within > 200 && within < 300, `quarter ${quarter} has ${within}`);
  }
});
