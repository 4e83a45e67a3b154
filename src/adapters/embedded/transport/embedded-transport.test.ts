import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { delay, systemClock } from "../../../kernel/clock.ts";
import { systemRandom } from "../../../kernel/random.ts";
import { OutgoingBatch } from "../../../message/outgoing-batch.ts";
import type { Consumer, DeliveryBatch, Transport } from "../../../ports/transport.ts";
import { embedded, type EmbeddedOptions } from "../index.ts";
import { openConnection } from "../journal/connection.ts";
import { databasePath } from "../journal/directory.ts";
import { resolveOptions } from "../options.ts";
import { bellFolder, bellsIn, socketPathBytesMax } from "./doorbell-path.ts";
import { EmbeddedTransport } from "./embedded-transport.ts";
import { isGap } from "../../../ports/gap.ts";
import { createThreadEngine } from "./thread-engine.ts";

const environment = { clock: systemClock, random: systemRandom, name: "test" };
const template = { type: "a.b", version: 1, source: "test", contentType: "text/plain" };
const never = new AbortController().signal;

const transports = new WeakMap<TestContext, Transport[]>();

/** A directory that is removed after the test's transports were closed. */
function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "embedded-"));
  t.after(async () => {
    for (const transport of transports.get(t) ?? []) await transport.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

async function opened(
  t: TestContext,
  directory: string,
  options: Partial<EmbeddedOptions> = {},
): Promise<Transport> {
  const transport = embedded({ directory, ...options });
  transports.set(t, [...(transports.get(t) ?? []), transport]);
  await transport.open(environment);
  return transport;
}

async function declare(transport: Transport, name: string, partitions = 1): Promise<void> {
  await transport.declare({ name, partitions, retention: {}, compression: "none" });
}

function batchOf(channel: string, payloads: readonly string[], key?: string): OutgoingBatch {
  const batch = new OutgoingBatch(channel, "normal", systemRandom);
  for (const payload of payloads) batch.add(template, payload, 1_000, key ?? payload);
  return batch;
}

function joined(transport: Transport, channel: string, group: string): Promise<Consumer> {
  return transport.consume({ channel, group, from: "earliest", types: undefined });
}

function settlementOf(batch: DeliveryBatch) {
  return {
    batch,
    records: batch.records,
    outcomes: batch.records.map(() => ({ kind: "ack" }) as const),
  };
}

test("a hundred groups each get every message of one channel", async (t) => {
  const transport = await opened(t, directoryOf(t), { durability: "relaxed" });
  await declare(transport, "one", 4);
  const payloads = Array.from({ length: 500 }, (_, index) => `m-${index}`);
  const half = payloads.length / 2;
  await transport.append([batchOf("one", payloads.slice(0, half))]);
  const groups = Array.from({ length: 100 }, (_, index) => `group-${index}`);
  const readers = groups.map(async (group) => {
    const consumer = await joined(transport, "one", group);
    const seen: string[] = [];
    for (let sequence = 1; seen.length < payloads.length; sequence++) {
      const batch = await consumer.next(200, never);
      assert.ok(batch);
      for (const record of batch.records) seen.push(batch.stored.payloadTextAt(record));
      const settlements = [settlementOf(batch)];
      const result = await consumer.commit({ sequence, settlements, publishes: [], state: [] });
      assert.equal(result.kind, "committed");
    }
    return seen;
  });
  await transport.append([batchOf("one", payloads.slice(half))]);
  for (const seen of await Promise.all(readers)) assert.deepEqual(seen, payloads);
  const [stats] = await transport.stats();
  assert.equal(stats?.groups.length, 100);
  assert.ok(stats.groups.every(({ depth }) => depth === 0));
});

test("publishers wait while a reader keeps the log from shrinking", async (t) => {
  const directory = directoryOf(t);
  const walBytesMax = 2_097_152;
  const transport = await opened(t, directory, { walBytesMax, durability: "relaxed" });
  await declare(transport, "one");
  await transport.append([batchOf("one", ["first"])]);
  const options = { clock: systemClock, durability: "relaxed", busyTimeoutMs: 1_000 } as const;
  const reader = openConnection(directory, "reader", options);
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM batch").get();
  const large = "x".repeat(100_000);
  for (let batch = 0; transport.health().status === "ok"; batch++) {
    assert.ok(batch < 100, "the journal never said that its log is too large");
    await transport.append([batchOf("one", [large])]);
  }
  assert.equal(transport.health().status, "degraded");
  assert.match(transport.health().reasons.join(), /write-ahead log/);
  let passed = false;
  const ready = transport.ready().then(() => {
    passed = true;
  });
  await delay(systemClock, 150);
  assert.equal(passed, false, "ready() waits");
  const consumer = await joined(transport, "one", "group");
  const batch = await consumer.next(1, never);
  assert.ok(batch);
  const settlements = [settlementOf(batch)];
  const unit = { sequence: 1, settlements, publishes: [], state: [] };
  assert.equal((await consumer.commit(unit)).kind, "committed", "settlements go on");
  reader.close();
  await ready;
  assert.deepEqual(transport.health(), { status: "ok", reasons: [] });
});

test("cursors follow past messages of other members", async (t) => {
  const directory = directoryOf(t);
  const transport = await opened(t, directory);
  await declare(transport, "one", 2);
  const consumers = [
    await joined(transport, "one", "group"),
    await joined(transport, "one", "group"),
  ];
  const waiting = consumers.map((consumer) => consumer.next(1_000, never));
  await transport.append([
    batchOf(
      "one",
      Array.from({ length: 50 }, () => "same key"),
      "key",
    ),
  ]);
  const first = await Promise.race(waiting);
  assert.equal(first?.records.length, 50);
  const options = { clock: systemClock, durability: "fsync", busyTimeoutMs: 1_000 } as const;
  const reader = openConnection(directory, "reader", options);
  t.after(() => reader.close());
  const cursors = (): unknown[] =>
    reader
      .prepare("SELECT position FROM cursor ORDER BY range")
      .all()
      .map((row) => row["position"]);
  // The other member settles nothing, and yet its range goes on.
  while (!cursors().includes(50)) await delay(systemClock, 20);
  assert.deepEqual(cursors(), [50]);
});

test("a directory that is no journal is refused, and no thread is left", async (t) => {
  const directory = directoryOf(t);
  writeFileSync(
    databasePath(directory),
    "not a database, but long enough to look like one".repeat(50),
  );
  const transport = embedded({ directory });
  await assert.rejects(transport.open(environment), { code: "JOURNAL_FORMAT" });
  await assert.rejects(transport.append([batchOf("one", ["x"])]), { code: "CLOSED" });
  await transport.close();
});

test("one transport is opened once", async (t) => {
  const transport = await opened(t, directoryOf(t));
  await assert.rejects(transport.open(environment), { code: "INVALID_ARGUMENT" });
  assert.equal(transport.health().status, "ok");
});

test("a directory with a long path works between processes too", async (t) => {
  const directory = join(directoryOf(t), "d".repeat(socketPathBytesMax));
  mkdirSync(directory);
  t.after(() => rmSync(bellFolder(directory), { recursive: true, force: true }));
  const first = await opened(t, directory);
  const second = await opened(t, directory);
  assert.equal(bellsIn(bellFolder(directory)).length, 2);
  await declare(first, "one");
  const consumer = await joined(second, "one", "group");
  const waiting = consumer.next(1, never);
  await first.append([batchOf("one", ["m"])]);
  assert.equal((await waiting)?.records.length, 1);
  await first.close();
  await second.close();
  assert.deepEqual(bellsIn(bellFolder(directory)), []);
});

/** The real writer thread, but it dies once it declared channel "fatal". */
const mortalWriter = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    import ${JSON.stringify(new URL("writer-thread.ts", import.meta.url).href)};
    parentPort.on("message", ({ kind, request }) => {
      if (kind === "declare" && request.channel.name === "fatal") process.exit(7);
    });
  `)}`,
);

test("a writer thread that dies interrupts the transport, which opens itself again", async (t) => {
  const options = resolveOptions({ directory: directoryOf(t) });
  const transport = new EmbeddedTransport(options, () => createThreadEngine(mortalWriter));
  transports.set(t, [transport]);
  await transport.open(environment);
  await declare(transport, "one");
  const [consumer, other] = [
    await joined(transport, "one", "group"),
    await joined(transport, "one", "other"),
  ];
  const stopped = { code: "JOURNAL_STOPPED", certainty: "indefinite" };
  const interrupted = { code: "TRANSPORT_INTERRUPTED", certainty: "definite" };
  const following = (async () => {
    for await (const batch of transport.read("one", { from: "earliest", follow: true })) {
      if (!isGap(batch)) return batch.payloadTextAt(0);
    }
    return "nothing";
  })();
  const waiting = [
    assert.rejects(consumer.next(1, never), interrupted),
    declare(transport, "fatal").catch(() => undefined),
    other.close(),
    assert.rejects(transport.append([batchOf("one", ["x"])]), stopped),
  ];
  await Promise.all(waiting);
  assert.equal(transport.health().status, "failed");
  assert.match(transport.health().reasons.join(), /trying to open the journal again/);
  assert.equal(transport.isReady, false);
  const unit = { sequence: 1, settlements: [], publishes: [], state: [] };
  await assert.rejects(consumer.commit(unit), interrupted);
  await assert.rejects(transport.stats(), interrupted);
  const [appended] = await transport.append([batchOf("one", ["y"])]);
  assert.ok(appended !== undefined && appended.firstOffset >= 0);
  assert.equal(await following, "y");
  assert.deepEqual(transport.health(), { status: "ok", reasons: [] });
  const again = await joined(transport, "one", "group");
  assert.equal((await again.next(1, never))?.records.length, 1);
});

test("a consumer that joins while the transport closes is closed with it", async (t) => {
  const transport = await opened(t, directoryOf(t));
  await declare(transport, "orders");
  const joining = joined(transport, "orders", "billing");
  const closing = transport.close();
  const consumer = await joining.catch(() => undefined);
  await closing;
  if (consumer === undefined) return;
  assert.equal(await consumer.next(1, AbortSignal.timeout(1_000)), undefined);
  await assert.rejects(
    consumer.commit({ sequence: 1, settlements: [], publishes: [], state: [] }),
    {
      code: "CLOSED",
    },
  );
});
