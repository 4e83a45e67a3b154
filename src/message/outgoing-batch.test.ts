// The outgoing batch, the envelope made from its columns, and the JSON codec.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { isCanonicalUuid } from "../kernel/id.ts";
import { keySlot, slotOfBytes } from "../kernel/key-slot.ts";
import { seededRandom } from "../kernel/random.ts";
import { jsonCodec } from "./codec.ts";
import { envelopeAt, isJsonContent, isTextContent, type MessageTemplate } from "./envelope.ts";
import { batchBytesMax, batchMessagesMax, OutgoingBatch } from "./outgoing-batch.ts";

const template: MessageTemplate = {
  type: "com.acme.a",
  version: 2,
  source: "test",
  contentType: "application/json",
};
const image: MessageTemplate = { ...template, contentType: "image/png" };
const newBatch = (): OutgoingBatch => new OutgoingBatch("orders", "normal", seededRandom(1));

describe("a batch", () => {
  test("gives back what was added, in order, also beyond the first room for ids", () => {
    const messages = fc.array(
      fc.record({
        payload: fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array()),
        wallMs: fc.nat(2 ** 48 - 1),
        key: fc.option(fc.string(), { nil: undefined }),
        id: fc.option(fc.oneof(fc.uuid(), fc.string()), { nil: undefined }),
        subject: fc.option(fc.string(), { nil: undefined }),
        isCopy: fc.boolean(),
      }),
      { maxLength: 200, size: "max" },
    );
    fc.assert(
      fc.property(messages, (list) => {
        const batch = newBatch();
        for (const [index, { payload, wallMs, key, id, subject, isCopy }] of list.entries()) {
          const attributes = subject === undefined ? undefined : { subject };
          const at = batch.add(template, payload, wallMs, key, attributes, id, isCopy);
          assert.equal(at, index);
        }
        assert.equal(batch.count, list.length);
        for (const [index, { payload, wallMs, key, id, subject, isCopy }] of list.entries()) {
          const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
          if (id === undefined) assert.ok(isCanonicalUuid(batch.idAt(index)));
          else assert.equal(batch.idAt(index), id);
          assert.equal(batch.idGivenAt(index), id !== undefined && !isCopy);
          assert.deepEqual(
            [batch.timeAt(index), batch.keyAt(index), batch.attributesAt(index).subject],
            [wallMs, key, subject],
          );
          assert.deepEqual(Buffer.from(batch.payloadBytesAt(index)), Buffer.from(bytes));
          assert.equal(batch.payloadTextAt(index), Buffer.from(bytes).toString("utf8"));
          assert.equal(batch.payloadSizeAt(index), bytes.byteLength);
        }
        const given = list.some(({ id, isCopy }) => id !== undefined && !isCopy);
        assert.equal(batch.hasGivenIds, given);
      }),
      { numRuns: 50 },
    );
  });

  test("a full batch has a distinct id for each message and takes no other", () => {
    const batch = newBatch();
    while (batch.hasRoom(2)) batch.add(template, "{}", 5);
    assert.equal(batch.count, batchMessagesMax);
    const ids = Array.from({ length: batch.count }, (_, index) => batch.idAt(index));
    assert.equal(new Set(ids).size, batchMessagesMax);
  });

  test("the byte limit counts payloads and keys; the first message always fits", () => {
    const large = newBatch();
    assert.ok(large.hasRoom(batchBytesMax * 10));
    large.add(template, "x".repeat(batchBytesMax + 1), 5);
    assert.ok(!large.hasRoom(0));

    const batch = newBatch();
    batch.add(template, "x".repeat(batchBytesMax - 3), 5, "k");
    assert.equal(batch.bytes, batchBytesMax - 2);
    assert.ok(batch.hasRoom(2));
    assert.ok(!batch.hasRoom(3));
  });

  test("the slot is that of the key, else of the id's bytes", () => {
    const batch = newBatch();
    batch.add(template, "{}", 5, "order-1");
    batch.add(template, "{}", 5);
    assert.equal(batch.slotAt(0), keySlot("order-1"));
    assert.equal(batch.slotAt(1), slotOfBytes(batch.ids, 16, 32));
  });

  test("the caller's attributes are not changed when an id is kept beside them", () => {
    const attributes = Object.freeze({ subject: "s" });
    const batch = newBatch();
    batch.add(template, "{}", 5, undefined, attributes, "order 7");
    assert.deepEqual(batch.attributesAt(0), { subject: "s", id: "order 7" });
    batch.add(template, "{}", 5);
    assert.deepEqual(batch.attributesAt(1), {});
  });
});

describe("an envelope", () => {
  test("is the message at an index; text content is text, other content bytes", () => {
    const batch = newBatch();
    batch.add(template, Buffer.from('{"a":"ü"}'), 5, "k", { subject: "s" }, "order 7");
    batch.add(image, new Uint8Array([0, 255]), 6);
    assert.deepEqual(envelopeAt(batch, 0), {
      ...template,
      id: "order 7",
      timeMs: 5,
      key: "k",
      priority: "normal",
      attributes: { subject: "s", id: "order 7" },
      payload: '{"a":"ü"}',
    });
    assert.deepEqual(envelopeAt(batch, 1).payload, new Uint8Array([0, 255]));
  });

  test("content types", () => {
    const json = ["application/json", "Application/JSON; charset=utf-8", "a/b+json", "text/json"];
    const text = [...json, "text/plain", "TEXT/csv;a=b"];
    const bytes = ["", "image/png", "application/xml", "application/jsonx", "xtext/plain"];
    for (const type of json) assert.ok(isJsonContent(type), type);
    for (const type of text) assert.ok(isTextContent(type), type);
    for (const type of bytes) assert.ok(!isJsonContent(type) && !isTextContent(type), type);
    assert.ok(!isJsonContent("text/plain"));
  });
});

describe("the JSON codec", () => {
  test("what it encodes it decodes, from text and from bytes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = jsonCodec.encode(value);
        assert.equal(typeof text, "string");
        const expected: unknown = JSON.parse(text as string);
        assert.deepEqual(jsonCodec.decode(text), expected);
        assert.deepEqual(jsonCodec.decode(Buffer.from(text as string)), expected);
      }),
    );
  });

  test("data without a JSON form is refused, and so is malformed text", () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    for (const data of [undefined, () => 1, Symbol("s"), 1n, circular]) {
      assert.throws(() => jsonCodec.encode(data), TypeError);
    }
    for (const text of ["", "{", "undefined"]) {
      assert.throws(() => jsonCodec.decode(text), SyntaxError);
    }
    assert.throws(() => jsonCodec.decode(new Uint8Array([0x22, 0xff, 0x22])), TypeError);
  });
});
