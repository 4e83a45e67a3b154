// The encoder: what is stored for a message, and every fault of its data and options.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { AnyContract, MessageOptions } from "../contracts/contract.ts";
import { defineEvent } from "../contracts/event.ts";
import { SpillwayError, ValidationError } from "../errors/spillway-error.ts";
import { seededRandom } from "../kernel/random.ts";
import { jsonCodec } from "../message/codec.ts";
import type { Priority } from "../message/envelope.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { extensionsMax } from "./message-options.ts";
import { type EncodedMessage, OutgoingEncoder } from "./outgoing-encoder.ts";

const clock = new VirtualClock({ wallMs: 1_000_000 });

function encoderWith(options: {
  messageBytesMax?: number;
  priorityOf?: (key: string) => Priority;
}): OutgoingEncoder {
  return new OutgoingEncoder({
    clock,
    random: seededRandom(1),
    source: "shop",
    codec: jsonCodec,
    messageBytesMax: options.messageBytesMax ?? 1_048_576,
    routeOf: () => ({ channel: "orders", priorityOf: options.priorityOf }),
  });
}

const encoder = encoderWith({});
const Placed = defineEvent("order.placed", {
  data: z.object({ id: z.string(), cents: z.string().transform(Number) }),
  key: (order) => `${order.id}-${typeof order.cents}`,
});
const Noted = defineEvent("order.noted", { data: z.object({ text: z.string() }) });

function encode(
  contract: AnyContract,
  data: unknown,
  options?: MessageOptions,
  by: OutgoingEncoder = encoder,
): EncodedMessage {
  const encoded = by.encode(contract, data, options, undefined);
  assert.ok(!(encoded instanceof Promise), "a synchronous validator stays synchronous");
  return encoded;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof SpillwayError);
    return error.code;
  }
  return "none";
}

test("the schema's input is stored, the key is taken from its output", () => {
  const encoded = encode(Placed, { id: "7", cents: "990" });
  assert.deepEqual(encoded, {
    channel: "orders",
    priority: "normal",
    template: { type: "order.placed", version: 1, source: "shop", contentType: "application/json" },
    payload: '{"id":"7","cents":"990"}',
    wallMs: 1_000_000,
    key: "7-number",
    attributes: undefined,
    id: undefined,
    dueAtMs: undefined,
    isOptional: false,
  });
  assert.equal(encode(Placed, { id: "8", cents: "1" }).template, encoded.template);
});

test("faulty data is a ValidationError that lists every path", () => {
  assert.throws(
    () => encode(Placed, { id: 7, cents: 9 }),
    (error) =>
      error instanceof ValidationError &&
      error.issues.map((issue) => issue.path).join(" ") === "id cents" &&
      error.message.includes("order.placed"),
  );
});

test("an asynchronous validator makes the encoding asynchronous, nothing else", async () => {
  const Slow = defineEvent("slow", { data: z.string().refine(async (text) => text !== "no") });
  const encoded = await encoder.encode(Slow, "yes", undefined, undefined);
  assert.equal(encoded.payload, '"yes"');
  await assert.rejects(
    async () => encoder.encode(Slow, "no", undefined, undefined),
    ValidationError,
  );
});

test("options become attributes, times become absolute", () => {
  const options: MessageOptions = {
    id: "given",
    subject: "s",
    correlationId: "c",
    causationId: "d",
    delayMs: 500,
    expiresInMs: 2_000,
    priority: "high",
    tenant: "acme",
    replyTo: "answers",
    traceparent: "t",
    tracestate: "u",
    extensions: { site: "north", level: 3, dry: true },
  };
  const encoded = encode(Noted, { text: "x" }, options);
  assert.deepEqual(encoded.attributes, {
    subject: "s",
    correlationId: "c",
    causationId: "d",
    traceparent: "t",
    tracestate: "u",
    expiresAtMs: 1_002_000,
    replyTo: "answers",
    tenant: "acme",
    extensions: { site: "north", level: 3, dry: true },
  });
  assert.equal(encoded.priority, "high");
  assert.equal(encoded.dueAtMs, 1_000_500);
  assert.equal(encoded.id, "given");
  assert.equal(encode(Noted, { text: "x" }, { delayMs: 0, id: "i" }).attributes, undefined);
});

test("a cause hands down correlation, causation, trace and tenant; options win", () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const cause = { id: "a", correlationId: "b", traceparent, tracestate: "v=1", tenant: "acme" };
  const { attributes } = encoder.encode(Noted, { text: "" }, undefined, cause) as EncodedMessage;
  assert.equal(attributes?.correlationId, "b");
  assert.equal(attributes?.causationId, "a");
  assert.equal(attributes?.tenant, "acme");
  assert.equal(attributes?.tracestate, "v=1");
  assert.match(attributes?.traceparent ?? "", /^00-4bf92f3577b34da6a3ce929d0e0e4736-.{16}-01$/);
  assert.notEqual(attributes?.traceparent, traceparent);
  const own = { correlationId: "mine", tenant: "other" };
  const overridden = encoder.encode(Noted, { text: "" }, own, cause) as EncodedMessage;
  assert.equal(overridden.attributes?.correlationId, "mine");
  assert.equal(overridden.attributes?.tenant, "other");
});

test("every option that cannot be used is refused by name", () => {
  const many = Object.fromEntries(
    Array.from({ length: extensionsMax + 1 }, (_, n) => [`x${n}`, 1]),
  );
  const wrong: readonly (readonly [string, MessageOptions])[] = [
    ["delayMs", { delayMs: -1 }],
    ["delayMs", { delayMs: Number.NaN }],
    ["expiresInMs", { expiresInMs: Number.POSITIVE_INFINITY }],
    ["id", { id: "" }],
    ["id", { id: "x".repeat(1_025) }],
    ["key", { key: "" }],
    ["key", { key: "é".repeat(513) }],
    ["subject", { subject: "" }],
    ["id", { id: "\ud800" }],
    ["key", { key: "half \ud83d" }],
    ["extensions.a", { extensions: { a: "\udc00" } }],
    ["priority", { priority: "urgent" as Priority }],
    ["extensions", { extensions: { Upper: 1 } }],
    ["extensions", { extensions: { ["x".repeat(21)]: 1 } }],
    ["extensions", { extensions: { traceparent: "t" } }],
    ["extensions", { extensions: many }],
    ["extensions.a", { extensions: { a: Number.NaN } }],
    ["extensions.a", { extensions: { a: "x".repeat(4_097) } }],
  ];
  for (const [option, options] of wrong) {
    assert.throws(
      () => encode(Noted, { text: "x" }, options),
      (error) =>
        error instanceof SpillwayError &&
        error.code === "INVALID_ARGUMENT" &&
        error.message.includes(`'order.noted': ${option} is `),
      `${option} ${JSON.stringify(options).slice(0, 80)}`,
    );
  }
  assert.equal(
    codeOf(() => encode(Noted, { text: "x" }, { tenant: "No!" })),
    "INVALID_NAME",
  );
  assert.equal(
    codeOf(() => encode(Noted, { text: "x" }, { replyTo: "A b" })),
    "INVALID_NAME",
  );
  assert.equal(encode(Noted, { text: "x" }, { key: "é".repeat(512) }).key?.length, 512);
});

test("a key function that throws or gives no text is the publisher's error", () => {
  const wrong = [
    () => {
      throw new Error("broken");
    },
    () => "",
    () => 7 as unknown as string,
  ];
  for (const key of wrong) {
    const Wrong = defineEvent("wrong", { data: z.string(), key });
    assert.equal(
      codeOf(() => encode(Wrong, "x")),
      "INVALID_ARGUMENT",
    );
  }
});

test("a number becomes text that sorts as numbers do; it needs a key", () => {
  const Read = defineEvent("meter.read", {
    data: z.object({ meter: z.string(), n: z.number() }),
    key: ({ meter }) => meter,
    sequence: ({ n }) => n,
  });
  const sequenceOf = (encoded: EncodedMessage): string | undefined => encoded.attributes?.sequence;
  assert.equal(sequenceOf(encode(Read, { meter: "a", n: 0 })), "0000000000000000");
  assert.equal(sequenceOf(encode(Read, { meter: "a", n: 10 })), "0000000000000010");
  const most = encode(Read, { meter: "a", n: 1 }, { sequence: Number.MAX_SAFE_INTEGER });
  assert.equal(sequenceOf(most), "9007199254740991");
  assert.equal(
    sequenceOf(encode(Noted, { text: "x" }, { key: "a", sequence: 3 })),
    "0".repeat(15) + 3,
  );
  for (const n of [-1, 0.5, 2 ** 53]) {
    assert.throws(
      () => encode(Read, { meter: "a", n }),
      /sequence is .*: give a whole number from 0/,
    );
  }
  const text = { sequence: "7" } as unknown as MessageOptions;
  assert.throws(() => encode(Read, { meter: "a", n: 1 }, text), /sequence is "7": give a whole/);
  assert.throws(
    () => encode(Noted, { text: "x" }, { sequence: 3 }),
    /sequence is 3 and it has no key/,
  );
});

test("a keyed message takes its priority from the channel, never its own", () => {
  const data = { id: "7", cents: "1" };
  assert.equal(
    codeOf(() => encode(Placed, data, { priority: "high" })),
    "PRIORITY_BREAKS_ORDER",
  );
  const byKey = encoderWith({ priorityOf: (key) => (key.startsWith("7") ? "low" : "high") });
  assert.equal(encode(Placed, data, undefined, byKey).priority, "low");
  assert.equal(encode(Noted, { text: "x" }, undefined, byKey).priority, "normal");
  const broken = encoderWith({ priorityOf: () => "top" as Priority });
  assert.equal(
    codeOf(() => encode(Placed, data, undefined, broken)),
    "INVALID_ARGUMENT",
  );
});

test("size is measured in bytes of UTF-8", () => {
  const small = encoderWith({ messageBytesMax: 20 });
  // {"text":"…"} takes 11 bytes of its own.
  assert.ok(encode(Noted, { text: "123456789" }, undefined, small));
  assert.ok(encode(Noted, { text: "éééé1" }, undefined, small));
  const tooMany = ["1234567890", "ééééé", "x".repeat(100)];
  for (const text of tooMany) {
    assert.equal(
      codeOf(() => encode(Noted, { text }, undefined, small)),
      "MESSAGE_TOO_LARGE",
    );
  }
});

test("data without a JSON form is refused", () => {
  const Any = defineEvent("anything", { data: z.any() });
  for (const data of [undefined, 1n, () => 1]) {
    assert.equal(
      codeOf(() => encode(Any, data)),
      "CODEC_FAILED",
    );
  }
});
