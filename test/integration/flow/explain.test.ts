// Why a message waits: each reason, met once, said by a bus that knows, and by the journal alone.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import {
  type Bus,
  createBus,
  deadLetter,
  defineEvent,
  errorPolicy,
  type Explanation,
  flowControl,
  type FlowOptions,
  otherwise,
  pause,
  rateLimit,
  Reject,
  type SubscribeOptions,
  type Transport,
  when,
} from "spillway";
import { memory } from "spillway/memory";
import { seededRandom, VirtualClock } from "spillway/testing";
import { z } from "zod";
import { delay } from "../../../src/kernel/clock.ts";
import { runCli } from "../cli-io.ts";
import { directoryFor, eventually, journalIn } from "../bus-subjects.ts";
import { directJournal } from "../delivery/world.ts";

const Placed = defineEvent("order.placed", {
  data: z.object({ key: z.string(), n: z.number() }),
  key: (order) => order.key,
});
const Noted = defineEvent("order.noted", { data: z.object({ n: z.number() }) });

interface Scene {
  readonly bus: Bus;
  readonly clock: VirtualClock;
}

function testOnBoth(name: string, run: (scene: Scene) => Promise<void>): void {
  for (const subject of ["memory", "embedded"] as const) {
    test(`${subject}: ${name}`, { timeout: 60_000 }, async (context: TestContext) => {
      const transport: Transport = subject === "memory" ? memory() : directJournal(context);
      const clock = new VirtualClock();
      // Waits between tries are drawn: never so short that they are over within a test.
      const bus = await createBus({ name: "shop", transport, clock, random: seededRandom(1) });
      try {
        await run({ bus, clock });
      } finally {
        await bus.close({ timeoutMs: 0 }).catch(() => undefined);
      }
    });
  }
}

const kindsOf = ({ reasons }: Explanation): readonly string[] => reasons.map(({ kind }) => kind);

async function placed({ bus, clock }: Scene, keys: string): Promise<void> {
  await bus.publishMany(
    Placed,
    Array.from(keys, (key, n) => ({ key, n })),
  );
  await clock.settle();
}

async function subscribe(
  { bus, clock }: Scene,
  flow: FlowOptions,
  handler: (n: number) => unknown,
  options: SubscribeOptions = {},
) {
  const subscription = await bus.subscribe(
    Placed,
    { ...options, flow: flowControl(flow) } as SubscribeOptions,
    async (message) => void (await handler(message.data.n)),
  );
  await clock.settle();
  return subscription;
}

testOnBoth("running, behind its key, handlers busy, paused, settled", async (scene) => {
  const { clock } = scene;
  await placed(scene, "aab");
  const subscription = await subscribe(scene, { concurrency: 1 }, () => delay(clock, 1_000));
  await clock.advance(100);
  const running = await subscription.explain(0);
  assert.equal(running.state, "running");
  assert.deepEqual(kindsOf(running), ["running"]);
  assert.equal(running.message?.key, "a");
  assert.match(
    running.text,
    /message 0, 'order.placed' .*, key "a", and group 'shop'.*: running\n/,
  );
  assert.match(running.text, /its handler runs for \d+ ms, attempt 1/);
  const busy = await subscription.explain(2);
  assert.equal(busy.state, "waiting");
  assert.deepEqual(kindsOf(busy), ["concurrency"]);
  assert.match(busy.text, /all 1 handlers are busy/);
  subscription.flow.pause();
  assert.equal(kindsOf(await subscription.explain(2))[0], "paused");
  subscription.flow.resume();
  await clock.advance(3_000);
  const settled = await subscription.explain(2);
  assert.equal(settled.state, "done");
  assert.deepEqual(kindsOf(settled), ["settled"]);
});

testOnBoth("a rate: which one, which bucket, when", async (scene) => {
  const { clock } = scene;
  await placed(scene, "aaab");
  const rates = [rateLimit({ perSecond: 100 }), rateLimit({ perSecond: 0.5, burst: 1, by: "key" })];
  const subscription = await subscribe(scene, { rates }, () => undefined);
  const { reasons, text } = await subscription.explain(1);
  assert.deepEqual(reasons, [
    {
      kind: "rate-limit",
      rate: "2 (0.5 a second, burst 1 for each key)",
      shared: undefined,
      bucket: "a",
      atMs: clock.wallMs() + 2_000,
      waiting: 1,
    },
  ]);
  assert.match(text, /waits for the rate 2 .* for "a": 1 wait there, next token in 2000 ms/);
  const behind = await subscription.explain(2);
  assert.deepEqual(behind.reasons, [
    { kind: "behind-key", key: "a", offset: 1, attempt: 0, dueAtMs: undefined },
  ]);
});

testOnBoth("failed: due when, and behind which one its key waits", async (scene) => {
  const { bus, clock } = scene;
  await placed(scene, "aab");
  const retry = { attempts: 9, initialMs: 60_000, maxMs: 60_000 };
  const fail = (n: number): void => {
    if (n === 0) throw new Error("down");
  };
  const subscription = await subscribe(scene, {}, fail, { retry });
  await clock.advance(50);
  const failed = await subscription.explain(0);
  const [first] = failed.reasons;
  assert.ok(first?.kind === "retry" && first.attempt === 1);
  assert.ok(first.dueAtMs > clock.wallMs() && first.dueAtMs <= clock.wallMs() + 60_000);
  assert.match(failed.text, /it failed once and is tried again in \d+ ms/);
  const behind = await bus.explain(Placed, 1);
  assert.deepEqual(behind.reasons, [
    { kind: "behind-key", key: "a", offset: 0, attempt: 1, dueAtMs: first.dueAtMs },
  ]);
  const ofKey = await subscription.explain({ key: "a" });
  assert.equal(ofKey.message?.offset, 0);
  assert.equal((await subscription.explain({ oldest: true })).message?.offset, 0);
  assert.equal((await subscription.explain({ key: "b" })).state, "unknown");
});

testOnBoth("dead letters and invalid messages: where, and why", async (scene) => {
  const { bus, clock } = scene;
  await placed(scene, "ab");
  const subscription = await subscribe(scene, {}, (n) => {
    if (n === 1) throw new Reject("no such customer");
  });
  await clock.advance(50);
  const { state, reasons, text } = await subscription.explain(1);
  assert.equal(state, "done");
  const [reason] = reasons;
  assert.ok(reason?.kind === "dead-lettered");
  assert.equal(reason.channel, `${subscription.channel}.dead-letters`);
  assert.equal(reason.offset, 0);
  assert.match(text, /REJECTED: .*no such customer/);
  assert.deepEqual(kindsOf(await subscription.explain(0)), ["settled"]);
  const id = (await bus.explain(Placed, { offset: 1 })).message?.id ?? "";
  assert.equal((await subscription.explain(id)).message?.offset, 1);
});

testOnBoth("coalescing, delayed, expired, not stored, unknown id, no such group", async (scene) => {
  const { bus, clock } = scene;
  const subscription = await subscribe(scene, { coalesce: { withinMs: 5_000 } }, () => undefined);
  await placed(scene, "a");
  const waits = await subscription.explain(0);
  assert.deepEqual(waits.reasons, [{ kind: "coalescing", dueAtMs: clock.wallMs() + 5_000 }]);
  const late = await bus.publish(Placed, { key: "b", n: 1 }, { delayMs: 60_000 });
  const delayed = await subscription.explain({ id: late.id });
  assert.equal(delayed.state, "delayed");
  assert.deepEqual(delayed.reasons, [{ kind: "delayed", dueAtMs: clock.wallMs() + 60_000 }]);
  await bus.publish(Placed, { key: "c", n: 2 }, { expiresInMs: 100 });
  await clock.settle();
  subscription.flow.pause();
  await clock.advance(200);
  const expired = await subscription.explain({ key: "c" });
  assert.equal(kindsOf(expired)[0], "expired");
  subscription.flow.resume();
  await clock.advance(10_000);
  assert.equal((await subscription.explain({ offset: 1 })).state, "done");
  assert.equal((await subscription.stats()).expired, 1);
  const beyond = await subscription.explain(99);
  assert.deepEqual(beyond.reasons, [{ kind: "not-stored", endOffset: 2 }]);
  const unknown = await subscription.explain("no-such-id");
  assert.equal(unknown.state, "unknown");
  assert.deepEqual(unknown.reasons, [{ kind: "not-found", searched: 2, isComplete: true }]);
  await assert.rejects(bus.explain(Placed, 0, { group: "nobody" }), {
    code: "INVALID_ARGUMENT",
    message: /has no group 'nobody': it has shop/,
  });
});

testOnBoth(
  "not fetched: what is before it, and what keeps the subscription from fetching",
  async (scene) => {
    const { bus, clock } = scene;
    const subscription = await bus.subscribe(Noted, { concurrency: 1 }, () => delay(clock, 1_000));
    await bus.publishMany(
      Noted,
      Array.from({ length: 9_500 }, (_, n) => ({ n })),
    );
    await clock.advance(100);
    const { state, reasons } = await subscription.explain(9_400);
    assert.equal(state, "waiting");
    const kinds = reasons.map(({ kind }) => kind);
    assert.deepEqual(kinds, ["not-fetched", "window-full"]);
  },
);

testOnBoth("an open circuit: which rule, since when, the next probe", async (scene) => {
  const { bus, clock } = scene;
  class DownError extends Error {}
  const errors = errorPolicy(
    when(DownError, pause({ failures: 1, windowMs: 1_000, probeAfterMs: 10_000 })),
    otherwise(deadLetter()),
  );
  const down = (): void => {
    throw new DownError("away");
  };
  const subscription = await subscribe(scene, {}, down, { errors });
  await placed(scene, "ab");
  await clock.advance(100);
  for (const offset of [0, 1]) {
    const { reasons, text } = await subscription.explain(offset);
    const [reason] = reasons;
    assert.ok(reason?.kind === "circuit", JSON.stringify(reasons));
    assert.deepEqual([reason.rule, reason.state, reason.limit], ["DownError", "open", 0]);
    const nowMs = clock.wallMs();
    assert.equal(reason.sinceAtMs, nowMs - 100);
    assert.ok((reason.probeAtMs ?? 0) > nowMs && (reason.probeAtMs ?? 0) <= nowMs + 10_000);
    assert.match(text, /the circuit of the rule for DownError is open, failing since 100 ms ago/);
    assert.match(text, /the next probe is in \d+ ms/);
    assert.ok(reasons.every((each) => each.kind !== "trouble"));
  }
  assert.equal((await bus.explain(Placed, 0)).reasons[0]?.kind, "circuit");
});

test("another process says what the journal knows, and what it cannot know", async () => {
  const directory = directoryFor();
  await using bus = await createBus({ name: "billing", transport: await journalIn(directory) });
  const rates = [rateLimit({ perSecond: 0.01, burst: 1 })];
  const handled: number[] = [];
  await bus.subscribe(
    Placed,
    { flow: flowControl({ rates }), retry: { attempts: 3, initialMs: 3e6, maxMs: 3e6 } },
    async ({ data }) => {
      handled.push(data.n);
      throw new Error("down");
    },
  );
  await bus.publishMany(Placed, [
    { key: "a", n: 0 },
    { key: "a", n: 1 },
    { key: "b", n: 2 },
  ]);
  await eventually(async () => {
    const { state, reasons } = await bus.explain(Placed, 0);
    return state === "waiting" && reasons[0]?.kind === "retry";
  });
  const explain = async (...words: string[]): Promise<Explanation> => {
    const { code, stdout, stderr } = await runCli([
      "explain",
      "-c",
      "order.placed",
      "-d",
      directory,
      "--json",
      ...words,
    ]);
    assert.equal(code, 0, stderr);
    return (JSON.parse(stdout) as { explanations: [Explanation] }).explanations[0];
  };
  const failed = await explain("--offset", "0", "--group", "billing");
  assert.deepEqual(kindsOf(failed), ["retry", "elsewhere"]);
  assert.match(failed.unknown.join(), /rates, concurrency, circuits/);
  const other = await explain("--key", "b");
  assert.ok(kindsOf(other).includes("elsewhere"));
  assert.equal((await explain()).message?.offset, 0);
  const plain = await runCli(["explain", "-c", "order.placed", "-d", directory, "--id", "nobody"]);
  assert.match(plain.stdout, /not found among all 3 messages/);
  const wrong = await runCli([
    "explain",
    "-c",
    "order.placed",
    "-d",
    directory,
    "--id",
    "x",
    "--key",
    "y",
  ]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /one of --offset, --id and --key/);
  assert.deepEqual(handled, [0]);
});
