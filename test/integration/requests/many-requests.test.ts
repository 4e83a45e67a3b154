// Ten thousand requests at once, of which one in a hundred loses its handler: each has exactly one
// outcome, and nothing is left behind: no timer, no entry, no listener.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type Clock, createBus, Reject, type Transport } from "spillway";
import { systemClock } from "../../../src/kernel/clock.ts";
import { directoryFor, eventually, journalIn, testOnEach } from "../bus-subjects.ts";
import { Reserve, reserved } from "./stock.ts";

const isLong = process.env["SPILLWAY_TEST_LONG"] === "1";
const requests = 10_000;
const timeoutMs = 20_000;

/** The system's clock, which knows how many foreground timers are set. */
class CountingClock implements Clock {
  timers = 0;
  wallMs = systemClock.wallMs;
  monotonicMs = systemClock.monotonicMs;
  soon = systemClock.soon;

  after: Clock["after"] = (delayMs, action, options) => {
    if (options?.background === true) return systemClock.after(delayMs, action, options);
    let isSet = true;
    const unset = (): void => {
      if (isSet) this.timers--;
      isSet = false;
    };
    this.timers++;
    const cancel = systemClock.after(delayMs, () => {
      unset();
      action();
    });
    return () => {
      unset();
      cancel();
    };
  };
}

const asked = (count: number) => ({ sku: "a", count });

testOnEach("each of ten thousand has its one outcome", async (transport: Transport) => {
  const clock = new CountingClock();
  const bus = await createBus({ name: "shop", transport, clock, drainTimeoutMs: 1_000 });
  const lost = Promise.withResolvers<void>();
  const options = { concurrency: 1_000, timeoutMs: 60_000, retry: { attempts: 2, initialMs: 1 } };
  await bus.handle(Reserve, options, async ({ data }, context) => {
    if (data.count % 100 === 0) await lost.promise;
    if (data.count % 100 === 1) throw new Reject("no");
    if (data.count % 100 === 2 && context.attempt === 1) throw new Error("once more");
    return data.count % 2 === 0 ? reserved(data.count) : Reserve.replies.outOfStock({ left: 0 });
  });
  const timersBefore = clock.timers;
  const controller = new AbortController();
  const { signal } = controller;
  const outcomes = new Map<number, string[]>();
  const all = Array.from({ length: requests }, async (_, count) => {
    const outcome = await bus.request(Reserve, asked(count), { timeoutMs, signal });
    outcomes.set(count, [...(outcomes.get(count) ?? []), outcome.type]);
    if (outcome.type === "reserved") assert.equal(outcome.data.left, count);
  });
  await Promise.all(all);
  for (let count = 0; count < requests; count++) {
    const kind = count % 100;
    const even = count % 2 === 0 ? "reserved" : "outOfStock";
    const expected = kind === 0 ? "timeout" : kind === 1 ? "failed" : even;
    assert.deepEqual(outcomes.get(count), [expected], `request ${count}`);
  }
  const { pending, sent, answered, timedOut, failed } = (await bus.stats()).requests;
  assert.deepEqual([pending, sent, timedOut, failed], [0, requests, 100, 100]);
  assert.equal(answered, requests - 200);
  await eventually(() => clock.timers === timersBefore);
  lost.resolve();
  await eventually(async () => (await bus.stats()).requests.late === 100);
  await bus.close();
  assert.equal(clock.timers, 0);
});

test("a handler's process is killed: its requests go to another", {
  timeout: 180_000,
}, async (t) => {
  const directory = directoryFor();
  const bus = await createBus({ name: "shop", transport: await journalIn(directory) });
  t.after(() => bus.close());
  const workers = [startStock(t, directory), startStock(t, directory)];
  for (const worker of workers) await once(worker, "message");
  const count = isLong ? 5_000 : 1_000;
  let done = 0;
  const all = Array.from({ length: count }, async (_, index) => {
    // None that the stock rejects.
    const outcome = await bus.request(Reserve, asked(index * 10), { timeoutMs: 120_000 });
    done++;
    return outcome.type;
  });
  await eventually(() => done > 20);
  workers[0]?.kill("SIGKILL");
  const types = await Promise.all(all);
  assert.deepEqual(new Set(types), new Set(["reserved"]));
  const { pending, answered, timedOut } = (await bus.stats()).requests;
  assert.deepEqual([pending, answered, timedOut], [0, count, 0]);
});

function startStock(t: TestContext, directory: string): ChildProcess {
  const child = fork(
    fileURLToPath(new URL("fixtures/shop-process.ts", import.meta.url)),
    ["stock", directory],
    {
      execArgv: ["--conditions=spillway:source", "--no-warnings"],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    },
  );
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  return child;
}
