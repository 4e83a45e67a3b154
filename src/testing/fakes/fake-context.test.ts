// The fake context: same rules as on a bus, and everything that a handler did is there to look at.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { MessageOf } from "../../contracts/contract.ts";
import { defineEvent } from "../../contracts/event.ts";
import type { HandlerContext } from "../../delivery/handler-context.ts";
import { idempotencyKeyOf } from "../../delivery/handler-run.ts";
import { fakeContext, fakeRecordsMax } from "./fake-context.ts";
import { fakeMessage } from "./fake-message.ts";

const Paid = defineEvent("order.paid", {
  version: 2,
  data: z.object({ id: z.string(), cents: z.int(), note: z.string().default("none") }),
  key: (order) => order.id,
});
const Thanked = defineEvent("customer.thanked", { data: z.object({ id: z.string() }) });
const state = { totals: z.int() };

async function thank(message: MessageOf<typeof Paid>, context: HandlerContext<typeof state>) {
  const before = (await context.state.totals.get("all")) ?? 0;
  await context.state.totals.set("all", before + message.data.cents);
  context.log.info("added", { cents: message.data.cents });
  await context.publish(Thanked, { id: message.data.id }, { delayMs: 5 });
}

test("a handler is called with what it reads, and what it did is there", async () => {
  const message = fakeMessage(Paid, { id: "7", cents: 5 }, { tenant: "acme" });
  assert.deepEqual(message.data, { id: "7", cents: 5, note: "none" });
  assert.equal(message.key, "7");
  assert.equal(message.version, 2);
  assert.equal(message.correlationId, message.id);
  const context = fakeContext({ message, state, attempt: 2, rows: { totals: { all: 10 } } });
  await thank(message, context);
  assert.deepEqual(context.rows("totals"), { all: 15 });
  assert.deepEqual(context.logged, [{ level: "info", text: "added", fields: { cents: 5 } }]);
  const [thanked] = context.published;
  assert.equal(thanked?.contract, Thanked);
  assert.deepEqual(thanked?.options, { delayMs: 5 });
  assert.equal(context.attempt, 2);
  assert.equal(context.idempotencyKey, idempotencyKeyOf(message, "test"));
});

test("data, state and keys are held to the same rules as on a bus", async () => {
  assert.throws(() => fakeMessage(Paid, { id: "7", cents: 0.5 }), /data of 'order.paid'.*cents/s);
  const message = fakeMessage(Paid, { id: "7", cents: 5 });
  const context = fakeContext({ message, state });
  await assert.rejects(context.state.totals.set("all", 0.5), /state 'totals' of key "all"/);
  await assert.rejects(context.state.totals.set("", 1), /key is ""/);
  await assert.rejects(
    context.publish(Thanked, JSON.parse('{"name":1}')),
    /data of 'customer.thanked'/,
  );
  assert.deepEqual(context.rows("totals"), {});
  await context.state.totals.set("all", 3);
  await context.state.totals.delete("all");
  assert.equal(await context.state.totals.get("all"), undefined);
});

test("what is read is a copy", async () => {
  const lists = { lists: z.array(z.int()) };
  const context = fakeContext({ message: fakeMessage(Thanked, { id: "7" }), state: lists });
  const list = [1];
  await context.state.lists.set("a", list);
  list.push(2);
  assert.deepEqual(await context.state.lists.get("a"), [1]);
});

test("the signal fires when the test says so", () => {
  const context = fakeContext({ message: fakeMessage(Thanked, { id: "7" }) });
  assert.equal(context.signal.aborted, false);
  context.abort(new Error("time is up"));
  assert.match(String(context.signal.reason), /time is up/);
});

test("what does not fit is refused by name, and records are bounded", async () => {
  const message = fakeMessage(Thanked, { id: "7" });
  assert.throws(() => fakeContext({ message, attempts: 2 } as never), /did you mean attempt/);
  assert.throws(() => fakeContext({ message, attempt: 0 }), /attempt is 0/);
  assert.throws(() => fakeContext({ message, rows: { a: {} } }), /table 'a' has no schema/);
  const misspelt: object = { keys: "" };
  assert.throws(() => fakeMessage(Thanked, { id: "7" }, misspelt), /did you mean key/);
  const context = fakeContext({ message });
  for (let entry = 0; entry < fakeRecordsMax; entry++) context.log.debug("again");
  assert.throws(() => context.log.debug("again"), /more than 10000 messages or log entries/);
});
