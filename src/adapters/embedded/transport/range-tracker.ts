// What one consumer knows about the messages of its key ranges. A pure structure: no clock, no
// engine, no reading; the consumer feeds it and sends what it plans.
//
// States of a record, and what changes them:
//   foreign  not ours, or settled before we came. scan() or loadListed(): → fresh
//   fresh    fetched, not handed over.            take(): → held
//   held     the caller works on it.              settled: → done or parked; release(): → fresh,
//                                                 and this consumer does not hand it out again
//   parked   settled as open, and the caller      owns() = true or retake(): → held
//            knows about it.                      settled: → done or parked
//   done     acknowledged.
// A range that is lost or handed over makes all of its records foreign, whatever they were.
//
// Units take effect here when they are planned, not when they are durable, so that the next unit
// can be sent at once; a refused one takes everything planned since the last commit back.
//
// Always true, for the journal's rows as the plans committed so far wrote them: a message of an
// owned range that is not acknowledged is at or above its range's cursor, or in an open list. So
// whoever takes the range over misses nothing and repeats nothing that was acknowledged.
import { type Priority, priorities } from "../../../message/envelope.ts";
import type { BatchSettlement } from "../../../ports/commit-unit.ts";
import type { DeliveryBatch } from "../../../ports/transport.ts";
import type { RangeGrant } from "../journal/engine.ts";
import { DeliveryToken, LaneTracker } from "./lane-tracker.ts";
import { Ownership } from "./ownership.ts";
import { recordState } from "./tracked-batch.ts";
import { UnitPlan } from "./unit-plan.ts";

/** The ranges of one consumer, with a tracker per priority. */
export class RangeTracker {
  readonly ownership: Ownership;
  readonly lanes: readonly LaneTracker[];
  /** Plans under way, oldest first. */
  #plans: UnitPlan[] = [];

  constructor(partitions: number) {
    this.ownership = new Ownership(partitions);
    this.lanes = priorities.map(
      (priority, lane) => new LaneTracker(lane, priority, this.ownership),
    );
  }

  /** Takes ranges over. */
  grant(grants: readonly RangeGrant[]): void {
    for (const grant of grants) {
      if (this.ownership.owned(grant.range)) this.#drop(grant.range);
      this.ownership.grant(grant);
      for (const lane of this.lanes) {
        const cursor = grant.cursors.find((entry) => entry.priority === lane.priority);
        lane.grant({
          range: grant.range,
          position: cursor?.position ?? 0,
          open: grant.open.filter((entry) => entry.priority === lane.priority),
        });
      }
    }
  }

  /** Starts nothing more of these ranges; they are handed over once releasable() names them. */
  revoke(ranges: readonly number[]): void {
    for (const range of ranges) this.ownership.revoke(range);
  }

  /** These ranges belong to somebody else: everything about them is forgotten. */
  drop(ranges: readonly number[]): void {
    for (const range of ranges) if (this.ownership.owned(range)) this.#drop(range);
  }

  #drop(range: number): void {
    for (const lane of this.lanes) lane.drop(range);
    this.ownership.drop(range);
  }

  /** The lane of a priority. */
  laneOf(priority: Priority): LaneTracker {
    return this.lanes[priorities.indexOf(priority)] as LaneTracker;
  }

  /** Whether the record may be started; a parked one is held from then on. */
  owns(batch: DeliveryBatch, record: number): boolean {
    const { tracked, epochs } = tokenOf(batch);
    const range = tracked.ranges[record] as number;
    if (!this.ownership.startable(range) || !this.ownership.same(epochs, range)) return false;
    if (tracked.states[record] === recordState.parked) {
      tracked.set(record, recordState.held);
      this.ownership.occupy(range, 1);
    }
    return true;
  }

  /** The caller gives a record up without settling it. */
  release(batch: DeliveryBatch, record: number): void {
    const { tracked, epochs } = tokenOf(batch);
    const range = tracked.ranges[record] as number;
    if (!this.ownership.same(epochs, range)) return;
    const state = tracked.states[record];
    if (state === recordState.held) this.ownership.occupy(range, -1);
    if (state === recordState.held || state === recordState.parked) {
      tracked.set(record, recordState.fresh);
    }
  }

  /** Applies settlements and says what the engine has to store for them. */
  plan(settlements: readonly BatchSettlement[]): UnitPlan {
    const plan = new UnitPlan(this.ownership);
    const positions = new Map<LaneTracker, number>();
    for (const settlement of settlements) {
      plan.settle(settlement);
      const { lane, tracked } = tokenOf(settlement.batch);
      positions.set(lane, Math.max(positions.get(lane) ?? 0, tracked.end));
    }
    for (const [lane, position] of positions) plan.advance(lane, position);
    this.#plans.push(plan);
    return plan;
  }

  /** Moves the cursors of ranges behind which nothing came that was ours. */
  planAdvance(): UnitPlan {
    const plan = new UnitPlan(this.ownership);
    for (const lane of this.lanes) plan.advance(lane, Number.POSITIVE_INFINITY);
    this.#plans.push(plan);
    return plan;
  }

  /** Whether cursors of startable ranges are behind what was fetched. */
  get lagging(): boolean {
    return this.lanes.some((lane) =>
      lane.fetched.some(
        (offset, range) =>
          offset > (lane.cursors[range] as number) && this.ownership.startable(range),
      ),
    );
  }

  /** Plans under way. */
  get underWay(): number {
    return this.#plans.length;
  }

  /** The oldest plan under way is durable. */
  finish(plan: UnitPlan): void {
    if (this.#plans[0] !== plan) return;
    this.#plans.shift();
    plan.finish();
  }

  /** Takes back every plan under way, the youngest first. */
  undoAll(): void {
    for (const plan of this.#plans.toReversed()) plan.undo();
    this.#plans = [];
  }
}

function tokenOf(batch: DeliveryBatch): DeliveryToken {
  if (batch.token instanceof DeliveryToken) return batch.token;
  throw new TypeError("this delivery batch comes from another consumer");
}
