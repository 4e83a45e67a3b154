// Scatter and gather: one question to twenty handlers of which some fail, are slow or answer twice;
// several questions at once; what ends them, what is missing, what comes late.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus, defineCommand, Reject, type Transport } from "spillway";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import { z } from "zod";
import { eventually, testOnEach } from "../bus-subjects.ts";
import { Reserve, reserved } from "./stock.ts";

const Quote = defineCommand("test.freight.quote", {
  data: z.object({ kg: z.int() }),
  replies: { offered: z.object({ cents: z.int() }), declined: z.object({}) },
});

/** What the twenty do: offer, decline, fail, never answer in time. */
type Conduct = "offers" | "declines" | "fails" | "sleeps";
const conducts: readonly Conduct[] = Array.from({ length: 20 }, (_, index) =>
  index < 10 ? "offers" : index < 13 ? "declines" : index < 16 ? "fails" : "sleeps",
);
const nameOf = (index: number): string => `carrier-${String(index).padStart(2, "0")}`;
const named = (conduct: Conduct): string[] =>
  conducts.flatMap((each, index) => (each === conduct ? nameOf(index) : []));

type Bus = Awaited<ReturnType<typeof createBus>>;

/** Handles the command twenty times; resolves who sleeps when told to. */
async function twentyCarriers(bus: Bus, conductOf = (index: number) => conducts[index]) {
  const wake = Promise.withResolvers<void>();
  for (const index of conducts.keys()) {
    await bus.handle(Quote, { group: nameOf(index) }, async () => {
      const conduct = conductOf(index);
      if (conduct === "fails") throw new Reject("no trucks");
      if (conduct === "sleeps") await wake.promise;
      return conduct === "declines"
        ? Quote.replies.declined({})
        : Quote.replies.offered({ cents: index });
    });
  }
  return wake;
}

const busOn = (transport: Transport) => createBus({ name: "shop", transport });
const handlers = (parts: readonly { handler: string; outcome: { type: string } }[], type: string) =>
  parts.flatMap(({ handler, outcome }) => (outcome.type === type ? handler : [])).toSorted();

testOnEach("everybody answers: all parts, each of its handler", async (transport) => {
  await using bus = await busOn(transport);
  await twentyCarriers(bus, (index) => (conducts[index] === "sleeps" ? "offers" : conducts[index]));
  const { type, parts, missing } = await bus.scatter(Quote, { kg: 3 });
  assert.equal(type, "all");
  assert.deepEqual(missing, []);
  assert.deepEqual(handlers(parts, "offered"), [...named("offers"), ...named("sleeps")]);
  assert.deepEqual(handlers(parts, "declined"), named("declines"));
  assert.deepEqual(handlers(parts, "failed"), named("fails"));
  for (const { handler, outcome } of parts) {
    if (outcome.type === "offered") assert.equal(handler, nameOf(outcome.data.cents));
    if (outcome.type === "failed") assert.equal(outcome.code, "REJECTED");
  }
});

test("some sleep: the deadline ends it, and says who is missing; they come late", async () => {
  const clock = new VirtualClock();
  const bus = await createBus({ name: "shop", transport: memory(), clock });
  const wake = await twentyCarriers(bus);
  const scattered = bus.scatter(Quote, { kg: 3 }, { timeoutMs: 2_000 });
  await clock.advance(1_999);
  assert.equal((await bus.stats()).requests.pending, 1);
  await clock.advance(1);
  const { type, parts, missing } = await scattered;
  assert.equal(type, "deadline");
  assert.equal(parts.length, 16);
  assert.deepEqual(missing.toSorted(), named("sleeps"));
  wake.resolve();
  await clock.advance(1);
  const { late, duplicates, pending } = (await bus.stats()).requests;
  assert.deepEqual([late, duplicates, pending], [4, 0, 0]);
  await bus.close();
  assert.equal(clock.timersWaiting, 0);
});

testOnEach("a quorum ends it; what counts can be said", async (transport) => {
  await using bus = await busOn(transport);
  const wake = await twentyCarriers(bus);
  const any = await bus.scatter(Quote, { kg: 3 }, { quorum: 12 });
  assert.equal(any.type, "quorum");
  assert.equal(handlers(any.parts, "offered").length + handlers(any.parts, "declined").length, 12);
  const offers = await bus.scatter(Quote, { kg: 3 }, { quorum: 9, counts: ["offered"] });
  assert.equal(offers.type, "quorum");
  assert.equal(handlers(offers.parts, "offered").length, 9);
  wake.resolve();
  const most = await bus.scatter(Quote, { kg: 3 }, { quorum: 20, counts: ["offered"] });
  assert.equal(most.type, "all");
  assert.equal(handlers(most.parts, "offered").length, 14);
  await assert.rejects(bus.scatter(Quote, { kg: 3 }, { quorum: 0 }), { code: "INVALID_ARGUMENT" });
});

testOnEach("who answers twice has one part; the other answer is a duplicate", async (transport) => {
  await using bus = await busOn(transport);
  await twentyCarriers(bus, () => "offers");
  const gate = Promise.withResolvers<void>();
  await bus.handle(Quote, { group: "carrier-20" }, async () => {
    await gate.promise;
    return Quote.replies.offered({ cents: 20 });
  });
  // The reply channel exists from the first request on.
  await bus.request(Quote, { kg: 1 });
  await eventually(async () => (await bus.stats()).requests.duplicates === 19);
  const scattered = bus.scatter(Quote, { kg: 3 });
  const answers = () => storedAnswers(transport);
  await eventually(async () => (await answers()).length === 40);
  const twice = (await answers()).at(-1);
  assert.ok(twice !== undefined);
  await transport.append([twice.batch]);
  await eventually(async () => (await bus.stats()).requests.duplicates === 20);
  gate.resolve();
  const { type, parts } = await scattered;
  assert.deepEqual(
    [type, parts.length, new Set(parts.map((part) => part.handler)).size],
    ["all", 21, 21],
  );
});

testOnEach("nobody handles it: unhandled; rejections are those of a request", async (transport) => {
  await using bus = await busOn(transport);
  const nobody = await bus.scatter(Quote, { kg: 3 });
  assert.deepEqual(nobody, { type: "unhandled", parts: [], missing: [] });
  await bus.handle(Quote, () => Quote.replies.declined({}));
  await assert.rejects(bus.scatter(Quote, { kg: 0.5 }), { code: "VALIDATION_FAILED" });
  const aborted = bus.scatter(Quote, { kg: 3 }, { signal: AbortSignal.abort() });
  await assert.rejects(aborted, { code: "ABORTED" });
  assert.equal((await bus.stats()).requests.pending, 0);
});

testOnEach("many questions at once: outcomes in their order", async (transport) => {
  await using bus = await busOn(transport);
  await bus.handle(Reserve, async ({ data }) => {
    if (data.count === 3) throw new Reject("three");
    return reserved(data.count);
  });
  await bus.handle(Quote, () => Quote.replies.offered({ cents: 5 }));
  const { type, parts } = await bus.gather([
    Reserve.message({ sku: "a", count: 1 }),
    Quote.message({ kg: 1 }),
    Reserve.message({ sku: "a", count: 3 }),
  ]);
  assert.equal(type, "all");
  assert.deepEqual(parts[0], { type: "reserved", data: { left: 1 } });
  assert.deepEqual(parts[1], { type: "offered", data: { cents: 5 } });
  assert.equal(parts[2].type === "failed" && parts[2].attempts, 1);
  assert.deepEqual(await bus.gather([]), { type: "all", parts: [] });
  const wrong = bus.gather([Quote.message({ kg: 1 }), Quote.message({ kg: 0.5 })]);
  await assert.rejects(wrong, { code: "VALIDATION_FAILED" });
  assert.equal((await bus.stats()).requests.pending, 0);
});

test("a quorum, and the deadline, end a gathering with what is there", async () => {
  const clock = new VirtualClock();
  const bus = await createBus({
    name: "shop",
    transport: memory(),
    clock,
    pendingRequestsMax: 100,
  });
  const wake = Promise.withResolvers<void>();
  await bus.handle(Quote, { concurrency: 100 }, async ({ data }) => {
    if (data.kg >= 50) await wake.promise;
    return data.kg % 2 === 0
      ? Quote.replies.declined({})
      : Quote.replies.offered({ cents: data.kg });
  });
  const questions = Array.from({ length: 100 }, (_, kg) => Quote.message({ kg }));
  const early = bus.gather(questions, { quorum: 40 });
  await clock.advance(1);
  const some = await early;
  assert.equal(some.type, "quorum");
  assert.equal(some.parts.filter(({ type }) => type === "timeout").length, 60);
  const timed = bus.gather(questions, { timeoutMs: 1_000 });
  await assert.rejects(bus.gather(questions), { code: "BACK_PRESSURE" });
  await clock.advance(1_000);
  const { type, parts } = await timed;
  assert.equal(type, "deadline");
  assert.deepEqual(
    parts.map((part) => part.type === "timeout"),
    questions.map((_, kg) => kg >= 50),
  );
  wake.resolve();
  await clock.advance(1);
  assert.equal((await bus.stats()).requests.pending, 0);
  await bus.close();
  assert.equal(clock.timersWaiting, 0);
});

/** The answers in the reply channel, each as a batch that can be stored once more. */
async function storedAnswers(transport: Transport) {
  const { OutgoingBatch } = await import("../../../src/message/outgoing-batch.ts");
  const { seededRandom } = await import("../../../src/kernel/random.ts");
  const { withoutGaps } = await import("../../../src/ports/gap.ts");
  const found = [];
  for await (const stored of withoutGaps(transport.read("shop.replies", { from: "earliest" }))) {
    for (let record = 0; record < stored.count; record++) {
      const batch = new OutgoingBatch("shop.replies", "normal", seededRandom(record));
      batch.add(
        stored.templateAt(record),
        stored.payloadTextAt(record),
        stored.timeAt(record),
        stored.keyAt(record),
        stored.attributesAt(record),
      );
      found.push({ batch });
    }
  }
  return found;
}
