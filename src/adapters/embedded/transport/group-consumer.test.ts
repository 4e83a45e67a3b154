import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Clock } from "../../../kernel/clock.ts";
import { systemRandom } from "../../../kernel/random.ts";
import { OutgoingBatch } from "../../../message/outgoing-batch.ts";
import type { CommitResult } from "../../../ports/commit-unit.ts";
import type { DeliveryBatch } from "../../../ports/transport.ts";
import type { Engine } from "../journal/engine.ts";
import { ChannelFeed } from "./channel-feed.ts";
import { ChannelRooms } from "./channel-rooms.ts";
import type { GroupCommit, UnitHead } from "./group-commit.ts";
import { cursorAdvanceMs, GroupConsumer } from "./group-consumer.ts";
import type { BatchReader } from "./reader.ts";

const template = { type: "a.b", version: 1, source: "test", contentType: "application/json" };
const never = new AbortController().signal;
const batchMessages = 4;
const committed: CommitResult = { kind: "committed", appended: [], version: 1 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A consumer of one range whose units, requests and timers are in the test's hands. */
function consumerOf() {
  const units: {
    head: UnitHead;
    answer: (result: CommitResult) => void;
    fail: (error: Error) => void;
  }[] = [];
  const requests: [string, unknown][] = [];
  const timers: { delayMs: number; action: () => void }[] = [];
  const feed = new ChannelFeed();
  const consumer = new GroupConsumer(
    {
      clock: {
        soon: setImmediate,
        after: (delayMs: number, action: () => void) => {
          timers.push({ delayMs, action });
          return () => undefined;
        },
      } as unknown as Clock,
      engine: {
        request: (kind: string, request: unknown) => {
          requests.push([kind, request]);
          return Promise.resolve(null);
        },
      } as unknown as Engine,
      groupCommit: {
        commit: (head: UnitHead) =>
          new Promise<CommitResult>((answer, fail) => units.push({ head, answer, fail })),
      } as unknown as GroupCommit,
      reader: {
        at: (_channel: string, _priority: string, offset: number) => {
          const base = offset - (offset % batchMessages);
          const offsetAt = (index: number): number => base + index;
          return { base, count: batchMessages, slotAt: () => 0, offsetAt };
        },
      } as unknown as BatchReader,
      feed,
      rooms: new ChannelRooms(),
      assertChannel: (channel) => {
        if (channel !== "known") throw new SpillwayError("UNKNOWN_CHANNEL", channel);
      },
    },
    { channel: "one", group: "group", member: 7, partitions: 1 },
  );
  consumer.granted([{ range: 0, epoch: 3, cursors: [], open: [] }]);
  let sequence = 0;
  const ack = (batch: DeliveryBatch): Promise<CommitResult> => {
    const outcomes = batch.records.map(() => ({ kind: "ack" }) as const);
    const settlements = [{ batch, records: batch.records, outcomes }];
    return consumer.commit({ sequence: ++sequence, settlements, publishes: [], state: [] });
  };
  const next = async (): Promise<DeliveryBatch> => {
    const batch = await consumer.next(batchMessages, never);
    assert.ok(batch);
    return batch;
  };
  return { consumer, units, requests, timers, feed, ack, next };
}

test("units carry the epoch of fetching, the cursor, and rising sequences", async () => {
  const { units, feed, ack, next } = consumerOf();
  feed.advance(1, 8);
  const results = [ack(await next()), ack(await next())];
  const heads = units.map(({ head }) => head);
  assert.deepEqual(
    heads.map(({ member, generation, sequence, fences, cursors }) => {
      return { member, generation, sequence, fences, cursors };
    }),
    [4, 8].map((position, index) => ({
      member: 7,
      generation: 1,
      sequence: index + 1,
      fences: [{ range: 0, epoch: 3 }],
      cursors: [{ priority: "normal", range: 0, position }],
    })),
  );
  for (const { answer } of units) answer(committed);
  assert.deepEqual(await Promise.all(results), [committed, committed]);
});

test("after a refused unit nothing is sent until resume, then with a new generation", async () => {
  const { consumer, units, feed, ack, next } = consumerOf();
  feed.advance(1, 8);
  const [first, second] = [await next(), await next()];
  const results = [ack(first), ack(second)];
  units[0]?.answer({ kind: "conflict", table: "t", key: "k" });
  assert.equal((await results[0])?.kind, "conflict");
  assert.deepEqual(await ack(first), { kind: "poisoned" });
  assert.equal(units.length, 2, "nothing was sent");
  units[1]?.answer({ kind: "poisoned" });
  assert.equal((await results[1])?.kind, "poisoned");
  consumer.resume();
  const again = ack(second);
  assert.equal(units[2]?.head.generation, 2);
  assert.deepEqual(units[2].head.cursors, [{ priority: "normal", range: 0, position: 8 }]);
  assert.equal(units[2].head.open.length, 1, "the first batch is listed as in flight");
  units[2].answer(committed);
  assert.deepEqual(await again, committed);
});

test("a transaction that fails hands everything back like a refusal", async () => {
  const { consumer, units, feed, ack, next } = consumerOf();
  feed.advance(1, 4);
  const batch = await next();
  const failed = ack(batch);
  units[0]?.fail(new SpillwayError("JOURNAL_BUSY", "busy"));
  await assert.rejects(failed, { code: "JOURNAL_BUSY" });
  assert.ok(consumer.owns(batch, 0));
  assert.deepEqual(await ack(batch), { kind: "poisoned" });
  consumer.resume();
  const again = ack(batch);
  units[1]?.answer(committed);
  assert.deepEqual(await again, committed);
});

test("what cannot be stored is refused before anything is sent, and poisons nothing", async () => {
  const { consumer, units } = consumerOf();
  const publishes = [{ channel: "nowhere" } as never];
  const unit = { sequence: 1, settlements: [], publishes, state: [] };
  await assert.rejects(consumer.commit(unit), { code: "UNKNOWN_CHANNEL" });
  assert.equal(units.length, 0);
  const unencodable = new OutgoingBatch("known", "normal", systemRandom);
  const extensions = { amount: 1n as unknown as number };
  unencodable.add(template, "{}", 1_000, undefined, { extensions });
  const refused = consumer.commit({ ...unit, publishes: [unencodable] });
  await assert.rejects(refused, { code: "CODEC_FAILED" });
  assert.equal(units.length, 0);
  const known = new OutgoingBatch("known", "normal", systemRandom);
  known.add(template, "{}", 1_000);
  const sent = consumer.commit({ ...unit, publishes: [known] });
  units[0]?.answer(committed);
  assert.deepEqual(await sent, committed);
});

/** Passes a batch of another owner's, so that the cursor lags behind. */
async function lagging(t: TestContext) {
  const parts = consumerOf();
  parts.feed.advance(1, batchMessages);
  const batch = await parts.next();
  // Nothing more to fetch, everything released: what was fetched is not settled, but not held.
  const waiting = parts.consumer.next(1, never);
  t.after(() => parts.consumer.failed(new Error("end of the test")));
  waiting.catch(() => undefined);
  await turn();
  return { ...parts, batch };
}

test("a lagging cursor moves by a unit of its own; a refusal of it poisons nobody", async (t) => {
  const { consumer, units, timers, batch, ack } = await lagging(t);
  assert.equal(timers[0]?.delayMs, cursorAdvanceMs);
  timers[0].action();
  assert.equal(units.length, 0, "not while messages are held");
  for (const record of batch.records) consumer.release(batch, record);
  timers[0].action();
  assert.deepEqual([units[0]?.head.sequence, units[0]?.head.cursors.length], [0, 1]);
  units[0]?.answer({ kind: "fenced" });
  await turn();
  const result = ack(batch);
  assert.equal(units[1]?.head.generation, 2, "sent without a resume()");
  units[1].answer(committed);
  assert.deepEqual(await result, committed);
});

test("a refused cursor move poisons the unit sent after it, which resume() ends", async (t) => {
  const { consumer, units, timers, batch, ack } = await lagging(t);
  for (const record of batch.records) consumer.release(batch, record);
  timers[0]?.action();
  const behind = ack(batch);
  units[0]?.answer({ kind: "fenced" });
  await turn();
  units[1]?.answer({ kind: "poisoned" });
  assert.deepEqual(await behind, { kind: "poisoned" });
  assert.deepEqual(await ack(batch), { kind: "poisoned" });
  consumer.resume();
  const again = ack(batch);
  units[2]?.answer(committed);
  assert.deepEqual(await again, committed);
});

test("a range that is asked back is released once nothing of it is held or under way", async () => {
  const { consumer, units, requests, feed, ack, next } = consumerOf();
  feed.advance(1, 8);
  const [first, second] = [await next(), await next()];
  const settled = ack(first);
  consumer.revoked([0]);
  await turn();
  assert.equal(consumer.owns(second, 0), false);
  for (const record of second.records) consumer.release(second, record);
  assert.deepEqual(requests, [], "a unit is under way");
  units[0]?.answer(committed);
  await settled;
  await turn();
  assert.deepEqual(requests, [["release", { member: 7, ranges: [0] }]]);
});

test("closing waits for units under way, then leaves; nothing is owned any more", async () => {
  const { consumer, units, requests, feed, ack, next } = consumerOf();
  feed.advance(1, 8);
  const batch = await next();
  const [settled, closed] = [ack(batch), consumer.close()];
  assert.equal(consumer.owns(batch, 0), false);
  assert.equal(await consumer.next(1, never), undefined);
  await assert.rejects(ack(batch), { code: "CLOSED" });
  await turn();
  assert.deepEqual(requests, []);
  units[0]?.answer(committed);
  await Promise.all([settled, closed, consumer.close()]);
  assert.deepEqual(requests, [["leave", { member: 7 }]]);
});

test("when the journal ends, whoever waits is told so", async () => {
  const { consumer, feed, ack, next } = consumerOf();
  feed.advance(1, 4);
  const batch = await next();
  const waiting = consumer.next(1, never);
  const stopped = new SpillwayError("JOURNAL_STOPPED", "the writer ended");
  consumer.failed(stopped);
  await assert.rejects(waiting, stopped);
  await assert.rejects(ack(batch), stopped);
  assert.equal(consumer.owns(batch, 0), false);
  await consumer.close();
});
