// What becomes of a message, by what its handler does: every way to succeed and to fail.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { defineEvent } from "../../../src/contracts/event.ts";
import type { HandlerContext } from "../../../src/delivery/handler-context.ts";
import { Reject, RetryLater } from "../../../src/errors/handler-outcomes.ts";
import { SpillwayError } from "../../../src/errors/spillway-error.ts";
import { diagnostics, type LogDiagnostics } from "../../../src/telemetry/channels.ts";
import { Gate, Noted, numberOf, Placed, World } from "./world.ts";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("every message is handled once and acknowledged", async () => {
  const world = await World.open();
  await world.publishKeys("abcabcabc");
  const seen: number[] = [];
  const { counters } = await world.subscribe((message) => {
    seen.push(numberOf(message));
  });
  await world.clock.settle();
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  await world.publish([{ n: 9 }], Noted);
  await world.clock.settle();
  assert.equal(seen.length, 10);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  assert.deepEqual([counters.delivered, counters.acked, counters.failed], [10, 10, 0]);
  assert.equal(counters.latency.count, 10);
  await world.close();
});

test("what a handler returns is published in the unit, as caused by the message", async () => {
  const world = await World.open("order.billed");
  const Billed = defineEvent("order.billed", { data: z.object({ n: z.number() }) });
  await world.publish([{ n: 1 }], Noted, { id: "first", tenant: "acme", traceparent });
  let trace: string | undefined;
  await world.subscribe(async (_message, context) => {
    trace = context.trace.traceparent;
    await context.publish(Billed, { n: 10 });
    return [Billed.message({ n: 11 }), undefined, Billed.message({ n: 12 }, { id: "own" })];
  });
  await world.clock.settle();
  const published = await world.read("order.billed");
  assert.deepEqual(
    published.map((each) => each.payload),
    ['{"n":10}', '{"n":11}', '{"n":12}'],
  );
  assert.equal(published[2]?.id, "own");
  for (const { attributes } of published) {
    assert.equal(attributes.correlationId, "first");
    assert.equal(attributes.causationId, "first");
    assert.equal(attributes.tenant, "acme");
    assert.ok(attributes.traceparent?.startsWith(traceparent.slice(0, 36)));
  }
  assert.ok(trace?.startsWith(traceparent.slice(0, 36)) && trace !== traceparent);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  await world.close();
});

test("nothing that a failed call published is kept", async () => {
  const world = await World.open();
  await world.publishKeys("a");
  await world.subscribe(async (_message, context) => {
    if (context.attempt === 1) {
      await context.publish(Noted, { n: 1 });
      throw new Error("after publishing");
    }
    return Noted.message({ n: 2 });
  });
  await world.clock.advance(100);
  const payloads = (await world.read("orders")).map((each) => each.payload);
  assert.ok(payloads.includes('{"n":2}') && !payloads.includes('{"n":1}'));
  await world.close();
});

test("a failed message is tried again after a back-off, then set aside", async () => {
  const world = await World.open();
  await world.publish([{ n: 7 }], Noted, { id: "seven", subject: "s", extensions: { site: "x" } });
  const [original] = await world.read("orders");
  const calls: (readonly [number, number])[] = [];
  const startedMs = world.clock.monotonicMs();
  const { counters } = await world.subscribe((_message, { attempt }) => {
    calls.push([attempt, world.clock.monotonicMs() - startedMs]);
    throw new Error("out of order");
  });
  await world.clock.settle();
  assert.deepEqual(calls, [[1, 0]]);
  assert.deepEqual(await world.depth(), { depth: 1, open: 1 });
  await world.clock.advance(1_500);
  assert.deepEqual(
    calls.map(([attempt]) => attempt),
    [1, 2, 3, 4, 5],
  );
  for (const [failures, ceiling] of [100, 200, 400, 800].entries()) {
    const waitMs: number = (calls[failures + 1]?.[1] ?? 0) - (calls[failures]?.[1] ?? 0);
    assert.ok(waitMs >= 0 && waitMs <= ceiling, `${waitMs} ms after failure ${failures + 1}`);
  }
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  const [letter, ...others] = await world.read("orders.dead-letters");
  assert.equal(others.length, 0);
  assert.ok(letter !== undefined && original !== undefined);
  const { extensions, ...attributes } = letter.attributes;
  assert.deepEqual(
    { ...letter, attributes, payload: String(letter.payload) },
    { ...original, attributes: { id: "seven", subject: "s" } },
  );
  const { deadletterlog, deadletterstack, deadletterprint, ...facts } = extensions ?? {};
  assert.match(String(deadletterstack), /^ {4}at .*outcomes\.test\.ts/);
  assert.match(String(deadletterprint), /^[0-9a-f]{16}$/);
  const failures = JSON.parse(String(deadletterlog)) as [number, number, string, string][];
  const [first] = failures;
  assert.deepEqual(
    failures.map(([attempt, atMs, code, reason]) => [
      attempt,
      atMs - (first?.[1] ?? 0),
      code,
      reason,
    ]),
    calls.map(([attempt, atMs]) => [attempt, Math.trunc(atMs), "HANDLER_FAILED", "out of order"]),
  );
  assert.deepEqual(facts, {
    site: "x",
    deadlettererror: "Error",
    deadletterordered: true,
    deadletterversion: 1,
    // Its world does not say how long ids are remembered.
    deadletterhorizon: String(first?.[1]),
    deadlettergroup: "g",
    deadletterreason: "out of order",
    deadlettercode: "HANDLER_FAILED",
    deadletterattempts: 5,
    deadletterchannel: "orders",
    deadletteroffset: "0",
    deadletterpriority: "normal",
    deadletterattime: extensions?.["deadletterattime"],
  });
  const { failed, retried, deadLettered, acked, redelivered } = counters;
  assert.deepEqual(
    { failed, retried, deadLettered, acked, redelivered },
    { failed: 5, retried: 4, deadLettered: 1, acked: 1, redelivered: 4 },
  );
  await world.close();
});

test("two groups, and one group twice, can set the same message aside", async () => {
  const world = await World.open();
  const publish = () => world.publish([{ n: 1 }], Noted, { id: "same" });
  await publish();
  const fail = () => {
    throw new Reject("no");
  };
  await world.subscribe(fail, { group: "one" });
  await world.subscribe(fail, { group: "two" });
  await world.clock.settle();
  const letters = await world.read("orders.dead-letters");
  assert.deepEqual(
    letters.map(({ id, attributes }) => [id, attributes.extensions?.["deadlettergroup"]]),
    [
      ["same", "one"],
      ["same", "two"],
    ],
  );
  await world.close();
});

test("Reject goes to the dead letters at once, RetryLater waits as long as it says", async () => {
  const world = await World.open();
  await world.publish([{ n: 0 }, { n: 1 }], Noted);
  const calls: string[] = [];
  const startedMs = world.clock.monotonicMs();
  await world.subscribe((message, { attempt }) => {
    calls.push(`${numberOf(message)}.${attempt} ${world.clock.monotonicMs() - startedMs}`);
    if (numberOf(message) === 0) throw new Reject("customer is gone");
    if (attempt < 3) throw new RetryLater({ afterMs: 5_000 });
  });
  await world.clock.advance(20_000);
  assert.deepEqual(calls, ["0.1 0", "1.1 0", "1.2 5000", "1.3 10000"]);
  const [letter] = await world.read("orders.dead-letters");
  assert.equal(letter?.attributes.extensions?.["deadlettercode"], "REJECTED");
  assert.match(String(letter?.attributes.extensions?.["deadletterreason"]), /customer is gone/);
  await world.close();
});

test("a wrong result, and outgoing data that does not fit, are not tried again", async () => {
  const wrong: readonly (readonly [string, () => unknown])[] = [
    ["HANDLER_RESULT_INVALID", () => "done"],
    ["HANDLER_RESULT_INVALID", () => null],
    ["HANDLER_RESULT_INVALID", () => ({ contract: Noted, data: { n: 1 } })],
    ["HANDLER_RESULT_INVALID", () => [Noted.message({ n: 1 }), 7]],
    ["HANDLER_RESULT_INVALID", () => [Promise.reject(new Error("nobody waits for it"))]],
    ["VALIDATION_FAILED", () => Noted.message({ n: "x" } as unknown as { n: number })],
    ["INVALID_ARGUMENT", () => Noted.message({ n: 1 }, { delayMs: -1 })],
  ];
  const world = await World.open();
  await world.publish(
    wrong.map((_, n) => ({ n })),
    Noted,
  );
  let calls = 0;
  await world.subscribe(async (message) => {
    calls++;
    return wrong[numberOf(message)]?.[1]();
  });
  await world.clock.advance(1_000_000);
  assert.equal(calls, wrong.length);
  const letters = await world.read("orders.dead-letters");
  assert.deepEqual(
    letters.map(({ attributes }) => attributes.extensions?.["deadlettercode"]),
    wrong.map(([code]) => code),
  );
  assert.equal((await world.read("orders")).length, wrong.length, "nothing else was published");
  await world.close();
});

test("publishing more than the bound for one message fails it", async () => {
  const world = await World.open();
  await world.publish([{ n: 0 }], Noted);
  const limits = { publishesPerMessageMax: 3 };
  await world.subscribe(() => Array.from({ length: 4 }, () => Noted.message({ n: 1 })), { limits });
  await world.clock.settle();
  const [letter] = await world.read("orders.dead-letters");
  assert.equal(letter?.attributes.extensions?.["deadlettercode"], "HANDLER_RESULT_INVALID");
  await world.close();
});

test("data and types that are not understood are set aside with every reason", async () => {
  const world = await World.open();
  const Loose = defineEvent("order.placed", { data: z.any(), key: () => "a" });
  const Strange = defineEvent("order.strange", { data: z.any() });
  const byType = world.routed(Loose, Strange);
  await byType.publish([{ key: 7, n: "x" }], Loose);
  await byType.publish([{}], Strange);
  await world.publishKeys("a");
  const seen: number[] = [];
  const { counters } = await world.subscribe((message) => {
    seen.push(numberOf(message));
  });
  await world.clock.settle();
  assert.deepEqual(seen, [0], "the handler sees valid data only, of the same key too");
  const invalid = await world.read("orders.invalid");
  assert.deepEqual(
    invalid.map(({ type, payload }) => [type, String(payload)]),
    [
      ["order.placed", '{"key":7,"n":"x"}'],
      ["order.strange", "{}"],
    ],
  );
  const [first, second] = invalid.map(({ attributes }) => attributes.extensions ?? {});
  assert.match(String(first?.["invalidreason"]), /key: .*; n: /);
  assert.equal(first?.["invalidcode"], "VALIDATION_FAILED");
  assert.equal(first?.["invalidgroup"], "g");
  assert.equal(second?.["invalidcode"], "UNKNOWN_TYPE");
  assert.equal(counters.invalid, 2);
  await world.close();
});

test("types that a subscription did not ask for are passed over", async () => {
  const world = await World.open();
  await world.publish([{ n: 1 }], Noted);
  await world.publishKeys("ab");
  const types: string[] = [];
  await world.subscribe((message) => void types.push(message.type), {
    contracts: [Placed],
    whole: false,
  });
  await world.clock.settle();
  assert.deepEqual(types, ["order.placed", "order.placed"]);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  assert.equal((await world.read("orders.invalid")).length, 0);
  await world.close();
});

test("an expired message is settled without its handler, and counted", async () => {
  const world = await World.open();
  await world.publish([{ n: 1 }], Noted, { expiresInMs: 1_000 });
  await world.publish([{ n: 2 }], Noted, { expiresInMs: 60_000 });
  await world.clock.advance(1_000);
  const seen: number[] = [];
  const { counters } = await world.subscribe((message) => void seen.push(numberOf(message)));
  await world.clock.settle();
  assert.deepEqual(seen, [2]);
  assert.equal(counters.acked, 2);
  assert.equal((await world.stats()).expired, 1);
  await world.close();
});

test("a handler that never settles is given up; its late result is ignored", async () => {
  const world = await World.open();
  await world.publishKeys("aab");
  const gate = new Gate();
  const reasons: unknown[] = [];
  const done: string[] = [];
  const { counters, delivery } = await world.subscribe(
    async (message, context) => {
      if (numberOf(message) === 0 && context.attempt === 1) {
        context.signal.addEventListener("abort", () => reasons.push(context.signal.reason));
        await gate.promise;
        assert.throws(() => void context.publish(Noted, { n: 99 }), { code: "CLOSED" });
        return Noted.message({ n: 98 });
      }
      done.push(`${numberOf(message)}.${context.attempt}`);
      return undefined;
    },
    { timeoutMs: 5_000 },
  );
  await world.clock.advance(4_999);
  assert.deepEqual(done, ["2.1"], "another key goes on, the same key waits");
  await world.clock.advance(1);
  assert.equal(reasons.length, 1);
  assert.ok(reasons[0] instanceof SpillwayError && reasons[0].code === "HANDLER_TIMEOUT");
  await world.clock.advance(200);
  assert.deepEqual(done, ["2.1", "0.2", "1.1"]);
  assert.deepEqual([counters.handlerTimeouts, counters.failed], [1, 1]);
  gate.open();
  await world.clock.settle();
  assert.equal((await world.read("orders")).length, 3, "the late result was not published");
  assert.deepEqual(delivery.troubles, []);
  await world.close();
});

test("when as many handlers hang as may run, nothing more is started", async () => {
  const world = await World.open();
  await world.publish(
    [0, 1, 2, 3].map((n) => ({ n })),
    Noted,
  );
  const gate = new Gate();
  const started: number[] = [];
  const { delivery } = await world.subscribe(
    async (message, { attempt }) => {
      started.push(numberOf(message));
      if (attempt === 1 && numberOf(message) < 2) await gate.promise;
    },
    { timeoutMs: 1_000, concurrency: 2 },
  );
  await world.clock.advance(60_000);
  assert.deepEqual(started, [0, 1]);
  assert.match(delivery.troubles.join(), /2 handlers did not settle within 1000 ms/);
  gate.open();
  await world.clock.advance(60_000);
  assert.deepEqual(
    started.toSorted((left, right) => left - right),
    [0, 0, 1, 1, 2, 3],
  );
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  assert.deepEqual(delivery.troubles, []);
  await world.close();
});

test("a handler that blocks the event loop past its time counts by what it returned", async () => {
  const world = await World.open();
  await world.publishKeys("a");
  const { counters } = await world.subscribe(() => world.clock.block(120_000));
  await world.clock.advance(200_000);
  assert.deepEqual([counters.acked, counters.handlerTimeouts], [1, 0]);
  await world.close();
});

test("middleware runs in order around the handler, may fail it, and cannot settle", async () => {
  const world = await World.open();
  await world.publish(
    [0, 1, 2, 3, 4].map((n) => ({ n })),
    Noted,
  );
  const steps: string[] = [];
  const { counters } = await world.subscribe(
    (message) => {
      const n = numberOf(message);
      steps.push(`handler ${n}`);
      if (n === 1) throw new Reject("handler");
      return n === 0 ? Noted.message({ n: 100 }) : undefined;
    },
    {
      concurrency: 1,
      middleware: [
        async (message, context, next) => {
          steps.push(`outer ${numberOf(message)} ${context.attempt}`);
          // Swallowing an error must not turn the failure into an acknowledgement.
          await next().catch(() => "hidden");
          steps.push(`outer ends ${numberOf(message)}`);
          if (numberOf(message) === 2) throw new Reject("middleware");
          return "ignored";
        },
        (message, _context, next) => {
          if (numberOf(message) === 3) return undefined;
          return numberOf(message) === 4 ? Promise.all([next(), next()]) : next();
        },
      ],
    },
  );
  await world.clock.advance(100);
  assert.deepEqual(steps.slice(0, 3), ["outer 0 1", "handler 0", "outer ends 0"]);
  assert.deepEqual(
    steps.filter((step) => step.startsWith("handler")),
    ["handler 0", "handler 1", "handler 2", "handler 4", "handler 100"],
  );
  const letters = await world.read("orders.dead-letters");
  assert.deepEqual(
    letters.map(({ attributes }) => attributes.extensions?.["deadlettercode"]),
    ["REJECTED", "REJECTED", "HANDLER_RESULT_INVALID", "HANDLER_RESULT_INVALID"],
  );
  assert.equal(counters.deadLettered, 4);
  await world.close();
});

test("the context gives attempt, idempotency key and scope", async () => {
  const world = await World.open();
  await world.publish([{ n: 1 }], Noted);
  const contexts: HandlerContext[] = [];
  const keys: string[] = [];
  const scopes: unknown[] = [];
  await world.subscribe(async (message, context) => {
    contexts.push(context);
    keys.push(context.idempotencyKey);
    await Promise.resolve();
    scopes.push(world.insideHandler.getStore());
    assert.equal(context.message, message);
    assert.throws(() => context.state, { code: "INVALID_ARGUMENT" });
    if (context.attempt === 1) throw new Error("once");
  });
  await world.subscribe((_message, context) => void keys.push(context.idempotencyKey), {
    group: "other",
  });
  await world.clock.advance(100);
  assert.deepEqual(
    contexts.map(({ attempt }) => attempt),
    [1, 2],
  );
  assert.equal(new Set(keys).size, 2, "stable per group, different between groups");
  assert.deepEqual(scopes, [
    { channel: "orders", group: "g" },
    { channel: "orders", group: "g" },
  ]);
  assert.equal(world.insideHandler.getStore(), undefined);
  await world.close();
});

test("what a handler logs is bound to its delivery; unheard it is nothing", async () => {
  const entries: LogDiagnostics[] = [];
  const onEntry = (entry: unknown): void => void entries.push(entry as LogDiagnostics);
  const world = await World.open();
  await world.publish([{ n: 1 }], Noted, { correlationId: "c" });
  const logs: HandlerContext["log"][] = [];
  await world.subscribe((message, context) => {
    logs.push(context.log);
    assert.equal(context.log, context.log);
    context.log.info("unheard");
    diagnostics.log.subscribe(onEntry);
    try {
      context.log.debug("looked up", { rows: 2 });
      context.log.info("seen");
      if (context.attempt === 1) throw new Error("once");
      context.log.warn(message.id);
    } finally {
      diagnostics.log.unsubscribe(onEntry);
    }
  });
  await world.clock.advance(100);
  diagnostics.log.subscribe(onEntry);
  logs[0]?.error("after the handler had settled");
  diagnostics.log.unsubscribe(onEntry);
  const { id } = (await world.read("orders"))[0] as { readonly id: string };
  const bound = { channel: "orders", group: "g", type: Noted.type, id, correlationId: "c" };
  assert.deepEqual(entries, [
    { level: "debug", text: "looked up", fields: { rows: 2 }, ...bound, attempt: 1 },
    { level: "info", text: "seen", fields: {}, ...bound, attempt: 1 },
    { level: "debug", text: "looked up", fields: { rows: 2 }, ...bound, attempt: 2 },
    { level: "info", text: "seen", fields: {}, ...bound, attempt: 2 },
    { level: "warn", text: id, fields: {}, ...bound, attempt: 2 },
    { level: "error", text: "after the handler had settled", fields: {}, ...bound, attempt: 1 },
  ]);
  await world.close();
});

test("diagnostics tell of retries and of what is set aside", async () => {
  const events: string[] = [];
  const listen = (name: "retry" | "deadLetter" | "settle" | "deliver") => {
    const onEvent = (event: unknown): void => {
      const { type, count, acked } = event as Record<string, unknown>;
      events.push([name, type ?? count ?? acked].join(" "));
    };
    diagnostics[name].subscribe(onEvent);
    return () => diagnostics[name].unsubscribe(onEvent);
  };
  const stops = [listen("retry"), listen("deadLetter"), listen("settle"), listen("deliver")];
  const world = await World.open();
  await world.publishKeys("a");
  await world.subscribe(
    () => {
      throw new Error("no");
    },
    { retry: { attempts: 2, delayMsMin: 10, delayMsMax: 10 } },
  );
  await world.clock.advance(10);
  assert.deepEqual(events, [
    "deliver 1",
    "retry order.placed",
    "settle 0",
    "deadLetter order.placed",
    "settle 1",
  ]);
  for (const stop of stops) stop();
  await world.close();
});
