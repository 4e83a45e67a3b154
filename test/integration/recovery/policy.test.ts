// What becomes of failed messages under an error policy: on memory and on the journal, with and
// without order by key, at least once and effectively once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { DeliveryOptions } from "../../../src/delivery/delivery-options.ts";
import type { HandlerContext, StateTable } from "../../../src/delivery/handler-context.ts";
import { delay } from "../../../src/kernel/clock.ts";
import {
  deadLetter,
  discard,
  fallback,
  retry,
  type ErrorAction,
} from "../../../src/recovery/actions.ts";
import { errorPolicy } from "../../../src/recovery/error-policy.ts";
import { otherwise, when } from "../../../src/recovery/matching.ts";
import { linear } from "../../../src/recovery/schedules.ts";
import { diagnostics, type SetAsideDiagnostics } from "../../../src/telemetry/channels.ts";
import { keyOf, Noted, numberOf, type World } from "../delivery/world.ts";
import { numberIn, openOn, testEach, withPolicy } from "./subjects.ts";

class BrokenError extends Error {}

/** Options with these rules for BrokenError; everything else goes to the dead letters at once. */
function rulesFor(world: World, action: ErrorAction): Partial<DeliveryOptions> {
  const policy = errorPolicy(when(BrokenError, action), otherwise(deadLetter("unexpected")));
  return withPolicy(world, policy);
}

/** The state table of the tests that have one. */
function sumsOf({ state }: HandlerContext): StateTable {
  return state["sums"] ?? assert.fail("no table");
}

/** Number, code, reason and attempts of each dead letter. */
async function lettersOf(world: World): Promise<unknown[]> {
  const letters = await world.read("orders.dead-letters");
  return letters.map(({ payload, attributes }) => [
    numberIn(payload),
    attributes.extensions?.["deadlettercode"],
    attributes.extensions?.["deadletterreason"],
    attributes.extensions?.["deadletterattempts"],
  ]);
}

testEach(
  "a retry makes its attempts at their times, then the end behind it",
  async (world, options) => {
    await world.publishKeys("ab");
    const calls: number[][] = [];
    const action = retry(linear({ stepMs: 1_000 }), { attempts: 3 }).then(deadLetter("gave up"));
    const { counters } = await world.subscribe(
      (message, { attempt }) => {
        if (keyOf(message) === "b") throw new TypeError("a bug");
        calls.push([attempt, world.clock.monotonicMs()]);
        throw new BrokenError("broken");
      },
      { ...options, ...rulesFor(world, action) },
    );
    await world.clock.advance(10_000);
    assert.deepEqual(calls, [
      [1, 0],
      [2, 1_000],
      [3, 3_000],
    ]);
    assert.deepEqual(await lettersOf(world), [
      [1, "HANDLER_FAILED", "unexpected: a bug", 1],
      [0, "HANDLER_FAILED", "gave up: broken", 3],
    ]);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
    assert.deepEqual([counters.deadLettered, counters.retried], [2, 2]);
  },
);

testEach("no try is made that would come when the message is too old", async (world, options) => {
  await world.publishKeys("a");
  await world.clock.advance(5_000);
  const bounds = { attempts: 100, ageMsMax: 8_000 };
  const action = retry(linear({ stepMs: 1_000 }), bounds).then(deadLetter("too old"));
  let calls = 0;
  await world.subscribe(
    () => {
      calls++;
      throw new BrokenError("broken");
    },
    { ...options, ...rulesFor(world, action) },
  );
  await world.clock.advance(60_000);
  // At 5, 6 and 8 s; the next would be at 11 s.
  assert.equal(calls, 3);
  assert.deepEqual(await lettersOf(world), [[0, "HANDLER_FAILED", "too old: broken", 3]]);
});

testEach(
  "discard acknowledges, counts and tells; later messages of the key follow",
  async (world, options) => {
    await world.publishKeys("aaa");
    const told: SetAsideDiagnostics[] = [];
    const listen = (event: unknown): unknown => told.push(event as SetAsideDiagnostics);
    diagnostics.discard.subscribe(listen);
    const done: number[] = [];
    const { counters } = await world.subscribe(
      (message) => {
        if (numberOf(message) === 1) throw new BrokenError("declined");
        done.push(numberOf(message));
      },
      { ...options, ...rulesFor(world, discard("by the bank")) },
    );
    await world.clock.settle();
    diagnostics.discard.unsubscribe(listen);
    assert.deepEqual(done, [0, 2]);
    assert.deepEqual([counters.discarded, counters.acked, counters.deadLettered], [1, 3, 0]);
    assert.deepEqual(await lettersOf(world), []);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
    assert.deepEqual(
      told.map(({ reason }) => reason),
      ["by the bank: declined"],
    );
  },
);

testEach(
  "a fallback gets the error; only what it leaves commits, with the acknowledgement",
  async (world, options) => {
    await world.publish([{ n: 1 }, { n: 2 }], Noted, { key: "k" });
    const seen: unknown[] = [];
    const action = fallback(async (message, error, context: HandlerContext) => {
      seen.push([numberOf(message), (error as Error).message, context.attempt]);
      await context.publish(Noted, { n: numberOf(message) + 100 });
      return Noted.message({ n: numberOf(message) + 200 });
    }).then(deadLetter());
    const { counters } = await world.subscribe(
      async (message, context) => {
        if (numberOf(message) >= 100) return;
        await context.publish(Noted, { n: -1 });
        throw new BrokenError(`broken ${numberOf(message)}`);
      },
      { ...options, ...rulesFor(world, action) },
    );
    await world.clock.settle();
    assert.deepEqual(seen, [
      [1, "broken 1", 1],
      [2, "broken 2", 1],
    ]);
    const stored = (await world.read("orders")).map(({ payload }) => numberIn(payload));
    assert.deepEqual(
      stored.sort((a, b) => a - b),
      [1, 2, 101, 102, 201, 202],
    );
    assert.deepEqual([counters.failed, counters.deadLettered], [2, 0]);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  },
);

testEach("a fallback that fails has its own end, and is called once", async (world, options) => {
  await world.publishKeys("aa");
  let calls = 0;
  const action = fallback(() => {
    calls++;
    throw new BrokenError("also broken");
  }).then(deadLetter("no way"));
  await world.subscribe(
    (message) => {
      if (numberOf(message) === 0) throw new BrokenError("broken");
    },
    { ...options, ...rulesFor(world, action) },
  );
  await world.clock.advance(1_000);
  assert.equal(calls, 1);
  assert.deepEqual(await lettersOf(world), [[0, "HANDLER_FAILED", "no way: also broken", 1]]);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
});

testEach(
  "a handler that does not settle is given up, and its fallback called",
  async (world, options) => {
    await world.publishKeys("aab");
    const done: string[] = [];
    let isAborted = false;
    const policy = errorPolicy(
      when(
        { code: "HANDLER_TIMEOUT" },
        fallback((message) => {
          done.push(`fallback ${numberOf(message)}`);
        }).then(deadLetter()),
      ),
      otherwise(deadLetter()),
    );
    const { delivery } = await world.subscribe(
      async (message, { signal }) => {
        if (numberOf(message) === 0) {
          signal.addEventListener("abort", () => (isAborted = true));
          await new Promise(() => undefined);
        }
        done.push(String(numberOf(message)));
      },
      { ...options, timeoutMs: 500, ...withPolicy(world, policy) },
    );
    await world.clock.advance(499);
    assert.equal(done.includes("fallback 0"), false);
    await world.clock.advance(2);
    assert.equal(isAborted, true);
    assert.equal(done.filter((each) => each === "fallback 0").length, 1);
    if (options.order === "key") assert.deepEqual(done, ["2", "fallback 0", "1"]);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
    await delivery.drain(world.clock.monotonicMs());
  },
);

testEach(
  "the fallback of a stateful handler sees no change of the failed call",
  async (world, options) => {
    if (options.delivery !== "effectively-once") return;
    await world.publishKeys("aaa");
    const state = { sums: z.int() };
    const before: unknown[] = [];
    const action = fallback(async (_message, _error, context: HandlerContext) => {
      const sums = sumsOf(context);
      before.push(await sums.get("all"));
      await sums.set("all", (((await sums.get("all")) as number | undefined) ?? 0) + 1);
    }).then(deadLetter());
    await world.subscribe(
      async (_message, context) => {
        await sumsOf(context).set("all", 1_000);
        await delay(world.clock, 1);
        throw new BrokenError("broken");
      },
      { ...options, state, ...rulesFor(world, action) },
    );
    await world.clock.advance(1_000);
    assert.deepEqual(before, [undefined, 1, 2]);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  },
);

test("at most once nothing can be kept; a fallback is called", async (t) => {
  const world = await openOn("memory", t);
  await world.publishKeys("ab");
  const calls: string[] = [];
  const policy = errorPolicy(
    when(
      BrokenError,
      fallback((message) => {
        calls.push(keyOf(message));
      }).then(deadLetter()),
    ),
    otherwise(retry().then(deadLetter())),
  );
  await world.subscribe(
    (message) => {
      throw keyOf(message) === "a" ? new BrokenError("a") : new Error("b");
    },
    { delivery: "at-most-once", ...withPolicy(world, policy) },
  );
  await world.clock.advance(60_000);
  assert.deepEqual(calls, ["a"]);
  assert.deepEqual(await lettersOf(world), [[1, "HANDLER_FAILED", "b", 1]]);
});
