// The CloudEvents mapping: round trips over arbitrary envelopes, and everything it refuses.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { SpillwayError } from "../errors/spillway-error.ts";
import { isCanonicalUuid } from "../kernel/id.ts";
import {
  attributeCharactersMax,
  attributesMax,
  extensionCharactersMax,
} from "./cloud-event-attributes.ts";
import {
  batchCharactersMax,
  batchEventsMax,
  fromCloudEvent,
  parseCloudEvent,
  parseCloudEventBatch,
  toCloudEvent,
} from "./cloud-events.ts";
import { fromHttpEvent, toHttpEvent } from "./cloud-events-http.ts";
import type { Envelope, MessageAttributes } from "./envelope.ts";

const reading = { receivedAtMs: Date.UTC(2030, 0, 1) };
const minimal = { specversion: "1.0", id: "1", source: "/s", type: "com.acme.a" };

const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
/** Text that CloudEvents allows: no control characters, whole code points. */
const text = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter((value) => !/[\p{Cc}\p{Noncharacter_Code_Point}]/u.test(value));
const timeMs = fc.integer({ min: 0, max: 4e12 });
const extensionName = fc
  .stringMatching(/^[a-z0-9]{1,20}$/)
  .filter((name) => !Object.hasOwn(toCloudEvent(full), name));

const full: Envelope = {
  type: "com.acme.order.placed",
  version: 3,
  source: "/orders?x=%20#y",
  contentType: "application/json",
  id: "order 7/1",
  timeMs: Date.UTC(2030, 0, 31, 12, 0, 0, 5),
  key: "key ä",
  priority: "high",
  attributes: {
    id: "order 7/1",
    subject: "s",
    correlationId: "c",
    causationId: "d",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "a=b,c=d",
    expiresAtMs: Date.UTC(2030, 1, 1),
    replyTo: "replies",
    tenant: "acme",
    sequence: "0012",
    extensions: { region: "eu", attempt: 3, urgent: true },
  },
  payload: '{"orderId":"7"}',
};

const payloads = fc.oneof(
  fc.record({
    contentType: fc.constantFrom("application/json", "application/problem+json", "text/json; a=b"),
    payload: fc.jsonValue().map((value) => JSON.stringify(value)),
  }),
  fc.record({
    contentType: fc.constantFrom("text/plain", "TEXT/CSV; charset=utf-8"),
    payload: fc.string({ unit: "grapheme" }),
  }),
  fc.record({
    contentType: fc.constantFrom("application/octet-stream", "image/png"),
    payload: fc.uint8Array(),
  }),
);
const schemas = fc.oneof(
  fc.record({ version: fc.integer({ min: 1, max: 65_535 }) }),
  fc.record({ version: fc.constant(1), dataSchema: fc.constant("https://acme.example/s.json") }),
);
const envelopes: fc.Arbitrary<Envelope> = fc
  .record({
    head: fc.record({
      type: text,
      source: fc.stringMatching(/^[a-z0-9/?#:%=.-]{1,40}$/),
      id: fc.oneof(text, fc.uuid()),
      timeMs,
      key: optional(text),
      priority: fc.constantFrom("high", "normal", "low"),
    }),
    schema: schemas,
    data: payloads,
    attributes: fc.record({
      time: optional(fc.constant("2030-01-31T14:00:00.123456789+02:00")),
      subject: optional(text),
      correlationId: optional(text),
      causationId: optional(text),
      traceparent: optional(text),
      tracestate: optional(text),
      expiresAtMs: optional(timeMs),
      replyTo: optional(text),
      tenant: optional(text),
      sequence: optional(text),
      extensions: optional(
        fc.dictionary(extensionName, fc.oneof(text, fc.boolean(), fc.integer()), { minKeys: 1 }),
      ),
    }),
  })
  .map(({ head, schema, data, attributes }) => {
    const given = { ...(!isCanonicalUuid(head.id) && { id: head.id }), ...attributes };
    const present = Object.entries(given).filter(([, value]) => value !== undefined);
    const atMs = given.time === undefined ? head.timeMs : Date.UTC(2030, 0, 31, 12, 0, 0, 123);
    const kept = Object.fromEntries(present) as MessageAttributes;
    return { ...head, timeMs: atMs, ...schema, ...data, attributes: kept };
  });

/** Bytes as one kind of array, and extensions without the odd prototype of generated ones. */
function plain(envelope: Envelope): Envelope {
  const { payload, attributes } = envelope;
  const { extensions } = attributes;
  return {
    ...envelope,
    payload: typeof payload === "string" ? payload : new Uint8Array(payload),
    attributes: { ...attributes, ...(extensions && { extensions: { ...extensions } }) },
  };
}

describe("round trips", () => {
  test("any envelope survives as JSON, alone and in a list", () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const json = JSON.stringify(toCloudEvent(envelope));
        assert.deepEqual(plain(parseCloudEvent(json, reading)), plain(envelope));
        const list = parseCloudEventBatch(`[${json},${json}]`, reading);
        assert.deepEqual(list.map(plain), [plain(envelope), plain(envelope)]);
      }),
    );
  });

  test("any envelope survives as HTTP headers and body; there every extension is text", () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const { headers, body } = toHttpEvent(envelope);
        for (const value of Object.values(headers)) assert.match(value, /^[\x20-\x7e]+$/);
        const { extensions } = envelope.attributes;
        const asText = Object.entries(extensions ?? {}).map(([name, value]) => [name, `${value}`]);
        const attributes = {
          ...envelope.attributes,
          ...(extensions && { extensions: Object.fromEntries(asText) as Record<string, string> }),
        };
        const bytes = typeof body === "string" ? Buffer.from(body) : body;
        for (const form of [body, bytes]) {
          const read = fromHttpEvent(headers, form, reading);
          assert.deepEqual(plain(read), plain({ ...envelope, attributes }));
        }
      }),
    );
  });

  test("whatever comes in is an envelope or a SpillwayError", () => {
    const nearly = fc.record(
      {
        ...Object.fromEntries(Object.keys(toCloudEvent(full)).map((name) => [name, fc.anything()])),
        data_base64: fc.anything(),
      },
      { requiredKeys: [] },
    );
    const half = nearly.map((event) => ({ ...minimal, ...event }));
    fc.assert(
      fc.property(fc.oneof(fc.anything({ withBigInt: true }), nearly, half), (event) => {
        try {
          assert.equal(typeof fromCloudEvent(event, reading).id, "string");
        } catch (error) {
          assert.ok(error instanceof SpillwayError, String(error));
        }
      }),
    );
  });
});

describe("the wire form", () => {
  test("names, order and derived attributes", () => {
    assert.deepEqual(Object.entries(toCloudEvent(full)), [
      ["specversion", "1.0"],
      ["id", "order 7/1"],
      ["source", "/orders?x=%20#y"],
      ["type", "com.acme.order.placed"],
      ["subject", "s"],
      ["time", "2030-01-31T12:00:00.005Z"],
      ["datacontenttype", "application/json"],
      ["dataschema", "urn:spillway:contract:com.acme.order.placed:3"],
      ["correlationid", "c"],
      ["causationid", "d"],
      ["partitionkey", "key ä"],
      ["sequence", "0012"],
      ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
      ["tracestate", "a=b,c=d"],
      ["expirytime", "2030-02-01T00:00:00.000Z"],
      ["priority", "high"],
      ["replyto", "replies"],
      ["tenant", "acme"],
      ["region", "eu"],
      ["attempt", 3],
      ["urgent", true],
      ["data", { orderId: "7" }],
    ]);
    const { headers } = toHttpEvent(full);
    assert.equal(headers["ce-id"], "order%207/1");
    assert.equal(headers["ce-source"], "/orders?x=%2520#y");
    assert.equal(headers["ce-partitionkey"], "key%20%C3%A4");
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers["ce-datacontenttype"], undefined);
  });

  test("an extension cannot displace an attribute, and a number beyond 32 bits is text", () => {
    const extensions = { id: "other", data: "x", big: 2 ** 31, half: 0.5 };
    const event = toCloudEvent({ ...full, attributes: { extensions } });
    assert.deepEqual([event.id, event.data], ["order 7/1", { orderId: "7" }]);
    assert.deepEqual([event["big"], event["half"]], ["2147483648", "0.5"]);
  });

  test("a payload that is not the JSON it claims to be is handed on byte for byte", () => {
    for (const payload of ["{broken", new Uint8Array([0xff, 0x7b])]) {
      const event = toCloudEvent({ ...full, payload });
      assert.ok(!("data" in event));
      assert.equal(event.data_base64, Buffer.from(payload as string).toString("base64"));
    }
  });
});

describe("what may be left out", () => {
  test("only four attributes are needed", () => {
    assert.deepEqual(fromCloudEvent(minimal, reading), {
      type: "com.acme.a",
      version: 1,
      source: "/s",
      contentType: "application/json",
      id: "1",
      timeMs: reading.receivedAtMs,
      key: undefined,
      priority: "normal",
      attributes: { id: "1" },
      payload: "null",
    });
    for (const name of ["id", "source", "type", "specversion"]) {
      assert.throws(() => fromCloudEvent({ ...minimal, [name]: undefined }, reading), {
        code: "INPUT_INVALID",
        message: new RegExp(`attribute '${name}' is missing: `),
      });
    }
  });

  test("null is the same as absent", () => {
    const nulls = { subject: null, time: null, extra: null, data_base64: null };
    assert.deepEqual(
      fromCloudEvent({ ...minimal, ...nulls }, reading),
      fromCloudEvent(minimal, reading),
    );
    const bytes = { ...minimal, datacontenttype: "image/png", data: null };
    assert.deepEqual(fromCloudEvent(bytes, reading).payload, new Uint8Array());
    const both = fromCloudEvent({ ...bytes, data_base64: "AAE=" }, reading);
    assert.deepEqual([...both.payload], [0, 1]);
  });

  test("a body without a content type is bytes", () => {
    const headers = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t" };
    const event = fromHttpEvent(headers, "abc", reading);
    assert.equal(event.contentType, "application/octet-stream");
    assert.deepEqual([...event.payload], [97, 98, 99]);
  });
});

describe("refusals name the attribute, its value and the remedy", () => {
  const long = "x".repeat(attributeCharactersMax + 1);
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ["specversion", "0.3", /is "0\.3": give 1\.0/],
    ["specversion", 1, /is 1: give text/],
    ["id", "", /is "": give text of 1 to 1024 characters/],
    ["id", 7, /is 7: give text/],
    ["id", long, /is "x{100}…": give text/],
    ["id", "a\u0000b", /control characters/],
    ["id", "a\ud800", /incomplete surrogates/],
    ["id", "a\ufffe", /control characters/],
    ["source", "not a uri", /is "not a uri": give a URI reference/],
    ["type", { a: 1 }, /is an object: give text, a whole number or a boolean/],
    ["type", ["a"], /is a list: give text/],
    ["subject", "", /is "": give text/],
    ["time", "yesterday", /is "yesterday": give an RFC 3339 timestamp/],
    ["time", "2030-02-30T00:00:00Z", /RFC 3339/],
    ["expirytime", "2030-01-01", /RFC 3339/],
    ["datacontenttype", "json", /is "json": give a media type/],
    ["dataschema", "schema.json", /is "schema\.json": give an absolute URI/],
    [
      "dataschema",
      "urn:spillway:contract:com.acme.b:1",
      /contract:com\.acme\.a:1 with the version/,
    ],
    ["dataschema", "urn:spillway:contract:com.acme.a:0", /1 to 65535/],
    ["dataschema", "urn:spillway:contract:com.acme.a:65536", /1 to 65535/],
    ["dataschema", "urn:spillway:contract:com.acme.a:01", /1 to 65535/],
    ["priority", "urgent", /is "urgent": give high or normal or low/],
    ["priority", 5, /is 5: give text/],
    ["partitionkey", "", /give text/],
    ["custom", 1.5, /is 1\.5: give a whole number of 32 bits, or text/],
    ["custom", 2 ** 31, /32 bits/],
    ["custom", "y".repeat(extensionCharactersMax + 1), /at most 4096 characters/],
    ["custom", "a\nb", /control characters/],
    ["data_base64", "?", /is "\?": give base64/],
    ["data_base64", "AAA", /give base64 with padding/],
    ["data_base64", 5, /is 5: give base64/],
  ];
  for (const [name, value, message] of cases) {
    test(`${name}: ${String(message)}`, () => {
      assert.throws(
        () => fromCloudEvent({ ...minimal, [name]: value }, reading),
        (error: SpillwayError) => {
          assert.equal(error.code, "INPUT_INVALID");
          assert.match(error.message, message);
          assert.equal(error.details["attribute"], name);
          return error.message.length < 1_000;
        },
      );
    });
  }

  test("names that are none, also __proto__", () => {
    for (const name of ["__proto__", "camelCase", "a-b", "", "ä", "a".repeat(65)]) {
      const event = `{"${name}":{"polluted":1},${JSON.stringify(minimal).slice(1)}`;
      assert.throws(() => parseCloudEvent(event, reading), {
        code: "INPUT_INVALID",
        message: /has a name that is not valid/,
      });
    }
    const odd = fromCloudEvent({ ...minimal, constructor: "c", tostring: "t" }, reading);
    assert.deepEqual(odd.attributes.extensions, { constructor: "c", tostring: "t" });
    const nested = `${JSON.stringify(minimal).slice(0, -1)},"data":{"__proto__":{"polluted":1}}}`;
    assert.equal(parseCloudEvent(nested, reading).payload, '{"__proto__":{"polluted":1}}');
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  });

  test("data in two forms, of the wrong form, or without a form", () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const png = { datacontenttype: "image/png" };
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ data: 1, data_base64: "AAE=" }, /either data or data_base64, not both/],
      [
        { ...png, data: { a: 1 } },
        /'data' is an object: give text, or data_base64, for image\/png/,
      ],
      [{ data: circular }, /has no JSON form/],
      [{ data: 1n }, /has no JSON form/],
      [{ data: () => 1 }, /is a function, which has no JSON form/],
      [{ data_base64: Buffer.from("{").toString("base64") }, /is not valid JSON/],
      [{ datacontenttype: "text/plain", data_base64: "/w==" }, /is not UTF-8/],
    ];
    for (const [event, message] of wrong) {
      assert.throws(() => fromCloudEvent({ ...minimal, ...event }, reading), {
        code: "INPUT_INVALID",
        message,
      });
    }
  });

  test("what is no event, no JSON or no list", () => {
    for (const value of [null, undefined, 3, "text", [minimal]]) {
      assert.throws(() => fromCloudEvent(value, reading), { message: /is an object, and this is/ });
    }
    assert.throws(() => parseCloudEvent("{", reading), { message: /this is not JSON: / });
    assert.throws(() => parseCloudEventBatch("{}", reading), { message: /and this is no list/ });
    const second = JSON.stringify([minimal, { ...minimal, id: "" }]);
    assert.throws(() => parseCloudEventBatch(second, reading), {
      code: "INPUT_INVALID",
      message: /^event 1 of the batch: CloudEvents attribute 'id' is "": /,
    });
  });

  test("headers given twice, reserved ones, and broken percent-encoding", () => {
    const headers = { "Ce-Specversion": "1.0", "CE-ID": "1", "ce-source": "/s", "ce-type": "t" };
    const read = (more: object) => () => fromHttpEvent({ ...headers, ...more }, "", reading);
    assert.equal(read({ accept: ["a", "b"], host: undefined })().id, "1");
    assert.throws(read({ "ce-id": "2" }), { message: /'id' is "2": send the header once/ });
    assert.throws(read({ "ce-subject": ["a", "b"] }), {
      message: /is "a, b": send the header once/,
    });
    assert.throws(read({ "ce-datacontenttype": "a/b" }), { message: /use content-type/ });
    assert.throws(read({ "ce-a_b": "1" }), { message: /name that is not valid/ });
    assert.throws(read({ "ce-subject": "%ff" }), { message: /percent-encode UTF-8/ });
    assert.throws(read({ "ce-subject": "%00" }), { message: /control characters/ });
    assert.equal(read({ "ce-subject": "100%" })().attributes.subject, "100%");
    assert.equal(read({ "ce-subject": '"a \\"b\\" %C3%A4"' })().attributes.subject, 'a "b" ä');
  });
});

describe("limits", () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`x${index}`, index]));

  test("the number of attributes", () => {
    const room = attributesMax - Object.keys(minimal).length;
    assert.doesNotThrow(() => fromCloudEvent({ ...minimal, ...many(room) }, reading));
    assert.throws(() => fromCloudEvent({ ...minimal, ...many(room + 1) }, reading), {
      code: "INPUT_INVALID",
      message: /has 65 attributes: send at most 64/,
    });
  });

  test("the bytes of the data, in every form", () => {
    const small = { ...reading, dataBytesMax: 10 };
    const png = { ...minimal, datacontenttype: "image/png" };
    const base64 = (bytes: number) => Buffer.alloc(bytes).toString("base64");
    const fits = [{ data: "1234567€" }, { data_base64: base64(10) }];
    const over = [{ data: "12345678€" }, { data_base64: base64(11) }, { data_base64: base64(999) }];
    for (const data of fits)
      assert.equal(fromCloudEvent({ ...png, ...data }, small).payload.length, 10);
    for (const data of [
      ...over.map((each) => ({ ...png, ...each })),
      { ...minimal, data: "123456789" },
    ]) {
      assert.throws(() => fromCloudEvent(data, small), { code: "MESSAGE_TOO_LARGE" });
    }
    const { headers } = toHttpEvent(full);
    assert.throws(() => fromHttpEvent(headers, "12345678901", small), {
      code: "MESSAGE_TOO_LARGE",
    });
  });

  test("the length of the text, before it is parsed", () => {
    const blank = " ".repeat(200_000);
    assert.throws(() => parseCloudEvent(blank, { ...reading, dataBytesMax: 10 }), {
      code: "MESSAGE_TOO_LARGE",
    });
    assert.throws(() => parseCloudEventBatch(" ".repeat(batchCharactersMax + 1), reading), {
      code: "MESSAGE_TOO_LARGE",
    });
  });

  test("the number of events in a list", () => {
    const list = (count: number) => `[${Array(count).fill(JSON.stringify(minimal)).join()}]`;
    assert.equal(parseCloudEventBatch(list(batchEventsMax), reading).length, batchEventsMax);
    assert.throws(() => parseCloudEventBatch(list(batchEventsMax + 1), reading), {
      message: /at most 10000 events, and this is 10001 events long/,
    });
  });
});
