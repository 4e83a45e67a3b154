// One member of a group, over the interruptions of its transport: when the consumer behind it comes
// to its end for a reason that may pass, it joins again and goes on. Knows neither channels nor
// handlers. Always true: messages are delivered anew only when no handler of the delivery before
// runs any more, or its time was up; a member that leaves does not join again.
import type { Delivery } from "../delivery/delivery.ts";
import type { HeldMessage, ReleaseFilter } from "../delivery/held-messages.ts";
import { transportBackoff } from "../delivery/intake.ts";
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import { backoffMs } from "../kernel/backoff.ts";
import { type Clock, delay } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";

/** What a member asks of the delivery that is at work for it. */
export type MemberDelivery = Pick<
  Delivery,
  "failure" | "ended" | "troubles" | "drain" | "held" | "release" | "local"
>;

/** What a member is made of. */
export interface GroupMemberParts {
  /** Group and channel, for people. */
  readonly name: string;
  /** Joined and started. */
  readonly delivery: MemberDelivery;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a handler of the delivery before may hold up the next one. */
  readonly timeoutMs: number;
  /** Joins once more, when the transport is open, and starts; rejects where the bus is closing. */
  join(): Promise<MemberDelivery>;
  /** What was settled and not committed is void. */
  onInterrupted(): void;
  onLeft(): void;
}

/** See the head of this file. */
export class GroupMember {
  /** Resolves with the error when it stopped for good by itself. */
  readonly failure: Promise<unknown>;
  readonly #parts: GroupMemberParts;
  readonly #leaving = new AbortController();
  #delivery: MemberDelivery;
  #joinedAtMs: number;
  #failures = 0;
  /** Why it has no delivery at the moment. */
  #interruption: { readonly error: unknown } | undefined;
  #stopped: { readonly error: unknown } | undefined;

  constructor(parts: GroupMemberParts) {
    this.#parts = parts;
    this.#delivery = parts.delivery;
    this.#joinedAtMs = parts.clock.monotonicMs();
    this.failure = new Promise((resolve) => void this.#last(resolve));
  }

  /** What keeps it from its work, for people; empty when all is well. */
  get troubles(): readonly string[] {
    const { name } = this.#parts;
    if (this.#stopped !== undefined) return [`${name} stopped: ${textOf(this.#stopped.error)}`];
    if (this.#interruption === undefined) return this.#delivery.troubles;
    return [`${name} joins again: ${textOf(this.#interruption.error)}`];
  }

  /** Messages held by its delivery; see Delivery. */
  get held(): readonly HeldMessage[] {
    return this.#delivery.held;
  }

  /** Makes held messages due; says how many. */
  release(filter: ReleaseFilter): number {
    return this.#delivery.release(filter);
  }

  /** See Delivery; undefined while it has none. */
  get local(): MemberDelivery["local"] | undefined {
    return this.#interruption === undefined && this.#stopped === undefined
      ? this.#delivery.local
      : undefined;
  }

  /** Finishes what runs and leaves the group; resolves whether all finished before `deadlineMs`. */
  async drain(deadlineMs: number): Promise<boolean> {
    this.#leaving.abort(new ClosedError(`${this.#parts.name} is closed`));
    try {
      return await this.#delivery.drain(deadlineMs);
    } finally {
      this.#parts.onLeft();
    }
  }

  /** Joins again after each interruption; `stopped` is called where there is no going on. */
  async #last(stopped: (error: unknown) => void): Promise<void> {
    for (;;) {
      let error = await this.#delivery.failure;
      if (mayPass(error)) {
        this.#interruption = { error };
        try {
          this.#delivery = await this.#joinAgain();
          this.#interruption = undefined;
          continue;
        } catch (cause) {
          error = cause;
        }
      }
      if (this.#leaving.signal.aborted) return;
      this.#stopped = { error };
      return stopped(error);
    }
  }

  async #joinAgain(): Promise<MemberDelivery> {
    const { clock, random } = this.#parts;
    const { signal } = this.#leaving;
    await this.#handlersEnded();
    this.#parts.onInterrupted();
    if (clock.monotonicMs() - this.#joinedAtMs >= transportBackoff.delayMsMax) this.#failures = 0;
    for (;;) {
      await delay(clock, backoffMs(++this.#failures, transportBackoff, random), signal);
      try {
        const delivery = await this.#joined();
        this.#joinedAtMs = clock.monotonicMs();
        return delivery;
      } catch (error) {
        if (signal.aborted || !mayPass(error)) throw error;
        this.#interruption = { error };
      }
    }
  }

  /** Waits for the handlers that still run, as long as one may take. */
  async #handlersEnded(): Promise<void> {
    const { clock, timeoutMs } = this.#parts;
    const over = new AbortController();
    const timeout = timeoutMs === Number.POSITIVE_INFINITY ? undefined : timeoutMs;
    const waits = [this.#delivery.ended];
    if (timeout !== undefined) waits.push(delay(clock, timeout, over.signal));
    await this.#unlessLeaving(Promise.race(waits)).finally(() => over.abort());
  }

  /** Joins, or gives up waiting for it as soon as the member leaves. */
  #joined(): Promise<MemberDelivery> {
    const joining = this.#parts.join();
    return this.#unlessLeaving(joining).catch((error: unknown) => {
      const leave = async (late: MemberDelivery): Promise<unknown> => late.drain(0);
      joining.then(leave).catch(() => undefined);
      throw error;
    });
  }

  async #unlessLeaving<Result>(waited: Promise<Result>): Promise<Result> {
    const { signal } = this.#leaving;
    signal.throwIfAborted();
    const left = Promise.withResolvers<never>();
    const onLeft = (): void => left.reject(signal.reason);
    signal.addEventListener("abort", onLeft, { once: true });
    try {
      return await Promise.race([waited, left.promise]);
    } finally {
      signal.removeEventListener("abort", onLeft);
    }
  }
}

/** Whether the same may go well later, with a new consumer. */
function mayPass(error: unknown): boolean {
  return error instanceof SpillwayError && error.retryable;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
