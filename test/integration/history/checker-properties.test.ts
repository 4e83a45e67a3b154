// The history checker is held against generated histories: sound ones have no violation, and every
// mutation that is planted into one is found. SPILLWAY_SEED=<number> plays others.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { seededRandom } from "../../../src/kernel/random.ts";
import { checkHistory } from "../../../src/testing/history/check-history.ts";
import { violationKinds } from "../../../src/testing/history/violation.ts";
import { isLongRun } from "../../evidence.ts";
import type { HistoryEvent } from "../../../src/testing/history/history-event.ts";
import { asPartitions, asQueue } from "./log-shapes.ts";
import { mutations } from "./mutations.ts";
import { SoundWorld } from "./sound-history.ts";

const seed = Number(process.env["SPILLWAY_SEED"] ?? 20_260_101);
const rules = { stuckMs: 5_000, isDense: true };
const numRuns = isLongRun ? 5_000 : 100;
const stepsMax = 150;
const worlds = [fc.nat(), fc.integer({ min: 1, max: stepsMax })] as const;

const asItIs = (history: readonly HistoryEvent[]): readonly HistoryEvent[] => history;

/** What nobody sees without offsets and without a full read. */
const unseenInQueue: ReadonlySet<string> = new Set([
  "the log drops an acknowledged message",
  "a stored message was never sent",
  "the log gives other content back",
  "an acknowledgement was a definite failure",
  "a reader is shown another message at an offset",
  "a reader is shown a message again",
  "a reader is not shown a message",
  "a message is stored a second time",
  "two messages of a key change places in the log",
]);

/** Where a reader is shown the message of another partition, that is no offset's second message. */
const unseenInPartitions: ReadonlySet<string> = new Set([
  "a reader is shown another message at an offset",
]);

const nothing: ReadonlySet<string> = new Set();
/** Holes are no loss where offsets count for several partitions. */
const withHoles = { stuckMs: 5_000 };
/** Each as other brokers show it. Without a full read, nobody misses what was not answered. */
const shapes = [
  { shape: "a log", show: asItIs, shapeRules: rules, unseen: nothing, hasDoubts: true },
  {
    shape: "a queue",
    show: asQueue,
    shapeRules: withHoles,
    unseen: unseenInQueue,
    hasDoubts: false,
  },
  {
    shape: "partitions",
    show: asPartitions,
    shapeRules: withHoles,
    unseen: unseenInPartitions,
    hasDoubts: true,
  },
];

for (const { shape, show, shapeRules, unseen, hasDoubts } of shapes) {
  test(`a sound history of ${shape} has no violation (seed ${seed}, ${numRuns} runs)`, () => {
    const property = fc.property(...worlds, (worldSeed, steps) => {
      assert.deepEqual(checkHistory(show(new SoundWorld(worldSeed).run(steps)), shapeRules), []);
    });
    fc.assert(property, { seed, numRuns });
  });

  for (const mutation of mutations.filter(({ name }) => !unseen.has(name))) {
    test(`${shape}: ${mutation.kind} is found when ${mutation.name} (seed ${seed})`, () => {
      let planted = 0;
      const property = fc.property(...worlds, fc.nat(), (worldSeed, steps, placeSeed) => {
        const history = new SoundWorld(worldSeed, hasDoubts).run(steps);
        const mutated = mutation.plant(history, seededRandom(placeSeed));
        if (mutated === undefined) return;
        planted++;
        const found = checkHistory(show(mutated), shapeRules).map(({ kind }) => kind);
        assert.ok(found.includes(mutation.kind), `found ${found.join(", ") || "nothing"}`);
      });
      fc.assert(property, { seed, numRuns });
      assert.ok(planted > numRuns / 3, `only ${planted} of ${numRuns} histories had a place`);
    });
  }
}

test("what a shape does not show is in the list of mutations", () => {
  const names = new Set(mutations.map(({ name }) => name));
  const unseen = [...unseenInQueue, ...unseenInPartitions];
  assert.deepEqual(
    unseen.filter((name) => !names.has(name)),
    [],
  );
});

test("every kind has a mutation", () => {
  const kinds = new Set(mutations.map(({ kind }) => kind));
  assert.deepEqual(
    violationKinds.filter((kind) => !kinds.has(kind)),
    [],
  );
});

test("a long history is read once, event by event", () => {
  const history = new SoundWorld(1).run(20_000);
  let reads = 0;
  function* counting() {
    for (const event of history) {
      reads++;
      yield event;
    }
  }
  assert.deepEqual(checkHistory(counting(), rules), []);
  assert.equal(reads, history.length);
});
