// bus.messages(): a subscription turned into an iterator. Its handler parks each message until the
// owner of the loop has settled it; an observer of the commits says when that is durable. Always
// true: no more than `concurrency` messages are held; one that was not settled is never
// acknowledged.
import type { AnyMessage } from "../contracts/contract.ts";
import type { Handler } from "../delivery/handler-context.ts";
import { atDeadline, type Clock } from "../kernel/clock.ts";
import type { CommitResult, CommitUnit } from "../ports/commit-unit.ts";
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import { type Delivery, HeldDelivery, placeOf } from "./held-delivery.ts";
import type { CommitObserver } from "./observed-consumer.ts";

/** The running subscription behind a stream. */
export interface StreamSource {
  /** Resolves with the error when it stopped for good by itself. */
  readonly failure: Promise<unknown>;
  drain(deadlineMs: number): Promise<boolean>;
}

/** Starts the subscription behind a stream. */
export type StartStream = (handler: Handler, observer: CommitObserver) => Promise<StreamSource>;

/** What a stream is made of. */
export interface MessageStreamParts {
  readonly start: StartStream;
  readonly clock: Clock;
  readonly drainTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether messages are acknowledged before they are handed over ("at-most-once"). */
  readonly isClaimed: boolean;
  onClosed(): void;
}

type Step = IteratorResult<Delivery, undefined>;

const end: Step = { done: true, value: undefined };

/** The iterator of one bus.messages() loop. */
export class MessageStream implements AsyncIterator<Delivery, undefined> {
  readonly #parts: MessageStreamParts;
  #source: Promise<StreamSource> | undefined;
  /** Fetched, not taken by the loop yet. */
  readonly #ready: HeldDelivery[] = [];
  /** Taken by the loop and not durable yet, by place. */
  readonly #taken = new Map<string, HeldDelivery>();
  #takers: PromiseWithResolvers<Step>[] = [];
  #failure: { readonly error: unknown } | undefined;
  #drained: Promise<boolean> | undefined;
  #onIdle: () => void = () => undefined;
  readonly #onAbort = (): void => this.#leave();

  constructor(parts: MessageStreamParts) {
    this.#parts = parts;
    parts.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (parts.signal?.aborted === true) this.#onAbort();
  }

  next(): Promise<Step> {
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#drained !== undefined) return Promise.resolve(end);
    const held = this.#ready.shift();
    if (held !== undefined) return Promise.resolve(this.#take(held));
    const taker = Promise.withResolvers<Step>();
    this.#takers.push(taker);
    this.#source ??= this.#start();
    return taker.promise;
  }

  /** Ends the loop: what was settled becomes durable first, everything else goes back. */
  async return(): Promise<Step> {
    for (const [place, held] of this.#taken) if (!held.isSettled) this.#taken.delete(place);
    await this.drain(this.#parts.clock.monotonicMs() + this.#parts.drainTimeoutMs);
    return end;
  }

  /** Ends the loop; resolves whether the owner settled what it had taken before `deadlineMs`. */
  drain(deadlineMs: number): Promise<boolean> {
    this.#drained ??= this.#drain(deadlineMs);
    return this.#drained;
  }

  async #drain(deadlineMs: number): Promise<boolean> {
    for (const taker of this.#takers) taker.resolve(end);
    this.#takers = [];
    const { clock } = this.#parts;
    try {
      const source = await this.#source?.catch(() => undefined);
      const inTime = await this.#idle(deadlineMs);
      // Nobody takes what is still held, so waiting for its handlers would be in vain.
      await source?.drain(clock.monotonicMs());
      const closed = new ClosedError("the loop ended before that was durable");
      for (const held of Array.from(this.#taken.values())) this.#lose(held, closed);
      return inTime;
    } finally {
      this.#parts.signal?.removeEventListener("abort", this.#onAbort);
      this.#parts.onClosed();
    }
  }

  async #idle(deadlineMs: number): Promise<boolean> {
    if (this.#taken.size === 0) return true;
    const { clock } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const cancel = atDeadline(clock, deadlineMs, resolve);
    await promise;
    cancel();
    return this.#taken.size === 0;
  }

  #start(): Promise<StreamSource> {
    const started = this.#parts.start((message, context) => this.#hold(message, context.signal), {
      answered: (unit, result) => this.#onCommit(unit, result),
      failed: (unit, error) => this.#onFailedCommit(unit, error),
      restarted: () => this.#loseSettled(),
    });
    started.then(
      (source) => source.failure.then((error) => this.#fail(error)),
      (error: unknown) => this.#fail(error),
    );
    return started;
  }

  #fail(error: unknown): void {
    const [first, ...others] = this.#takers;
    this.#takers = others;
    if (first === undefined) this.#failure = { error };
    else first.reject(error);
    // Nothing of it is committed any more, and none of it is waited for.
    for (const held of Array.from(this.#taken.values())) {
      if (held.isSettled) held.fail(error);
      this.#forget(placeOf(held.message), held);
    }
    this.#leave();
  }

  /** Ends the loop where nobody waits for it; whoever drains the bus gets the same promise. */
  #leave(): void {
    this.return().catch(() => undefined);
  }

  #hold(message: AnyMessage, signal: AbortSignal): Promise<void> {
    const held = new HeldDelivery(message);
    signal.addEventListener("abort", () => this.#lose(held, signal.reason), { once: true });
    if (this.#parts.isClaimed) {
      const onSettled = (): void => this.#committed(held);
      held.handled.then(onSettled, onSettled);
    }
    const taker = this.#takers.shift();
    if (taker !== undefined) taker.resolve(this.#take(held));
    else this.#ready.push(held);
    return held.handled;
  }

  #take(held: HeldDelivery): Step {
    this.#taken.set(placeOf(held.message), held);
    return { done: false, value: held };
  }

  /** The message belongs to somebody else now, or the subscription is closed. */
  #lose(held: HeldDelivery, reason: unknown): void {
    const at = this.#ready.indexOf(held);
    if (at !== -1) this.#ready.splice(at, 1);
    held.lose(reason);
    this.#forget(placeOf(held.message), held);
  }

  #onCommit(unit: CommitUnit, result: CommitResult): void {
    // What a refused unit settled is lost with everything else that is put back: #loseSettled().
    if (result.kind !== "committed") return;
    for (const held of this.#settledIn(unit)) this.#committed(held);
  }

  #onFailedCommit(unit: CommitUnit, error: unknown): void {
    // Surely without effect: the unit counts as refused.
    if (error instanceof SpillwayError && error.certainty === "definite") return;
    for (const held of this.#settledIn(unit)) {
      held.fail(error);
      this.#forget(placeOf(held.message), held);
    }
  }

  #settledIn(unit: CommitUnit): HeldDelivery[] {
    const found: HeldDelivery[] = [];
    for (const { batch, records } of unit.settlements) {
      for (const record of records) {
        const { priority } = batch.stored;
        const held = this.#taken.get(placeOf({ priority, offset: batch.stored.offsetAt(record) }));
        if (held?.isSettled === true) found.push(held);
      }
    }
    return found;
  }

  #committed(held: HeldDelivery): void {
    held.commit();
    this.#forget(placeOf(held.message), held);
  }

  /** After a refused unit everything that was settled and not committed is delivered again. */
  #loseSettled(): void {
    const refused = new ClosedError("a commit before it was refused");
    for (const held of Array.from(this.#taken.values()))
      if (held.isSettled) this.#lose(held, refused);
  }

  #forget(place: string, held: HeldDelivery): void {
    if (this.#taken.get(place) === held) this.#taken.delete(place);
    if (this.#taken.size === 0) this.#onIdle();
  }
}
