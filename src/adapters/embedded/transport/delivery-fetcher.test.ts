import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../kernel/clock.ts";
import { slotCount } from "../../../kernel/key-slot.ts";
import { type Priority, priorities } from "../../../message/envelope.ts";
import type { DeliveryBatch } from "../../../ports/transport.ts";
import { ChannelFeed } from "./channel-feed.ts";
import { DeliveryFetcher } from "./delivery-fetcher.ts";
import { RangeTracker } from "./range-tracker.ts";
import type { BatchReader } from "./reader.ts";
import type { LocatedBatch } from "./tracked-batch.ts";

const partitions = 2;

/** Logs of endless batches of `count` messages, all of one range. */
function fetcherOn(range: number, count: number) {
  const tracker = new RangeTracker(partitions);
  const feed = new ChannelFeed();
  const reader = {
    batchAt: (channel: string, priority: Priority, offset: number) => {
      const base = offset - (offset % count);
      const slot = (range * slotCount) / partitions;
      const offsetAt = (index: number): number => base + index;
      return { channel, priority, base, count, slotAt: () => slot, offsetAt };
    },
  } as unknown as BatchReader;
  const fetcher = new DeliveryFetcher(tracker, reader, feed, "one");
  return { tracker, feed, fetcher };
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
  const open = { kind: "open", attempt: 2, dueAtMs: 9, reason: "retry" } as const;
  const settle = (
    batch: DeliveryBatch,
    records: number[],
    outcome: typeof open | { kind: "ack" },
  ) => tracker.plan([{ batch, records, outcomes: records.map(() => outcome) }]);
  settle(batches[0] as DeliveryBatch, [0, 1, 2, 3], { kind: "ack" });
  settle(batches[1] as DeliveryBatch, [1, 3], open);
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
