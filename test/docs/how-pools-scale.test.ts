/**
 * The figures in the guide to pools that scale themselves are those of the last long run of
 * test/simulation/scaling.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path: string): string =>
  readFileSync(new URL(`../../docs/${path}`, import.meta.url), "utf8");
const guide = read("guides/how-pools-scale.md").replaceAll(/\s+/g, " ");
const { counts, violations } = JSON.parse(read("evidence/scaling.json")) as {
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
};

/** The numbers that the guide has in a sentence, and the counts that they are. */
const sentences: readonly (readonly [RegExp, readonly string[]])[] = [
  [/99 of 100 within (\d+) ms has (\d+) handlers/, ["goalMs", "smallestFixed"]],
  [/meets the goal with (\d+) % of its worker-seconds/, ["shareInPercent"]],
  [/every fixed size up to (\d+) was tried/, ["sizesTried"]],
  [/ten times slower, (\d+) to (\d+) calls stay in flight/, ["tenfold10Least", "tenfold10Most"]],
  [/it keeps (\d+) and gets/, ["crowded0And10Pool"]],
];

test("the guide says what the evidence says", () => {
  for (const [sentence, names] of sentences) {
    const found = sentence.exec(guide)?.slice(1).map(Number);
    const wanted = names.map((name) => Math.round(counts[name] ?? Number.NaN));
    assert.deepEqual(found, wanted, String(sentence));
  }
  assert.match(guide, /Fifteen thousand messages/);
  assert.equal(Math.round((counts["messages"] ?? 0) / 1_000), 15);
  assert.match(guide, /ten at once are best/);
  assert.equal(counts["crowded0And10BestFixed"], 10);
  assert.deepEqual(violations, []);
});
