// What a consumer delivers next: listed open messages before fresh ones, high priority before
// lower ones, one batch read at a time. Knows nothing of commits or ownership changes. Always
// true: a call reads a bounded number of batches, and each priority gets its turn.
import type { Clock } from "../../../kernel/clock.ts";
import type { Priority } from "../../../message/envelope.ts";
import type { DeliveryBatch } from "../../../ports/transport.ts";
import { laneTurns } from "../../../ports/consumer-turns.ts";
import { type Gap, gapEnd, isGap } from "../../../ports/gap.ts";
import { type BatchView, damaged } from "../journal/format.ts";
import type { ChannelFeed } from "./channel-feed.ts";
import type { LaneTracker } from "./lane-tracker.ts";
import type { RangeTracker } from "./range-tracker.ts";
import type { BatchReader } from "./reader.ts";
import { endOf } from "./tracked-batch.ts";

/** Batches looked at before other work of the event loop gets its turn. */
const batchesPerTurn = 16;

/** Reads batches into a tracker and takes deliveries out of it. */
export class DeliveryFetcher {
  readonly #tracker: RangeTracker;
  readonly #reader: BatchReader;
  readonly #feed: ChannelFeed;
  readonly #channel: string;
  readonly #onGap: (gap: Gap) => void;
  #turn = 0;

  constructor(
    tracker: RangeTracker,
    reader: BatchReader,
    feed: ChannelFeed,
    channel: string,
    onGap: (gap: Gap) => void = () => undefined,
  ) {
    this.#tracker = tracker;
    this.#reader = reader;
    this.#feed = feed;
    this.#channel = channel;
    this.#onGap = onGap;
  }

  /** The next delivery; "more" where the event loop should have a turn before the next call. */
  take(messagesMax: number, asked?: Priority): DeliveryBatch | "more" | "nothing" {
    let fetched = 0;
    for (const lane of this.#lanesInTurn(asked)) {
      do {
        const batch = lane.take(messagesMax);
        if (batch !== undefined) {
          this.#turn++;
          return batch;
        }
        if (fetched++ === batchesPerTurn) return "more";
      } while (this.#fetch(lane));
    }
    return "nothing";
  }

  #lanesInTurn(asked: Priority | undefined): readonly LaneTracker[] {
    const { lanes } = this.#tracker;
    const isOthersTurn = this.#turn % laneTurns === laneTurns - 1;
    if (!isOthersTurn && asked === undefined) return lanes;
    const first = isOthersTurn
      ? lanes[1 + (Math.floor(this.#turn / laneTurns) % (lanes.length - 1))]
      : this.#tracker.laneOf(asked as Priority);
    return first === undefined ? lanes : [first, ...lanes.filter((lane) => lane !== first)];
  }

  /** Reads the lane's next batch into the tracker; false when there is none. */
  #fetch(lane: LaneTracker): boolean {
    const { priority } = lane;
    const listed = lane.nextListed();
    if (listed !== undefined) {
      const batch = this.#batchAt(priority, listed);
      if (batch?.base === listed) lane.loadListed(batch);
      else this.#forgetListed(lane, listed);
      return true;
    }
    const offset = lane.nextOffset();
    if (offset === undefined || offset >= (this.#feed.ends[lane.lane] as number)) return false;
    const found = this.#reader.at(this.#channel, priority, offset);
    if (found === undefined) return false;
    if (isGap(found)) this.#pass(lane, found);
    else lane.scan(found);
    return true;
  }

  #pass(lane: LaneTracker, gap: Gap): void {
    lane.fetchedUpTo(gapEnd(gap));
    this.#onGap(gap);
  }

  #batchAt(priority: Priority, offset: number): BatchView | undefined {
    const found = this.#reader.at(this.#channel, priority, offset);
    return found === undefined || isGap(found) ? undefined : found;
  }

  /** Retention may remove open messages, repair may not find them; anything else is damage. */
  #forgetListed(lane: LaneTracker, offset: number): void {
    const { priority } = lane;
    if (!this.#removed(lane, offset)) {
      throw damaged(`channel '${this.#channel}' (${priority}): open message ${offset} is missing`, {
        channel: this.#channel,
        priority,
        offset,
      });
    }
    lane.forgetMissing(offset);
  }

  #removed(lane: LaneTracker, offset: number): boolean {
    if (offset < (this.#reader.log(this.#channel, lane.priority)?.start ?? 0)) return true;
    const found = this.#reader.at(this.#channel, lane.priority, offset);
    return found !== undefined && isGap(found) && found.firstOffset === offset;
  }

  /** Hands open messages out again; those that are settled or not owned are left out. */
  async reload(
    clock: Clock,
    priority: Priority,
    offsets: readonly number[],
  ): Promise<readonly DeliveryBatch[]> {
    const lane = this.#tracker.laneOf(priority);
    const ascending = offsets.toSorted((left, right) => left - right);
    const batches: DeliveryBatch[] = [];
    let read = 0;
    for (let at = 0; at < ascending.length; ) {
      const offset = ascending[at] as number;
      const batch = this.#batchAt(priority, offset);
      if (batch === undefined || batch.base > offset) {
        if (this.#removed(lane, offset)) lane.forgetMissing(offset);
        at++;
        continue;
      }
      const end = endOf(batch);
      let next = at + 1;
      while (next < ascending.length && (ascending[next] as number) < end) next++;
      const taken = lane.retake(batch, ascending.slice(at, next));
      if (taken !== undefined) batches.push(taken);
      at = next;
      if (++read % batchesPerTurn === 0) await new Promise<void>((resolve) => clock.soon(resolve));
    }
    return batches;
  }
}
