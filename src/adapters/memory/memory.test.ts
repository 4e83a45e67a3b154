// What is particular to memory(): its bounds, its window of ids, wall clock jumps, one owner.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../kernel/random.ts";
import { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { Transport } from "../../ports/transport.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { memory, type MemoryOptions } from "./index.ts";

const template = {
  type: "com.example.thing.happened",
  version: 1,
  source: "test",
  contentType: "application/json",
};
const random = seededRandom(7);

async function opened(options?: MemoryOptions): Promise<[Transport, VirtualClock]> {
  const clock = new VirtualClock();
  const transport = memory(options);
  await transport.open({ clock, random, name: "first" });
  await transport.declare({ name: "one", partitions: 1, retention: {}, compression: "none" });
  return [transport, clock];
}

function batchOf(payload: string, id?: string, dueAtMs?: readonly number[]): OutgoingBatch {
  const batch = new OutgoingBatch("one", "normal", random, dueAtMs);
  batch.add(template, payload, 0, undefined, undefined, id);
  return batch;
}

async function isRepeat(transport: Transport, id: string): Promise<boolean> {
  const [result] = await transport.append([batchOf("x", id)]);
  return result?.exceptions !== undefined;
}

async function endOffset(transport: Transport): Promise<number> {
  const [channel] = await transport.stats();
  return channel?.logs[0]?.endOffset ?? 0;
}

test("a given id is forgotten after the window's time", async () => {
  const [transport, clock] = await opened({ dedupeWindowMs: 1_000 });
  assert.equal(await isRepeat(transport, "id"), false);
  await clock.advance(1_000);
  assert.equal(await isRepeat(transport, "id"), true);
  await clock.advance(1);
  assert.equal(await isRepeat(transport, "id"), false);
});

test("the window remembers no more ids than its bound", async () => {
  const [transport] = await opened({ dedupeCountMax: 2 });
  for (const id of ["a", "b", "c"]) assert.equal(await isRepeat(transport, id), false);
  assert.equal(await isRepeat(transport, "b"), true);
  assert.equal(await isRepeat(transport, "c"), true);
  assert.equal(await isRepeat(transport, "a"), false);
});

test("beyond bytesMax append rejects with BACK_PRESSURE and stores nothing", async () => {
  const [transport] = await opened({ bytesMax: 1_000 });
  await transport.append([batchOf("x".repeat(600))]);
  await assert.rejects(transport.append([batchOf("x".repeat(401))]), { code: "BACK_PRESSURE" });
  assert.equal(await endOffset(transport), 1);
  await transport.append([batchOf("x".repeat(400))]);
  assert.equal(await endOffset(transport), 2);
});

test("a delayed message waits while the wall clock is set back, then comes", async () => {
  const [transport, clock] = await opened();
  const hourMs = 3_600_000;
  const due = [clock.wallMs() + hourMs];
  await transport.append([batchOf("a", undefined, due), batchOf("b", undefined, due)]);
  clock.jumpWall(-hourMs);
  await clock.advance(hourMs + 60_000);
  assert.equal(await endOffset(transport), 0);
  clock.jumpWall(hourMs);
  await clock.advance(2_000);
  assert.equal(await endOffset(transport), 2);
  assert.equal(clock.timersWaiting, 0);
});

test("close cancels the timer of delayed messages", async () => {
  const [transport, clock] = await opened();
  await transport.append([batchOf("a", undefined, [clock.wallMs() + 60_000])]);
  assert.equal(clock.timersWaiting, 1);
  await transport.close();
  assert.equal(clock.timersWaiting, 0);
});

test("a second owner is refused by name, also after the first closed", async () => {
  const [transport, clock] = await opened();
  const second = { clock, random, name: "second" };
  const refusal = { code: "UNSUPPORTED", message: /bus 'second'.*belongs to bus 'first'/ };
  await assert.rejects(transport.open(second), refusal);
  await transport.close();
  await assert.rejects(transport.open(second), refusal);
});

test("calls before open reject with CLOSED", async () => {
  await assert.rejects(memory().append([batchOf("a")]), { code: "CLOSED" });
});

test("two calls of next() at once are refused", async () => {
  const [transport] = await opened();
  const join = { channel: "one", group: "g", from: "earliest", types: undefined } as const;
  const consumer = await transport.consume(join);
  const { signal } = new AbortController();
  const first = consumer.next(1, signal);
  await assert.rejects(consumer.next(1, signal), { code: "INVALID_ARGUMENT" });
  await consumer.close();
  assert.equal(await first, undefined);
  await assert.rejects(consumer.next(0, signal), { code: "INVALID_ARGUMENT" });
});
