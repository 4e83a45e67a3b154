// Recorded messages: what the command line prints of a real journal is read as fixtures, and what
// cannot be read is refused by its line.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus, defineEvent, upcastFrom } from "spillway";
import { memory } from "spillway/memory";
import { recordedMessages, recordedMessagesMax, scenario, VirtualClock } from "spillway/testing";
import { z } from "zod";
import { run } from "../../src/cli/program.ts";
import { directoryFor, journalIn } from "./bus-subjects.ts";
import { capturedIo } from "./cli-io.ts";

const type = "com.acme.order.placed";
const PlacedV1 = defineEvent(type, { data: z.object({ orderId: z.string(), euros: z.int() }) });
const Placed = defineEvent(type, {
  version: 2,
  data: z.object({ orderId: z.string(), cents: z.int() }),
  key: ({ orderId }) => orderId,
  upcasts: [upcastFrom(PlacedV1, ({ orderId, euros }) => ({ orderId, cents: euros * 100 }))],
});
const Other = defineEvent("com.acme.order.closed", { data: z.object({ orderId: z.string() }) });

const event = (data: unknown, more: object = {}): string =>
  JSON.stringify({ specversion: "1.0", id: "a", source: "shop", type, data, ...more });

const dataSchemaOf = (version: number): string => `urn:spillway:contract:${type}:${version}`;

test("what tail prints of a journal is read as it was published", async () => {
  const directory = directoryFor();
  const bus = await createBus({ name: "shop", transport: await journalIn(directory) });
  await bus.publish(
    Placed,
    { orderId: "7", cents: 5 },
    { id: "order-7", tenant: "north", subject: "orders/7", extensions: { shelf: 3 } },
  );
  await bus.publish(Placed, { orderId: "8", cents: 1 }, { correlationId: "c" });
  await bus.close();
  const io = capturedIo("");
  assert.equal(await run(["tail", "-d", directory, "-c", type, "--json"], io), 0, io.errorText());
  const [first, second, ...more] = recordedMessages(io.text(), [Placed]);
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual(more, []);
  const { id, tenant, subject, key, source, version, extensions, data } = first;
  assert.deepEqual(
    { id, tenant, subject, key, source, version, extensions, data },
    {
      id: "order-7",
      tenant: "north",
      subject: "orders/7",
      key: "7",
      source: "shop",
      version: 2,
      extensions: { shelf: 3 },
      data: { orderId: "7", cents: 5 },
    },
  );
  assert.deepEqual([second.correlationId, second.offset, second.data.cents], ["c", 1, 1]);
});

test("older versions are upcast, other types left out, and a bus takes them again", async () => {
  const text = [
    event({ orderId: "1", euros: 3 }),
    "",
    event({ orderId: "1" }, { type: Other.type }),
    event({ orderId: "2", cents: 7 }, { dataschema: dataSchemaOf(2) }),
  ].join("\r\n");
  const messages = recordedMessages(text, [Placed]);
  assert.deepEqual(
    messages.map(({ data, offset }) => [data.cents, offset]),
    [
      [300, 0],
      [7, 2],
    ],
  );
  const clock = new VirtualClock();
  await using bus = await createBus({ name: "billing", transport: memory(), clock });
  let cents = 0;
  await bus.subscribe(Placed, async ({ data }) => {
    cents += data.cents;
  });
  const story = await scenario(bus);
  for (const { data } of messages) await story.publish(Placed, data);
  await story.settled();
  assert.equal(cents, 307);
});

test("what cannot be read is refused with its line", () => {
  const good = event({ orderId: "1", euros: 3 });
  for (const [line, code, message] of [
    ["{", "INPUT_INVALID", /^line 2 of the recording: /],
    ['{"gap":{"count":3}}', "INPUT_INVALID", /^line 2 /],
    [event({ orderId: 1, euros: 3 }), "VALIDATION_FAILED", /line 2 .*version 1/],
    [event({}, { dataschema: dataSchemaOf(9) }), "INPUT_INVALID", /version 9 .* not known here/],
    [event(undefined, { data_base64: "AP8=", datacontenttype: "x/y" }), "INPUT_INVALID", /x\/y/],
  ] as const) {
    assert.throws(() => recordedMessages(`${good}\n${line}`, [Placed]), { code, message });
  }
  const Slow = defineEvent(type, { data: z.object({}).refine(async () => true) });
  assert.throws(() => recordedMessages(good, [Slow]), { code: "INVALID_ARGUMENT" });
  const many = "{}\n".repeat(2);
  assert.throws(() => recordedMessages(many, [Placed]), { code: "INPUT_INVALID" });
});

test("a recording has a bound", () => {
  const line = `${event({ orderId: "1" }, { type: Other.type })}\n`;
  assert.deepEqual(recordedMessages(line.repeat(recordedMessagesMax), [Placed]), []);
  assert.throws(() => recordedMessages(line.repeat(recordedMessagesMax + 1), [Placed]), {
    code: "INVALID_ARGUMENT",
    message: /at most 100000 messages/,
  });
});
