// Messages that were accepted and have no answer yet, in the batches they will be stored in. A
// message is written into its batch's columns at once, so that waiting costs no object of its own.
// Always true: messages of one channel, priority and kind keep the order of publishing; each waiter
// is answered exactly once.
import type { EncodedMessage } from "../delivery/outgoing-encoder.ts";
import { BackPressureError, SpillwayError } from "../errors/spillway-error.ts";
import type { Random } from "../kernel/random.ts";
import { batchBytesMax, batchMessagesMax, OutgoingBatch } from "../message/outgoing-batch.ts";
import type { AppendResult } from "../ports/transport.ts";
import { appendError } from "./publish-errors.ts";
import { DelayedReceipt, Receipt } from "./receipt.ts";

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
  /** Of these: because the channel was full. */
  full: number;
}

/** A message that can be aborted while it waits. */
export interface Abortable {
  batch: PendingBatch;
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

/** Some messages of a batch, and where each of them stands now. */
interface Extracted {
  readonly batch: OutgoingBatch;
  readonly waiters: (PublishWaiter | undefined)[];
  readonly places: ReadonlyMap<number, number>;
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
  /** How many of its messages wait in another batch now. */
  #moved = 0;
  /** Whether a full channel refused its messages before. */
  hasWaited = false;
  #abortables: Abortable[] | undefined;
  readonly #random: Random;

  constructor(
    kind: Pick<EncodedMessage, "channel" | "priority"> & { readonly dueAtMs?: unknown },
    random: Random,
    batch = emptyLike(kind, kind.dueAtMs !== undefined, random),
  ) {
    this.#random = random;
    this.#batch = batch;
  }

  get batch(): OutgoingBatch {
    return this.#batch;
  }

  /** Messages in it that are still to be answered or were answered by an abort after sending. */
  get count(): number {
    return this.#waiters.length - this.#dropped.size - this.#moved;
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
    const kept = this.#extract(this.#unanswered());
    for (const each of this.#abortables ?? []) each.index = kept.places.get(each.index) ?? -1;
    this.#batch = kept.batch;
    this.#waiters = kept.waiters;
    this.#dropped.clear();
    return this.#batch;
  }

  /** A batch with these of its messages: they wait there from now on, with what they hold. */
  moved(indexes: readonly number[]): PendingBatch {
    const { batch, waiters, places } = this.#extract(indexes);
    const other = new PendingBatch(batch, this.#random, batch);
    other.#waiters = waiters;
    other.hasWaited = this.hasWaited;
    for (const index of indexes) {
      const payload = this.#batch.payloads[index] as string | Uint8Array;
      other.heldBytes += heldBytesOf(payload, this.#batch.keyAt(index));
      this.#waiters[index] = undefined;
    }
    this.heldBytes -= other.heldBytes;
    this.#moved += indexes.length;
    const abortables = this.#abortables ?? [];
    this.#abortables = abortables.filter(({ index }) => !places.has(index));
    for (const each of abortables) {
      const place = places.get(each.index);
      if (place === undefined) continue;
      each.batch = other;
      each.index = place;
      (other.#abortables ??= []).push(each);
    }
    return other;
  }

  /** The messages that still wait for an answer, in order. */
  #unanswered(): number[] {
    const indexes: number[] = [];
    for (let index = 0; index < this.#waiters.length; index++) {
      if (!this.#dropped.has(index)) indexes.push(index);
    }
    return indexes;
  }

  /** Its first messages and the others, as two batches; for a batch that was not sent. */
  split(count: number): readonly [first: PendingBatch, rest: PendingBatch] {
    const all = this.#unanswered();
    return [this.moved(all.slice(0, count)), this.moved(all.slice(count))];
  }

  /** Refused for want of room, and still waited for. */
  refusedIn({ exceptions }: AppendResult): number[] {
    const refused: number[] = [];
    for (const [index, exception] of exceptions ?? []) {
      const isRefused = exception instanceof BackPressureError;
      if (isRefused && this.#waiters[index] !== undefined) refused.push(index);
    }
    return refused.sort((left, right) => left - right);
  }

  #extract(indexes: readonly number[]): Extracted {
    const all = this.#batch;
    const places = new Map<number, number>();
    const waiters: (PublishWaiter | undefined)[] = [];
    const isDelayed = all.dueAtMs !== undefined;
    const batch = emptyLike(all, isDelayed, this.#random);
    for (const index of indexes) {
      places.set(index, waiters.length);
      waiters.push(this.#waiters[index]);
      const id = all.idGivenAt(index) ? all.idAt(index) : undefined;
      const payload = all.payloads[index] as string | Uint8Array;
      const others = [all.timeAt(index), all.keyAt(index), all.attributes[index], id] as const;
      batch.add(all.templateAt(index), payload, ...others);
      if (isDelayed) (batch.dueAtMs as number[]).push(all.dueAtMs?.[index] as number);
    }
    return { batch, waiters, places };
  }

  /**
   * Answers every message by the transport's result, but those that wait in another batch now;
   * counts what became of them.
   */
  settle(result: AppendResult, waiting: ReadonlySet<number>): Outcomes {
    const outcomes: Outcomes = { stored: 0, duplicates: 0, rejected: 0, full: 0 };
    const { firstOffset, exceptions } = result;
    for (let index = 0; index < this.#waiters.length; index++) {
      const exception = exceptions?.get(index);
      if (exception === undefined) {
        const offset = firstOffset < 0 ? undefined : firstOffset + outcomes.stored;
        outcomes.stored++;
        this.#waiters[index]?.resolve(this.#receipt(index, offset, false));
      } else if (waiting.has(index)) continue;
      else if (exception instanceof SpillwayError) {
        outcomes.rejected++;
        if (exception instanceof BackPressureError) outcomes.full++;
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
    const { channel, priority, ids, dueAtMs } = this.#batch;
    const id = this.#batch.idGivenAt(index) ? this.#batch.idAt(index) : ids;
    const due = duplicate ? undefined : dueAtMs?.[index];
    if (due !== undefined) return new DelayedReceipt(channel, priority, due, id, index);
    return new Receipt(channel, priority, offset, duplicate, id, index);
  }

  #reject(index: number, cause: unknown, certainty: "definite" | undefined): void {
    const waiter = this.#waiters[index];
    if (waiter === undefined) return;
    this.#waiters[index] = undefined;
    // One error answers all that a full channel refused.
    if (cause instanceof BackPressureError) return waiter.reject(cause);
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
