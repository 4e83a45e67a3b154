// Packing: batches by channel, priority and delay, their bounds, and copies.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../kernel/random.ts";
import { envelopeAt } from "../message/envelope.ts";
import { batchBytesMax, batchMessagesMax, OutgoingBatch } from "../message/outgoing-batch.ts";
import type { EncodedMessage } from "./outgoing-encoder.ts";
import { OutgoingPacker } from "./outgoing-packer.ts";

const template = { type: "t", version: 1, source: "s", contentType: "application/json" };

function message(change: Partial<EncodedMessage> = {}): EncodedMessage {
  return {
    channel: "one",
    priority: "normal",
    template,
    payload: "1",
    wallMs: 5,
    key: undefined,
    attributes: undefined,
    id: undefined,
    dueAtMs: undefined,
    ...change,
  };
}

test("messages are grouped by channel, priority and delay, in order", () => {
  const packer = new OutgoingPacker(seededRandom(1));
  const others = [{ channel: "two" }, { priority: "high" }, { dueAtMs: 50 }] as const;
  for (const n of [0, 1]) {
    packer.add(message({ payload: `${n}` }));
    for (const other of others) packer.add(message({ ...other, payload: `${n}` }));
  }
  assert.deepEqual(
    packer.batches.map((batch) => [batch.channel, batch.priority, batch.payloads, batch.dueAtMs]),
    [
      ["one", "normal", ["0", "1"], undefined],
      ["two", "normal", ["0", "1"], undefined],
      ["one", "high", ["0", "1"], undefined],
      ["one", "normal", ["0", "1"], [50, 50]],
    ],
  );
  assert.equal(packer.count, 8);
});

test("a full batch is followed by another; a large message has one of its own", () => {
  const packer = new OutgoingPacker(seededRandom(1));
  for (let n = 0; n < batchMessagesMax + 1; n++) packer.add(message());
  packer.add(message({ payload: "x".repeat(batchBytesMax + 1) }));
  packer.add(message());
  assert.deepEqual(
    packer.batches.map((batch) => batch.count),
    [batchMessagesMax, 1, 1, 1],
  );
});

test("a copy keeps id, key, time and bytes, and is never taken for a repeat", () => {
  const original = new OutgoingBatch("one", "high", seededRandom(2));
  original.add(template, '{"é":1}', 77, "k", { subject: "s" }, "text id");
  original.add(template, '{"b":2}', 78);
  const stored = Object.assign(original, { offsetAt: (index: number) => index, appendedAtMs: 0 });
  const packer = new OutgoingPacker(seededRandom(3));
  let asked = 0;
  const attributesOf = () => ({ tenant: `${asked++}` });
  for (const record of [0, 1]) packer.addCopy("one.dead-letters", stored, record, attributesOf);
  assert.deepEqual([packer.count, asked, packer.batches.length], [2, 0, 0]);
  assert.ok(packer.bytes > 10);
  packer.seal();
  packer.seal();
  const [batch] = packer.batches;
  assert.ok(batch !== undefined);
  assert.deepEqual([batch.count, asked, packer.count], [2, 2, 2]);
  assert.equal(batch.hasGivenIds, false);
  for (const record of [0, 1]) {
    const copy = envelopeAt(batch, record);
    const before = envelopeAt(original, record);
    assert.deepEqual(
      [copy.id, copy.timeMs, copy.key, copy.type, copy.source, copy.payload],
      [before.id, before.timeMs, before.key, before.type, before.source, before.payload],
    );
    assert.equal(copy.attributes.tenant, `${record}`);
    assert.deepEqual(batch.payloadBytesAt(record), original.payloadBytesAt(record));
  }
});

test("what is carried over keeps the copies that were not packed yet", () => {
  const original = new OutgoingBatch("one", "normal", seededRandom(2));
  original.add(template, "1", 77);
  const stored = Object.assign(original, { offsetAt: (index: number) => index, appendedAtMs: 0 });
  const before = new OutgoingPacker(seededRandom(3));
  before.addCopy("one.dead-letters", stored, 0, () => ({ tenant: "a" }));
  const packer = new OutgoingPacker(seededRandom(4));
  packer.carry(before, []);
  assert.equal(packer.count, 1);
  assert.deepEqual(
    packer.batches.map(({ channel, count }) => [channel, count]),
    [["one.dead-letters", 1]],
  );
});
