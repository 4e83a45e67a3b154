// Flow control around the dispatcher of one delivery: takes what the order by key lets go onto a
// shelf and gives out what the rules allow. Knows nothing of handlers or outcomes. Always true:
// what is on the shelf holds its place in its key; a message is given out when every bucket that it
// needs has a token, and takes them all then; where nothing may start, one timer waits for the
// first that may.
import type { Dispatcher } from "../delivery/dispatcher.ts";
import type { Dispatching, FlowHost, StartWait } from "../delivery/dispatching.ts";
import type { WindowBatch, WindowPlace } from "../delivery/window.ts";
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { BucketWaits } from "./bucket-waits.ts";
import { Coalescing, type CoalescingHost } from "./coalescing.ts";
import { FairQueue } from "./fair-queue.ts";
import type { FlowRules } from "./flow-rules.ts";
import { GivenOut } from "./given-out.ts";
import { KeyQueues } from "./key-queues.ts";
import type { Bucket } from "./token-bucket.ts";
import { Waiting } from "./waiting.ts";

/** How often it looks for messages that wait and need not: not ours any more, or expired. */
export const sweepMs = 1_000;

/** See the head of this file. */
export class FlowDispatcher implements Dispatching {
  batch!: WindowBatch;
  position = 0;
  readonly #clock: Clock;
  readonly #inner: Dispatcher;
  readonly #rules: () => FlowRules;
  #host: FlowHost | undefined;
  #coalescing: Coalescing | undefined;
  #ready: FairQueue;
  readonly #blocked: BucketWaits;
  /** Need not wait for anything. */
  #leaving: Waiting[] = [];
  readonly #keys: KeyQueues;
  /** Given out from the shelf, and not done with. */
  readonly #out = new GivenOut();
  /** Whether the dispatcher behind it has let go of all that it can. */
  #isCollected = true;
  #cancelSweep: CancelTimer | undefined;
  #isClosed = false;
  readonly #onClosed: () => void;

  constructor(
    clock: Clock,
    inner: Dispatcher,
    order: "key" | "none",
    rules: () => FlowRules,
    onClosed: () => void,
  ) {
    this.#clock = clock;
    this.#keys = new KeyQueues(order);
    this.#inner = inner;
    this.#rules = rules;
    this.#onClosed = onClosed;
    this.#ready = new FairQueue(rules().order);
    this.#blocked = new BucketWaits(clock, () => this.#host?.wake());
    this.#changeCoalescing();
  }

  attach(host: FlowHost): void {
    this.#host = host;
  }

  add(batch: WindowBatch): void {
    this.#isCollected = false;
    this.#rules().received(batch);
    if (this.#coalescing === undefined) return this.#inner.add(batch);
    for (let position = 0; position < batch.size; position++) this.#enter({ batch, position });
  }

  /** A message that may wait for later ones of its key. */
  #enter(place: WindowPlace): void {
    this.#isCollected = false;
    if (this.#coalescing?.add(place) === true) this.#sweepLater();
    else this.#inner.addPlaces([place]);
  }

  addUrgent(batch: WindowBatch): void {
    this.#isCollected = false;
    this.#inner.addUrgent(batch);
  }

  next(): boolean {
    const rules = this.#rules();
    if (rules.isPlain && this.#isEmpty) return this.#inner.next() && this.#give(this.#inner);
    if (this.#leaving.length > 0) return this.#giveFrom(this.#leaving.shift() as Waiting);
    if (!this.#isCollected) this.#collect();
    if (this.#blocked.size > 0) {
      for (const each of this.#blocked.release().toReversed()) this.#ready.add(each, "before");
    }
    for (let waiting = this.#ready.take(); waiting !== undefined; waiting = this.#ready.take()) {
      if (waiting.isRetracted) continue;
      if (waiting.values === undefined) return this.#giveFrom(waiting);
      const nowMs = this.#clock.monotonicMs();
      const buckets = rules.bucketsOf(waiting.values, nowMs);
      const missing = latest(buckets, nowMs);
      if (missing === undefined) {
        waiting.buckets = buckets;
        waiting.tokens = buckets.map((bucket) => bucket.take(nowMs));
        return this.#giveFrom(waiting);
      }
      if (this.#host?.mayLeave(waiting) === true) return this.#giveFrom(waiting);
      this.#blocked.add(waiting, missing, rules.order);
      this.#sweepLater();
    }
    this.#blocked.setTimer();
    return false;
  }

  get #isEmpty(): boolean {
    const isShelfEmpty = this.#ready.size === 0 && this.#blocked.size === 0;
    return isShelfEmpty && this.#leaving.length === 0 && this.#out.size === 0;
  }

  /** Puts what the dispatcher lets go onto the shelf, and orders it there by its key. */
  #collect(): void {
    const inner = this.#inner;
    while (inner.next()) {
      const { batch, position } = inner;
      inner.free(batch, position);
      this.#show(this.#keys.enter(new Waiting(batch, position)));
    }
    this.#isCollected = true;
  }

  /** A message that is the first of its key. */
  #show(waiting: Waiting | undefined): void {
    if (waiting === undefined) return;
    this.#rules().classify(waiting);
    this.#ready.add(waiting);
  }

  #give({ batch, position }: WindowPlace): boolean {
    this.batch = batch;
    this.position = position;
    return true;
  }

  #giveFrom(waiting: Waiting): boolean {
    this.#keys.given(waiting);
    this.#out.add(waiting);
    return this.#give(waiting);
  }

  free(batch: WindowBatch, position: number): void {
    const waiting = this.#out.take(batch, position);
    if (waiting === undefined) {
      this.#isCollected = false;
      return this.#inner.free(batch, position);
    }
    // It needed no handler.
    const { buckets, tokens } = waiting;
    tokens?.forEach((token, index) => buckets?.[index]?.giveBack(token));
    this.#show(this.#keys.leave(waiting));
  }

  started(batch: WindowBatch, position: number): void {
    const waiting = this.#out.at(batch, position);
    if (waiting !== undefined) waiting.tokens = undefined;
  }

  hold(line: object | undefined, place: WindowPlace): void {
    this.#inner.hold(line, place);
  }

  putBack(line: object): void {
    this.#isCollected = false;
    this.#inner.putBack(line);
  }

  restart(places: WindowPlace[]): void {
    this.#isCollected = false;
    this.#forget();
    this.#coalescing?.clear();
    this.#keys.clear();
    this.#out.clear();
    if (this.#coalescing === undefined) return this.#inner.restart(places);
    this.#inner.restart([]);
    for (const place of places) this.#enter(place);
  }

  /** Takes everything off the shelf; what was there. */
  #forget(): Waiting[] {
    const all = [...this.#leaving, ...this.#ready.drain(), ...this.#blocked.clear()];
    const kept = all.filter(({ isRetracted }) => !isRetracted);
    this.#leaving = [];
    this.#ready = new FairQueue(this.#rules().order);
    return kept;
  }

  /** Other rules count from now on. */
  changed(): void {
    const waiting = this.#forget();
    waiting.sort((left, right) => left.storedAtMs - right.storedAtMs);
    for (const each of waiting) this.#show(each);
    this.#changeCoalescing();
    this.#host?.wake();
  }

  #changeCoalescing(): void {
    const { coalesce } = this.#rules();
    if (coalesce === undefined) {
      this.#coalescing?.end();
      this.#coalescing = undefined;
    } else if (this.#coalescing !== undefined) this.#coalescing.change(coalesce);
    else this.#coalescing = new Coalescing(this.#clock, coalesce, this.#coalescingHost);
  }

  readonly #coalescingHost: CoalescingHost = {
    passOver: (place) => this.#host?.passOver(place),
    letGo: (places) => {
      this.#isCollected = false;
      this.#inner.addPlaces(places);
      this.#host?.wake();
    },
    valueOf: (rule, by, message) => this.#rules().valueOf(rule, by, message),
  };

  /** A token of this bucket may be there by now. */
  available(bucket: Bucket): void {
    this.#blocked.available(bucket);
  }

  #sweepLater(): void {
    if (this.#cancelSweep !== undefined || this.#isClosed) return;
    this.#cancelSweep = this.#clock.after(sweepMs, () => this.#sweep(), { background: true });
  }

  #sweep(): void {
    this.#cancelSweep = undefined;
    const mayLeave = (place: WindowPlace): boolean => this.#host?.mayLeave(place) === true;
    this.#coalescing?.sweep(mayLeave);
    let isSome = false;
    for (const waiting of this.#blocked) if (mayLeave(waiting)) isSome = true;
    if (isSome) this.#putBackWhat(mayLeave);
    if (this.#blocked.size > 0 || (this.#coalescing?.size ?? 0) > 0) this.#sweepLater();
  }

  #putBackWhat(mayLeave: (place: WindowPlace) => boolean): void {
    for (const waiting of this.#forget()) {
      if (mayLeave(waiting)) this.#leaving.push(waiting);
      else this.#ready.add(waiting);
    }
    this.#host?.wake();
  }

  /** Where a message of the window waits; undefined: not here. */
  waitOf(place: WindowPlace): StartWait | undefined {
    const dueAtMs = this.#coalescing?.dueAtMs(place);
    if (dueAtMs !== undefined) return { kind: "coalescing", dueAtMs };
    const blocked = this.#blocked.bucketOf(place);
    if (blocked !== undefined) {
      const { bucket, waiting } = blocked;
      const nowMs = this.#clock.monotonicMs();
      const inMs = Math.max(0, bucket.availableAtMs(1, nowMs) - nowMs);
      const rate = this.#rules().rateOf(waiting, bucket, nowMs);
      return { kind: "rate", rate, bucket: bucket.value, inMs, waiting: bucket.waiting };
    }
    const head = this.#keys.aheadOf((waiting) => isAt(waiting, place));
    if (head !== undefined) return { kind: "key", offset: head.offset };
    let ahead = 0;
    for (const waiting of this.#ready) {
      if (isAt(waiting, place)) return { kind: "ready", ahead };
      ahead++;
    }
    return undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelSweep?.();
    this.#coalescing?.clear();
    this.#forget();
    this.#onClosed();
  }
}

/** The bucket without a token that has one last; undefined: all have one. */
function latest(buckets: readonly Bucket[], nowMs: number): Bucket | undefined {
  let found: Bucket | undefined;
  for (const bucket of buckets) {
    if (bucket.mayTake(nowMs)) continue;
    const isLater =
      found === undefined || bucket.availableAtMs(1, nowMs) > found.availableAtMs(1, nowMs);
    if (isLater) found = bucket;
  }
  return found;
}

function isAt(waiting: WindowPlace, { batch, position }: WindowPlace): boolean {
  return waiting.batch === batch && waiting.position === position;
}
