// What a unit counts once it has taken effect, or was refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SpillwayError } from "../errors/spillway-error.ts";
import { seededRandom } from "../kernel/random.ts";
import { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { CommitUnit } from "../ports/commit-unit.ts";
import type { AppendResult, DeliveryBatch } from "../ports/delivery-batch.ts";
import { diagnostics } from "../telemetry/channels.ts";
import { ChannelCounters, GroupCounters } from "../telemetry/counters.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import type { DeliveryParts } from "./delivery-parts.ts";
import { reportCommitted, reportRefused, reportReused, Tally } from "./tally.ts";

/** The parts that counting asks for, and what was counted. */
function counting() {
  const counters = new GroupCounters();
  const channels = new Map<string, ChannelCounters>();
  const countersOf = (channel: string): ChannelCounters => {
    const found = channels.get(channel) ?? new ChannelCounters();
    channels.set(channel, found);
    return found;
  };
  const environment = { counters, countersOf, clock: new VirtualClock() };
  const options = { channel: "orders", group: "g" };
  return { parts: { environment, options } as unknown as DeliveryParts, counters, channels };
}

/** A delivered batch of which only the times are asked: all at the beginning. */
const delivered = { stored: { timeAt: () => new VirtualClock().wallMs() } };

/** A unit that publishes `count` messages to each of these channels. */
function publishing(count: number, ...channels: readonly string[]): CommitUnit {
  const template = { type: "a", version: 1, source: "s", contentType: "application/json" };
  const publishes = channels.map((channel) => {
    const batch = new OutgoingBatch(channel, "normal", seededRandom(1));
    for (let index = 0; index < count; index++) batch.add(template, "{}", 1);
    return batch;
  });
  return { sequence: 1, settlements: [], publishes, state: [] };
}

const storedAt = (offset: number, more: Partial<AppendResult> = {}): AppendResult => ({
  firstOffset: offset,
  ...more,
});

test("of what it published, new messages, repeats and dropped ones are counted apart", () => {
  const { parts, channels } = counting();
  const unit = publishing(3, "new", "repeated", "mixed", "dropped");
  const repeats = (...indexes: readonly number[]) =>
    new Map(indexes.map((index) => [index, { offset: index }]));
  reportCommitted(parts, new Tally(), unit, [
    storedAt(0),
    storedAt(0, { exceptions: repeats(0, 1, 2) }),
    storedAt(0, { exceptions: repeats(1) }),
    storedAt(0, { isDropped: true }),
  ]);
  const counted = [...channels].map(([name, each]) => [
    name,
    [each.published, each.duplicates, each.rejected, each.publishedBytes > 0],
  ]);
  assert.deepEqual(Object.fromEntries(counted), {
    new: [3, 0, 0, true],
    repeated: [0, 3, 0, false],
    mixed: [2, 1, 0, true],
    dropped: [0, 0, 3, false],
  });
});

test("acknowledged messages are counted, and the latency of a sample of many", () => {
  for (const [size, samples] of [
    [100, 100],
    [300, 100],
  ] as const) {
    const records = Array.from({ length: size }, (_, index) => index);
    const outcomes = records.map(() => ({ kind: "ack" }) as const);
    for (const given of [undefined, outcomes]) {
      const { parts, counters } = counting();
      const settlements = [
        { batch: delivered as unknown as DeliveryBatch, records, outcomes: given },
      ];
      reportCommitted(parts, new Tally(), { ...publishing(0), settlements }, []);
      assert.deepEqual([counters.acked, counters.latency.count], [size, samples]);
    }
    const { parts, counters } = counting();
    const open = { kind: "open", attempt: 1, dueAtMs: 0, reason: "retry" } as const;
    const mixed = records.map((index) => (index % 2 === 0 ? (outcomes[index] ?? open) : open));
    const settlements = [
      { batch: delivered as unknown as DeliveryBatch, records, outcomes: mixed },
    ];
    reportCommitted(parts, new Tally(), { ...publishing(0), settlements }, []);
    assert.equal(counters.acked, size / 2);
  }
});

test("who listens is told how much a unit acknowledged and published", (t) => {
  const { parts } = counting();
  const told: unknown[] = [];
  const hear = (event: unknown): void => void told.push(event);
  diagnostics.settle.subscribe(hear);
  t.after(() => diagnostics.settle.unsubscribe(hear));
  const settlements = [
    { batch: delivered as unknown as DeliveryBatch, records: [0, 1], outcomes: undefined },
  ];
  const unit = { ...publishing(3, "a", "b"), settlements };
  reportCommitted(parts, new Tally(), unit, [storedAt(0), storedAt(0)]);
  assert.deepEqual(told, [{ channel: "orders", group: "g", acked: 2, published: 6 }]);
});

test("a message whose id stands for another one counts as rejected, and is told", (t) => {
  const { parts, channels } = counting();
  const error = new SpillwayError("ID_REUSED", "the id stands for another message");
  const told: unknown[] = [];
  const hear = (event: unknown): void => void told.push(event);
  diagnostics.publish.subscribe(hear);
  t.after(() => diagnostics.publish.unsubscribe(hear));
  reportReused(parts, publishing(1, "a", "b"), [{ publish: 1, index: 0, error }]);
  assert.deepEqual([...channels.keys()], ["b"]);
  assert.equal(channels.get("b")?.rejected, 1);
  assert.deepEqual(told, [{ channel: "b", priority: "normal", count: 1, error }]);
});

test("of refusals a conflict is counted, and lost ownership is told", (t) => {
  const { parts, counters } = counting();
  const told: unknown[] = [];
  const hear = (event: unknown): void => void told.push(event);
  diagnostics.lease.subscribe(hear);
  t.after(() => diagnostics.lease.unsubscribe(hear));
  for (const refusal of ["conflict", "fenced", "reused", "unavailable"] as const) {
    reportRefused(parts, refusal, 7);
  }
  assert.equal(counters.conflicts, 1);
  assert.deepEqual(told, [{ channel: "orders", group: "g", count: 7 }]);
});

test("everything of a tally is added, to another one and to the group's counters", () => {
  const { parts, counters } = counting();
  const tally = new Tally();
  const names = Object.keys(tally) as (keyof Omit<Tally, "add" | "count">)[];
  for (const [index, name] of names.entries()) tally[name] = index + 1;
  const sum = new Tally();
  sum.add(tally);
  sum.add(tally);
  for (const name of names) assert.equal(sum[name], 2 * tally[name], name);
  reportCommitted(parts, sum, publishing(0), []);
  const { retried, parked, deadLettered, discarded, invalid, coalesced } = counters;
  assert.deepEqual(
    { retried, parked, deadLettered, discarded, invalid, coalesced },
    {
      retried: sum.retried,
      parked: sum.parked,
      deadLettered: sum.deadLettered,
      discarded: sum.discarded,
      invalid: sum.invalid,
      coalesced: sum.coalesced,
    },
  );
  const { sequenceGaps, sequenceLate, sequenceDuplicates } = counters;
  assert.deepEqual(
    [sequenceGaps, sequenceLate, sequenceDuplicates],
    [sum.gaps, sum.late, sum.duplicates],
  );
});
