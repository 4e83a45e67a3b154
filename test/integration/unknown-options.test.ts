// Options that nobody knows, as callers without types give them: every call refuses them with the
// name that was meant, and nothing happens.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bulkhead,
  createBus,
  defineChannel,
  defineCommand,
  defineEvent,
  exponential,
  linear,
  pause,
  retry,
} from "spillway";
import { embedded } from "spillway/embedded";
import { memory } from "spillway/memory";
import { z } from "zod";
import { collect } from "./bus-subjects.ts";

const data = z.object({ id: z.string() });
const Placed = defineEvent("test.option.placed", { data });
const Pack = defineCommand("test.option.pack", { data, replies: { packed: z.object({}) } });
const seven = { id: "7" };

/** What a caller without types can write. */
const mistyped = (options: object): never => options as never;

/** The refusal of an option; `meant` is the name that the error proposes. */
function refusal(option: string, meant: string) {
  const message = new RegExp(`: ${option} is not an option: did you mean ${meant}\\?`);
  return { code: "INVALID_ARGUMENT", message, details: { option } };
}

test("definitions refuse what they do not know", () => {
  const options = { data, ownr: "orders" };
  assert.throws(() => defineEvent("test.a", mistyped(options)), refusal("ownr", "owner"));
  const command = { data, replies: {}, replis: {} };
  assert.throws(() => defineCommand("test.b", mistyped(command)), refusal("replis", "replies"));
  const messages = [Placed];
  const channelOf = (more: object) => () =>
    defineChannel("test.c", mistyped({ messages, ...more }));
  assert.throws(channelOf({ partitons: 8 }), refusal("partitons", "partitions"));
  assert.throws(channelOf({ retention: { day: 1 } }), refusal("day", "days"));
  assert.throws(channelOf({ limits: { depthMx: 1 } }), refusal("depthMx", "depthMax"));
});

test("the parts of an error policy refuse what they do not know", () => {
  assert.throws(() => exponential(mistyped({ initalMs: 5 })), refusal("initalMs", "initialMs"));
  assert.throws(() => linear(mistyped({ stepMs: 5, max: 9 })), refusal("max", "maxMs"));
  const bounds = mistyped({ attemps: 3 });
  assert.throws(() => retry(exponential(), bounds), refusal("attemps", "attempts"));
  assert.throws(() => pause(mistyped({ failure: 3 })), refusal("failure", "failures"));
  const places = mistyped({ concurency: 3 });
  assert.throws(() => bulkhead("bank", places), refusal("concurency", "concurrency"));
});

test("createBus and transports refuse what they do not know", async () => {
  const bus = { name: "shop", transport: memory() };
  const faulty = { ...bus, pendngMax: 1 };
  await assert.rejects(createBus(mistyped(faulty)), refusal("pendngMax", "pendingMax"));
  const replies = { ...bus, replies: { stratgy: "topic" } };
  await assert.rejects(createBus(mistyped(replies)), refusal("stratgy", "strategy"));
  for (const shutdownSignals of [true, ["SIGKILL"], "SIGTERM"]) {
    await assert.rejects(createBus(mistyped({ ...bus, shutdownSignals })), {
      message: /shutdownSignals is .*: give a list of SIGTERM, SIGINT, .* or \[\]/,
    });
  }
  assert.throws(() => memory(mistyped({ byteMax: 1 })), refusal("byteMax", "bytesMax"));
  const directory = { directory: "/nowhere", leaseMS: 5 };
  assert.throws(() => embedded(mistyped(directory)), {
    message: /leaseMS is not an option: did you mean leaseMs\?/,
  });
});

test("publishing refuses them, and stores nothing", async () => {
  await using bus = await createBus({ name: "shop", transport: memory() });
  const faulty = mistyped({ delay: 5 });
  const refused = refusal("delay", "delayMs");
  await assert.rejects(bus.publish(Placed, seven, faulty), refused);
  await assert.rejects(bus.send(Pack, seven, faulty), refused);
  await assert.rejects(bus.publishMany(Placed, [seven], faulty), refused);
  const withId = mistyped({ id: "7" });
  await assert.rejects(bus.publishMany(Placed, [seven], withId), { details: { option: "id" } });
  assert.deepEqual(await collect(bus.read(Placed)), []);
  await bus.publish(Placed, seven, { detached: true, signal: AbortSignal.any([]) });
});

test("what a handler returns with unknown options fails its message", async () => {
  await using bus = await createBus({ name: "shop", transport: memory() });
  const packed = z.object({});
  const Packed = defineEvent("test.option.packed", { data: packed });
  await bus.subscribe(Placed, { retry: { attempts: 1 } }, () =>
    Packed.message({}, mistyped({ subjct: "x" })),
  );
  await bus.publish(Placed, seven);
  const [dead] = await deadLettersOf(bus);
  const { extensions } = dead?.envelope.attributes ?? {};
  assert.match(String(extensions?.["deadletterreason"]), /subjct is not an option/);
});

async function deadLettersOf(bus: Awaited<ReturnType<typeof createBus>>) {
  for (;;) {
    const found = await collect(bus.deadLetters(Placed));
    if (found.length > 0) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("groups refuse them", async () => {
  await using bus = await createBus({ name: "shop", transport: memory() });
  const faulty = mistyped({ concurency: 5 });
  const refused = refusal("concurency", "concurrency");
  const none = (): never => mistyped({});
  await assert.rejects(bus.subscribe(Placed, faulty, none), refused);
  await assert.rejects(bus.handle(Pack, faulty, none), refused);
  await assert.rejects(bus.replies(Pack, mistyped({ replyTo: "a", concurency: 5 }), none), refused);
  const retry = mistyped({ retry: { attempt: 5 } });
  await assert.rejects(bus.subscribe(Placed, retry, none), refusal("attempt", "attempts"));
  assert.throws(() => bus.messages(Placed, faulty)[Symbol.asyncIterator](), refused);
  const endless = mistyped({ timeoutMs: 5 });
  assert.throws(() => bus.messages(Placed, endless)[Symbol.asyncIterator](), {
    details: { option: "timeoutMs" },
  });
});

test("requests and aggregates refuse them", async () => {
  await using bus = await createBus({ name: "shop", transport: memory() });
  const faulty = mistyped({ timeout: 5 });
  const refused = refusal("timeout", "timeoutMs");
  await assert.rejects(bus.request(Pack, seven, faulty), refused);
  await assert.rejects(bus.scatter(Pack, seven, faulty), refused);
  await assert.rejects(bus.gather([Pack.message(seven)], faulty), refused);
  const aggregate = { name: "a", commands: [Pack], ask: () => [], timeout: 5 };
  await assert.rejects(
    bus.aggregate(Placed, mistyped(aggregate), () => undefined),
    refused,
  );
  assert.equal((await bus.stats()).requests.sent, 0);
});
