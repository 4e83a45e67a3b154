// A handler that publishes an id which stands for other content: it has failed, as if it had
// thrown, and nobody else's work is touched.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { z } from "zod";
import { memory } from "../../../src/adapters/memory/index.ts";
import { defineEvent } from "../../../src/contracts/event.ts";
import type { Handler } from "../../../src/delivery/handler-context.ts";
import type { Transport } from "../../../src/ports/transport.ts";
import { diagnostics, type PublishDiagnostics } from "../../../src/telemetry/channels.ts";
import { directJournal, keyOf, numberOf, World } from "./world.ts";

const Billed = defineEvent("order.billed", { data: z.object({ n: z.number() }) });

const transports: Record<string, (test: TestContext) => Transport> = {
  memory: () => memory(),
  embedded: directJournal,
};

/** Bills each order, under an id of its own; orders 3 and 7 under the id of another bill. */
const bill: Handler = (message) => {
  const n = numberOf(message);
  const id = n === 3 || n === 7 ? "bill-0" : `bill-${n}`;
  return Billed.message({ n }, { id });
};

async function payloadsOf(world: World, channel: string): Promise<string[]> {
  return (await world.read(channel)).map(({ payload }) => String(payload));
}

for (const [name, open] of Object.entries(transports)) {
  test(`${name}: it goes to the dead letters, all others are billed once`, async (t) => {
    const world = await World.on(open(t), "order.billed");
    const refused: unknown[] = [];
    const onPublish = (event: unknown): void => {
      const { channel, error } = event as PublishDiagnostics;
      if (error !== undefined) refused.push([channel, (error as { code?: string }).code]);
    };
    diagnostics.publish.subscribe(onPublish);
    t.after(() => diagnostics.publish.unsubscribe(onPublish));
    await world.publishKeys("abcdabcdabcd");
    const { counters } = await world.subscribe(
      async (message, context) => {
        const table = context.state["bills"];
        const before = (await table?.get(keyOf(message))) as number | undefined;
        await table?.set(keyOf(message), (before ?? 0) + 1);
        return bill(message, context);
      },
      { delivery: "effectively-once", state: { bills: z.number() } },
    );
    await world.clock.advance(60_000);
    const bills = await payloadsOf(world, "order.billed");
    const expected = [0, 1, 2, 4, 5, 6, 8, 9, 10, 11].map((n) => `{"n":${n}}`);
    assert.deepEqual(bills.toSorted(), expected.toSorted());
    const letters = await world.read("orders.dead-letters");
    assert.deepEqual(letters.map(({ payload }) => String(payload)).toSorted(), [
      '{"key":"d","n":3}',
      '{"key":"d","n":7}',
    ]);
    const codes = letters.map(({ attributes }) => attributes.extensions?.["deadlettercode"]);
    assert.deepEqual(codes, ["ID_REUSED", "ID_REUSED"]);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
    assert.deepEqual([counters.acked, counters.failed, counters.deadLettered], [12, 2, 2]);
    assert.deepEqual(refused, [
      ["order.billed", "ID_REUSED"],
      ["order.billed", "ID_REUSED"],
    ]);
    const scope = { channel: "orders", group: "g" };
    for (const [key, sum] of [
      ["a", 3],
      ["b", 3],
      ["c", 3],
      // What the failed calls changed is gone with them.
      ["d", 1],
    ] as const) {
      const row = await world.transport.state?.read(scope, "bills", key);
      assert.equal(row?.value, String(sum), key);
    }
    await world.close();
  });

  test(`${name}: at-most-once, its handler ran and is not repeated`, async (t) => {
    const world = await World.on(open(t), "order.billed");
    await world.publishKeys("abcdabcd");
    const calls: number[] = [];
    const { counters } = await world.subscribe(
      (message, context) => {
        calls.push(numberOf(message));
        return bill(message, context);
      },
      { delivery: "at-most-once" },
    );
    await world.clock.advance(60_000);
    assert.deepEqual(
      calls.toSorted((left, right) => left - right),
      [0, 1, 2, 3, 4, 5, 6, 7],
    );
    const bills = await payloadsOf(world, "order.billed");
    const expected = [0, 1, 2, 4, 5, 6].map((n) => `{"n":${n}}`);
    assert.deepEqual(bills.toSorted(), expected);
    const letters = await world.read("orders.dead-letters");
    assert.deepEqual(
      letters.map(({ payload }) => String(payload)),
      ['{"key":"d","n":3}', '{"key":"d","n":7}'],
    );
    assert.deepEqual([counters.acked, counters.failed, counters.deadLettered], [8, 2, 2]);
    await world.close();
  });

  test(`${name}: a repeat of the very same message is no failure`, async (t) => {
    const world = await World.on(open(t), "order.billed");
    await world.publishKeys("ab");
    const { counters } = await world.subscribe(() => Billed.message({ n: 1 }, { id: "one" }));
    await world.clock.advance(1_000);
    assert.deepEqual(await payloadsOf(world, "order.billed"), ['{"n":1}']);
    assert.deepEqual([counters.acked, counters.failed], [2, 0]);
    await world.close();
  });
}
