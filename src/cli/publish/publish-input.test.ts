// Publishing an input: what is stored, what is reported, and that memory and interruption are
// bounded.
import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { memory } from "../../adapters/memory/index.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { systemClock } from "../../kernel/clock.ts";
import { seededRandom } from "../../kernel/random.ts";
import { toCloudEvent } from "../../message/cloud-events.ts";
import { type Envelope, envelopeAt } from "../../message/envelope.ts";
import type { Transport } from "../../ports/transport.ts";
import { AppendQueue, appendsMax, readyWaitMsMax } from "./append-queue.ts";
import {
  badRecordsKept,
  publishInput,
  type PublishResult,
  recordBytesMax,
} from "./publish-input.ts";
import {
  messageBytesMax,
  plainDataReader,
  readCloudEventRecord,
  type RecordReader,
} from "./record-message.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { withoutGaps } from "../../ports/gap.ts";

const random = seededRandom(1);

async function openMemory(t: TestContext): Promise<Transport> {
  const transport = memory();
  await transport.open({ clock: systemClock, random, name: "test" });
  t.after(() => transport.close());
  await transport.declare({ name: "in", partitions: 8, retention: {}, compression: "none" });
  return transport;
}

function publish(
  transport: Transport,
  input: string | Readable,
  read: RecordReader,
  options: { readonly skipBad?: boolean; readonly signal?: AbortSignal } = {},
): Promise<PublishResult> {
  const chunks = typeof input === "string" ? Readable.from([Buffer.from(input)]) : input;
  return publishInput({
    transport,
    channel: "in",
    source: { name: "input", bytes: undefined, chunks },
    read,
    skipBad: options.skipBad ?? false,
    clock: systemClock,
    random,
    signal: options.signal ?? new AbortController().signal,
    onProgress: () => undefined,
    onBad: () => undefined,
  });
}

async function storedIn(
  transport: Transport,
  priority: "normal" | "high" = "normal",
): Promise<Envelope[]> {
  const envelopes: Envelope[] = [];
  for await (const batch of withoutGaps(transport.read("in", { from: "earliest", priority }))) {
    for (let index = 0; index < batch.count; index++) envelopes.push(envelopeAt(batch, index));
  }
  return envelopes;
}

const orders = plainDataReader({
  type: "com.acme.order.placed",
  source: "shop",
  keyField: "order.id",
  idField: undefined,
});

test("plain data is stored exactly as written, with type, source and key", async (t) => {
  const transport = await openMemory(t);
  const lines =
    '{"order":{"id":7},"cents":1.50}\n{"order":{"id":"b"},"big":12345678901234567890}\n';
  const result = await publish(transport, lines, orders);
  assert.equal(result.stored, 2);
  const [first, second] = await storedIn(transport);
  assert.equal(first?.payload, '{"order":{"id":7},"cents":1.50}');
  assert.equal(first?.key, "7");
  assert.equal(second?.payload, '{"order":{"id":"b"},"big":12345678901234567890}');
  assert.deepEqual(
    [second?.type, second?.source, second?.version],
    ["com.acme.order.placed", "shop", 1],
  );
});

test("CloudEvents keep every attribute, their priority included", async (t) => {
  const transport = await openMemory(t);
  const event = {
    specversion: "1.0",
    id: "order-1",
    source: "/shop",
    type: "com.Acme.OrderPlaced",
    subject: "order 1",
    time: "2030-01-31T12:00:00.000Z",
    datacontenttype: "application/json",
    dataschema: "urn:spillway:contract:com.Acme.OrderPlaced:2",
    partitionkey: "1",
    priority: "high",
    region: "eu",
    data: { cents: 5 },
  };
  await publish(transport, JSON.stringify([event]), readCloudEventRecord);
  const [envelope] = await storedIn(transport, "high");
  assert.ok(envelope !== undefined);
  assert.deepEqual(toCloudEvent(envelope), event);
});

test("a repeat of an id is counted apart and not stored again", async (t) => {
  const transport = await openMemory(t);
  const read = plainDataReader({ type: "a", source: "s", keyField: undefined, idField: "id" });
  const lines = '{"id":"x"}\n{"id":"y"}\n{"id":"x"}\n';
  const first = await publish(transport, lines, read);
  assert.deepEqual([first.stored, first.repeated], [2, 1]);
  const second = await publish(transport, lines, read);
  assert.deepEqual([second.stored, second.repeated], [0, 3]);
  assert.equal((await storedIn(transport)).length, 2);
});

test("a bad line ends the run, names line and value, and says what is stored", async (t) => {
  const transport = await openMemory(t);
  const lines = '{"order":{"id":1}}\n\n{"order":{}}\n{"order":{"id":2}}\n';
  await assert.rejects(publish(transport, lines, orders), (error: SpillwayError) => {
    assert.equal(error.code, "INPUT_INVALID");
    assert.match(
      error.message,
      /^input, line 3: the --key-field 'order.id' is missing: .*\{"order":\{\}\}/,
    );
    assert.match(error.message, /\(1 message is stored\)$/);
    assert.equal(error.details["line"], 3);
    return true;
  });
  assert.equal((await storedIn(transport)).length, 1);
});

const bad: readonly (readonly [string, RegExp, RecordReader])[] = [
  ['{"a":', /not JSON/, orders],
  [
    '{"type":"x"}',
    /not a CloudEvent, because it has no specversion: give --type/,
    readCloudEventRecord,
  ],
  ['{"specversion":"1.0","id":"1","source":"s"}', /'type' is missing/, readCloudEventRecord],
  ['{"order":{"id":true}}', /'order.id' is true/, orders],
  [`{"order":{"id":1},"x":"${"y".repeat(messageBytesMax)}"}`, /at most 1048576 are stored/, orders],
  [`{"x":"${"y".repeat(recordBytesMax)}"}`, /longer than 2228224 bytes/, orders],
];
for (const [line, expected, read] of bad) {
  test(`a bad line is skipped with --continue: ${String(expected)}`, async (t) => {
    const transport = await openMemory(t);
    const good = JSON.stringify({
      specversion: "1.0",
      id: "g",
      source: "s",
      type: "t",
      data: 1,
      order: "o",
    });
    const text = read === orders ? '{"order":{"id":1}}' : good;
    const result = await publish(transport, `${line}\n${text}\n`, read, { skipBad: true });
    assert.deepEqual([result.stored, result.skipped, result.bad.length], [1, 1, 1]);
    assert.equal(result.bad[0]?.line, 1);
    assert.match(result.bad[0]?.reason ?? "", expected);
    assert.ok((result.bad[0]?.value.length ?? 0) <= 80);
  });
}

test("an id that the journal refuses is a bad line as well", async (t) => {
  const transport = await openMemory(t);
  const read = plainDataReader({ type: "a", source: "s", keyField: undefined, idField: "id" });
  const lines = '{"id":"x","n":1}\n{"id":"x","n":2}\n';
  const result = await publish(transport, lines, read, { skipBad: true });
  assert.deepEqual([result.stored, result.skipped, result.bad[0]?.line], [1, 1, 2]);
});

test("all bad lines are counted, the first few are kept", async (t) => {
  const transport = await openMemory(t);
  const lines = "nothing\n".repeat(badRecordsKept + 5);
  const result = await publish(transport, lines, orders, { skipBad: true });
  assert.deepEqual([result.skipped, result.bad.length], [badRecordsKept + 5, badRecordsKept]);
});

test("what came on a slow input is stored before the rest comes; Ctrl-C ends it", async (t) => {
  const transport = await openMemory(t);
  const input = new PassThrough();
  const stop = new AbortController();
  const done = publish(transport, input, orders, { signal: stop.signal });
  input.write('{"order":{"id":1}}\n{"order":{"id":2}}\n{"order"');
  for await (const batch of withoutGaps(transport.read("in", { from: "earliest", follow: true }))) {
    assert.equal(batch.count, 2);
    break;
  }
  stop.abort();
  const result = await done;
  assert.deepEqual([result.stored, result.interrupted], [2, true]);
  assert.equal(input.destroyed, true);
});

test("an input that fails is told as such, with what is stored", async (t) => {
  const transport = await openMemory(t);
  const input = new PassThrough();
  const done = publish(transport, input, orders);
  input.write('{"order":{"id":1}}\n');
  input.destroy(Object.assign(new Error("disk gone"), { code: "EIO" }));
  await assert.rejects(done, /cannot read input: disk gone/);
});

test("at most a few appends are under way, however fast messages come", async () => {
  let underWay = 0;
  let most = 0;
  const release: (() => void)[] = [];
  const transport = {
    isReady: true,
    append: async ([batch]: { count: number }[]) => {
      most = Math.max(most, ++underWay);
      await new Promise<void>((resolve) => release.push(resolve));
      underWay--;
      return [{ firstOffset: 0, count: batch?.count }];
    },
  } as unknown as Transport;
  const { signal } = new AbortController();
  const parts = { transport, channel: "in", clock: systemClock, random, signal };
  const queue = new AppendQueue(parts, () => assert.fail("refused"));
  const message = orders(`{"order":{"id":1},"x":"${"y".repeat(200_000)}"}`, 0);
  const adding = (async () => {
    for (let line = 1; line <= 20; line++) await queue.add(message, line);
    await queue.drain();
  })();
  let finished = false;
  void adding.then(() => (finished = true));
  while (!finished) {
    release.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(most, appendsMax);
  assert.equal(queue.stored, 20);
});

/** A transport that took one batch, and takes nothing since. */
function goneAfterOne(): Transport {
  let isReady = true;
  return {
    get isReady() {
      return isReady;
    },
    health: () => ({ status: "failed", reasons: ["the directory is gone"] }),
    ready: (signal: AbortSignal) =>
      new Promise((_, reject) => {
        const onAbort = (): void => reject(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        if (signal.aborted) onAbort();
      }),
    append: async () => {
      isReady = false;
      return [{ firstOffset: 0 }];
    },
  } as unknown as Transport;
}

async function publishToGone(clock: VirtualClock, signal: AbortSignal): Promise<unknown> {
  const parts = { transport: goneAfterOne(), channel: "in", clock, random, signal };
  const queue = new AppendQueue(parts, () => assert.fail("refused"));
  await queue.add(orders('{"order":{"id":1}}', 0), 1);
  await queue.drain();
  await queue.add(orders('{"order":{"id":2}}', 0), 2);
  return queue.drain().catch((error: unknown) => error);
}

test("a journal that takes nothing is waited for 30 s, then what was stored is said", async () => {
  const clock = new VirtualClock();
  const ended = publishToGone(clock, new AbortController().signal);
  await clock.advance(readyWaitMsMax - 1);
  assert.equal(await Promise.race([ended, Promise.resolve("waits")]), "waits");
  await clock.advance(1);
  const error = await ended;
  assert.ok(error instanceof SpillwayError);
  assert.equal(error.code, "TRANSPORT_FAILED");
  assert.match(error.message, /directory is gone.*for 30 s; 1 message for 'in' had been stored/);
});

test("whoever interrupts meanwhile does not wait", async () => {
  const controller = new AbortController();
  const ended = publishToGone(new VirtualClock(), controller.signal);
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort();
  assert.match(String(await ended), /while it waited; 1 message for 'in' had been stored/);
});
