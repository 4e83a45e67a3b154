import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { slotCount } from "../../../kernel/key-slot.ts";
import type { Outcome } from "../../../ports/commit-unit.ts";
import type { DeliveryBatch, OpenEntry } from "../../../ports/transport.ts";
import { decodeOpen } from "../journal/format.ts";
import { RangeTracker } from "./range-tracker.ts";
import type { LocatedBatch } from "./tracked-batch.ts";
import type { UnitPlan } from "./unit-plan.ts";

const partitions = 4;
const ack: Outcome = { kind: "ack" };

/** A stored batch of which only the places matter. */
function batchOf(base: number, ranges: readonly number[]): LocatedBatch {
  const slots = ranges.map((range) => Math.ceil((range * slotCount) / partitions));
  const places = {
    base,
    count: ranges.length,
    slotAt: (index: number) => slots[index] as number,
    offsetAt: (index: number) => base + index,
  };
  return places as LocatedBatch;
}

interface Held {
  readonly batch: DeliveryBatch;
  readonly record: number;
  readonly offset: number;
  readonly range: number;
  readonly epoch: number;
  parked: boolean;
}

interface Flying {
  readonly plan: UnitPlan;
  readonly taken: readonly { readonly held: Held; readonly outcome: Outcome }[];
}

/** The journal's rows, what is acknowledged, and what the caller holds: all kept the plain way. */
class World {
  readonly tracker = new RangeTracker(partitions);
  readonly lane = this.tracker.laneOf("normal");
  readonly log: { readonly batch: LocatedBatch; readonly ranges: readonly number[] }[] = [];
  readonly cursors = new Map<number, number>();
  /** "range:base" → encoded list. */
  readonly lists = new Map<string, Uint8Array>();
  readonly acknowledged = new Set<number>();
  readonly known = new Map<number, OpenEntry>();
  readonly epochs = new Map<number, number>();
  readonly revoked = new Set<number>();
  held: Held[] = [];
  flying: Flying[] = [];
  #epoch = 0;
  #lastFresh = new Map<number, number>();

  get end(): number {
    const last = this.log.at(-1)?.batch;
    return last === undefined ? 0 : last.base + last.count;
  }

  append(ranges: readonly number[]): void {
    this.log.push({ batch: batchOf(this.end, ranges), ranges });
  }

  grant(range: number): void {
    if (this.epochs.has(range)) return;
    this.epochs.set(range, ++this.#epoch);
    this.#lastFresh.set(range, -1);
    const open = [...this.lists]
      .map(([key, entries]) => ({ key: key.split(":").map(Number), entries }))
      .filter(({ key }) => key[0] === range)
      .map(({ key, entries }) => ({ priority: "normal" as const, base: key[1] ?? 0, entries }));
    const position = this.cursors.get(range) ?? 0;
    this.tracker.grant([
      { range, epoch: this.#epoch, cursors: [{ priority: "normal", position }], open },
    ]);
  }

  forget(range: number): void {
    this.epochs.delete(range);
    this.revoked.delete(range);
    this.tracker.drop([range]);
    for (const held of this.held.filter((entry) => entry.range === range)) {
      assert.equal(this.tracker.owns(held.batch, held.record), false);
      this.tracker.release(held.batch, held.record);
    }
    this.held = this.held.filter((entry) => entry.range !== range);
  }

  /** Fetches and takes; returns what was handed over. */
  take(messagesMax: number): void {
    if (!this.lane.hasHandover) {
      const listed = this.lane.nextListed();
      const next = this.lane.nextOffset();
      if (listed !== undefined) this.lane.loadListed(this.#at(listed));
      else if (next !== undefined && next < this.end) this.lane.scan(this.#at(next));
    }
    const batch = this.lane.take(messagesMax);
    if (batch === undefined) return;
    assert.ok(batch.records.length <= messagesMax);
    for (const record of batch.records) {
      const offset = batch.stored.offsetAt(record);
      const range = this.rangeAt(offset);
      assert.equal(this.acknowledged.has(offset), false, "delivered after it was acknowledged");
      assert.equal(this.revoked.has(range), false, "delivered while its range is handed over");
      assert.ok(!this.held.some((entry) => entry.offset === offset), "handed over twice");
      assert.ok(offset > (this.#lastFresh.get(range) ?? -1), "out of order");
      this.#lastFresh.set(range, offset);
      const known = this.known.get(offset);
      if (known !== undefined) assert.deepEqual(batch.open?.get(record), known);
      const epoch = this.epochs.get(range);
      assert.ok(epoch !== undefined, "handed over a range that is not owned");
      this.held.push({ batch, record, offset, range, epoch, parked: false });
    }
  }

  #at(offset: number): LocatedBatch {
    const found = this.log.find(({ batch }) => batch.base + batch.count > offset);
    assert.ok(found);
    return found.batch;
  }

  rangeAt(offset: number): number {
    const found = this.log.findLast(({ batch }) => batch.base <= offset);
    return found?.ranges[offset - found.batch.base] ?? -1;
  }

  settle(choices: readonly (Outcome | undefined)[]): void {
    const taken: { held: Held; outcome: Outcome }[] = [];
    for (const [index, held] of this.held.entries()) {
      const outcome = choices[index % choices.length];
      if (outcome !== undefined) taken.push({ held, outcome });
    }
    const byBatch = Map.groupBy(taken, ({ held }) => held.batch);
    const settlements = [...byBatch].map(([batch, parts]) => ({
      batch,
      records: parts.map(({ held }) => held.record),
      // Said in one word where it can be; both ways must come to the same.
      outcomes: parts.every(({ outcome }) => outcome.kind === "ack")
        ? undefined
        : parts.map(({ outcome }) => outcome),
    }));
    const plan = this.tracker.plan(settlements);
    this.held = this.held.filter((held) => !taken.some((part) => part.held === held));
    for (const { held, outcome } of taken) {
      if (outcome.kind === "open") this.held.push({ ...held, parked: true });
    }
    this.flying.push({ plan, taken });
  }

  /** The engine's answer to the oldest unit. */
  answer(): void {
    const flying = this.flying[0];
    if (flying === undefined) return;
    const held = flying.plan.fences.every(({ range, epoch }) => this.epochs.get(range) === epoch);
    if (!held) return this.refuse();
    this.flying.shift();
    for (const { range, position } of flying.plan.cursors) {
      assert.ok(position >= (this.cursors.get(range) ?? 0), "a cursor moved back");
      this.cursors.set(range, position);
    }
    for (const { range, base, entries } of flying.plan.open) {
      if (entries === null) this.lists.delete(`${range}:${base}`);
      else this.lists.set(`${range}:${base}`, entries);
    }
    for (const {
      held: { offset },
      outcome,
    } of flying.taken) {
      if (outcome.kind === "ack") this.acknowledged.add(offset);
      else {
        const { attempt, dueAtMs, reason } = outcome;
        this.known.set(offset, { attempt, dueAtMs, reason });
      }
    }
    this.tracker.finish(flying.plan);
  }

  /** The oldest unit is refused, and with it all later ones: the caller gets everything back. */
  refuse(): void {
    this.tracker.undoAll();
    for (const { held } of this.flying.flatMap(({ taken }) => taken)) {
      if (this.epochs.get(held.range) !== held.epoch) continue;
      this.held = this.held.filter((entry) => entry.offset !== held.offset);
      if (this.tracker.owns(held.batch, held.record)) this.held.push({ ...held, parked: false });
      else this.tracker.release(held.batch, held.record);
    }
    this.flying = [];
  }

  /** What a new owner would find is exactly what is not acknowledged. */
  check(): void {
    for (let range = 0; range < partitions; range++) {
      const cursor = this.cursors.get(range) ?? 0;
      const listed = new Map<number, OpenEntry>();
      for (const [key, entries] of this.lists) {
        const [of, base] = key.split(":").map(Number);
        if (of !== range) continue;
        for (const { offset, ...entry } of decodeOpen(base ?? 0, entries)) {
          assert.ok(offset < cursor, "listed although the cursor is not past it");
          listed.set(offset, entry);
        }
      }
      for (let offset = 0; offset < this.end; offset++) {
        if (this.rangeAt(offset) !== range) continue;
        const found = offset >= cursor || listed.has(offset);
        assert.equal(found, !this.acknowledged.has(offset), `message ${offset}`);
        const known = this.known.get(offset);
        if (known !== undefined && listed.has(offset)) assert.deepEqual(listed.get(offset), known);
      }
    }
    if (this.flying.length > 0) return;
    for (const tracked of this.lane.batches.values()) {
      assert.equal(tracked.outstanding, 0);
      assert.equal(tracked.settled, false, "a batch is kept although nothing is left of it");
    }
    for (const tracked of this.lane.dirty) assert.ok(tracked.dirty.size > 0);
    for (let range = 0; range < partitions; range++) {
      const busy = this.held.filter((held) => held.range === range && !held.parked).length;
      assert.equal(this.tracker.ownership.busy(range), busy, `busy of range ${range}`);
    }
  }

  handOver(): void {
    for (const range of this.tracker.ownership.releasable()) this.forget(range);
  }
}

type Step = (world: World) => void;

const range = fc.integer({ min: 0, max: partitions - 1 });
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(ack) },
  fc.record({
    kind: fc.constant("open" as const),
    attempt: fc.integer({ min: 0, max: 9 }),
    dueAtMs: fc.integer({ min: 0, max: 1_000 }),
    reason: fc.constantFrom("retry" as const, "parked" as const),
  }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.array(range, { minLength: 1, maxLength: 6 }).map(
    (ranges): Step =>
      (world) =>
        world.append(ranges),
  ),
  range.map(
    (which): Step =>
      (world) =>
        world.grant(which),
  ),
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 8 }).map(
      (most): Step =>
        (world) =>
          world.take(most),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.array(fc.option(outcome, { nil: undefined }), { minLength: 1, maxLength: 5 }).map(
      (choices): Step =>
        (world) =>
          world.settle(choices),
    ),
  },
  { weight: 4, arbitrary: fc.constant<Step>((world) => world.answer()) },
  fc.constant<Step>((world) => world.refuse()),
  range.map(
    (which): Step =>
      (world) => {
        if (!world.epochs.has(which)) return;
        world.revoked.add(which);
        world.tracker.revoke([which]);
      },
  ),
  range.map(
    (which): Step =>
      (world) =>
        world.epochs.has(which) && world.forget(which),
  ),
  fc.constant<Step>((world) => world.handOver()),
  fc.nat().map(
    (seed): Step =>
      (world) => {
        const parked = world.held.filter((held) => held.parked);
        const held = parked[seed % Math.max(parked.length, 1)];
        if (held === undefined) return;
        held.parked = !world.tracker.owns(held.batch, held.record);
      },
  ),
  fc.constant<Step>((world) => {
    world.flying.push({ plan: world.tracker.planAdvance(), taken: [] });
  }),
);

test("whoever takes over finds exactly what is not acknowledged, after any history", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const world = new World();
      for (const next of steps) {
        next(world);
        world.check();
      }
    }),
    { numRuns: 3_000 },
  );
});
