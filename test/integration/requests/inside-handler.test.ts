// Requests inside handlers that are repeated: the question is stored once, the answer that was
// given is found; one that expired is asked anew.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus } from "spillway";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import { collect, eventually, testOnEach } from "../bus-subjects.ts";
import { Pack, Reserve, reserved } from "./stock.ts";
import { strategies } from "./strategies.ts";

for (const [strategy] of strategies) {
  testOnEach(`${strategy}: a repeated handler finds the stored answer`, async (transport) => {
    await using bus = await createBus({ name: "shop", transport, replies: { strategy } });
    let handled = 0;
    await bus.handle(Reserve, async () => reserved(++handled));
    const seen: unknown[] = [];
    await bus.handle(Pack, { retry: { attempts: 3, initialMs: 1 } }, async (_message, context) => {
      const id = `${context.idempotencyKey}.reserve`;
      seen.push(await bus.request(Reserve, { sku: "a", count: 1 }, { id }));
      if (context.attempt < 3) throw new Error("once more");
    });
    await bus.send(Pack, { sku: "a" });
    await eventually(() => seen.length === 3);
    const answer = { type: "reserved", data: { left: 1 } };
    assert.deepEqual(seen, [answer, answer, answer]);
    assert.equal(handled, 1);
    assert.equal((await collect(bus.read(Reserve))).length, 1);
  });
}

test("a question that expired is asked anew when it is repeated", async () => {
  const clock = new VirtualClock();
  const bus = await createBus({ name: "shop", transport: memory(), clock });
  const free = Promise.withResolvers<void>();
  const handled: string[] = [];
  await bus.handle(Reserve, { concurrency: 1 }, async ({ id }) => {
    handled.push(id);
    await free.promise;
    return reserved(1);
  });
  const ask = (id: string) =>
    bus.request(Reserve, { sku: "a", count: 1 }, { id, timeoutMs: 5_000, expiresInMs: 1_000 });
  const first = ask("first");
  await clock.advance(1);
  const second = ask("second");
  await clock.advance(2_000);
  free.resolve();
  await clock.advance(1);
  assert.equal((await first).type, "reserved");
  assert.deepEqual(await second, { type: "expired" });
  const again = ask("second");
  await clock.advance(10);
  assert.equal((await again).type, "reserved");
  assert.deepEqual(handled, ["first", "second~2"]);
  assert.equal((await bus.stats()).requests.pending, 0);
  await bus.close();
  assert.equal(clock.timersWaiting, 0);
});
