// The dispatcher and the window: which message is next, and what is put back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { keySlot } from "../kernel/key-slot.ts";
import { seededRandom } from "../kernel/random.ts";
import type { Priority } from "../message/envelope.ts";
import { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Window, WindowBatch } from "./window.ts";

const template = { type: "t", version: 1, source: "s", contentType: "application/json" };

/** A batch with one message per letter, the letter being its key. */
function batchOf(
  keys: string,
  base = 0,
  isReloaded = false,
  priority: Priority = "normal",
): WindowBatch {
  const batch = new OutgoingBatch("c", priority, seededRandom(1));
  for (const key of keys) batch.add(template, "1", 0, key);
  const stored: StoredBatch = Object.assign(batch, {
    offsetAt: (index: number) => base + index,
    appendedAtMs: 0,
  });
  const records = Array.from(keys, (_, record) => record);
  return new WindowBatch({ stored, records, token: 0 }, undefined, isReloaded);
}

function takeAll(dispatcher: Dispatcher): string[] {
  const taken: string[] = [];
  while (dispatcher.next()) {
    const { batch, position } = dispatcher;
    taken.push(`${batch.stored.keyAt(position)}${batch.stored.offsetAt(position)}`);
  }
  return taken;
}

test("by key: one message of a slot is out at a time, in order of arrival", () => {
  const dispatcher = new Dispatcher("key");
  const first = batchOf("aab");
  const second = batchOf("abc", 3);
  dispatcher.add(first);
  dispatcher.add(second);
  assert.deepEqual(takeAll(dispatcher), ["a0", "b2", "c5"]);
  dispatcher.free(first, 0);
  assert.deepEqual(takeAll(dispatcher), ["a1"]);
  dispatcher.free(first, 2);
  dispatcher.free(first, 1);
  assert.deepEqual(takeAll(dispatcher), ["b4", "a3"]);
  dispatcher.free(second, 0);
  dispatcher.add(batchOf("a", 6));
  assert.deepEqual(takeAll(dispatcher), ["a6"]);
});

test("without order everything is out at once", () => {
  const dispatcher = new Dispatcher("none");
  dispatcher.add(batchOf("aaa"));
  assert.deepEqual(takeAll(dispatcher), ["a0", "a1", "a2"]);
});

test("messages that are due again come before those that were never out", () => {
  const dispatcher = new Dispatcher("key");
  dispatcher.add(batchOf("abc"));
  dispatcher.addUrgent(batchOf("xy", 10));
  assert.deepEqual(takeAll(dispatcher), ["x10", "y11", "a0", "b1", "c2"]);
});

test("a higher priority goes before what came earlier, and each priority has a share", () => {
  const dispatcher = new Dispatcher("none");
  dispatcher.add(batchOf("l".repeat(40), 0, false, "low"));
  dispatcher.add(batchOf("n".repeat(40)));
  assert.equal(dispatcher.next(), true);
  assert.equal(dispatcher.batch.stored.priority, "normal");
  dispatcher.add(batchOf("h".repeat(14), 0, false, "high"));
  const taken = takeAll(dispatcher).map((each) => each.slice(0, 1));
  assert.equal(taken.slice(0, 16).join(""), "hhhhhhnhhhhhhhlh");
  assert.equal(taken.slice(16, 31).join(""), "nnnnnnnnnnnnnnl");
  assert.equal(taken.length, 93);
});

test("held messages come back before all others of their slot, in order", () => {
  for (const isBusy of [false, true]) {
    const dispatcher = new Dispatcher("key");
    const line = {};
    const batch = batchOf("aaaa");
    dispatcher.add(batch);
    for (const position of [0, 1]) {
      assert.ok(dispatcher.next());
      dispatcher.hold(line, { batch, position });
      dispatcher.free(batch, position);
    }
    if (isBusy) assert.ok(dispatcher.next());
    dispatcher.putBack(line);
    dispatcher.putBack(line);
    const order: string[] = [];
    if (isBusy) dispatcher.free(batch, 2);
    while (dispatcher.next()) {
      order.push(`a${dispatcher.position}`);
      dispatcher.free(batch, dispatcher.position);
    }
    assert.deepEqual(order, isBusy ? ["a0", "a1", "a3"] : ["a0", "a1", "a2", "a3"]);
  }
});

test("held messages come back before one that was about to be given out", () => {
  const dispatcher = new Dispatcher("key");
  const line = {};
  const batch = batchOf("aab");
  dispatcher.add(batch);
  assert.deepEqual(takeAll(dispatcher), ["a0", "b2"]);
  dispatcher.hold(line, { batch, position: 0 });
  dispatcher.free(batch, 0);
  dispatcher.putBack(line);
  assert.deepEqual(takeAll(dispatcher), ["a0"]);
  dispatcher.free(batch, 0);
  assert.deepEqual(takeAll(dispatcher), ["a1"]);
});

test("different keys of one slot exclude each other too", () => {
  const bySlot = new Map<number, string>();
  let pair: readonly [string, string] | undefined;
  for (let n = 0; pair === undefined; n++) {
    const key = String.fromCodePoint(0x4e00 + n);
    const other = bySlot.get(keySlot(key));
    if (other !== undefined) pair = [other, key];
    bySlot.set(keySlot(key), key);
  }
  const dispatcher = new Dispatcher("key");
  const batch = batchOf(pair.join(""));
  dispatcher.add(batch);
  assert.equal(takeAll(dispatcher).length, 1);
  dispatcher.free(batch, 0);
  assert.equal(takeAll(dispatcher).length, 1);
});

test("the window counts messages and bytes, and puts back what is not done, in order", () => {
  const window = new Window();
  const later = batchOf("cd", 10);
  const earlier = batchOf("ab", 2, true);
  window.add(later);
  window.add(earlier);
  assert.deepEqual([window.messages, window.reloaded], [4, 2]);
  assert.equal(window.bytes, later.stored.bytes + earlier.stored.bytes);
  window.take(later, 0);
  window.done(later, 1);
  window.done(later, 1);
  window.take(earlier, 1);
  const { places, taken } = window.rewind();
  assert.equal(taken, 2);
  const offsets = places.map(({ batch, position }) => batch.stored.offsetAt(position));
  assert.deepEqual(offsets, [2, 3, 10]);
  const dispatcher = new Dispatcher("key");
  dispatcher.add(batchOf("z", 99));
  dispatcher.restart(places);
  assert.deepEqual(takeAll(dispatcher), ["a2", "b3", "c10"]);
  for (const { batch, position } of places) window.done(batch, position);
  assert.deepEqual([window.messages, window.bytes, window.reloaded], [0, 0, 0]);
  assert.equal(window.batches.size, 0);
});
