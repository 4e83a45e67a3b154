// Aggregates: what divides a message into questions and puts the answers together, ended by all, a
// quorum, or the deadline; twenty handlers of which some fail, sleep or answer twice; and a
// gatherer that is killed again and again: one outcome each.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type Bus, createBus, Reject } from "spillway";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import { aggregateTables } from "../../../src/requests/aggregates.ts";
import { collect, directoryFor, eventually, journalIn, testOnEach } from "../bus-subjects.ts";
import { handleQuotes, Quote, quoteShipments, ShipmentPlanned, ShipmentQuoted } from "./quotes.ts";

const plan = (shipment: string, ...parcels: number[]) => ({ shipment, parcels });
const offer = (cents: number) => Quote.replies.offered({ cents: String(cents) });

testOnEach("divided, asked, put together: one outcome each, in order", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  await handleQuotes(bus);
  await using aggregation = await quoteShipments(bus);
  assert.equal(aggregation.channel, "shop.aggregates.quotes");
  const plans = Array.from({ length: 20 }, (_, index) => plan(`s${index}`, index, 1, 13));
  await bus.publishMany(ShipmentPlanned, [...plans, plan("empty")]);
  await eventually(async () => (await collect(bus.read(ShipmentQuoted))).length === 21);
  const quoted = (await collect(bus.read(ShipmentQuoted))).map(({ data }) => data);
  assert.deepEqual(
    new Set(quoted.map((each) => JSON.stringify(each))),
    new Set(
      [
        ...plans.map(({ shipment, parcels: [kg = 0] }) => {
          const cents = kg === 13 ? 10 : kg * 10 + 10;
          return { shipment, end: "all", cents, parts: 3 };
        }),
        { shipment: "empty", end: "all", cents: 0, parts: 0 },
      ].map((each) => JSON.stringify(each)),
    ),
  );
  const again = quoteShipments(bus);
  await assert.rejects(again, { code: "INVALID_ARGUMENT" });
});

/** Twenty carriers: ten offer, three decline, three fail, four sleep until they are woken. */
async function twentyCarriers(bus: Bus) {
  const wake = Promise.withResolvers<void>();
  for (let index = 0; index < 20; index++) {
    await bus.handle(Quote, { group: `carrier-${index}` }, async () => {
      if (index < 10) return offer(index);
      if (index < 13) return Quote.replies.declined({});
      if (index < 16) throw new Reject("no trucks");
      await wake.promise;
      return offer(index);
    });
  }
  return wake;
}

for (const [end, rules, counts] of [
  ["all", {}, { offered: 14, declined: 3, failed: 3, missing: 0, late: 0 }],
  ["quorum", { quorum: 13 }, { offered: 10, declined: 3, failed: undefined, missing: undefined }],
  ["deadline", {}, { offered: 10, declined: 3, failed: 3, missing: 4, late: 4 }],
] as const) {
  test(`twenty handlers, of which some fail and some sleep: ${end}`, async () => {
    const clock = new VirtualClock();
    const bus = await createBus({ name: "shop", transport: memory(), clock });
    const wake = await twentyCarriers(bus);
    const ended: { type: string; parts: readonly { outcome: { type: string } }[] }[] = [];
    const missing: number[] = [];
    await bus.aggregate(
      ShipmentPlanned,
      {
        name: "best",
        commands: [Quote],
        ask: ({ data }) => data.parcels.map((kg) => Quote.message({ kg })),
        answers: "every",
        timeoutMs: 5_000,
        ...rules,
      },
      async (result) => {
        ended.push(result);
        missing.push(result.missing.length);
      },
    );
    await bus.publish(ShipmentPlanned, plan("one", 3));
    await clock.advance(1_000);
    if (end === "all") wake.resolve();
    await clock.advance(4_500);
    assert.deepEqual(
      ended.map(({ type }) => type),
      [end],
    );
    const of = (type: string) =>
      ended[0]?.parts.filter(({ outcome }) => outcome.type === type).length;
    assert.equal(of("offered"), counts.offered);
    assert.equal(of("declined"), counts.declined);
    if (counts.failed !== undefined) assert.equal(of("failed"), counts.failed);
    if (counts.missing !== undefined) assert.deepEqual(missing, [counts.missing]);
    wake.resolve();
    await clock.advance(1_000);
    const { late } = (await bus.stats()).requests;
    if ("late" in counts) assert.equal(late, counts.late);
    assert.equal(ended.length, 1);
    await bus.close();
  });
}

testOnEach(
  "who answers twice has one part; what is asked wrongly is a dead letter",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport });
    await bus.handle(Quote, { group: "one" }, async () => offer(1));
    await bus.handle(Quote, { group: "two" }, async () => offer(1));
    const parts: number[] = [];
    await bus.aggregate(
      ShipmentPlanned,
      {
        name: "first",
        commands: [Quote],
        ask: ({ data }) => {
          if (data.shipment === "wrong")
            return Array.from({ length: 1_001 }, () => Quote.message({ kg: 1 }));
          return data.parcels.map((kg) => Quote.message({ kg }));
        },
        retry: { attempts: 1 },
      },
      async (result) => void parts.push(result.parts.length),
    );
    await bus.publish(ShipmentPlanned, plan("wrong", 1));
    await bus.publish(ShipmentPlanned, plan("right", 1, 2, 3));
    await eventually(() => parts.length === 1);
    assert.deepEqual(parts, [3]);
    await eventually(async () => {
      const { late, duplicates } = (await bus.stats()).requests;
      return late + duplicates === 3;
    });
    assert.equal((await collect(bus.deadLetters(ShipmentPlanned))).length, 1);
  },
);

for (const fails of ["every time", "at the deadline", "with no question"] as const) {
  test(`the handler fails for good, ${fails}: nothing of it stays`, async () => {
    const clock = new VirtualClock();
    const transport = memory();
    const bus = await createBus({ name: "shop", transport, clock });
    const wake = Promise.withResolvers<void>();
    await bus.handle(Quote, { group: "one" }, async ({ data }) => {
      if (fails === "at the deadline" && data.kg === 4) await wake.promise;
      return offer(data.kg);
    });
    let calls = 0;
    const aggregation = await bus.aggregate(
      ShipmentPlanned,
      {
        name: "failing",
        commands: [Quote],
        ask: ({ data }) => data.parcels.map((kg) => Quote.message({ kg })),
        timeoutMs: 5_000,
        retry: { attempts: 2, initialMs: 10, maxMs: 10 },
      },
      async () => {
        calls++;
        throw new Error("no ink");
      },
    );
    const { channel } = aggregation;
    const rowsOf = async (table: string): Promise<number> => {
      const scope = { channel, group: channel };
      let rows = 0;
      for await (const _ of transport.state?.entries(scope, table) ?? []) rows++;
      return rows;
    };
    const parcels = fails === "with no question" ? [] : [3, 4];
    await bus.publish(ShipmentPlanned, plan("one", ...parcels));
    await clock.advance(2_000);
    const isOpen = fails !== "with no question";
    assert.equal(await rowsOf(aggregateTables.rows), isOpen ? 1 : 0);
    await clock.advance(8_000);
    assert.equal(calls, fails === "every time" ? 4 : 2);
    assert.equal(await rowsOf(aggregateTables.rows), 0);
    assert.equal(await rowsOf(aggregateTables.answers), 0);
    assert.equal((await bus.stats()).requests.aggregatesFailed, 1);
    wake.resolve();
    await bus.close();
  });
}

test("the gatherer is killed again and again: one outcome for each aggregate", {
  timeout: 180_000,
}, async (context) => {
  const directory = directoryFor();
  await using bus = await createBus({ name: "shop", transport: await journalIn(directory) });
  await handleQuotes(bus);
  const shipments = 200;
  const plans = Array.from({ length: shipments }, (_, index) => plan(`s${index}`, index, 1, 13, 2));
  let gatherer = startGatherer(context, directory);
  await once(gatherer, "message");
  await bus.publishMany(ShipmentPlanned, plans);
  const quoted = async () => collect(bus.read(ShipmentQuoted));
  for (let kills = 0; kills < 4; kills++) {
    // In the middle of its work: a few ends told, perhaps not stored.
    const before = (await quoted()).length;
    for (let told = 0; told < 5 && before < shipments; told++) await once(gatherer, "message");
    gatherer.kill("SIGKILL");
    await once(gatherer, "exit");
    gatherer = startGatherer(context, directory);
    await once(gatherer, "message");
  }
  await eventually(
    async () => new Set((await quoted()).map(({ data }) => data.shipment)).size === 200,
  );
  const ends = (await quoted()).map(({ data }) => data);
  assert.equal(ends.length, shipments);
  for (const { shipment, end, cents, parts } of ends) {
    const kg = Number(shipment.slice(1));
    assert.deepEqual([end, parts], ["all", 4], shipment);
    assert.equal(cents, (kg === 13 ? 0 : kg * 10) + 30, shipment);
  }
});

function startGatherer(context: TestContext, directory: string) {
  const child = fork(
    fileURLToPath(new URL("fixtures/gatherer-process.ts", import.meta.url)),
    [directory],
    {
      execArgv: ["--conditions=spillway:source", "--no-warnings"],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    },
  );
  context.after(() => child.kill("SIGKILL"));
  return child;
}
