// Decoding: what becomes of stored bytes, and what a handler sees of a message.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { z } from "zod";
import type { AnyContract } from "../contracts/contract.ts";
import { ContractIndex } from "../contracts/contract-index.ts";
import { defineEvent } from "../contracts/event.ts";
import { upcastFrom } from "../contracts/upcasting.ts";
import { seededRandom } from "../kernel/random.ts";
import { type Codec, jsonCodec } from "../message/codec.ts";
import type { MessageAttributes, MessageTemplate } from "../message/envelope.ts";
import { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import { type Decoded, Decoder, InvalidMessage, togetherMax } from "./decode.ts";
import { ReceivedMessage } from "./received-message.ts";

const MovedV1 = defineEvent("moved", { data: z.object({ address: z.string() }) });
const Moved = defineEvent("moved", {
  version: 2,
  data: z.object({ street: z.string().min(3), city: z.string().default("unknown") }),
  upcasts: [
    upcastFrom(MovedV1, ({ address }) => {
      if (address === "boom") throw new Error("no such address");
      return { street: address };
    }),
  ],
});

function storedOf(
  payload: string | Uint8Array,
  template: Partial<MessageTemplate> = {},
  attributes?: MessageAttributes,
  id?: string,
): StoredBatch {
  const batch = new OutgoingBatch("moves", "high", seededRandom(1));
  const full = { type: "moved", version: 2, source: "s", contentType: "application/json" };
  batch.add({ ...full, ...template }, payload, 1_000, "k", attributes, id);
  return Object.assign(batch, { offsetAt: (index: number) => 40 + index, appendedAtMs: 2_000 });
}

function decode(
  stored: StoredBatch,
  contracts: readonly AnyContract[] = [Moved],
  whole = true,
  codec: Codec = jsonCodec,
): Decoded | Promise<Decoded> {
  return new Decoder(new ContractIndex(contracts, whole), codec).decode(stored, 0, 1);
}

function invalid(decoded: Decoded | Promise<Decoded>, code: string, reason: RegExp): void {
  assert.ok(decoded instanceof InvalidMessage);
  assert.equal(decoded.code, code);
  assert.match(decoded.reason, reason);
}

test("valid data is the schema's output", () => {
  const message = decode(storedOf('{"street":"High Street"}'));
  assert.ok(message instanceof ReceivedMessage);
  assert.deepEqual(message.data, { street: "High Street", city: "unknown" });
});

test("an older version is brought to the subscribed one", () => {
  const message = decode(storedOf('{"address":"High Street"}', { version: 1 }));
  assert.ok(message instanceof ReceivedMessage);
  assert.equal(message.version, 2);
  assert.deepEqual(message.data, { street: "High Street", city: "unknown" });
});

test("whatever cannot be understood is invalid, with every reason", () => {
  invalid(decode(storedOf("{")), "CODEC_FAILED", /not application\/json/);
  invalid(decode(storedOf("{}", { contentType: "text/plain" })), "CODEC_FAILED", /text\/plain/);
  invalid(decode(storedOf('{"street":7,"city":8}')), "VALIDATION_FAILED", /street: .*; city: /);
  invalid(decode(storedOf('{"address":"x"}', { version: 1 })), "VALIDATION_FAILED", /street/);
  invalid(decode(storedOf('{"address":1}', { version: 1 })), "VALIDATION_FAILED", /address/);
  invalid(decode(storedOf('{"address":"boom"}', { version: 1 })), "UPCAST_FAILED", /no such/);
  invalid(decode(storedOf("{}", { version: 9 })), "UNKNOWN_TYPE", /version 9/);
  invalid(decode(storedOf("{}", { type: "other" })), "UNKNOWN_TYPE", /'other'/);
  assert.equal(decode(storedOf("{}", { type: "other" }), [Moved], false), undefined);
});

test("an asynchronous validator makes decoding asynchronous, for faults too", async () => {
  const Slow = defineEvent("slow", { data: z.string().refine(async (text) => text !== "no") });
  const good = decode(storedOf('"yes"', { type: "slow", version: 1 }), [Slow]);
  assert.ok(good instanceof Promise && (await good) instanceof ReceivedMessage);
  const bad = await decode(storedOf('"no"', { type: "slow", version: 1 }), [Slow]);
  invalid(bad, "VALIDATION_FAILED", /slow/);
});

test("a codec for bytes gets bytes, and related JSON types count as JSON", () => {
  const contentType = "application/octet-stream";
  const seen: unknown[] = [];
  const codec: Codec = {
    contentType,
    encode: () => new Uint8Array(),
    decode: (payload) => (seen.push(payload), { street: "bytes" }),
  };
  const stored = storedOf(new Uint8Array([1, 2]), { contentType });
  assert.ok(decode(stored, [Moved], true, codec) instanceof ReceivedMessage);
  assert.deepEqual(seen, [new Uint8Array([1, 2])]);
  const related = storedOf('{"street":"abc"}', { contentType: "application/vnd.x+json" });
  assert.ok(decode(related) instanceof ReceivedMessage);
});

test("damage of the store is not the message's fault", () => {
  const stored = storedOf('{"street":"abc"}');
  stored.payloadTextAt = () => {
    throw new Error("checksum");
  };
  assert.throws(() => decode(stored), /checksum/);
});

test("a message shows its envelope, in JSON and in inspect", () => {
  const attributes = { subject: "s", expiresAtMs: 9, tenant: "acme", extensions: { site: "x" } };
  const message = decode(storedOf('{"street":"abc"}', {}, attributes, "given"));
  assert.ok(message instanceof ReceivedMessage);
  const expected = {
    channel: "moves",
    priority: "high",
    offset: 40,
    type: "moved",
    version: 2,
    id: "given",
    source: "s",
    subject: "s",
    timeMs: 1_000,
    key: "k",
    correlationId: "given",
    expiresAtMs: 9,
    tenant: "acme",
    extensions: { site: "x" },
    data: { street: "abc", city: "unknown" },
  };
  assert.deepEqual(JSON.parse(JSON.stringify(message)), expected);
  assert.match(inspect(message), /^Message \{[^]*correlationId: 'given'/);
  assert.deepEqual(Object.keys(message), ["type", "version", "data"]);
  const bare = decode(storedOf('{"street":"abc"}'));
  assert.ok(bare instanceof ReceivedMessage);
  assert.equal(bare.correlationId, bare.id);
  assert.deepEqual(bare.extensions, {});
});

/** A batch of these payloads that says what it holds as one array, and counts who asks. */
function arrayOf(payloads: readonly string[], arrayText: string): StoredBatch & { asked: number } {
  const batch = new OutgoingBatch("moves", "high", seededRandom(1));
  const template = { type: "moved", version: 2, source: "s", contentType: "application/json" };
  for (const payload of payloads) batch.add(template, payload, 1_000, "k");
  const stored = Object.assign(batch, {
    asked: 0,
    offsetAt: (index: number) => 40 + index,
    appendedAtMs: 2_000,
  });
  Object.defineProperty(stored, "payloadArrayText", {
    get: () => (stored.asked++, arrayText),
  });
  return stored;
}

function streetsOf(decoder: Decoder, stored: StoredBatch, wanted: number): unknown[] {
  return Array.from({ length: stored.count }, (_, record) => {
    const decoded = decoder.decode(stored, record, wanted);
    if (decoded instanceof InvalidMessage) return decoded.code;
    assert.ok(decoded instanceof ReceivedMessage);
    return (decoded.data as { street: string }).street;
  });
}

test("a batch is parsed at once where most of it is wanted, each value given out once", () => {
  const payloads = ['{"street":"First"}', '{"street":"Second"}'];
  const stored = arrayOf(payloads, '[{"street":"Whole1"},{"street":"Whole2"}]');
  const decoder = new Decoder(new ContractIndex([Moved], true), jsonCodec);
  assert.deepEqual(streetsOf(decoder, stored, 2), ["Whole1", "Whole2"]);
  assert.deepEqual(streetsOf(decoder, stored, 2), ["First", "Second"], "data of its own");
  const other = arrayOf(payloads, '[{"street":"Whole1"},{"street":"Whole2"}]');
  assert.deepEqual(streetsOf(decoder, other, 2), ["Whole1", "Whole2"]);
  assert.deepEqual(streetsOf(decoder, stored, 2), ["First", "Second"]);
  assert.deepEqual([stored.asked, other.asked], [1, 1], "no batch is parsed as a whole twice");
});

test("who goes forth and back between batches gets each out of its whole, of a few", () => {
  const payloads = Array.from({ length: 3 }, () => '{"street":"alone"}');
  const text = `[${payloads.join(",").replaceAll("alone", "whole")}]`;
  const streetOf = (decoder: Decoder, stored: StoredBatch, record: number): unknown => {
    const decoded = decoder.decode(stored, record, 3);
    assert.ok(decoded instanceof ReceivedMessage);
    return (decoded.data as { street: string }).street;
  };
  for (const batches of [togetherMax, togetherMax + 1]) {
    const decoder = new Decoder(new ContractIndex([Moved], true), jsonCodec);
    const all = Array.from({ length: batches }, () => arrayOf(payloads, text));
    const streets = [0, 1, 2].map((record) =>
      all.map((stored) => streetOf(decoder, stored, record)),
    );
    const later = Array.from({ length: batches }, (_, at) =>
      at < batches - togetherMax ? "alone" : "whole",
    );
    assert.deepEqual(streets.slice(1), [later, later], `${batches} batches`);
    assert.ok(all.every(({ asked }) => asked === 1));
  }
});

test("a batch that is no array of as many values is parsed record by record", () => {
  const decoder = new Decoder(new ContractIndex([Moved], true), jsonCodec);
  const payloads = ['{"street":"First"}', "nonsense"];
  for (const text of ['[{"street":"First"},nonsense]', "[1,2,3]", '{"street":"Whole"}']) {
    const streets = streetsOf(decoder, arrayOf(payloads, text), 2);
    assert.deepEqual(streets, ["First", "CODEC_FAILED"]);
  }
  const few = arrayOf(['{"street":"First"}', '{"street":"Second"}', '{"street":"Third"}'], "[]");
  assert.deepEqual(streetsOf(decoder, few, 1), ["First", "Second", "Third"]);
  assert.equal(few.asked, 0, "too little of it is wanted");
});

test("a codec of one's own is called as the object that it is", () => {
  const codec = {
    ...jsonCodec,
    calls: 0,
    decodeArray(text: string): unknown {
      this.calls++;
      return JSON.parse(text);
    },
  };
  const decoder = new Decoder(new ContractIndex([Moved], true), codec);
  const stored = arrayOf(["{}", "{}"], '[{"street":"Whole1"},{"street":"Whole2"}]');
  assert.deepEqual(streetsOf(decoder, stored, 2), ["Whole1", "Whole2"]);
  assert.equal(codec.calls, 1);
});
