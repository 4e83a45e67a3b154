// Reading the logs of a channel as one sequence, and the lines that are printed of it.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { capturedIo } from "../../../test/integration/cli-io.ts";
import { memory } from "../../adapters/memory/index.ts";
import { seededRandom } from "../../kernel/random.ts";
import { fromCloudEvent } from "../../message/cloud-events.ts";
import { priorities, type Priority } from "../../message/envelope.ts";
import { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { StartPosition, Transport } from "../../ports/transport.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { readLanes } from "./lane-reader.ts";
import { TailPrinter, type TailOptions } from "./tail-printer.ts";
import { isGap } from "../../ports/gap.ts";

const random = seededRandom(1);
const everything: TailOptions = { json: false, type: undefined, key: undefined, countMax: 1_000 };

interface Fixture {
  readonly transport: Transport;
  readonly clock: VirtualClock;
  add(priority: Priority, payload: string, type?: string, key?: string): Promise<void>;
}

async function fixture(t: TestContext): Promise<Fixture> {
  const clock = new VirtualClock();
  const transport = memory();
  await transport.open({ clock, random, name: "test" });
  t.after(() => transport.close());
  await transport.declare({ name: "in", partitions: 8, retention: {}, compression: "none" });
  return {
    transport,
    clock,
    async add(priority, payload, type = "a", key) {
      await clock.advance(1_000);
      const batch = new OutgoingBatch("in", priority, random);
      const template = { type, version: 1, source: "s", contentType: "application/json" };
      batch.add(template, payload, clock.wallMs(), key);
      await transport.append([batch]);
    },
  };
}

async function payloadsOf(
  transport: Transport,
  lanes: readonly Priority[],
  from: StartPosition,
): Promise<string[]> {
  const payloads: string[] = [];
  const { signal } = new AbortController();
  await readLanes(
    transport,
    { channel: "in", lanes, from, follow: false, signal },
    async (batch) => {
      if (isGap(batch)) assert.fail("a gap");
      for (let index = 0; index < batch.count; index++) payloads.push(batch.payloadTextAt(index));
    },
  );
  return payloads;
}

test("several priorities are merged by the time of storing", async (t) => {
  const { transport, clock, add } = await fixture(t);
  await add("low", "1");
  await add("high", "2");
  const middleMs = clock.wallMs() + 1;
  await add("normal", "3");
  await add("high", "4");
  assert.deepEqual([...(await payloadsOf(transport, ["high"], "earliest"))], ["2", "4"]);
  assert.deepEqual(await payloadsOf(transport, priorities, { timeMs: middleMs }), ["3", "4"]);
  assert.deepEqual(await payloadsOf(transport, ["normal"], { offset: 0 }), ["3"]);
  assert.deepEqual(await payloadsOf(transport, priorities, "latest"), []);
});

test("following gives what is stored and then what comes, each message once", async (t) => {
  const { transport, add } = await fixture(t);
  await add("normal", "1");
  await add("high", "2");
  const seen: string[] = [];
  const stop = new AbortController();
  const following = readLanes(
    transport,
    { channel: "in", lanes: priorities, from: "earliest", follow: true, signal: stop.signal },
    async (batch) => {
      if (isGap(batch)) assert.fail("a gap");
      for (let index = 0; index < batch.count; index++) seen.push(batch.payloadTextAt(index));
      if (seen.length === 2) void add("high", "3").then(() => add("low", "4"));
      if (seen.length === 4) stop.abort();
    },
  );
  await following;
  assert.deepEqual([...seen].sort(), ["1", "2", "3", "4"]);
});

async function printed(t: TestContext, options: Partial<TailOptions>): Promise<string[]> {
  const { transport, add } = await fixture(t);
  await add("normal", '{"n":1}', "com.acme.a", "k1");
  await add("normal", '{"n":2}', "com.acme.b", "k1");
  await add("high", '{"n":"\u009B2J"}', "com.acme.a", "k2");
  const io = capturedIo();
  const printer = new TailPrinter(io.stdout, { ...everything, ...options });
  const { signal } = new AbortController();
  const reading = {
    channel: "in",
    lanes: priorities,
    from: "earliest",
    follow: false,
    signal,
  } as const;
  await readLanes(transport, reading, async (batch) => {
    if (!isGap(batch)) await printer.print(batch);
  });
  return io.text().trimEnd().split("\n");
}

test("lines show time, offset, type, key and data, without control characters", async (t) => {
  assert.deepEqual(await printed(t, {}), [
    '2026-01-01T00:00:01.000Z  0  com.acme.a  k1  {"n":1}',
    '2026-01-01T00:00:02.000Z  1  com.acme.b  k1  {"n":2}',
    '2026-01-01T00:00:03.000Z  0 high  com.acme.a  k2  {"n":" 2J"}',
  ]);
});

test("type, key and limit choose", async (t) => {
  const data = (lines: readonly string[]): (string | undefined)[] =>
    lines.map((line) => line.split("  ").at(-1));
  assert.deepEqual(data(await printed(t, { type: "com.acme.b" })), ['{"n":2}']);
  assert.deepEqual(data(await printed(t, { key: "k2" })), ['{"n":" 2J"}']);
  assert.deepEqual(data(await printed(t, { countMax: 2 })), ['{"n":1}', '{"n":2}']);
  assert.deepEqual(await printed(t, { type: "com.acme.b", key: "k2" }), [""]);
});

test("as JSON each line is a CloudEvent that can be published again", async (t) => {
  const lines = await printed(t, { json: true });
  const envelopes = lines.map((line) => fromCloudEvent(JSON.parse(line), { receivedAtMs: 0 }));
  assert.deepEqual(
    envelopes.map(({ type, key, priority, payload }) => [type, key, priority, payload]),
    [
      ["com.acme.a", "k1", "normal", '{"n":1}'],
      ["com.acme.b", "k1", "normal", '{"n":2}'],
      ["com.acme.a", "k2", "high", '{"n":"\u009B2J"}'],
    ],
  );
});
