// The official CloudEvents SDK as a second implementation, in both directions: what is written here
// it reads (and finds valid), what it writes is read here. Where the SDK itself departs from the
// specification the values are chosen so that it does not matter; each such place says so.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CloudEvent as SdkEvent, HTTP } from "cloudevents";
import * as fc from "fast-check";
import {
  cloudEventBatchContentType,
  cloudEventContentType,
  parseCloudEvent,
  parseCloudEventBatch,
  toCloudEvent,
} from "./cloud-events.ts";
import { fromHttpEvent, toHttpEvent } from "./cloud-events-http.ts";
import type { Envelope } from "./envelope.ts";

const reading = { receivedAtMs: 0 };

/** Text without what HTTP headers percent-encode, because the SDK does not encode or decode. */
const token = fc.stringMatching(/^[A-Za-z0-9._:/=,-]{1,30}$/);
const timeMs = fc.integer({ min: 0, max: 4e12 });
const json = fc.record({
  contentType: fc.constant("application/json"),
  // The SDK takes falsy data for no data.
  payload: fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
});
/** Bytes as the SDK's own arrays; not empty, which it takes for no data. */
const bytes = fc.record({
  contentType: fc.constant("application/octet-stream"),
  payload: fc.uint8Array({ minLength: 1 }),
});
const plainText = fc.record({
  contentType: fc.constant("text/plain"),
  payload: fc.string({ unit: "grapheme", minLength: 1 }),
});
const attributes = fc.record(
  {
    subject: token,
    correlationId: token,
    causationId: token,
    traceparent: token,
    tracestate: token,
    expiresAtMs: timeMs,
    replyTo: token,
    tenant: token,
    sequence: token,
    extensions: fc.record(
      { region: token, shard: token },
      { requiredKeys: ["region"], noNullPrototype: true },
    ),
  },
  { requiredKeys: [] },
);
const envelopes: fc.Arbitrary<Envelope> = fc
  .record({
    head: fc.record({
      type: fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,30}$/),
      version: fc.integer({ min: 1, max: 65_535 }),
      source: fc.stringMatching(/^\/[a-z0-9/.-]{0,30}$/).filter((path) => !path.startsWith("//")),
      id: fc.uuid(),
      timeMs,
      key: fc.option(token, { nil: undefined }),
      priority: fc.constantFrom("high", "normal", "low"),
    }),
    data: fc.oneof(json, bytes, plainText),
    attributes,
  })
  .map(({ head, data, attributes: some }) => ({ ...head, ...data, attributes: { ...some } }));

/** What the SDK's event says, in the form of an envelope's attributes on the wire. */
function readBySdk(message: { headers: Record<string, string>; body: unknown }): SdkEvent<unknown> {
  const event = HTTP.toEvent(message);
  assert.ok(event instanceof SdkEvent);
  assert.ok(event.validate());
  return event as SdkEvent<unknown>;
}

function assertSame(read: SdkEvent<unknown>, envelope: Envelope): void {
  const { data, data_base64: data64, ...expected } = toCloudEvent(envelope);
  const shown = Object.entries(read).filter(
    ([name, value]) => value !== undefined && name !== "data" && name !== "data_base64",
  );
  assert.deepEqual(Object.fromEntries(shown), expected);
  if (data64 === undefined) assert.deepEqual(read.data, data);
  else assert.deepEqual(Array.from(read.data as Uint8Array), [...Buffer.from(data64, "base64")]);
}

test("the SDK reads what is written in structured mode", () => {
  fc.assert(
    fc.property(envelopes, (envelope) => {
      const body = JSON.stringify(toCloudEvent(envelope));
      const headers = { "content-type": cloudEventContentType };
      assertSame(readBySdk({ headers, body }), envelope);
    }),
  );
});

test("the SDK reads what is written in batch mode", () => {
  fc.assert(
    fc.property(fc.array(envelopes, { minLength: 1, maxLength: 5 }), (list) => {
      const body = JSON.stringify(list.map(toCloudEvent));
      const events = HTTP.toEvent({
        headers: { "content-type": cloudEventBatchContentType },
        body,
      });
      assert.ok(Array.isArray(events) && events.length === list.length);
      for (const [index, event] of events.entries()) {
        assertSame(event as SdkEvent<unknown>, list[index] as Envelope);
      }
    }),
  );
});

test("the SDK reads what is written in binary mode", () => {
  fc.assert(
    fc.property(envelopes, (envelope) => {
      const { headers, body } = toHttpEvent(envelope);
      assertSame(readBySdk({ headers: { ...headers }, body }), envelope);
    }),
  );
});

/** The event of an envelope, made by the SDK. */
function sdkEventOf(envelope: Envelope): SdkEvent<unknown> {
  const { data, data_base64: _, ...rest } = toCloudEvent(envelope);
  return new SdkEvent({ ...rest, data: data ?? envelope.payload });
}

function assertEnvelope(read: Envelope, envelope: Envelope): void {
  const form = ({ payload, ...rest }: Envelope): unknown => ({
    ...rest,
    payload: typeof payload === "string" ? payload : [...payload],
  });
  assert.deepEqual(form(read), form(envelope));
}

test("what the SDK writes in structured mode is read, alone and in a list", () => {
  fc.assert(
    fc.property(envelopes, (envelope) => {
      const event = sdkEventOf(envelope);
      const { headers, body } = HTTP.structured(event);
      assert.match(String(headers["content-type"]), /^application\/cloudevents\+json/);
      assertEnvelope(parseCloudEvent(body as string, reading), envelope);
      const [first, second] = parseCloudEventBatch(JSON.stringify([event, event]), reading);
      assertEnvelope(first as Envelope, envelope);
      assertEnvelope(second as Envelope, envelope);
    }),
  );
});

test("what the SDK writes in binary mode is read", () => {
  fc.assert(
    fc.property(envelopes, (envelope) => {
      const { headers, body } = HTTP.binary(sdkEventOf(envelope));
      const given = headers as Record<string, string>;
      assertEnvelope(fromHttpEvent(given, body as string | Uint8Array, reading), envelope);
    }),
  );
});

test("an event that the SDK makes with its own defaults is read", () => {
  const event = new SdkEvent({ source: "/sdk", type: "org.example.made", data: { a: 1 } });
  const read = parseCloudEvent(event.toString(), reading);
  assert.deepEqual([read.id, read.version, read.payload], [event.id, 1, '{"a":1}']);
  assert.equal(read.timeMs, Date.parse(event.time as string));
});
