// Redriving dead letters: exactly once, in order, for the group that failed alone, in batches that
// stop by themselves; previewed, edited, moved elsewhere, paused and taken over.
import assert from "node:assert/strict";
import {
  type Bus,
  createBus,
  type DeadLetters,
  defineChannel,
  defineEvent,
  Reject,
  type RedriveOptions,
  type RedriveReport,
} from "spillway";
import { z } from "zod";
import {
  collect,
  eventually,
  OrderPlaced,
  orders,
  someOrders,
  testOnEach,
} from "../bus-subjects.ts";

const once = { attempts: 1 };

/** A group that fails while `isBroken` says so, and what it handled. */
async function billing(
  bus: Bus,
  isBroken: (orderId: string) => boolean,
  options: { readonly order?: "key" | "none" } = {},
): Promise<string[]> {
  const handled: string[] = [];
  await bus.subscribe(orders, { group: "billing", retry: once, ...options }, async ({ data }) => {
    if (isBroken(data.orderId)) throw new Reject(`no price for '${data.orderId}'`);
    handled.push(data.orderId);
  });
  return handled;
}

async function redriven(letters: DeadLetters, options?: RedriveOptions): Promise<RedriveReport> {
  return (await letters.redrive(options)).finished;
}

const countOf = async (letters: DeadLetters): Promise<number> => (await collect(letters)).length;

testOnEach(
  "all poison messages end as letters; redriven, each is handled once",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport, channels: [orders] });
    let isMended = false;
    const isPoison = (orderId: string): boolean => Number(orderId.slice(6)) % 10 === 0;
    const handled = await billing(bus, (orderId) => !isMended && isPoison(orderId));
    const audited: string[] = [];
    await bus.subscribe(orders, { group: "audit" }, async ({ data }) => {
      audited.push(data.orderId);
    });
    await bus.publishMany(OrderPlaced, someOrders(1_000));
    const letters = bus.deadLetters(orders);
    await eventually(async () => (await countOf(letters)) === 100);
    for await (const { reason } of letters) assert.match(reason, /no price/);
    await eventually(() => handled.length === 900 && audited.length === 1_000);
    isMended = true;
    const progress: number[] = [];
    const report = await redriven(letters, {
      onProgress: ({ resolved }) => progress.push(resolved),
    });
    assert.deepEqual(
      [report.state, report.selected, report.redriven, report.resolved, report.failed],
      ["finished", 100, 100, 100, 0],
    );
    assert.deepEqual(progress.at(-1), 100);
    assert.equal(new Set(handled).size, 1_000);
    assert.equal(handled.length, 1_000);
    // A later message shows that the other group has passed the copies without handling them.
    await bus.publish(OrderPlaced, { orderId: "last", cents: 1 });
    await eventually(() => audited.includes("last") && handled.includes("last"));
    assert.equal(audited.length, 1_001);
    assert.equal(await countOf(letters), 0);
    const resolved = await collect(bus.deadLetters(orders, { standings: ["resolved"] }));
    assert.equal(resolved.length, 100);
    const history = await letters.history(resolved[0]?.offset ?? -1);
    assert.deepEqual(
      history.map(({ kind, job }) => [kind, job]),
      [
        ["redriven", report.id],
        ["resolved", report.id],
      ],
    );
    const outcomes = await letters.outcomes(report.id);
    assert.deepEqual(new Set(outcomes.map(({ outcome }) => outcome)), new Set(["resolved"]));
    assert.equal((await redriven(letters)).selected, 0);
    assert.deepEqual(
      (await letters.redrives()).map(({ selected }) => selected),
      [0, 100],
    );
  },
);

testOnEach("a redrive whose fix does not work stops within its second batch", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const handled = await billing(bus, () => true);
  await bus.publishMany(OrderPlaced, someOrders(50));
  const letters = bus.deadLetters(orders);
  await eventually(async () => (await countOf(letters)) === 50);
  const report = await redriven(letters);
  assert.deepEqual([report.state, report.resolved, handled.length], ["stopped", 0, 0]);
  assert.ok(report.redriven <= 3, `${report.redriven} were redriven`);
  assert.match(report.stopReason ?? "", /1 of 1 in a batch failed again/);
  // What failed again is a letter anew, with its history; the old one is not listed any more.
  assert.equal(await countOf(letters), 50);
  const again = (await collect(letters)).at(-1);
  assert.deepEqual([again?.offset, again?.redrives, again?.firstOffset], [50, 1, 0]);
  assert.equal((await letters.get(0))?.standing, "failed");
  // A bound of 1 lets it go on to the end.
  const anyway = await redriven(letters, { failureShareMax: 1 });
  assert.deepEqual([anyway.state, anyway.failed, anyway.resolved], ["finished", 50, 0]);
  assert.equal(await countOf(letters), 50);
});

testOnEach(
  "letters of a key come in the order of publishing, whole sequences",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport, channels: [orders] });
    let broken = (cents: number): boolean => cents >= 0;
    const handled: string[] = [];
    await bus.subscribe(OrderPlaced, { group: "billing", retry: once }, async ({ data }) => {
      if (broken(data.cents)) throw new Error(data.cents % 2 === 0 ? "even" : "odd");
      handled.push(`${data.orderId} ${data.cents}`);
    });
    const keys = ["a", "b", "c"];
    const published = Array.from({ length: 60 }, (_, n) => ({
      orderId: keys[n % 3] ?? "",
      cents: n,
    }));
    await bus.publishMany(OrderPlaced, published);
    const letters = bus.deadLetters(OrderPlaced, { key: "b" });
    await eventually(async () => (await countOf(bus.deadLetters(OrderPlaced))) === 60);
    // The first one of "a" fails again: those behind it stay, others go on.
    broken = (cents) => cents === 0;
    const first = await redriven(bus.deadLetters(OrderPlaced), { failureShareMax: 1 });
    assert.deepEqual([first.failed, first.resolved, first.skipped], [1, 40, 19]);
    assert.deepEqual(
      handled.filter((each) => each.startsWith("a")),
      [],
    );
    broken = () => false;
    // The newest letter is the oldest message: it goes first all the same, and one error of the key
    // brings the others along.
    const [newest] = (await collect(bus.deadLetters(OrderPlaced))).slice(-1);
    assert.equal(newest?.firstOffset, 0);
    const odd = (await collect(bus.deadLetters(OrderPlaced))).find(
      ({ reason }) => reason === "odd",
    );
    const mine = bus.deadLetters(OrderPlaced, { offsets: [odd?.offset ?? -1] });
    const preview = await mine.preview();
    assert.deepEqual([preview.letters, preview.ofSameKey], [20, 19]);
    assert.equal((await mine.preview({ wholeKeys: false })).letters, 1);
    assert.deepEqual([(await redriven(mine)).resolved, await countOf(letters)], [20, 0]);
    for (const key of keys) {
      const expected = published.filter(({ orderId }) => orderId === key).map(({ cents }) => cents);
      const got = handled
        .filter((each) => each.startsWith(key))
        .map((each) => Number(each.slice(2)));
      assert.deepEqual(got, expected, `key ${key}`);
    }
  },
);

testOnEach("a preview counts and shows, and changes nothing", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  await billing(bus, () => true);
  await bus.publishMany(OrderPlaced, someOrders(30));
  const letters = bus.deadLetters(orders);
  await eventually(async () => (await countOf(letters)) === 30);
  const preview = await letters.preview();
  assert.deepEqual(
    [preview.letters, preview.ofSameKey, preview.expired, preview.beyondHorizon, preview.batches],
    [30, 0, 0, 0, 5],
  );
  assert.equal(preview.samples.length, 10);
  assert.deepEqual(
    preview.groups.map(({ count }) => count),
    [30],
  );
  assert.deepEqual([await letters.redrives(), await countOf(letters)], [[], 30]);
});

testOnEach("an edited letter keeps its original; the copy has the new data", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const seen: unknown[] = [];
  await bus.subscribe(orders, { group: "billing", retry: once }, async (message) => {
    if (message.type === OrderPlaced.type && message.data.cents < 0) throw new Reject("negative");
    seen.push([message.id, message.data, message.extensions["redriveeditor"]]);
  });
  const { id } = await bus.publish(OrderPlaced, { orderId: "7", cents: -1 });
  const letters = bus.deadLetters(orders, { offsets: [0] });
  await eventually(async () => (await countOf(letters)) === 1);
  const data = { orderId: "7", cents: 1 };
  await assert.rejects(letters.redrive({ edit: { data } }), { code: "INVALID_ARGUMENT" });
  const wrong = { edit: { data: { orderId: 7 } }, author: "ann" };
  await assert.rejects(letters.redrive(wrong), { code: "VALIDATION_FAILED" });
  const edit = { data, reason: "a typing error" };
  const all = bus.deadLetters(orders);
  await assert.rejects(all.redrive({ edit, author: "ann" }), { code: "INVALID_ARGUMENT" });
  assert.equal((await redriven(letters, { edit, author: "ann" })).resolved, 1);
  assert.deepEqual(seen, [[id, data, "ann"]]);
  const again = letters.redrive({ edit, author: "ann" });
  await assert.rejects(again, { code: "INVALID_ARGUMENT", message: /pending/ });
  const original = await letters.get(0);
  assert.equal(original?.envelope.payload, '{"orderId":"7","cents":-1}');
  const [note] = await letters.history(0);
  assert.deepEqual(note?.edit, {
    author: "ann",
    reason: "a typing error",
    data: '{"orderId":"7","cents":1}',
  });
});

testOnEach("letters can go to another channel, and are resolved by it", async (transport) => {
  const Held = defineEvent("test.held", { data: z.object({ orderId: z.string() }) });
  const held = defineChannel("held", { messages: [Held] });
  await using bus = await createBus({ name: "shop", transport, channels: [orders, held] });
  await billing(bus, () => true);
  await bus.publishMany(OrderPlaced, someOrders(4));
  const letters = bus.deadLetters(orders);
  await eventually(async () => (await countOf(letters)) === 4);
  await assert.rejects(letters.redrive({ to: "nowhere" }), { code: "UNKNOWN_CHANNEL" });
  await bus.publish(Held, { orderId: "first" });
  const report = await redriven(letters, { to: "held" });
  assert.deepEqual([report.state, report.redriven, report.resolved], ["finished", 4, 4]);
  assert.equal(await countOf(letters), 0);
  const copies = [];
  for await (const batch of transport.read("held", { from: "earliest" })) {
    assert.ok("templateAt" in batch);
    for (let at = 0; at < batch.count; at++) {
      const { extensions } = batch.attributesAt(at);
      copies.push([batch.templateAt(at).type, extensions]);
    }
  }
  assert.deepEqual(copies, [
    ["test.held", undefined],
    ...Array.from({ length: 4 }, () => [OrderPlaced.type, undefined]),
  ]);
  assert.deepEqual(
    (await letters.history(0)).map(({ kind, to }) => [kind, to]),
    [["resolved", "held"]],
  );
});

testOnEach(
  "what has expired is left; who is gone is named; bad rules are refused",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport, channels: [orders] });
    await billing(bus, () => true);
    await bus.publish(OrderPlaced, { orderId: "1", cents: 1 }, { expiresInMs: 500 });
    const letters = bus.deadLetters(orders);
    await eventually(async () => (await countOf(letters)) === 1);
    const [{ envelope } = assert.fail("one letter")] = await collect(letters);
    await eventually(() => Date.now() > (envelope.attributes.expiresAtMs ?? 0));
    assert.equal((await letters.preview()).expired, 1);
    const report = await redriven(letters);
    assert.deepEqual([report.redriven, report.skipped, report.state], [0, 1, "finished"]);
    assert.deepEqual(
      (await letters.outcomes(report.id)).map(({ reason }) => reason),
      ["its time had passed"],
    );
    assert.equal(await countOf(letters), 1);
    const bad = [
      { failureShareMax: 2 },
      { ratePerSecond: 0 },
      { author: " " },
      { failureShareMax: Number.NaN },
    ];
    for (const rules of bad) {
      await assert.rejects(letters.redrive(rules), { code: "INVALID_ARGUMENT" });
    }
    await assert.rejects(letters.redrive({ to: "Not A Name" }), { code: "INVALID_NAME" });
  },
);

testOnEach("a paused redrive goes on; a second one is refused until then", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  let isMended = false;
  const handled = await billing(bus, () => !isMended);
  await bus.publishMany(OrderPlaced, someOrders(100));
  const letters = bus.deadLetters(orders);
  await eventually(async () => (await countOf(letters)) === 100);
  await assert.rejects(letters.resume(), { code: "REDRIVE_UNKNOWN" });
  await assert.rejects(letters.cancel(), { code: "REDRIVE_UNKNOWN" });
  isMended = true;
  const stop = new AbortController();
  const onProgress = ({ redriven: count }: RedriveReport): void => {
    if (count >= 8) stop.abort();
  };
  const first = await letters.redrive({ onProgress, signal: stop.signal });
  const paused = await first.finished;
  assert.deepEqual([paused.state, paused.redriven], ["paused", 8]);
  await assert.rejects(letters.redrive(), { code: "REDRIVE_ACTIVE" });
  const resumed = await letters.resume();
  assert.equal(resumed.id, first.id);
  const report = await resumed.finished;
  assert.deepEqual([report.state, report.redriven, report.resolved], ["finished", 100, 100]);
  assert.deepEqual([handled.length, new Set(handled).size], [100, 100]);
});

testOnEach(
  "a cancelled redrive is over; who is taken over moves nothing more",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport, channels: [orders] });
    let isMended = false;
    const handled = await billing(bus, () => !isMended);
    await bus.publishMany(OrderPlaced, someOrders(60));
    const letters = bus.deadLetters(orders);
    await eventually(async () => (await countOf(letters)) === 60);
    isMended = true;
    const slow = { ratePerSecond: 5 };
    const first = await letters.redrive(slow);
    await eventually(() => first.report.redriven >= 1);
    const second = await letters.resume();
    await assert.rejects(first.finished, { code: "REDRIVE_TAKEN_OVER" });
    const cancelled = await letters.cancel();
    assert.equal(cancelled.state, "cancelled");
    assert.equal((await second.finished).state, "cancelled");
    await assert.rejects(letters.resume(), { code: "REDRIVE_UNKNOWN" });
    const rest = await redriven(letters);
    assert.equal(rest.state, "finished");
    await eventually(() => handled.length === 60);
    assert.equal(new Set(handled).size, 60);
  },
);

testOnEach(
  "two that begin at once: one is refused, nothing is redriven twice",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport, channels: [orders] });
    let isMended = false;
    const handled = await billing(bus, () => !isMended);
    await bus.publishMany(OrderPlaced, someOrders(40));
    const letters = bus.deadLetters(orders);
    await eventually(async () => (await countOf(letters)) === 40);
    isMended = true;
    const begun = await Promise.allSettled([1, 2, 3].map(async () => redriven(letters)));
    const kept = begun.filter(({ status }) => status === "fulfilled");
    assert.equal(kept.length, 1);
    for (const each of begun) {
      if (each.status === "rejected")
        assert.equal((each.reason as Error & { code: string }).code, "REDRIVE_ACTIVE");
    }
    assert.deepEqual([handled.length, new Set(handled).size], [40, 40]);
  },
);

testOnEach("what a handler passes on is addressed to nobody", async (transport) => {
  const Passed = defineEvent("test.passed", { data: z.object({ orderId: z.string() }) });
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  let isMended = false;
  await bus.subscribe(orders, { group: "billing", retry: once }, async (message) => {
    if (!isMended) throw new Reject("no");
    const { extensions, data } = message;
    return Passed.message({ orderId: data.orderId }, { extensions });
  });
  const received: unknown[] = [];
  await bus.subscribe(Passed, { group: "other" }, async ({ extensions }) => {
    received.push(extensions);
  });
  await bus.publish(OrderPlaced, { orderId: "7", cents: 1 }, { extensions: { shop: "north" } });
  const letters = bus.deadLetters(orders);
  await eventually(async () => (await countOf(letters)) === 1);
  isMended = true;
  await redriven(letters);
  await eventually(() => received.length === 1);
  assert.deepEqual(received, [{ shop: "north" }]);
});
