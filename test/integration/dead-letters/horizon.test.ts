// How old a letter may be: beyond the time for which repeats are remembered a redrive must be
// asked for in so many words, unless the handler has no effects that could be repeated.
import assert from "node:assert/strict";
import {
  type Bus,
  createBus,
  type DeadLetters,
  type RedriveReport,
  Reject,
  type Transport,
} from "spillway";
import { type Clock, systemClock } from "../../../src/kernel/clock.ts";
import {
  collect,
  eventually,
  InvoiceIssued,
  OrderPlaced,
  orders,
  someOrders,
  testOnEach,
} from "../bus-subjects.ts";

const retry = { attempts: 1 };

/** The machine's clock, with a wall that can be set forward. */
class ShiftedClock implements Clock {
  shiftMs = 0;
  wallMs = (): number => systemClock.wallMs() + this.shiftMs;
  monotonicMs = systemClock.monotonicMs;
  after = systemClock.after;
  soon = systemClock.soon;
}

interface Shop {
  readonly bus: Bus;
  readonly letters: DeadLetters;
  readonly clock: ShiftedClock;
  isMended: boolean;
}

/** A service that fails until it is mended, with so many letters. */
async function openShop(transport: Transport, count: number, pure: boolean): Promise<Shop> {
  const clock = new ShiftedClock();
  const bus = await createBus({ name: "shop", transport, channels: [orders], clock });
  const letters = bus.deadLetters(orders);
  const shop: Shop = { bus, letters, clock, isMended: false };
  await bus.subscribe(orders, { group: "billing", retry, pure }, async () => {
    if (!shop.isMended) throw new Reject("no");
  });
  await bus.publishMany(OrderPlaced, someOrders(count));
  await eventually(async () => (await collect(letters)).length === count);
  shop.isMended = true;
  return shop;
}

testOnEach("beyond the horizon a redrive needs allowRepeat, which is noted", async (transport) => {
  const { bus, letters, clock } = await openShop(transport, 3, false);
  await using _ = bus;
  const [{ horizonMs, failures } = assert.fail("a letter")] = await collect(letters);
  assert.equal(horizonMs, Math.trunc((failures[0]?.atMs ?? 0) + 600_000));
  clock.shiftMs = 660_000;
  assert.equal((await letters.preview()).beyondHorizon, 3);
  await assert.rejects(letters.redrive(), {
    code: "DEDUP_HORIZON",
    message: /3 of 3 letters in 'orders\.dead-letters'/,
  });
  assert.deepEqual(await letters.redrives(), [], "a refused redrive leaves nothing behind");
  const report = await (await letters.redrive({ allowRepeat: true })).finished;
  assert.deepEqual([report.resolved, report.rules], [3, { allowRepeat: true }]);
  const [note] = await letters.history(0);
  assert.deepEqual([note?.kind, note?.allowRepeat], ["redriven", true]);
});

testOnEach("within the horizon nothing is noted", async (transport) => {
  const { bus, letters } = await openShop(transport, 1, false);
  await using _ = bus;
  await (await letters.redrive({ allowRepeat: true })).finished;
  const [note] = await letters.history(0);
  assert.deepEqual([note?.kind, note?.allowRepeat], ["redriven", undefined]);
});

testOnEach("letters that get too old while a redrive runs are left", async (transport) => {
  const { bus, letters, clock } = await openShop(transport, 20, false);
  await using _ = bus;
  const onProgress = ({ redriven }: RedriveReport): void => {
    if (redriven >= 3) clock.shiftMs = 660_000;
  };
  const report = await (await letters.redrive({ onProgress })).finished;
  assert.deepEqual([report.state, report.resolved, report.skipped], ["finished", 3, 17]);
  const outcomes = await letters.outcomes(report.id);
  assert.match(outcomes.at(-1)?.reason ?? "", /older than repeats are remembered/);
  assert.equal((await collect(letters)).length, 17);
});

testOnEach(
  "a paused redrive whose letters got too old needs allowRepeat, too",
  async (transport) => {
    const { bus, letters, clock } = await openShop(transport, 20, false);
    await using _ = bus;
    const stop = new AbortController();
    const onProgress = (): void => stop.abort();
    const paused = await (await letters.redrive({ onProgress, signal: stop.signal })).finished;
    assert.equal(paused.state, "paused");
    clock.shiftMs = 660_000;
    await assert.rejects(letters.resume(), { code: "DEDUP_HORIZON" });
    const report = await (await letters.resume({ allowRepeat: true })).finished;
    assert.deepEqual([report.state, report.resolved], ["finished", 20]);
  },
);

testOnEach("letters of pure handlers have no horizon", async (transport) => {
  const { bus, letters, clock } = await openShop(transport, 3, true);
  await using _ = bus;
  const [letter] = await collect(letters);
  assert.equal(letter?.horizonMs, undefined);
  clock.shiftMs = 86_400_000;
  assert.equal((await (await letters.redrive()).finished).resolved, 3);
});

testOnEach("a replay rebuilds state and publishes nothing a second time", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  await bus.publishMany(OrderPlaced, someOrders(5));
  const replayUntilMs = Date.now() + 1;
  await eventually(() => Date.now() > replayUntilMs);
  const seen: string[] = [];
  const options = { group: "rebuilt", order: "none", replayUntilMs } as const;
  const handler = async ({ data }: { data: { orderId: string } }): Promise<unknown> => {
    seen.push(data.orderId);
    return InvoiceIssued.message({ orderId: data.orderId });
  };
  await assert.rejects(bus.subscribe(OrderPlaced, options, handler as never), {
    code: "INVALID_ARGUMENT",
    message: /needs pure: true/,
  });
  const wrong = { ...options, pure: true, replayUntilMs: Number.NaN };
  await assert.rejects(bus.subscribe(OrderPlaced, wrong, handler as never), {
    code: "INVALID_ARGUMENT",
  });
  await bus.subscribe(OrderPlaced, { ...options, pure: true }, handler as never);
  await eventually(() => seen.length === 5);
  await bus.publish(OrderPlaced, { orderId: "new", cents: 1 });
  await eventually(async () => (await collect(bus.read(InvoiceIssued))).length === 1);
  const published = await collect(bus.read(InvoiceIssued));
  assert.deepEqual([seen.length, published.map(({ data }) => data.orderId)], [6, ["new"]]);
});
