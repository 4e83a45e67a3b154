// The publisher: gathers what is published at about the same time and hands it to the transport in
// few large appends. Owns the bounds on waiting publishes. Knows no contracts and no handlers.
// Always true: no more is held than the budget allows; a message is refused before anything of it
// is kept, or it is answered exactly once; messages of one channel are stored in the order they
// were published.
import type { AnyContract } from "../contracts/contract.ts";
import type { EncodedMessage, OutgoingEncoder } from "../delivery/outgoing-encoder.ts";
import {
  type BackPressureError,
  ClosedError,
  type SpillwayError,
} from "../errors/spillway-error.ts";
import { atDeadline, type Clock } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import type { Transport } from "../ports/transport.ts";
import type { ChannelCounters } from "../telemetry/counters.ts";
import { AbortGroups } from "./abort-groups.ts";
import { Appends } from "./appends.ts";
import { FullChannels } from "./full-channels.ts";
import {
  type Abortable,
  type Encoding,
  heldBytesOf,
  type PendingBatch,
  type PublishWaiter,
} from "./pending-batches.ts";
import { PendingQueue } from "./pending-queue.ts";
import { PendingBudget, type PendingLimits } from "./pending-budget.ts";
import type { PublishOptions } from "./publish-options.ts";
import { abortError, backPressureError } from "./publish-errors.ts";

/** Most appends under way at once; what is published meanwhile goes with the next one. */
export const appendsMax = 4;

/** What a publisher is made of. */
export interface PublisherOptions extends PendingLimits {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly encoder: Pick<OutgoingEncoder, "encode">;
  /** How long to gather before the first append; 0: until the end of the current turn. */
  readonly batchDelayMs: number;
  countersOf(channel: string): ChannelCounters;
  /** Whether publishes to this channel wait where it is full. */
  readonly waitsFor: (channel: string) => boolean;
}

/** Accepts encoded messages and answers each when it is durable. */
export class Publisher {
  readonly #options: PublisherOptions;
  /** Accepted, not handed to the transport yet. */
  readonly #queue: PendingQueue;
  readonly #full: FullChannels;
  readonly #sent: Appends;
  /** Per channel: settles when the last message that is still being encoded was admitted. */
  readonly #encoding = new Map<string, Promise<void>>();
  readonly #encodingAborts = new AbortGroups<Encoding>((members, reason) => {
    for (const each of members) {
      each.isAborted = true;
      each.waiter.reject(abortError(each.type, "definite", reason));
    }
  });
  readonly #aborts = new AbortGroups<Abortable>((members, reason) =>
    this.#onAbort(members, reason),
  );
  readonly #stopWaiting = new AbortController();
  /** What is held by publishes without an answer. */
  readonly budget: PendingBudget;
  #lastRefusal: BackPressureError | undefined;
  #appends = 0;
  #flushPlanned = false;
  #closed = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.budget = new PendingBudget(options);
    const queue = new PendingQueue(options.random);
    this.#queue = queue;
    const { transport, waitsFor } = options;
    const { signal } = this.#stopWaiting;
    const room = (channel: string): Promise<number> => transport.room(channel, signal);
    const full = new FullChannels({ waitsFor, room, changed: () => this.#sendIfIdle() }, signal);
    this.#full = full;
    const release = (pending: PendingBatch): void => this.#release(pending);
    this.#sent = new Appends({ ...options, queue, full, release });
  }

  /** Channels that are full, so that publishes wait for room. */
  get fullChannels(): readonly string[] {
    return [...this.#full.names];
  }

  /**
   * Accepts one message for `channel` or rejects its waiter at once. It is encoded only when there
   * is room; while that takes time, later messages of the same channel wait behind it.
   */
  publish(
    channel: string,
    contract: AnyContract,
    data: unknown,
    options: PublishOptions | undefined,
    waiter: PublishWaiter,
  ): void {
    const signal = options?.signal;
    const refusal = this.#refusal(channel, contract.type, signal);
    if (refusal !== undefined) return waiter.reject(refusal);
    this.budget.takeMessage();
    let encoded: EncodedMessage | Promise<EncodedMessage>;
    try {
      encoded = this.#options.encoder.encode(contract, data, options, undefined);
    } catch (error) {
      this.budget.free(1, 0);
      return waiter.reject(error);
    }
    const before = this.encoding(channel);
    if (before === undefined && !(encoded instanceof Promise)) this.#admit(encoded, waiter, signal);
    else {
      const encoding = { type: contract.type, waiter, isAborted: false };
      this.#admitLater(channel, before, encoded, encoding, signal);
    }
  }

  /** Settles when what is being encoded for this channel was admitted; undefined: nothing is. */
  encoding(channel: string): Promise<void> | undefined {
    return this.#encoding.size === 0 ? undefined : this.#encoding.get(channel);
  }

  #refusal(
    channel: string,
    type: string,
    signal: AbortSignal | undefined,
  ): SpillwayError | undefined {
    if (this.#closed) return new ClosedError(`'${type}' was not published: the bus is closed`);
    if (this.budget.isFull) return this.#backPressure(type);
    // Half of the room is for channels that are not full.
    const full = this.#full.refusalOf(channel);
    if (full !== undefined && !this.budget.hasBulkRoom) return full;
    if (signal?.aborted === true) return abortError(type, "definite", signal.reason);
    return undefined;
  }

  /** While nothing changes one error answers all: a flood must not cost memory for its refusals. */
  #backPressure(type: string): BackPressureError {
    const last = this.#lastRefusal;
    const { count, bytes } = this.budget;
    const { details } = last ?? {};
    const isSame = details?.["waiting"] === count && details["waitingBytes"] === bytes;
    if (last !== undefined && isSame && details["type"] === type) return last;
    this.#lastRefusal = backPressureError(type, this.budget);
    return this.#lastRefusal;
  }

  #admitLater(
    channel: string,
    before: Promise<void> | undefined,
    encoded: EncodedMessage | Promise<EncodedMessage>,
    encoding: Encoding,
    signal: AbortSignal | undefined,
  ): void {
    const { waiter } = encoding;
    if (signal !== undefined) this.#encodingAborts.add(signal, encoding);
    const admitted = Promise.allSettled([encoded, before]).then(([result]) => {
      if (signal !== undefined) this.#encodingAborts.remove(signal, encoding);
      if (this.#encoding.get(channel) === admitted) this.#encoding.delete(channel);
      if (encoding.isAborted) return this.budget.free(1, 0);
      if (result.status === "fulfilled") return this.#admit(result.value, waiter, signal);
      waiter.reject(result.reason);
      this.budget.free(1, 0);
    });
    this.#encoding.set(channel, admitted);
  }

  /** Puts a counted message into the queue, unless its bytes are too many or its signal fired. */
  #admit(encoded: EncodedMessage, waiter: PublishWaiter, signal: AbortSignal | undefined): void {
    const bytes = heldBytesOf(encoded.payload, encoded.key);
    const { type } = encoded.template;
    const tooMany = !this.budget.fits(bytes);
    if (tooMany || signal?.aborted === true) {
      waiter.reject(
        tooMany
          ? backPressureError(type, this.budget)
          : abortError(type, "definite", signal?.reason),
      );
      return this.budget.free(1, 0);
    }
    this.budget.takeBytes(bytes);
    const batch = this.#queue.batchFor(encoded, bytes);
    const abortable = batch.add(encoded, bytes, waiter, signal);
    if (abortable !== undefined) this.#aborts.add(abortable.signal, abortable);
    if (!this.#flushPlanned) this.#planFlush();
    // A full batch waits for nothing: the transport works on it while more are gathered.
    if (batch.isFull) this.#sendIfIdle();
  }

  #planFlush(): void {
    const { clock, batchDelayMs } = this.#options;
    this.#flushPlanned = true;
    if (batchDelayMs === 0 || this.#closed) clock.soon(this.#flush);
    else clock.after(batchDelayMs, this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushPlanned = false;
    this.#sendIfIdle();
  };

  #sendIfIdle(): void {
    if (this.#queue.hasSome(this.#full.roomIn) && this.#appends < appendsMax) void this.#send();
  }

  async #send(): Promise<void> {
    const { transport } = this.#options;
    this.#appends++;
    // Ready: not even a microtask, for a thousand publishers that go on would come before it.
    const { signal } = this.#stopWaiting;
    if (!transport.isReady) await transport.ready(signal).catch(this.#refuse);
    const taken = this.#queue.take(this.#full.roomIn);
    for (const batch of taken) batch.send();
    const batches = taken.filter((batch) => batch.count > 0);
    if (batches.length > 0) await this.#sent.run(batches);
    this.#appends--;
    if (this.#queue.hasSome(this.#full.roomIn) && !this.#flushPlanned) this.#planFlush();
  }

  /** Gives back what a batch held; all of its messages are answered. */
  #release(pending: PendingBatch): void {
    for (const each of pending.abortables) this.#aborts.remove(each.signal, each);
    this.budget.free(pending.count, pending.heldBytes);
  }

  #onAbort(members: ReadonlySet<Abortable>, reason: unknown): void {
    let count = 0;
    let bytes = 0;
    for (const member of members) {
      const { batch } = member;
      const isQueued = batch.state === "open";
      const { type } = batch.batch.templateAt(member.index);
      const freed = batch.abort(
        member,
        abortError(type, isQueued ? "definite" : "indefinite", reason),
      );
      if (freed > 0) count++;
      bytes += freed;
    }
    if (count > 0) this.budget.free(count, bytes);
  }

  /** Answers messages that were never handed to the transport. */
  readonly #refuse = (cause: unknown): void => {
    for (const pending of this.#queue.takeAll()) {
      pending.reject(cause, "definite");
      this.#release(pending);
    }
  };

  /**
   * Accepts nothing more, waits until everything is answered or `deadlineMs` (monotonic) is there.
   * Then what is queued is refused for sure, what is under way as "indefinite". Resolves whether
   * everything was answered in time.
   */
  async drain(deadlineMs: number): Promise<boolean> {
    this.#closed = true;
    this.#flush();
    const { clock } = this.#options;
    let late = false;
    const cancel = atDeadline(clock, deadlineMs, () => {
      late = true;
      this.#giveUp();
    });
    while (this.budget.count > 0 && !late) await this.budget.room();
    cancel();
    return !late;
  }

  #giveUp(): void {
    const error = new ClosedError("the bus was closed before it could be stored");
    this.#stopWaiting.abort(error);
    this.#refuse(error);
    const message = "the bus was closed while it was being stored";
    const unsure = new ClosedError(message, { certainty: "indefinite" });
    this.#sent.giveUp(unsure);
    this.budget.wake();
  }
}
