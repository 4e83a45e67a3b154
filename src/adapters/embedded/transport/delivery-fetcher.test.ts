import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../kernel/clock.ts";
import { slotCount } from "../../../kernel/key-slot.ts";
import { type Priority, priorities } from "../../../message/envelope.ts";
import type { DeliveryBatch, OpenEntry } from "../../../ports/transport.ts";
import { encodeOpen } from "../journal/format.ts";
import { ChannelFeed } from "./channel-feed.ts";
import { DeliveryFetcher } from "./delivery-fetcher.ts";
import { RangeTracker } from "./range-tracker.ts";
import type { BatchReader } from "./reader.ts";
import type { LocatedBatch } from "./tracked-batch.ts";

const partitions = 2;

/** Logs of endless batches of `count` messages, all of one range; `start` is the first kept. */
function fetcherOn(range: number, count: number) {
  const log = { id: 1, start: 0, end: 100_000 };
  const tracker = new RangeTracker(partitions);
  const feed = new ChannelFeed();
  const reader = {
    log: () => log,
    at: (channel: string, priority: Priority, offset: number) => {
      const kept = Math.max(offset, log.start);
      const base = kept - (kept % count);
      const slot = (range * slotCount) / partitions;
      const offsetAt = (index: number): number => base + index;
      return { channel, priority, base, count, slotAt: () => slot, offsetAt };
    },
  } as unknown as BatchReader;
  const fetcher = new DeliveryFetcher(tracker, reader, feed, "one");
  return { tracker, feed, fetcher, log };
}

function grant(tracker: RangeTracker, range: number): void {
  tracker.grant([{ range, epoch: 1, cursors: [], open: [] }]);
}

function laneOf(taken: ReturnType<DeliveryFetcher["take"]>): Priority {
  assert.ok(typeof taken === "object");
  return taken.stored.priority;
}

test("high goes first, and yet every priority gets one of 16 deliveries", () => {
  const { tracker, feed, fetcher } = fetcherOn(0, 4);
  grant(tracker, 0);
  for (const lane of priorities.keys()) feed.advance(lane, 100_000);
  const served = Array.from({ length: 160 }, () => laneOf(fetcher.take(4)));
  for (let from = 0; from + 16 <= served.length; from++) {
    const window = served.slice(from, from + 16);
    assert.deepEqual(new Set(window), new Set(priorities), `deliveries from ${from}`);
    assert.ok(window.filter((priority) => priority === "high").length >= 13);
  }
});

test("a lower priority is served at once when the higher ones have nothing", () => {
  const { tracker, feed, fetcher } = fetcherOn(0, 4);
  grant(tracker, 0);
  feed.advance(2, 8);
  assert.deepEqual([laneOf(fetcher.take(4)), laneOf(fetcher.take(4))], ["low", "low"]);
  assert.equal(fetcher.take(4), "nothing");
  feed.advance(0, 4);
  assert.equal(laneOf(fetcher.take(4)), "high");
});

test("batches without anything of ours are passed, but not endlessly in one turn", () => {
  const { tracker, feed, fetcher } = fetcherOn(1, 1);
  grant(tracker, 0);
  feed.advance(1, 100);
  let turns = 0;
  while (fetcher.take(10) === "more") turns++;
  assert.ok(turns >= 5, `${turns} turns for 100 batches`);
  assert.equal(fetcher.take(10), "nothing");
  assert.ok(tracker.lagging);
});

test("parts of a batch come one after the other; nothing before a range is granted", () => {
  const { tracker, feed, fetcher } = fetcherOn(0, 10);
  feed.advance(1, 10);
  assert.equal(fetcher.take(4), "nothing");
  grant(tracker, 0);
  const parts = [4, 4, 4].map((most) => (fetcher.take(most) as DeliveryBatch).records);
  assert.deepEqual(parts, [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
  ]);
  assert.equal(fetcher.take(4), "nothing");
});

test("reload gives held and parked messages batch by batch, and nothing else", async () => {
  const { tracker, feed, fetcher } = fetcherOn(0, 4);
  grant(tracker, 0);
  feed.advance(1, 12);
  const batches = [4, 4, 2].map((most) => fetcher.take(most) as DeliveryBatch);
  const retry = { kind: "open", attempt: 2, dueAtMs: 9, reason: "retry" } as const;
  const settle = (
    batch: DeliveryBatch,
    records: number[],
    outcome: typeof retry | { kind: "ack" },
  ) => tracker.plan([{ batch, records, outcomes: records.map(() => outcome) }]);
  settle(batches[0] as DeliveryBatch, [0, 1, 2, 3], { kind: "ack" });
  settle(batches[1] as DeliveryBatch, [1, 3], retry);
  const all = Array.from({ length: 12 }, (_, offset) => offset).toReversed();
  const again = await fetcher.reload(systemClock, "normal", all);
  const found = again.map(({ stored, records, open: entries }) => [
    (stored as LocatedBatch).base,
    records,
    [...(entries ?? [])].map(([record, { attempt }]) => [record, attempt]),
  ]);
  const entries = [
    [1, 2],
    [3, 2],
  ];
  assert.deepEqual(found, [
    [4, [0, 1, 2, 3], entries],
    [8, [0, 1], []],
  ]);
});

const open = { attempt: 1, dueAtMs: 5, reason: "retry" } as const;

/** Grants range 0 with one open message at the given offset, in a batch from 4 on. */
function grantOpen(tracker: RangeTracker, offset: number): void {
  const entries = encodeOpen(4, [{ offset, ...open }]);
  const cursors = [{ priority: "normal", position: 12 }] as const;
  tracker.grant([
    { range: 0, epoch: 1, cursors, open: [{ priority: "normal", base: 4, entries }] },
  ]);
}

test("open messages that retention removed are forgotten, with their stored list", () => {
  const { tracker, feed, fetcher, log } = fetcherOn(0, 4);
  grantOpen(tracker, 6);
  feed.advance(1, 16);
  log.start = 8;
  const taken = fetcher.take(4) as DeliveryBatch;
  assert.equal(taken.stored.offsetAt(0), 12);
  const outcomes = taken.records.map(() => ({ kind: "ack" }) as const);
  const plan = tracker.plan([{ batch: taken, records: taken.records, outcomes }]);
  assert.deepEqual(plan.open, [{ priority: "normal", range: 0, base: 4, entries: null }]);
  tracker.finish(plan);
  assert.equal(tracker.laneOf("normal").batches.size, 0);
});

test("an open message that is not in its batch, or whose batch is missing, is damage", () => {
  const wrong = fetcherOn(0, 4);
  grantOpen(wrong.tracker, 9);
  assert.throws(() => wrong.fetcher.take(4), { code: "JOURNAL_DAMAGED" });
  const missing = fetcherOn(0, 3);
  grantOpen(missing.tracker, 6);
  assert.throws(() => missing.fetcher.take(4), { code: "JOURNAL_DAMAGED" });
});

test("reload leaves out what retention removed, and its list goes with the next unit", async () => {
  const { tracker, feed, fetcher, log } = fetcherOn(0, 4);
  grant(tracker, 0);
  feed.advance(1, 8);
  const [first, second] = [fetcher.take(4), fetcher.take(4)] as DeliveryBatch[];
  assert.ok(first && second);
  const settle = (
    batch: DeliveryBatch,
    outcome: { kind: "ack" } | ({ kind: "open" } & OpenEntry),
  ) => {
    const outcomes = batch.records.map(() => outcome);
    const plan = tracker.plan([{ batch, records: batch.records, outcomes }]);
    tracker.finish(plan);
    return plan;
  };
  settle(first, { kind: "open", ...open });
  log.start = 4;
  assert.deepEqual(await fetcher.reload(systemClock, "normal", [0, 1, 2, 3]), []);
  const plan = settle(second, { kind: "ack" });
  assert.deepEqual(plan.open, [{ priority: "normal", range: 0, base: 0, entries: null }]);
  assert.equal(tracker.laneOf("normal").batches.size, 0);
});
