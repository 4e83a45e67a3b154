// Appends under way: hands batches to the transport and answers their messages, or puts back those
// that wait for room in a full channel. Always true: a message is answered once or put back; what
// is answered gives back what it held.
import { BackPressureError, type SpillwayError } from "../errors/spillway-error.ts";
import { PassingSet } from "../kernel/passing-map.ts";
import type { AppendResult, Transport } from "../ports/transport.ts";
import {
  diagnostics,
  type OverflowDiagnostics,
  type PublishDiagnostics,
} from "../telemetry/channels.ts";
import type { ChannelCounters } from "../telemetry/counters.ts";
import type { FullChannels } from "./full-channels.ts";
import type { PendingBatch } from "./pending-batches.ts";
import type { PendingQueue } from "./pending-queue.ts";

/** What appends work with. */
export interface AppendsEnvironment {
  readonly transport: Transport;
  readonly queue: PendingQueue;
  readonly full: FullChannels;
  countersOf(channel: string): ChannelCounters;
  /** All messages of a batch are answered, or put back: gives back what it holds. */
  release(pending: PendingBatch): void;
}

/** See the head of this file. */
export class Appends {
  readonly #environment: AppendsEnvironment;
  readonly #sent = new PassingSet<PendingBatch>();
  #isGivenUp: SpillwayError | undefined;

  constructor(environment: AppendsEnvironment) {
    this.#environment = environment;
  }

  /** Stores batches and answers their messages; never rejects. */
  async run(batches: readonly PendingBatch[]): Promise<void> {
    const { transport, full, queue } = this.#environment;
    const channels = new Set(batches.map(({ batch }) => batch.channel));
    for (const batch of batches) this.#sent.add(batch);
    full.sent(channels);
    const waiting: PendingBatch[] = [];
    try {
      const results = await transport.append(batches.map((each) => each.batch));
      for (const [index, pending] of batches.entries()) {
        const result = results[index];
        if (result === undefined) this.fail(pending, new Error("the append has no result"));
        else waiting.push(...this.#succeed(pending, result));
      }
    } catch (error) {
      for (const pending of batches) this.fail(pending, error);
    }
    if (waiting.length > 0) queue.putBack(waiting);
    full.answered(channels);
  }

  #succeed(pending: PendingBatch, result: AppendResult): PendingBatch[] {
    const { full } = this.#environment;
    const { channel } = pending.batch;
    const refused = result.exceptions === undefined ? [] : pending.refusedIn(result);
    const waits = refused.length > 0 && full.waitsFor(channel) && this.#isGivenUp === undefined;
    const rest = waits ? pending.moved(refused) : undefined;
    const outcomes = pending.settle(result, new Set(waits ? refused : []));
    const counters = this.#environment.countersOf(channel);
    counters.published += outcomes.stored;
    counters.duplicates += outcomes.duplicates;
    counters.rejected += outcomes.rejected;
    counters.refusedFull += outcomes.full;
    if (outcomes.stored > 0) counters.publishedBytes += pending.batch.bytes;
    const error = result.exceptions?.get(refused[0] ?? -1);
    if (error instanceof BackPressureError) {
      this.#overflowed(pending, error, refused.length, rest, counters);
    }
    this.#finish(pending, undefined);
    return rest === undefined ? [] : [rest];
  }

  #overflowed(
    { batch, hasWaited }: PendingBatch,
    error: BackPressureError,
    count: number,
    rest: PendingBatch | undefined,
    counters: ChannelCounters,
  ): void {
    const { channel, priority } = batch;
    const isShed = error.details["shed"] === true;
    if (rest === undefined && isShed) counters.shed += count;
    if (rest !== undefined) {
      this.#environment.full.refused(channel, error);
      if (!hasWaited) counters.waited += count;
      rest.hasWaited = true;
    }
    if (hasWaited || !diagnostics.overflow.hasSubscribers) return;
    const action = rest !== undefined ? "wait" : isShed ? "shed" : "reject";
    const { retryAfterMs } = error;
    const told: OverflowDiagnostics = { channel, priority, count, action, retryAfterMs };
    diagnostics.overflow.publish(told);
  }

  /** Answers all messages of a batch with what went wrong. */
  fail(pending: PendingBatch, error: unknown): void {
    pending.reject(error);
    this.#environment.countersOf(pending.batch.channel).rejected += pending.count;
    this.#finish(pending, error);
  }

  #finish(pending: PendingBatch, error: unknown): void {
    if (!this.#sent.delete(pending)) return;
    this.#environment.release(pending);
    if (!diagnostics.publish.hasSubscribers) return;
    const { channel, priority, count } = pending.batch;
    diagnostics.publish.publish({ channel, priority, count, error } satisfies PublishDiagnostics);
  }

  /** Nobody waits any longer: what is under way is answered with this error. */
  giveUp(error: SpillwayError): void {
    this.#isGivenUp = error;
    for (const batch of this.#sent) this.fail(batch, error);
  }
}
