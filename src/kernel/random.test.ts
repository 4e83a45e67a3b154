// Randomness: the seeded source repeats, both sources are in range and evenly spread.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, systemRandom } from "./random.ts";

test("the same seed gives the same numbers, on every machine and in every version", () => {
  const draw = (seed: number): number[] => {
    const random = seededRandom(seed);
    return [random.uint32(), random.uint32(), random.uint32()];
  };
  assert.deepEqual(draw(1), [2_693_262_067, 11_749_833, 2_265_367_787]);
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
  assert.deepEqual(draw(-1), draw(2 ** 32 - 1));
});

for (const [name, random] of [
  ["seeded", seededRandom(7)],
  ["system", systemRandom],
] as const) {
  test(`${name}: whole numbers of 32 bits and fractions below 1, evenly spread`, () => {
    const buckets = new Uint32Array(8);
    const count = 16_000;
    for (let index = 0; index < count; index++) {
      const word = random.uint32();
      assert.ok(Number.isInteger(word) && word >= 0 && word < 2 ** 32);
      const fraction = random.float();
      assert.ok(fraction >= 0 && fraction < 1);
      for (const bucket of [word >>> 29, Math.floor(fraction * 8)]) {
        buckets[bucket] = (buckets[bucket] as number) + 1;
      }
    }
    // 4,000 expected in each; 500 away is more than 8 standard deviations.
    for (const drawn of buckets) assert.ok(Math.abs(drawn - 4_000) < 500, String(buckets));
  });
}
