// Messages that were accepted and have no answer yet, in the batches they will be stored in. A
// message is written into its batch's columns at once, so that waiting costs no object of its own.
// Always true: messages of one channel, priority and kind keep the order of publishing; each waiter
// is answered exactly once.
import type { EncodedMessage } from "../delivery/outgoing-encoder.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Random } from "../kernel/random.ts";
import { batchBytesMax, batchMessagesMax, OutgoingBatch } from "../message/outgoing-batch.ts";
import type { AppendResult } from "../ports/transport.ts";
import { appendError } from "./publish-errors.ts";
import { Receipt } from "./receipt.ts";

/** Memory that a waiting message takes besides its payload, roughly. */
const messageOverheadBytes = 64;

/** Who waits for one message; called exactly once. */
export interface PublishWaiter {
  resolve(receipt: Receipt): void;
  reject(error: unknown): void;
}

/** What became of the messages of one batch. */
export interface Outcomes {
  stored: number;
  duplicates: number;
  rejected: number;
}

/** A message that can be aborted while it waits. */
export interface Abortable {
  readonly batch: PendingBatch;
  readonly signal: AbortSignal;
  index: number;
}

/** A message that takes time to be encoded, and who waits for it. */
export interface Encoding {
  readonly type: string;
  readonly waiter: PublishWaiter;
  /** Answered already: it is not stored when it is encoded at last. */
  isAborted: boolean;
}

/** What a waiting message counts in the budget, in bytes. */
export function heldBytesOf(payload: string | Uint8Array, key: string | undefined): number {
  return payload.length + (key?.length ?? 0) + messageOverheadBytes;
}

/** A batch with those who wait for its messages, in the same order. */
export class PendingBatch {
  /** "open": takes messages, nobody else has it. "sent": the transport has it. */
  state: "open" | "sent" = "open";
  /** What its messages count in the budget. */
  heldBytes = 0;
  #batch: OutgoingBatch;
  /** Undefined: answered already, by an abort. */
  #waiters: (PublishWaiter | undefined)[] = [];
  /** The budget's bytes of aborted messages that are left out when it is sent. */
  readonly #dropped = new Set<number>();
  #abortables: Abortable[] | undefined;
  readonly #random: Random;

  constructor(first: EncodedMessage, random: Random) {
    this.#random = random;
    this.#batch = emptyLike(first, first.dueAtMs !== undefined, random);
  }

  get batch(): OutgoingBatch {
    return this.#batch;
  }

  /** Messages in it that are still to be answered or were answered by an abort after sending. */
  get count(): number {
    return this.#waiters.length - this.#dropped.size;
  }

  /** Those of its messages that were published under a signal. */
  get abortables(): readonly Abortable[] {
    return this.#abortables ?? [];
  }

  /** Whether this message belongs into batches of this kind. */
  matches(message: EncodedMessage): boolean {
    const { channel, priority, dueAtMs } = this.#batch;
    return (
      channel === message.channel &&
      priority === message.priority &&
      (dueAtMs === undefined) === (message.dueAtMs === undefined)
    );
  }

  /** Whether there is room for a message that counts so many bytes. */
  hasRoom(bytes: number): boolean {
    return this.#batch.hasRoom(bytes);
  }

  /** Whether nothing more fits, or no further message as large as those in it. */
  get isFull(): boolean {
    const { count, bytes } = this.#batch;
    return count === batchMessagesMax || bytes + bytes / count > batchBytesMax;
  }

  /** Adds a message that matches and has room. */
  add(
    message: EncodedMessage,
    bytes: number,
    waiter: PublishWaiter,
    signal: AbortSignal | undefined,
  ): Abortable | undefined {
    const { template, payload, wallMs, key, attributes, id, dueAtMs } = message;
    const index = this.#batch.add(template, payload, wallMs, key, attributes, id);
    if (dueAtMs !== undefined) (this.#batch.dueAtMs as number[]).push(dueAtMs);
    this.#waiters.push(waiter);
    this.heldBytes += bytes;
    if (signal === undefined) return undefined;
    const abortable = { batch: this, signal, index };
    (this.#abortables ??= []).push(abortable);
    return abortable;
  }

  /** Answers an aborted message; returns the bytes that are free at once: it will not be stored. */
  abort(abortable: Abortable, error: SpillwayError): number {
    const { index } = abortable;
    const waiter = this.#waiters[index];
    if (waiter === undefined) return 0;
    this.#waiters[index] = undefined;
    waiter.reject(error);
    if (this.state === "sent") return 0;
    this.#dropped.add(index);
    const payload = this.#batch.payloads[index] as string | Uint8Array;
    const bytes = heldBytesOf(payload, this.#batch.keyAt(index));
    this.heldBytes -= bytes;
    return bytes;
  }

  /** Closes the batch for the transport, without the messages that were aborted before. */
  send(): OutgoingBatch {
    this.state = "sent";
    if (this.#dropped.size === 0) return this.#batch;
    const all = this.#batch;
    const places = new Map<number, number>();
    const waiters: (PublishWaiter | undefined)[] = [];
    const isDelayed = all.dueAtMs !== undefined;
    this.#batch = emptyLike(all, isDelayed, this.#random);
    for (let index = 0; index < all.count; index++) {
      if (this.#dropped.has(index)) continue;
      places.set(index, waiters.length);
      waiters.push(this.#waiters[index]);
      const id = all.idGivenAt(index) ? all.idAt(index) : undefined;
      const payload = all.payloads[index] as string | Uint8Array;
      this.#batch.add(
        all.templateAt(index),
        payload,
        all.timeAt(index),
        all.keyAt(index),
        all.attributes[index],
        id,
      );
      if (isDelayed) (this.#batch.dueAtMs as number[]).push(all.dueAtMs?.[index] as number);
    }
    for (const each of this.#abortables ?? []) each.index = places.get(each.index) ?? -1;
    this.#waiters = waiters;
    this.#dropped.clear();
    return this.#batch;
  }

  /** Answers every message by the transport's result; counts what became of them. */
  settle(result: AppendResult): Outcomes {
    const outcomes = { stored: 0, duplicates: 0, rejected: 0 };
    const { firstOffset, exceptions } = result;
    for (let index = 0; index < this.#waiters.length; index++) {
      const exception = exceptions?.get(index);
      if (exception === undefined) {
        const offset = firstOffset < 0 ? undefined : firstOffset + outcomes.stored;
        outcomes.stored++;
        this.#waiters[index]?.resolve(this.#receipt(index, offset, false));
      } else if (exception instanceof SpillwayError) {
        outcomes.rejected++;
        this.#reject(index, exception, undefined);
      } else {
        outcomes.duplicates++;
        const offset = exception.offset < 0 ? undefined : exception.offset;
        this.#waiters[index]?.resolve(this.#receipt(index, offset, true));
      }
    }
    return outcomes;
  }

  /** Rejects every message that is not answered yet. */
  reject(cause: unknown, certainty?: "definite"): void {
    for (let index = 0; index < this.#waiters.length; index++) {
      this.#reject(index, cause, certainty);
    }
  }

  #receipt(index: number, offset: number | undefined, duplicate: boolean): Receipt {
    const { channel, priority, ids } = this.#batch;
    const id = this.#batch.idGivenAt(index) ? this.#batch.idAt(index) : ids;
    return new Receipt(channel, priority, offset, duplicate, id, index);
  }

  #reject(index: number, cause: unknown, certainty: "definite" | undefined): void {
    const waiter = this.#waiters[index];
    if (waiter === undefined) return;
    this.#waiters[index] = undefined;
    waiter.reject(appendError(cause, this.#batch.channel, this.#batch.idAt(index), certainty));
  }
}

function emptyLike(
  kind: Pick<EncodedMessage, "channel" | "priority">,
  isDelayed: boolean,
  random: Random,
): OutgoingBatch {
  return new OutgoingBatch(kind.channel, kind.priority, random, isDelayed ? [] : undefined);
}

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
}
