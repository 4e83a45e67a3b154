// bus.send, bus.handle and bus.request on every transport: outcomes, the message that carries a
// reply, limits, and what is left behind: nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createBus,
  defineCommand,
  type MessageOptions,
  onPublish,
  Reject,
  type Transport,
} from "spillway";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import { z } from "zod";
import { collect, directoryFor, eventually, journalIn, testOnEach } from "../bus-subjects.ts";
import { Pack, Reserve, reserved, Reserved, unawaitedAnswers } from "./stock.ts";
import { withoutGaps } from "../../../src/ports/gap.ts";

const wanted = { sku: "a", count: 1 };
const seen = { sku: "a" };
const replyChannel = "shop.replies";

const shopOn = (transport: Transport) => createBus({ name: "shop", transport });

testOnEach("a request gets the reply of its handler, decoded", async (transport) => {
  await using bus = await shopOn(transport);
  await bus.handle(Reserve, async ({ data }) =>
    data.count > 3 ? Reserve.replies.outOfStock({ left: 3 }) : reserved(data.count),
  );
  const [some, many] = await Promise.all([
    bus.request(Reserve, { sku: "a", count: 2 }),
    bus.request(Reserve, { sku: "a", count: 4 }),
  ]);
  assert.deepEqual(some, { type: "reserved", data: { left: 2 } });
  assert.deepEqual(many, { type: "outOfStock", data: { left: 3 } });
  const { requests } = await bus.stats();
  assert.deepEqual([requests.sent, requests.answered, requests.pending], [2, 2, 0]);
});

testOnEach("a reply is a message of its own, beside what else was returned", async (transport) => {
  const stamp = onPublish(({ contract, data, options }) =>
    contract.message(data, { ...options, extensions: { ...options?.extensions, region: "eu" } }),
  );
  await using bus = await createBus({ name: "shop", transport, use: [stamp] });
  await bus.handle(Reserve, async () => [reserved(1), Reserved.message(seen), undefined]);
  const options: MessageOptions & { id: string } = { id: "question 1", correlationId: "order 7" };
  assert.equal((await bus.request(Reserve, wanted, { ...options, tenant: "t" })).type, "reserved");
  const [stored] = await storedIn(transport, replyChannel);
  assert.equal(stored?.type, "test.stock.reserve.reply.reserved");
  const { attributes, payload } = stored;
  assert.equal(payload, '{"left":"1"}');
  assert.equal(attributes.causationId, "question 1");
  assert.equal(attributes.correlationId, "order 7");
  assert.equal(attributes.tenant, "t");
  assert.equal(attributes.subject, stored.key);
  assert.equal(attributes.extensions?.["answeredby"], "shop.handles.test.stock.reserve");
  assert.equal(attributes.extensions["region"], "eu");
  const events = await collect(bus.read(Reserved));
  assert.deepEqual(
    events.map((event) => [event.causationId, event.correlationId]),
    [["question 1", "order 7"]],
  );
});

async function storedIn(transport: Transport, channel: string) {
  const found = [];
  for await (const stored of withoutGaps(transport.read(channel, { from: "earliest" }))) {
    for (let record = 0; record < stored.count; record++) {
      found.push({
        type: stored.templateAt(record).type,
        key: stored.keyAt(record),
        attributes: stored.attributesAt(record),
        payload: stored.payloadTextAt(record),
      });
    }
  }
  return found;
}

testOnEach("nobody handles it: unhandled, and nothing is stored", async (transport) => {
  await using bus = await shopOn(transport);
  await bus.subscribe(Reserve, { group: "audit" }, () => undefined);
  assert.deepEqual(await bus.request(Reserve, wanted), { type: "unhandled" });
  assert.equal((await collect(bus.read(Reserve))).length, 0);
  await bus.handle(Reserve, () => reserved(1));
  assert.equal((await bus.request(Reserve, wanted)).type, "reserved");
});

testOnEach("nobody handles it: what is faulty is refused all the same", async (transport) => {
  await using bus = await shopOn(transport);
  const faulty = { sku: 7, count: "many" } as never;
  const refused = { code: "VALIDATION_FAILED", certainty: "definite" };
  await assert.rejects(bus.request(Reserve, faulty), refused);
  await assert.rejects(bus.scatter(Reserve, faulty), refused);
  await assert.rejects(bus.gather([Reserve.message(wanted), Reserve.message(faulty)]), refused);
  const slow = defineCommand("test.slow.check", {
    data: z.object({ sku: z.string().refine(async (sku) => sku !== "bad") }),
    replies: { done: z.object({}) },
  });
  await assert.rejects(bus.request(slow, { sku: "bad" }), refused);
  assert.deepEqual(await bus.request(slow, { sku: "good" }), { type: "unhandled" });
  await assert.rejects(bus.request(Reserve, wanted, { subject: "" }), { code: "INVALID_ARGUMENT" });
  const { requests } = await bus.stats();
  assert.deepEqual([requests.rejected, requests.unhandled, requests.pending], [5, 2, 0]);
});

testOnEach("the handler gives up: failed, with its reason", async (transport) => {
  await using bus = await shopOn(transport);
  let calls = 0;
  await bus.handle(Reserve, { retry: { attempts: 3, initialMs: 1 } }, ({ data }) => {
    calls++;
    if (data.sku === "rejected") throw new Reject("no such article");
    throw new Error("the shelf is on fire");
  });
  const rejected = await bus.request(Reserve, { sku: "rejected", count: 1 });
  assert.equal(rejected.type, "failed");
  assert.deepEqual([rejected.code, rejected.attempts], ["REJECTED", 1]);
  assert.match(rejected.reason, /no such article/);
  const failed = await bus.request(Reserve, wanted);
  const reason = "the shelf is on fire";
  assert.deepEqual(failed, { type: "failed", code: "HANDLER_FAILED", reason, attempts: 3 });
  assert.equal(calls, 4);
  assert.equal((await collect(bus.deadLetters(Reserve))).length, 2);
});

testOnEach("what is no declared reply fails the handler, at run time too", async (transport) => {
  await using bus = await shopOn(transport);
  const results: unknown[] = [
    undefined,
    5,
    [],
    Reserved.message(seen),
    [Reserved.message(seen)],
    [reserved(1), reserved(1)],
    [reserved(1), "beside"],
    { ...reserved(1) },
    { command: Reserve.type, type: "reserved", data: { left: "1" } },
    Object.assign(Object.create(Object.getPrototypeOf(reserved(1)) as object), {
      command: Pack.type,
      type: "packed",
    }),
  ];
  await bus.handle(Reserve, ({ data }) => results[data.count] as never);
  for (const index of results.keys()) {
    const outcome = await bus.request(Reserve, { sku: "a", count: index });
    assert.equal(outcome.type, "failed", `result ${index}`);
    assert.equal(outcome.code, "HANDLER_RESULT_INVALID", `result ${index}`);
  }
  assert.equal((await collect(bus.read(Reserved))).length, 0);
});

testOnEach("a reply that does not fit its schema fails, asked for or not", async (transport) => {
  await using bus = await shopOn(transport);
  await bus.handle(Reserve, () => Reserve.replies.outOfStock({ left: -1 }));
  const outcome = await bus.request(Reserve, wanted);
  assert.equal(outcome.type === "failed" && outcome.code, "VALIDATION_FAILED");
  await bus.send(Reserve, wanted);
  await eventually(async () => (await collect(bus.deadLetters(Reserve))).length === 2);
});

test("a receiver checks a reply by its own schema, and by name", async () => {
  const directory = directoryFor();
  await using bus = await shopOn(await journalIn(directory));
  await using other = await createBus({ name: "other", transport: await journalIn(directory) });
  await bus.handle(Reserve, ({ data }) =>
    data.count > 3 ? Reserve.replies.outOfStock({ left: 3 }) : reserved(1),
  );
  const AsTheySeeIt = defineCommand(Reserve.type, {
    data: Reserve.schema,
    replies: { reserved: z.object({ left: z.int() }) },
  });
  const wrong = await other.request(AsTheySeeIt, wanted);
  assert.equal(wrong.type === "failed" && wrong.code, "VALIDATION_FAILED");
  const unknown = await other.request(AsTheySeeIt, { sku: "a", count: 4 });
  assert.equal(unknown.type === "failed" && unknown.code, "UNKNOWN_TYPE");
});

testOnEach("sent commands are handled once and answered nowhere", async (transport) => {
  await using bus = await shopOn(transport);
  const packed: string[] = [];
  await bus.handle(Pack, ({ data }) => void packed.push(data.sku));
  const receipt = await bus.send(Pack, { sku: "a" });
  assert.equal(receipt.channel, "test.parcel.pack");
  await bus.handle(Reserve, () => reserved(1));
  await bus.send(Reserve, wanted);
  const groups = () => bus.stats().then(({ channels }) => channels.flatMap((each) => each.groups));
  await eventually(async () => (await groups()).every((group) => group.depth === 0));
  assert.deepEqual(packed, ["a"]);
  const { channels } = await bus.stats();
  assert.ok(channels.every((each) => !each.channel.includes("replies")));
  await assert.rejects(bus.request(Pack as never, { sku: "a" } as never), /declares no replies/);
});

testOnEach(
  "a reply to a channel that does not exist is dropped, and counted",
  async (transport) => {
    await using bus = await shopOn(transport);
    await bus.handle(Reserve, () => [reserved(1), Reserved.message(seen)]);
    await bus.publish(Reserved, seen);
    const { length } = await collect(bus.read(Reserved));
    await bus.send(Reserve, wanted, { replyTo: "nowhere.at-all" });
    await eventually(async () => (await collect(bus.read(Reserved))).length > length);
    assert.equal((await bus.request(Reserve, wanted)).type, "reserved");
  },
);

test("timeout; what comes then is late, what comes twice a duplicate", async (context) => {
  const heard = unawaitedAnswers(context);
  const clock = new VirtualClock();
  const bus = await createBus({ name: "shop", transport: memory(), clock });
  const answer = Promise.withResolvers<void>();
  await bus.handle(Reserve, { group: "slow" }, async () => {
    await answer.promise;
    return reserved(1);
  });
  const outcome = bus.request(Reserve, wanted, { timeoutMs: 1_000 });
  await clock.advance(999);
  assert.equal((await bus.stats()).requests.pending, 1);
  await clock.advance(1);
  assert.deepEqual(await outcome, { type: "timeout" });
  answer.resolve();
  await clock.advance(1);
  await bus.handle(Reserve, { group: "quick" }, async () => reserved(2));
  assert.equal((await bus.request(Reserve, wanted)).type, "reserved");
  await clock.advance(1);
  const { late, duplicates, pending } = (await bus.stats()).requests;
  assert.equal(pending, 0);
  // The quick group also answers what had timed out, the slow one what was answered.
  assert.deepEqual([late, duplicates], [2, 1]);
  assert.deepEqual(heard.map(({ kind }) => kind).sort(), ["duplicate", "late", "late"]);
  await bus.close();
  assert.equal(clock.timersWaiting, 0);
});

test("a request whose time has passed is not handled: expired", async () => {
  const clock = new VirtualClock();
  const bus = await createBus({ name: "shop", transport: memory(), clock });
  let calls = 0;
  const free = Promise.withResolvers<void>();
  await bus.handle(Reserve, { concurrency: 1 }, async () => {
    calls++;
    await free.promise;
    return reserved(1);
  });
  const first = bus.request(Reserve, wanted, { timeoutMs: 5_000 });
  const second = bus.request(Reserve, wanted, { timeoutMs: 5_000, expiresInMs: 1_000 });
  const third = bus.request(Reserve, wanted, { timeoutMs: 1_000 });
  await clock.advance(2_000);
  free.resolve();
  assert.equal((await first).type, "reserved");
  assert.deepEqual(await second, { type: "expired" });
  assert.deepEqual(await third, { type: "timeout" });
  assert.equal(calls, 1);
  await bus.close();
  assert.equal(clock.timersWaiting, 0);
});

test("too many requests at once: BACK_PRESSURE for those beyond", async () => {
  const transport = memory();
  const bus = await createBus({ name: "shop", transport, pendingRequestsMax: 3 });
  const free = Promise.withResolvers<void>();
  await bus.handle(Reserve, async () => {
    await free.promise;
    return reserved(1);
  });
  const asked = [1, 2, 3].map(() => bus.request(Reserve, wanted));
  await assert.rejects(bus.request(Reserve, wanted), { code: "BACK_PRESSURE" });
  free.resolve();
  for (const each of asked) assert.equal((await each).type, "reserved");
  assert.equal((await bus.request(Reserve, wanted)).type, "reserved");
  await bus.close();
});

test("an aborted request rejects; before it is stored, it never is", async () => {
  await using bus = await shopOn(memory());
  const asked = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  await bus.handle(Reserve, async () => {
    asked.resolve();
    await free.promise;
    return reserved(1);
  });
  const before = bus.request(Reserve, wanted, { signal: AbortSignal.abort("no") });
  await assert.rejects(before, { code: "ABORTED", certainty: "definite" });
  const controller = new AbortController();
  const during = bus.request(Reserve, wanted, { signal: controller.signal });
  await asked.promise;
  controller.abort("enough");
  await assert.rejects(during, { code: "ABORTED", certainty: "indefinite", cause: "enough" });
  free.resolve();
  assert.equal((await collect(bus.read(Reserve))).length, 1);
  assert.equal((await bus.stats()).requests.rejected, 2);
});

testOnEach("a request inside a handler needs an id of its own", async (transport) => {
  await using bus = await shopOn(transport);
  await bus.handle(Reserve, () => reserved(1));
  const outcomes: string[] = [];
  await bus.handle(Pack, async (_message, context) => {
    const refused = await bus.request(Reserve, wanted).catch((error: unknown) => error);
    outcomes.push((refused as { code: string }).code);
    const id = `${context.idempotencyKey}.reserve`;
    outcomes.push((await bus.request(Reserve, wanted, { id })).type);
  });
  await bus.send(Pack, { sku: "a" });
  await eventually(() => outcomes.length === 2);
  assert.deepEqual(outcomes, ["REQUEST_INSIDE_HANDLER", "reserved"]);
});

test("closing waits for outcomes, then gives up those that have none", async () => {
  const clock = new VirtualClock();
  const bus = await createBus({ name: "shop", transport: memory(), clock });
  await bus.handle(Reserve, { concurrency: 1 }, async ({ data }, { signal }) => {
    if (data.sku === "slow")
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return reserved(1);
  });
  const answered = bus.request(Reserve, wanted);
  const lost = bus.request(Reserve, { sku: "slow", count: 1 });
  const rejection = assert.rejects(lost, { code: "CLOSED", certainty: "indefinite" });
  await clock.advance(1);
  const closed = assert.rejects(bus.close({ timeoutMs: 1_000 }), { code: "DRAIN_DEADLINE" });
  await clock.advance(1_000);
  await Promise.all([rejection, closed]);
  assert.equal((await answered).type, "reserved");
  await assert.rejects(bus.request(Reserve, wanted), { code: "CLOSED" });
  assert.equal(clock.timersWaiting, 0);
});
