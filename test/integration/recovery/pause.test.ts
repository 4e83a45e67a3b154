// A downstream that is away: its subscription pauses, nothing is lost or reordered, and work goes
// on when it is back.
import assert from "node:assert/strict";
import { delay } from "../../../src/kernel/clock.ts";
import { deadLetter, pause, retry } from "../../../src/recovery/actions.ts";
import { errorPolicy } from "../../../src/recovery/error-policy.ts";
import { otherwise, when } from "../../../src/recovery/matching.ts";
import { type CircuitDiagnostics, diagnostics } from "../../../src/telemetry/channels.ts";
import { keyOf, numberOf, type World } from "../delivery/world.ts";
import { testEach, withPolicy } from "./subjects.ts";

class DownError extends Error {}

const policy = errorPolicy(
  when(DownError, pause({ failures: 5, windowMs: 10_000, probeAfterMs: 1_000 })),
  otherwise(retry().then(deadLetter())),
);

/** A downstream that takes its time, and is away for a while. */
class Downstream {
  isAway = false;
  running = 0;
  runningMax = 0;
  calls: { readonly n: number; readonly atMs: number; readonly attempt: number }[] = [];
  readonly done: { readonly key: string; readonly n: number }[] = [];
  readonly #world: World;
  readonly #callMs: number;

  constructor(world: World, callMs = 50) {
    this.#world = world;
    this.#callMs = callMs;
  }

  readonly handler = async (
    message: { readonly data: unknown },
    { attempt }: { readonly attempt: number },
  ): Promise<void> => {
    const { clock } = this.#world;
    this.calls.push({ n: numberOf(message), atMs: clock.monotonicMs(), attempt });
    this.runningMax = Math.max(this.runningMax, ++this.running);
    await delay(clock, this.#callMs);
    this.running--;
    if (this.isAway) throw new DownError("away");
    this.done.push({ key: keyOf(message), n: numberOf(message) });
  };
}

/** That many messages of ten keys; each key's numbers ascend. */
function work(count: number, start = 0): { key: string; n: number }[] {
  return Array.from({ length: count }, (_, n) => ({ key: `k${n % 10}`, n: start + n }));
}

/** Throws unless each key's numbers are there once and ascend. */
function assertOrder(done: readonly { readonly key: string; readonly n: number }[]): void {
  const last = new Map<string, number>();
  for (const { key, n } of done) {
    assert.ok((last.get(key) ?? -1) < n, `${key}: ${n} after ${last.get(key)}`);
    last.set(key, n);
  }
}

testEach(
  "a downstream that is away for 30 s costs no message, and one probe at a time",
  async (world, options) => {
    const { clock } = world;
    const down = new Downstream(world);
    const recovery = withPolicy(world, policy, 8);
    const { counters, delivery } = await world.subscribe(down.handler, { ...recovery, ...options });
    await world.publish(work(100));
    await clock.advance(5_000);
    assert.equal(down.done.length, 100);
    assert.equal(down.runningMax, 8);

    down.isAway = true;
    await world.publish(work(3_000, 100));
    await clock.advance(1_000);
    down.runningMax = 0;
    down.calls = [];
    // A fetch that was under way when the circuit opened still brings one batch.
    await world.publish(work(25, 5_000));
    await clock.settle();
    const fetched = counters.delivered;
    await world.publish(work(25, 5_025));
    await clock.advance(29_000);
    assert.equal(down.runningMax, 1, "one probe at a time");
    assert.ok(down.calls.length >= 7 && down.calls.length < 30, `${down.calls.length} probes`);
    assert.ok(
      down.calls.every(({ attempt }) => attempt === 1),
      "attempts are not used up",
    );
    assert.equal(counters.delivered, fetched, "nothing is fetched");
    assert.deepEqual(
      recovery.circuits().map(({ state }) => state),
      ["open"],
    );
    assert.match(
      delivery.troubles.join(),
      /a circuit is open: nothing is handled but a probe in \d+ ms/,
    );
    assert.deepEqual(await world.read("orders.dead-letters"), []);

    down.isAway = false;
    await clock.advance(4_900);
    down.calls = [];
    await clock.advance(100);
    assert.deepEqual(
      recovery.circuits().map(({ state }) => state),
      ["closed"],
    );
    assert.equal(down.running, 8, "full rate within 5 s");
    await clock.advance(60_000);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
    assert.equal(down.done.length, 3_150);
    assert.equal(new Set(down.done.map(({ n }) => n)).size, 3_150);
    if (options.order === "key") assertOrder(down.done);
    assert.deepEqual([counters.deadLettered, delivery.troubles], [0, []]);
  },
);

testEach(
  "the probe is the message that failed; concurrency grows back in steps",
  async (world, options) => {
    const { clock } = world;
    const down = new Downstream(world, 10);
    down.isAway = true;
    await world.publish(work(200));
    await world.subscribe(down.handler, { ...withPolicy(world, policy, 8), ...options });
    await clock.advance(20_000);
    assert.deepEqual(new Set(down.calls.map(({ n }) => n)), new Set([0]));
    down.isAway = false;
    const steps = new Set<number>();
    for (let ms = 0; ms < 5_000; ms += 5) {
      await clock.advance(5);
      steps.add(down.running);
    }
    const highest = [...steps].sort((a, b) => a - b).filter((each) => each > 0);
    assert.deepEqual([highest[0], highest.at(-1)], [1, 8]);
    assert.ok(highest.includes(2) && highest.includes(4), String(highest));
    assert.deepEqual(down.done[0], { key: "k0", n: 0 });
    if (options.order === "key") assertOrder(down.done);
  },
);

testEach("each change of the circuit is told", async (world, options) => {
  const told: CircuitDiagnostics[] = [];
  const listen = (event: unknown): unknown => told.push(event as CircuitDiagnostics);
  diagnostics.circuit.subscribe(listen);
  const down = new Downstream(world, 1);
  down.isAway = true;
  await world.publish(work(20));
  await world.subscribe(down.handler, { ...withPolicy(world, policy, 2), ...options });
  await world.clock.advance(500);
  down.isAway = false;
  await world.clock.advance(2_000);
  diagnostics.circuit.unsubscribe(listen);
  assert.deepEqual(
    told.map(({ state }) => state),
    ["open", "half-open", "closed"],
  );
  const [{ channel, group, limit }] = told as [CircuitDiagnostics];
  assert.deepEqual([channel, group, limit], ["orders", "g", 0]);
});

testEach(
  "a successor begins with one call, and finds the messages and their order",
  async (world, options) => {
    const down = new Downstream(world, 10);
    await world.publish(work(40));
    const first = await world.subscribe(down.handler, { ...withPolicy(world, policy), ...options });
    await world.clock.advance(15);
    down.isAway = true;
    await world.clock.advance(5_000);
    await first.delivery.drain(world.clock.monotonicMs() + 100);
    down.runningMax = 0;
    down.calls = [];
    await world.subscribe(down.handler, { ...withPolicy(world, policy), ...options });
    await world.clock.advance(10_000);
    assert.equal(down.runningMax, 1);
    down.isAway = false;
    await world.clock.advance(10_000);
    assert.equal(down.runningMax > 4, true);
    assert.equal(down.done.length, 40);
    if (options.order === "key") assertOrder(down.done);
    assert.deepEqual(await world.read("orders.dead-letters"), []);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  },
);

testEach("failures by other rules neither open a circuit nor close it", async (world, options) => {
  await world.publish(work(30));
  let isAway = true;
  const calls: number[] = [];
  const recovery = withPolicy(world, policy, 4);
  await world.subscribe(
    (message) => {
      calls.push(numberOf(message));
      if (numberOf(message) >= 20) throw new TypeError("a bug");
      if (isAway) throw new DownError("away");
    },
    { ...recovery, ...options },
  );
  await world.clock.advance(2_000);
  assert.deepEqual(new Set(calls), new Set([0]));
  isAway = false;
  await world.clock.advance(60_000);
  assert.equal((await world.read("orders.dead-letters")).length, 10);
  assert.deepEqual(
    recovery.circuits().map(({ state }) => state),
    ["closed"],
  );
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
});
