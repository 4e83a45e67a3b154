// The window: every fetched batch of which something is not yet settled for good, with one byte of
// state per message. Knows nothing of order or handlers. Always true: `messages` counts what is not
// done; a batch without such messages is let go, and its bytes with it.
import type { SpillwayError } from "../errors/spillway-error.ts";
import { PassingSet } from "../kernel/passing-map.ts";
import type { DeliveryBatch, StoredBatch } from "../ports/delivery-batch.ts";
import { priorities } from "../message/envelope.ts";
import type { OpenMessage } from "./key-lines.ts";
import type { RedriveMark } from "./redrive-mark.ts";
import type { Numbered } from "./sequences/numbered.ts";

/** Where a message of a window batch stands. */
const state = { waiting: 0, taken: 1, done: 2 } as const;

/** A message of the window: its batch, and its position among the delivered records. */
export interface WindowPlace {
  readonly batch: WindowBatch;
  readonly position: number;
}

/** One fetched batch. A position counts the delivered records: 0 … size − 1. */
export class WindowBatch {
  readonly delivery: DeliveryBatch;
  readonly stored: StoredBatch;
  /** Index of the priority; the number of the log. */
  readonly lane: number;
  /** Messages that were open before, by position. */
  readonly open: Map<number, OpenMessage> | undefined;
  /** The first position that was never taken. */
  cursor = 0;
  /** Messages that are not done. */
  remaining: number;
  readonly states: Uint8Array;
  /** The consumer's ownershipVersion when it came. */
  readonly ownershipVersion: number | undefined;
  /** Whether its messages need no look at each: asked once; see Handling. */
  isPlain: boolean | undefined;
  /** Messages whose handling must fail, by position: what they published was refused for its id. */
  reused: Map<number, SpillwayError> | undefined;
  /** Where messages stand in the sequences of their keys, by position. */
  numbered: Map<number, Numbered> | undefined;
  /** Redriven copies for this group, by position: how they end is noted. */
  redriven: Map<number, RedriveMark> | undefined;

  /** Whether it was read again because its messages were due. */
  readonly isReloaded: boolean;

  constructor(
    delivery: DeliveryBatch,
    open: Map<number, OpenMessage> | undefined,
    isReloaded = false,
    ownershipVersion?: number,
  ) {
    this.ownershipVersion = ownershipVersion;
    this.isReloaded = isReloaded;
    this.delivery = delivery;
    this.stored = delivery.stored;
    this.lane = priorities.indexOf(delivery.stored.priority);
    this.open = open;
    this.remaining = delivery.records.length;
    this.states = new Uint8Array(delivery.records.length);
  }

  /** Delivered records. */
  get size(): number {
    return this.states.length;
  }

  /** Whether one of its messages may have a time after which nobody needs it; false is certain. */
  get mayExpire(): boolean {
    return this.stored.mayHave?.("expiresAtMs") !== false;
  }

  /** The message's handling must fail with `error` when its turn comes again. */
  refuse(position: number, error: SpillwayError): void {
    this.isPlain = false;
    (this.reused ??= new Map()).set(position, error);
  }

  /** The record at a position. */
  recordAt(position: number): number {
    return this.delivery.records[position] as number;
  }
}

/** The fetched batches of one subscription. */
export class Window {
  readonly batches = new PassingSet<WindowBatch>();
  /** Messages that are not done. */
  messages = 0;
  /** Bytes of the batches that are held. */
  bytes = 0;
  /** Of the messages: those of reloaded batches. */
  reloaded = 0;

  /** Adds a batch with at least one message. */
  add(batch: WindowBatch): void {
    this.batches.add(batch);
    this.messages += batch.remaining;
    if (batch.isReloaded) this.reloaded += batch.remaining;
    this.bytes += batch.stored.bytes;
  }

  /** The message was handed to somebody. */
  take(batch: WindowBatch, position: number): void {
    batch.states[position] = state.taken;
  }

  /** Whether the message was handed to somebody. */
  isTaken(batch: WindowBatch, position: number): boolean {
    return batch.states[position] === state.taken;
  }

  /** Whether the message has left the window. */
  isDone(batch: WindowBatch, position: number): boolean {
    return batch.states[position] === state.done;
  }

  /** The message is settled for good, or somebody else's. */
  done(batch: WindowBatch, position: number): void {
    if (batch.states[position] === state.done) return;
    batch.states[position] = state.done;
    batch.remaining--;
    this.messages--;
    if (batch.isReloaded) this.reloaded--;
    if (batch.remaining > 0 || !this.batches.delete(batch)) return;
    this.bytes -= batch.stored.bytes;
  }

  /** These messages are settled for good. */
  allDone(batch: WindowBatch, positions: readonly number[]): void {
    const { states } = batch;
    let count = 0;
    for (let index = 0; index < positions.length; index++) {
      const position = positions[index] as number;
      if (states[position] === state.done) continue;
      states[position] = state.done;
      count++;
    }
    batch.remaining -= count;
    this.messages -= count;
    if (batch.isReloaded) this.reloaded -= count;
    if (count > 0 && batch.remaining === 0 && this.batches.delete(batch)) {
      this.bytes -= batch.stored.bytes;
    }
  }

  /** Whether a fetched message was not handed to anybody yet. */
  get hasFresh(): boolean {
    for (const batch of this.batches) {
      if (!batch.isReloaded && batch.states.includes(state.waiting)) return true;
    }
    return false;
  }

  /** Puts back everything that is not done, by logs and offsets; says how much had been taken. */
  rewind(): { readonly places: WindowPlace[]; readonly taken: number } {
    const places: WindowPlace[] = [];
    let taken = 0;
    for (const batch of this.batches) {
      batch.cursor = batch.size;
      for (let position = 0; position < batch.size; position++) {
        if (batch.states[position] === state.done) continue;
        if (batch.states[position] === state.taken) taken++;
        batch.states[position] = state.waiting;
        places.push({ batch, position });
      }
    }
    places.sort(
      (left, right) => left.batch.lane - right.batch.lane || offsetOf(left) - offsetOf(right),
    );
    return { places, taken };
  }
}

/** The offset of a message of the window. */
export function offsetOf({ batch, position }: WindowPlace): number {
  return batch.stored.offsetAt(batch.recordAt(position));
}
