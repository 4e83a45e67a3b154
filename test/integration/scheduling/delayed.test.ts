// Delayed messages as users meet them: absolute times, receipts, cancelling, listing.
import assert from "node:assert/strict";
import { createBus, defineEvent } from "spillway";
import { memory } from "spillway/memory";
import { test } from "node:test";
import { z } from "zod";
import { collect, eventually, testOnEach } from "../bus-subjects.ts";

const CartLeft = defineEvent("test.cart.left", { data: z.object({ id: z.string() }) });
const hourMs = 3_600_000;

testOnEach("deliverAtMs: visible at that time, at once where it is past", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  await bus.delayed(CartLeft);
  const atMs = Date.now() + 1_500;
  const later = await bus.publish(CartLeft, { id: "later" }, { deliverAtMs: atMs });
  assert.deepEqual([later.offset, later.dueAtMs], [undefined, atMs]);
  assert.equal(later.toJSON()["dueAtMs"], atMs);
  const now = await bus.publish(CartLeft, { id: "now" }, { deliverAtMs: 1 });
  assert.deepEqual([now.offset, now.dueAtMs], [0, undefined]);
  await eventually(async () => (await collect(bus.read(CartLeft))).length === 2);
  assert.ok(Date.now() >= atMs);
  await assert.rejects(bus.publish(CartLeft, { id: "x" }, { deliverAtMs: 1, delayMs: 1 }), {
    code: "INVALID_ARGUMENT",
    message: /one of delayMs and deliverAtMs/,
  });
});

testOnEach(
  "a receipt, an entry of the list, or channel and id cancel a message",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport });
    const delayMs = hourMs;
    const receipt = await bus.publish(CartLeft, { id: "1" }, { delayMs });
    await bus.publish(CartLeft, { id: "2" }, { delayMs: delayMs + 1_000, id: "cart-2" });
    await bus.publish(CartLeft, { id: "3" }, { delayMs: delayMs + 2_000, tenant: "acme" });
    const { messages, next } = await bus.delayed(CartLeft, { messagesMax: 2 });
    assert.deepEqual([messages.length, messages[1]?.id], [2, "cart-2"]);
    const rest = await bus.delayed(CartLeft, { after: next });
    assert.deepEqual([rest.messages.length, rest.messages[0]?.tenant], [1, "acme"]);
    assert.equal(await bus.cancelDelayed(receipt), "cancelled");
    assert.equal(await bus.cancelDelayed(receipt), "unknown");
    const { channel } = receipt;
    assert.equal(await bus.cancelDelayed({ channel, id: "cart-2" }), "cancelled");
    assert.equal(await bus.cancelDelayed(rest.messages[0] ?? assert.fail()), "cancelled");
    assert.equal((await bus.delayed(CartLeft)).messages.length, 0);
    const seen = await bus.publish(CartLeft, { id: "4" });
    assert.equal(await bus.cancelDelayed(seen), "already-delivered");
    await assert.rejects(bus.cancelDelayed({ id: "5" } as never), /takes a receipt/);
    await assert.rejects(bus.cancelDelayed({ channel: "nowhere", id: "5" }), {
      code: "UNKNOWN_CHANNEL",
    });
  },
);

testOnEach("looking for a message that is long delivered can be aborted", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const { channel } = await bus.publish(CartLeft, { id: "1" });
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(bus.cancelDelayed({ channel, id: "gone" }, { signal }), /enough/);
});

test("a transport that cannot cancel refuses", async () => {
  const transport = memory();
  const capabilities = { ...transport.capabilities, delayedCancellation: "no" };
  Object.assign(transport, { capabilities });
  await using bus = await createBus({ name: "shop", transport });
  const refused = { code: "UNSUPPORTED" };
  await assert.rejects(bus.cancelDelayed({ channel: "x", id: "1" }), refused);
  await assert.rejects(bus.delayed(CartLeft), refused);
});
