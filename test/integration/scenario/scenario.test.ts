// scenario(bus) on memory() and on a journal in place, in virtual time: what it waits for, what it
// sees, and what a failed assertion shows.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { type Bus, createBus, onConsume, Reject, type Transport } from "spillway";
import { embedded } from "spillway/embedded";
import { memory } from "spillway/memory";
import { scenario, seededRandom, VirtualClock } from "spillway/testing";
import {
  directoryFor,
  InvoiceIssued,
  OrderCancelled,
  OrderPlaced,
  orders,
} from "../bus-subjects.ts";

const order = { orderId: "7", cents: 5 };

interface Stage {
  readonly bus: Bus;
  readonly clock: VirtualClock;
}

function testOnEach(name: string, run: (stage: Stage, context: TestContext) => Promise<void>) {
  const transports: Record<string, (context: TestContext) => Transport> = {
    memory: () => memory(),
    embedded: () => embedded({ directory: directoryFor(), engine: "direct" }),
  };
  for (const [subject, create] of Object.entries(transports)) {
    test(`${subject}: ${name}`, { timeout: 60_000 }, async (context) => {
      const clock = new VirtualClock();
      const options = { clock, random: seededRandom(1), channels: [orders] };
      const bus = await createBus({ name: "billing", transport: create(context), ...options });
      try {
        await run({ bus, clock }, context);
      } finally {
        const closed = bus.close();
        await clock.advance(60_000);
        await closed.catch(() => undefined);
      }
    });
  }
}

testOnEach("waits for everything that a message causes, and sees it", async ({ bus }) => {
  await bus.subscribe(orders, { group: "invoices" }, async (message) =>
    message.type === OrderPlaced.type ? InvoiceIssued.message({ orderId: "7" }) : undefined,
  );
  await bus.subscribe(InvoiceIssued, { group: "mail" }, async () => undefined);
  using story = await scenario(bus);
  await story.publish(OrderPlaced, order);
  await story.settled();
  const [invoice] = story.assertPublished(InvoiceIssued, {
    times: 1,
    where: ({ data }) => data.orderId === "7",
  });
  assert.equal(invoice?.channel, InvoiceIssued.type);
  story.assertConsumed(InvoiceIssued, { times: 1, group: "mail" });
  story.assertConsumed(OrderPlaced, { times: 1 });
  story.assertRetried(OrderPlaced, { times: 0 });
  story.assertDeadLettered(OrderPlaced, { times: 0 });
});

testOnEach("sees nothing of what was before it", async ({ bus }) => {
  await bus.subscribe(OrderPlaced, async () => undefined);
  await bus.publish(OrderPlaced, order);
  const first = await scenario(bus);
  await first.settled();
  first.assertPublished(OrderPlaced, { times: 0 });
  await first.publish(OrderPlaced, order);
  await first.settled();
  first.assertPublished(OrderPlaced, { times: 1 });
  first.stop();
  const second = await scenario(bus);
  await second.publish(OrderCancelled, { orderId: "7" });
  await second.settled();
  second.assertPublished(OrderPlaced, { times: 0 });
  assert.equal(first.consumed(OrderPlaced).length <= 2, true);
});

testOnEach("retries take virtual time; then there is a dead letter", async ({ bus, clock }) => {
  await bus.subscribe(OrderPlaced, { retry: { attempts: 3 } }, async () => {
    throw new Error("the bank is closed");
  });
  using story = await scenario(bus);
  await story.publish(OrderPlaced, order);
  await story.settled();
  story.assertRetried(OrderPlaced, { times: 2, group: "billing" });
  story.assertConsumed(OrderPlaced, { times: 0 });
  const [letter] = story.assertDeadLettered(OrderPlaced, { times: 1, group: "billing" });
  assert.equal(letter?.attempts, 3);
  assert.ok(clock.monotonicMs() > 0);
});

testOnEach("time that is not waited for does not pass", async ({ bus, clock }) => {
  await bus.subscribe(OrderPlaced, async () => undefined);
  using story = await scenario(bus);
  await story.publish(OrderPlaced, order, { delayMs: 20_000 });
  await story.settled({ withinMs: 5_000 });
  story.assertPublished(OrderPlaced, { times: 0 });
  assert.ok(clock.monotonicMs() <= 5_000);
  await story.advance(20_000);
  story.assertConsumed(OrderPlaced, { times: 1 });
});

testOnEach("a delayed message that is due within the time is waited for", async ({ bus }) => {
  await bus.subscribe(OrderPlaced, async () => undefined);
  using story = await scenario(bus);
  await story.publish(OrderPlaced, order, { delayMs: 10_000 });
  await story.settled();
  story.assertConsumed(OrderPlaced, { times: 1 });
});

testOnEach("a failed assertion shows what caused what", async ({ bus }) => {
  await bus.subscribe(OrderPlaced, { group: "invoices" }, async () =>
    InvoiceIssued.message({ orderId: "7" }),
  );
  await bus.subscribe(InvoiceIssued, { group: "mail" }, async () => {
    throw new Reject("no address");
  });
  using story = await scenario(bus);
  await story.publish(OrderPlaced, order);
  await story.settled();
  assert.throws(() => story.assertConsumed(InvoiceIssued), {
    name: "AssertionError",
    message: [
      "expected test.invoice.issued to be handled at least once, it was so never; what happened:",
      '  test.order.placed (orders/0) {"orderId":"7","cents":5}',
      "    · handled by invoices",
      '    test.invoice.issued (0) {"orderId":"7"}',
      "      · failed in mail: Reject: the handler rejected the message: no address",
      "      · dead-letter of mail: REJECTED: the handler rejected the message: no address",
    ].join("\n"),
  });
  assert.throws(
    () => story.assertPublished(OrderPlaced, { times: 2, where: ({ data }) => data.cents > 9 }),
    /to be published 2 times, it was so never \(1 without what `where` asks for\)/,
  );
});

testOnEach("work that does not end is named", async ({ bus }) => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  await bus.subscribe(OrderPlaced, async () => released);
  using story = await scenario(bus);
  await story.publish(OrderPlaced, order);
  await assert.rejects(story.settled({ withinMs: 1_000 }), (error: Error) => {
    assert.match(error.message, /not everything was finished within 1000 ms/);
    assert.match(error.message, /group 'billing' has 1 unsettled messages in 'orders'/);
    assert.match(error.message, /1 calls of handlers have not ended/);
    assert.match(error.message, /being handled by billing/);
    return true;
  });
  release();
  await story.settled();
  story.assertConsumed(OrderPlaced, { times: 1 });
});

test("messages that cause each other for ever come to the bound", { timeout: 60_000 }, async () => {
  const clock = new VirtualClock();
  const bus = await createBus({ name: "loop", transport: memory(), clock });
  let isOver = false;
  await bus.subscribe(InvoiceIssued, async ({ data }) =>
    isOver ? undefined : InvoiceIssued.message(data),
  );
  using story = await scenario(bus);
  await story.publish(InvoiceIssued, { orderId: "7" });
  await assert.rejects(story.settled(), /more than 10000 calls|more than 10000 messages/);
  isOver = true;
  const closed = bus.close({ timeoutMs: 0 });
  await clock.advance(0);
  await closed.catch(() => undefined);
});

test("a failure of middleware is one of the call", async () => {
  const clock = new VirtualClock();
  let isFirst = true;
  const failing = onConsume(async (_message, _context, next) => {
    if (isFirst) {
      isFirst = false;
      throw new Error("no");
    }
    return next();
  });
  await using bus = await createBus({ name: "b", transport: memory(), clock, use: [failing] });
  await bus.subscribe(InvoiceIssued, async () => undefined);
  using story = await scenario(bus);
  await story.publish(InvoiceIssued, { orderId: "7" });
  await story.settled();
  story.assertRetried(InvoiceIssued, { times: 1 });
  story.assertConsumed(InvoiceIssued, { times: 1 });
});

test("in real time it waits, too, and does not advance", async () => {
  await using bus = await createBus({ name: "billing", transport: memory() });
  await bus.subscribe(InvoiceIssued, async () => undefined);
  using story = await scenario(bus);
  await story.publish(InvoiceIssued, { orderId: "7" });
  assert.throws(() => story.published(InvoiceIssued), /await scenario.settled\(\) first/);
  await story.settled();
  story.assertConsumed(InvoiceIssued, { times: 1 });
  await assert.rejects(story.advance(1), /give createBus\(\) a VirtualClock/);
});

test("unknown options, and what is no bus, are refused", async () => {
  await using bus = await createBus({ name: "billing", transport: memory() });
  using story = await scenario(bus);
  await assert.rejects(story.settled({ within: 5 } as never), /did you mean withinMs/);
  await story.settled();
  assert.throws(() => story.assertPublished(InvoiceIssued, { time: 1 } as never), /mean times/);
  await assert.rejects(scenario({} as Bus), /give a bus that createBus\(\) has made/);
});
