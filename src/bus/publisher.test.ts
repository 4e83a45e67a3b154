// The publisher: gathering, order, bounds, abort signals and what a failed append answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory } from "../adapters/memory/index.ts";
import { defineEvent } from "../contracts/event.ts";
import type { EncodedMessage } from "../delivery/outgoing-encoder.ts";
import { BackPressureError, ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import { seededRandom } from "../kernel/random.ts";
import type { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { AppendResult, Transport } from "../ports/transport.ts";
import { ChannelCounters } from "../telemetry/counters.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import type { PublishOptions } from "./publish-options.ts";
import { appendsMax, Publisher, type PublisherOptions } from "./publisher.ts";
import type { Receipt } from "./receipt.ts";

const Noted = defineEvent("noted", {
  data: { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } },
});

interface Append {
  readonly batches: readonly OutgoingBatch[];
  resolve(results?: readonly AppendResult[]): void;
  reject(error: unknown): void;
}

/** A transport that answers each append when the test says so. */
class HeldTransport {
  readonly appends: Append[] = [];
  isReady = true;
  becomeReady: () => void = () => undefined;

  append(batches: readonly OutgoingBatch[]): Promise<readonly AppendResult[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly AppendResult[]>();
    const stored = batches.map(() => ({ firstOffset: 0 }));
    this.appends.push({ batches, resolve: (results) => resolve(results ?? stored), reject });
    return promise;
  }

  ready(signal?: AbortSignal): Promise<void> {
    if (this.isReady) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.becomeReady = resolve;
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  }
}

interface Bench {
  readonly clock: VirtualClock;
  readonly transport: HeldTransport;
  readonly publisher: Publisher;
  readonly counters: ChannelCounters;
  publish(text: string, options?: PublishOptions): Promise<Receipt>;
}

function bench(options: Partial<PublisherOptions> = {}): Bench {
  const clock = new VirtualClock();
  const transport = new HeldTransport();
  const counters = new ChannelCounters();
  const encode = (_contract: unknown, data: unknown, given?: PublishOptions): EncodedMessage => ({
    channel: "notes",
    priority: given?.priority ?? "normal",
    template: { type: "noted", version: 1, source: "test", contentType: "application/json" },
    payload: String(data),
    wallMs: clock.wallMs(),
    key: undefined,
    attributes: undefined,
    id: given?.id,
    dueAtMs: given?.delayMs === undefined ? undefined : clock.wallMs() + given.delayMs,
  });
  const publisher = new Publisher({
    transport: transport as unknown as Transport,
    clock,
    random: seededRandom(1),
    encoder: { encode },
    pendingMax: 10_000,
    pendingBytesMax: 1_000_000,
    batchDelayMs: 0,
    countersOf: () => counters,
    waitsFor: () => false,
    ...options,
  });
  const publish = (text: string, given?: PublishOptions): Promise<Receipt> => {
    const waiter = Promise.withResolvers<Receipt>();
    publisher.publish("notes", Noted, text, given, waiter);
    return waiter.promise;
  };
  return { clock, transport, publisher, counters, publish };
}

function rejects(promise: Promise<unknown>, code: string, certainty: string): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof SpillwayError);
    assert.deepEqual([error.code, error.certainty], [code, certainty]);
    return true;
  });
}

test("publishes of one turn are one append; receipts number them in order", async () => {
  const { clock, transport, publish, publisher, counters } = bench();
  const receipts = [publish("a"), publish("b"), publish("c")];
  assert.equal(transport.appends.length, 0);
  await clock.settle();
  assert.equal(transport.appends.length, 1);
  transport.appends[0]?.resolve([{ firstOffset: 40 }]);
  const stored = await Promise.all(receipts);
  assert.deepEqual(
    stored.map((receipt) => receipt.offset),
    [40, 41, 42],
  );
  assert.equal(new Set(stored.map((receipt) => receipt.id)).size, 3);
  assert.equal(stored[0]?.id, transport.appends[0]?.batches[0]?.idAt(0));
  assert.deepEqual([publisher.budget.count, publisher.budget.bytes, counters.published], [0, 0, 3]);
});

test("at most appendsMax appends are under way; what gathers meanwhile goes together", async () => {
  const { clock, transport, publish } = bench();
  for (let append = 0; append < appendsMax; append++) {
    void publish(`first ${append}`);
    await clock.settle();
  }
  const later = ["c", "d", "e"].map((text) => publish(text));
  await clock.settle();
  assert.equal(transport.appends.length, appendsMax);
  transport.appends[0]?.resolve();
  await clock.settle();
  assert.deepEqual(transport.appends[appendsMax]?.batches[0]?.payloads, ["c", "d", "e"]);
  transport.appends[appendsMax]?.resolve();
  await Promise.all(later);
});

test("a batch delay gathers longer, but a full batch goes at once", async () => {
  const { clock, transport, publish } = bench({ batchDelayMs: 50 });
  void publish("a");
  await clock.advance(49);
  void publish("b");
  assert.equal(transport.appends.length, 0);
  await clock.advance(1);
  assert.deepEqual(transport.appends[0]?.batches[0]?.payloads, ["a", "b"]);
  for (let index = 0; index < 1_000; index++) void publish("x");
  await clock.settle();
  assert.equal(transport.appends[1]?.batches[0]?.count, 1_000);
});

test("lanes and delayed messages are batches of their own, each in order", async () => {
  const { clock, transport, publish } = bench();
  const dueAtMs = clock.wallMs() + 500;
  void publish("a");
  void publish("b", { priority: "high" });
  void publish("c", { delayMs: 500 });
  void publish("d");
  await clock.settle();
  const batches = transport.appends[0]?.batches ?? [];
  assert.deepEqual(
    batches.map((batch) => [batch.priority, batch.payloads, batch.dueAtMs]),
    [
      ["normal", ["a", "d"], undefined],
      ["high", ["b"], undefined],
      ["normal", ["c"], [dueAtMs]],
    ],
  );
});

test("a full batch is handed over at once, while the turn that fills it goes on", async () => {
  const { clock, transport, publish } = bench();
  const full = Array.from({ length: 1_000 }, (_, index) => publish(String(index)));
  assert.deepEqual(
    transport.appends.map(({ batches }) => batches.map(({ count }) => count)),
    [[1_000]],
  );
  const rest = Array.from({ length: 500 }, (_, index) => publish(String(1_000 + index)));
  assert.equal(transport.appends.length, 1);
  await clock.settle();
  const [second] = transport.appends[1]?.batches ?? [];
  assert.deepEqual([second?.count, second?.payloads[0]], [500, "1000"]);
  transport.appends[1]?.resolve([{ firstOffset: 1_000 }]);
  transport.appends[0]?.resolve([{ firstOffset: 0 }]);
  assert.equal((await Promise.all([...full, ...rest])).at(-1)?.offset, 1_499);
});

test("a batch is full as well when no further message of its kind would fit", async () => {
  const { transport, publish } = bench();
  const large = "x".repeat(100_000);
  const receipts = [publish(large), publish(large)];
  assert.deepEqual(
    transport.appends.map(({ batches }) => batches.map(({ count }) => count)),
    [[2]],
  );
  transport.appends[0]?.resolve();
  await Promise.all(receipts);
});

test("no more appends are under way than the limit, full batches or not", async () => {
  const { clock, transport, publish } = bench();
  const receipts = Array.from({ length: 6_500 }, (_, index) => publish(String(index)));
  await clock.settle();
  assert.equal(transport.appends.length, appendsMax);
  for (let answered = 0; answered < transport.appends.length; answered++) {
    const { batches, resolve } = transport.appends[answered] as (typeof transport.appends)[0];
    const bases = batches.map(({ payloads }) => ({ firstOffset: Number(payloads[0]) }));
    resolve(bases);
    await clock.settle();
  }
  const offsets = (await Promise.all(receipts)).map(({ offset }) => offset);
  assert.ok(offsets.every((offset, index) => offset === index));
});

test("exceptions answer their own messages only", async () => {
  const { clock, transport, publish, counters } = bench();
  const [first, repeat, reused, last] = [
    publish("a"),
    publish("b", { id: "one" }),
    publish("c", { id: "two" }),
    publish("d"),
  ];
  await clock.settle();
  const exceptions = new Map<number, { offset: number } | SpillwayError>([
    [1, { offset: 3 }],
    [2, new SpillwayError("ID_REUSED", "other content")],
  ]);
  transport.appends[0]?.resolve([{ firstOffset: 7, exceptions }]);
  assert.equal((await first).offset, 7);
  assert.deepEqual(
    { ...(await repeat).toJSON() },
    {
      id: "one",
      channel: "notes",
      priority: "normal",
      offset: 3,
      duplicate: true,
    },
  );
  await assert.rejects(reused, { code: "ID_REUSED", details: { channel: "notes", id: "two" } });
  assert.equal((await last).offset, 8);
  assert.deepEqual([counters.published, counters.duplicates, counters.rejected], [2, 1, 1]);
});

test("a rejected append rejects exactly its messages, by id and with its certainty", async () => {
  const { clock, transport, publish, publisher } = bench();
  const failed = publish("a", { id: "mine" });
  await clock.settle();
  const fine = publish("b");
  await clock.settle();
  transport.appends[0]?.reject(new SpillwayError("JOURNAL_IO", "disk"));
  transport.appends[1]?.resolve();
  await assert.rejects(failed, {
    code: "JOURNAL_IO",
    certainty: "indefinite",
    details: { channel: "notes", id: "mine" },
  });
  assert.equal((await fine).duplicate, false);
  const unexplained = publish("c");
  await clock.settle();
  transport.appends[2]?.reject(new Error("boom"));
  await rejects(unexplained, "TRANSPORT_FAILED", "indefinite");
  assert.equal(publisher.budget.count, 0);
});

test("publishes beyond pendingMax are refused before anything is kept", async () => {
  const { clock, transport, publish, publisher } = bench({ pendingMax: 3 });
  const kept = ["a", "b", "c"].map((text) => publish(text));
  await assert.rejects(publish("d"), (error) => {
    assert.ok(error instanceof BackPressureError);
    assert.match(error.message, /pendingMax 3/);
    return error.certainty === "definite";
  });
  await clock.settle();
  await assert.rejects(publish("e"), BackPressureError);
  transport.appends[0]?.resolve();
  await Promise.all(kept);
  assert.equal(publisher.budget.count, 0);
  void publish("f");
  assert.equal(publisher.budget.count, 1);
});

test("publishes beyond pendingBytesMax are refused; a single large one is not", async () => {
  const { clock, transport, publish, publisher } = bench({ pendingBytesMax: 1_000 });
  const large = publish("x".repeat(5_000));
  await assert.rejects(publish("y"), BackPressureError);
  await clock.settle();
  transport.appends[0]?.resolve();
  await large;
  void publish("x".repeat(600));
  await assert.rejects(publish("x".repeat(600)), BackPressureError);
  assert.equal(publisher.budget.count, 1);
});

test("publishers wait while the transport is not ready, until they are too many", async () => {
  const { clock, transport, publish } = bench({ pendingMax: 2 });
  transport.isReady = false;
  const waiting = [publish("a"), publish("b")];
  await clock.settle();
  assert.equal(transport.appends.length, 0);
  await assert.rejects(publish("c"), BackPressureError);
  transport.becomeReady();
  await clock.settle();
  transport.appends[0]?.resolve();
  await Promise.all(waiting);
});

test("a signal removes a queued message for sure; later it is indefinite", async () => {
  const { clock, transport, publish, publisher } = bench();
  const before = new AbortController();
  const removed = publish("a", { signal: before.signal });
  const stays = publish("b");
  before.abort(new Error("changed my mind"));
  await rejects(removed, "ABORTED", "definite");
  await rejects(publish("c", { signal: before.signal }), "ABORTED", "definite");
  const after = new AbortController();
  const unsure = publish("d", { signal: after.signal });
  await clock.settle();
  assert.deepEqual(transport.appends[0]?.batches[0]?.payloads, ["b", "d"]);
  after.abort();
  await rejects(unsure, "ABORTED", "indefinite");
  assert.equal(publisher.budget.count, 2);
  transport.appends[0]?.resolve();
  await stays;
  assert.deepEqual([publisher.budget.count, publisher.budget.bytes], [0, 0]);
});

test("messages that are encoded slowly keep their place in the channel", async () => {
  const slow = Promise.withResolvers<void>();
  const { publisher, transport, clock } = bench({
    encoder: {
      encode: (_contract, data) => {
        const encoded = {
          channel: "notes",
          priority: "normal",
          template: { type: "noted", version: 1, source: "t", contentType: "text/plain" },
          payload: String(data),
          wallMs: 0,
          key: undefined,
          attributes: undefined,
          id: undefined,
          dueAtMs: undefined,
        } as const;
        if (data === "bad") return slow.promise.then(() => Promise.reject(new Error("invalid")));
        return data === "slow" ? slow.promise.then(() => encoded) : encoded;
      },
    },
  });
  const waiters = ["slow", "bad", "fast"].map((data) => {
    const waiter = Promise.withResolvers<Receipt>();
    publisher.publish("notes", Noted, data, undefined, waiter);
    return waiter.promise;
  });
  await clock.settle();
  assert.deepEqual([transport.appends.length, publisher.budget.count], [0, 3]);
  slow.resolve();
  await assert.rejects(waiters[1] as Promise<Receipt>, /invalid/);
  await clock.settle();
  assert.deepEqual(transport.appends[0]?.batches[0]?.payloads, ["slow", "fast"]);
  transport.appends[0]?.resolve();
  await Promise.all([waiters[0], waiters[2]]);
  assert.equal(publisher.budget.count, 0);
});

test("drain waits for what was accepted and refuses what comes later", async () => {
  const { clock, transport, publish, publisher } = bench({ batchDelayMs: 10_000 });
  const accepted = publish("a");
  const drained = publisher.drain(clock.monotonicMs() + 5_000);
  await assert.rejects(publish("b"), ClosedError);
  await clock.settle();
  transport.appends[0]?.resolve();
  await accepted;
  assert.equal(await drained, true);
});

test("a drain that is too late refuses the queue for sure, and what is under way not", async () => {
  const { clock, transport, publish, publisher } = bench();
  const underWay = publish("a");
  await clock.settle();
  transport.isReady = false;
  const queued = publish("b");
  const answers = Promise.all([
    rejects(underWay, "CLOSED", "indefinite"),
    rejects(queued, "CLOSED", "definite"),
  ]);
  const drained = publisher.drain(clock.monotonicMs() + 5_000);
  await clock.advance(5_000);
  assert.equal(await drained, false);
  await answers;
  assert.equal(publisher.budget.count, 0);
});

test("ten thousand publishes reach a real transport in order", async () => {
  const transport = memory();
  const clock = new VirtualClock();
  await transport.open({ clock, random: seededRandom(2), name: "test" });
  await transport.declare({ name: "notes", partitions: 1, retention: {}, compression: "none" });
  const { publish } = bench({ transport });
  const receipts = await Promise.all(
    Array.from({ length: 10_000 }, (_, index) => publish(String(index))),
  );
  assert.ok(receipts.every((receipt, index) => receipt.offset === index));
});
