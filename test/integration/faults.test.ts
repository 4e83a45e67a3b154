// Faults on purpose: with chaos() in the middleware and with faultTransport() below, over memory()
// and a journal in place, nothing is lost and no effect happens twice; every kind of fault is met,
// bounded and counted.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createBus, defineEvent, SpillwayError, type Transport } from "spillway";
import { embedded } from "spillway/embedded";
import { memory } from "spillway/memory";
import {
  type Chaos,
  chaos,
  faultTransport,
  scenario,
  seededRandom,
  VirtualClock,
} from "spillway/testing";
import { z } from "zod";
import { directoryFor } from "./bus-subjects.ts";

const seed = Number(process.env["SPILLWAY_SEED"] ?? 20_260_101);
const messagesCount = 120;
const keysCount = 7;
const Paid = defineEvent("test.paid", {
  data: z.object({ account: z.string(), number: z.int() }),
  key: (paid) => paid.account,
});
const Thanked = defineEvent("test.thanked", { data: z.object({ number: z.int() }) });
const row = z.array(z.int());
const limit = { timeout: 60_000 };

const transports: Record<string, (context: TestContext) => Transport> = {
  memory: () => memory(),
  embedded: () => embedded({ directory: directoryFor(), engine: "direct" }),
};

for (const [subject, create] of Object.entries(transports)) {
  test(`${subject}: nothing is lost, nothing happens twice (seed ${seed})`, {
    timeout: 90_000,
  }, async (context) => {
    const clock = new VirtualClock();
    const transport = faultTransport(create(context), { seed, share: 0.2 });
    const monkey = chaos({ seed, share: 0.3, clock });
    const random = seededRandom(seed);
    const bus = await createBus({ name: "b", transport, clock, random, use: [monkey] });
    const options = { delivery: "effectively-once", state: { seen: row }, concurrency: 4 } as const;
    const subscription = await bus.subscribe(Paid, options, async ({ data }, { state }) => {
      const seen = (await state.seen.get(data.account)) ?? [];
      await state.seen.set(data.account, [...seen, data.number]);
      return Thanked.message({ number: data.number });
    });
    using story = await scenario(bus);
    const publishing = (async () => {
      for (let number = 0; number < messagesCount; number++) {
        const data = { account: `a${number % keysCount}`, number };
        // An answer that was lost is asked for again, under the same id.
        while (!(await bus.publish(Paid, data, { id: `paid-${number}` }).catch(onlyIndefinite)));
      }
    })();
    while (!(await isOver(publishing))) await clock.advance(50);
    await story.settled({ withinMs: 600_000 });
    for (let account = 0; account < keysCount; account++) {
      const seen = await subscription.state.seen.get(`a${account}`);
      const wanted = Array.from({ length: messagesCount }, (_, number) => number).filter(
        (number) => number % keysCount === account,
      );
      assert.deepEqual(seen, wanted, `account ${account}: each once, in order`);
    }
    story.assertPublished(Paid, { times: messagesCount });
    const thanked = story.assertPublished(Thanked, { times: messagesCount });
    assert.equal(new Set(thanked.map(({ data }) => data.number)).size, messagesCount);
    story.assertDeadLettered(Paid, { times: 0 });
    const counts = { ...transport.faultCounts, ...monkey.counts };
    const kinds =
      "append-lost append-unanswered append-repeated append-delayed commit-lost " +
      "commit-unanswered fetch-delayed fail-before fail-after delay";
    for (const fault of kinds.split(" ")) {
      assert.ok((counts[fault] ?? 0) > 0, `${fault} was met: ${JSON.stringify(counts)}`);
    }
    transport.abortFaults();
    const closed = bus.close();
    await clock.advance(10_000);
    await closed;
  });
}

function onlyIndefinite(error: unknown): undefined {
  assert.ok(error instanceof SpillwayError && error.certainty === "indefinite", String(error));
}

async function isOver(work: Promise<unknown>): Promise<boolean> {
  const open = Symbol();
  return (await Promise.race([work, Promise.resolve(open)])) !== open;
}

test("faults are bounded, and end with abort", async () => {
  const clock = new VirtualClock();
  const monkey = chaos({ seed, share: 1, faults: ["fail-before"], faultsMax: 3, clock });
  const transport = faultTransport(memory(), { seed, share: 1, faultsMax: 2 });
  await using bus = await createBus({ name: "b", transport, clock, use: [monkey] });
  transport.abortFaults();
  await bus.subscribe(Thanked, async () => undefined);
  using story = await scenario(bus);
  for (let number = 0; number < 5; number++) await story.publish(Thanked, { number });
  await story.settled();
  story.assertConsumed(Thanked, { times: 5 });
  assert.deepEqual(monkey.counts, { "fail-before": 3 });
  assert.deepEqual(transport.faultCounts, {});
  monkey.abort();
  await story.publish(Thanked, { number: 6 });
  await story.settled();
  assert.deepEqual(monkey.counts, { "fail-before": 3 });
});

test("a message is not failed so often that it becomes a dead letter", async () => {
  const clock = new VirtualClock();
  const monkey = chaos({ seed, share: 1, faults: ["fail-before", "fail-after"], clock });
  await using bus = await createBus({ name: "b", transport: memory(), clock, use: [monkey] });
  let calls = 0;
  await bus.subscribe(Thanked, async () => void calls++);
  using story = await scenario(bus);
  for (let number = 0; number < 20; number++) await story.publish(Thanked, { number });
  await story.settled();
  story.assertConsumed(Thanked, { times: 20, where: ({ attempt }) => attempt === 3 });
  story.assertDeadLettered(Thanked, { times: 0 });
  assert.ok(calls > 20, "the handler had been called, and failed after that");
});

test("nor delayed beyond its time so often", limit, async () => {
  const clock = new VirtualClock();
  const delays = { faults: ["delay"], delayMsMax: 1_000_000 } as const;
  const monkey = chaos({ seed, share: 1, ...delays, clock });
  await using bus = await createBus({ name: "b", transport: memory(), clock, use: [monkey] });
  await bus.subscribe(Thanked, { timeoutMs: 1_000 }, async () => undefined);
  using story = await scenario(bus);
  for (let number = 0; number < 50; number++) await story.publish(Thanked, { number });
  await story.settled({ withinMs: 3_600_000 });
  story.assertDeadLettered(Thanked, { times: 0 });
  story.assertRetried(Thanked);
  story.assertConsumed(Thanked, { times: 50 });
});

for (const how of ["abort()", "signal"]) {
  test(
    `${how} ends it in the middle, for calls that wait and for those under way`,
    limit,
    async () => {
      const clock = new VirtualClock();
      const { signal, abort } = switchOf(how);
      const delayMsMax = 50_000;
      const late = chaos({ seed, share: 1, faults: ["delay"], delayMsMax, clock, ...signal });
      const after = chaos({ seed, share: 1, faults: ["fail-after"], clock, ...signal });
      const options = { name: "b", transport: memory(), clock, use: [late, after] };
      await using bus = await createBus(options);
      const gate = Promise.withResolvers<void>();
      let begun = 0;
      await bus.subscribe(Thanked, { concurrency: 4 }, async () => {
        begun++;
        await gate.promise;
      });
      using story = await scenario(bus);
      for (let number = 0; number < 4; number++) await story.publish(Thanked, { number });
      await clock.settle();
      assert.deepEqual({ begun, delayed: late.counts }, { begun: 0, delayed: { delay: 4 } });
      abort(late);
      await clock.settle();
      assert.equal(begun, 4, "no time has passed, and all of them were called");
      abort(after);
      gate.resolve();
      await story.settled();
      story.assertConsumed(Thanked, { times: 4, where: ({ attempt }) => attempt === 1 });
      assert.equal(after.counts["fail-after"] ?? 0, 0);
      assert.equal(clock.monotonicMs(), 0);
    },
  );
}

/** The two ways to end it, told alike. */
function switchOf(how: string) {
  const controller = new AbortController();
  return how === "signal"
    ? { signal: { signal: controller.signal }, abort: () => controller.abort() }
    : { signal: {}, abort: (monkey: Chaos) => monkey.abort() };
}

test("the same seed fails the same calls", async () => {
  const failed = async (): Promise<readonly unknown[]> => {
    const clock = new VirtualClock();
    const monkey = chaos({ seed, share: 0.5, clock });
    const random = seededRandom(seed);
    const options = { name: "b", transport: memory(), clock, random, use: [monkey] };
    await using bus = await createBus(options);
    await bus.subscribe(Thanked, async () => undefined);
    using story = await scenario(bus);
    for (let number = 0; number < 20; number++) await story.publish(Thanked, { number });
    await story.settled();
    return story.consumed(Thanked).map(({ message, attempt, isDone }) => {
      return [message.offset, attempt, isDone];
    });
  };
  assert.deepEqual(await failed(), await failed());
});

test("options that cannot be are refused by name", () => {
  assert.throws(() => chaos({ seed: 0.5 }), /chaos: seed is 0.5/);
  assert.throws(() => chaos({ seed: 1, share: 2 }), /chaos: share is 2/);
  assert.throws(() => chaos({ seed: 1, faults: [] }), /faults is \[\]: give a list of fail-before/);
  assert.throws(() => chaos({ seed: 1, delayMsMax: -1 }), /delayMsMax is -1/);
  const misspelt: object = { sed: 1 };
  assert.throws(() => chaos({ seed: 1, ...misspelt }), /did you mean seed/);
  assert.throws(() => faultTransport(memory(), { seed: 1, faultsMax: 0.5 }), /faultsMax is 0.5/);
  assert.throws(() => faultTransport(memory(), { seed: 1, delayMsMax: -1 }), /delayMsMax is -1/);
});
