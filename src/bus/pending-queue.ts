// The batches that wait to be sent, of all channels. Always true: batches of one channel, priority
// and kind leave in the order of their first messages; what was put back goes first.
import type { EncodedMessage } from "../delivery/outgoing-encoder.ts";
import type { Random } from "../kernel/random.ts";
import { priorities } from "../message/envelope.ts";
import { PendingBatch } from "./pending-batches.ts";

/** How many messages may be sent to a channel now: 0 none, Infinity any number. */
export type RoomIn = (channel: string) => number;

/** The batches that gather messages, in the order in which they are to be sent. */
export class PendingQueue {
  readonly #random: Random;
  #batches: PendingBatch[] = [];
  /** The newest batch of each kind, by channel. */
  #newest = new Map<string, PendingBatch[]>();
  #last: PendingBatch | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /** Whether take() would give anything. */
  hasSome(roomIn: RoomIn): boolean {
    return this.#batches.some(({ batch }) => roomIn(batch.channel) > 0);
  }

  /** The batch that takes this message, which counts so many bytes. */
  batchFor(message: EncodedMessage, bytes: number): PendingBatch {
    const last = this.#last;
    if (last?.matches(message) === true && last.hasRoom(bytes)) return last;
    const { channel } = message;
    let kinds = this.#newest.get(channel);
    if (kinds === undefined) this.#newest.set(channel, (kinds = []));
    const at = kinds.findIndex((batch) => batch.matches(message));
    let batch = kinds[at];
    if (batch?.hasRoom(bytes) !== true) {
      batch = new PendingBatch(message, this.#random);
      this.#batches.push(batch);
      if (at === -1) kinds.push(batch);
      else kinds[at] = batch;
    }
    this.#last = batch;
    return batch;
  }

  /** Takes all batches out; they take no further message. */
  takeAll(): PendingBatch[] {
    const taken = this.#batches;
    this.#batches = [];
    // Not clear(): a cleared map's old table refers to its new one, and once one of them is old in
    // the collector's sense, every batch ever sent is kept until the next full collection.
    this.#newest = new Map();
    this.#last = undefined;
    return taken;
  }

  /**
   * Takes out the batches of channels that have room, high priority first where a channel has room
   * for so many messages only; the others go on gathering messages.
   */
  take(roomIn: RoomIn): PendingBatch[] {
    if (this.#batches.every(({ batch }) => roomIn(batch.channel) === Infinity)) {
      return this.takeAll();
    }
    const all = [...this.#batches].sort((left, right) => rankOf(left) - rankOf(right));
    const rooms = new Map<string, number>();
    const taken: PendingBatch[] = [];
    const staying = new Map<PendingBatch, PendingBatch>();
    for (const pending of all) {
      const { channel } = pending.batch;
      const room = rooms.get(channel) ?? roomIn(channel);
      rooms.set(channel, Math.max(0, room - pending.count));
      if (room >= pending.count) taken.push(pending);
      else if (room === 0) staying.set(pending, pending);
      else {
        const [first, rest] = pending.split(room);
        taken.push(first);
        staying.set(pending, rest);
      }
    }
    this.#replace(staying);
    return taken;
  }

  #replace(staying: ReadonlyMap<PendingBatch, PendingBatch>): void {
    this.#last = undefined;
    this.#batches = this.#batches.flatMap((pending) => staying.get(pending) ?? []);
    for (const [channel, kinds] of this.#newest) {
      const left = kinds.flatMap((pending) => staying.get(pending) ?? []);
      if (left.length === 0) this.#newest.delete(channel);
      else this.#newest.set(channel, left);
    }
  }

  /** Puts batches of which a full channel refused everything back, before all others. */
  putBack(batches: readonly PendingBatch[]): void {
    this.#batches.unshift(...batches);
  }
}

function rankOf({ batch }: PendingBatch): number {
  return priorities.indexOf(batch.priority);
}
