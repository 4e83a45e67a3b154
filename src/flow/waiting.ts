// A message on the shelf, with what the rules say of it and where it is linked in: one object for
// all of it, because there is one for every message. And the turn of a tenant, which it is linked
// into. Always true: a message is in one queue at a time, and linked there by that queue alone;
// taking it out costs the same wherever it stands.
import type { WindowBatch, WindowPlace } from "../delivery/window.ts";
import type { Bucket } from "./token-bucket.ts";

/** A message on the shelf. */
export class Waiting implements WindowPlace {
  readonly batch: WindowBatch;
  readonly position: number;
  tenant: string | undefined = undefined;
  /** For each rate the value of its bucket; undefined: it counts for nobody. */
  values: readonly BucketValue[] | undefined = undefined;
  /** The buckets whose tokens it took, until its handler starts, and the tokens. */
  buckets: readonly Bucket[] | undefined = undefined;
  tokens: readonly number[] | undefined = undefined;
  /** It stepped back behind another one of its key, and is on the shelf no more. */
  isRetracted = false;
  /** It had a token in sight and is first again where it has not started. */
  wasReleased = false;

  /** Of its key: its slot, whether it was given out, those behind it by offset (mostly none). */
  slot = 0;
  isOut = false;
  rest: Waiting[] | undefined = undefined;
  /** The next one of KeyQueues in the same place of the table. */
  nextInSlot: Waiting | undefined = undefined;

  /** In a queue: its tenant's turn, its neighbours there, and those by age. */
  turn: Turn | undefined = undefined;
  ahead: Waiting | undefined = undefined;
  behind: Waiting | undefined = undefined;
  older: Waiting | undefined = undefined;
  younger: Waiting | undefined = undefined;

  constructor(batch: WindowBatch, position: number) {
    this.batch = batch;
    this.position = position;
  }

  get lane(): number {
    return this.batch.lane;
  }

  get offset(): number {
    return this.batch.stored.offsetAt(this.batch.recordAt(this.position));
  }

  get key(): string | undefined {
    return this.batch.stored.keyAt(this.batch.recordAt(this.position));
  }

  /** When it was stored, wall ms. */
  get storedAtMs(): number {
    return this.batch.stored.appendedAtMs;
  }
}

/** Which bucket of a rate a message needs; undefined: none. */
export type BucketValue = { readonly value: string | undefined } | undefined;

/** A tenant's place in the round of a queue, and its messages there, in order. */
export class Turn {
  readonly name: string | undefined;
  /** Starts in one round. */
  readonly weight: number;
  /** Starts that it has left in this round. */
  deficit = 0;
  isInRound = false;
  /** Whose turn is next. */
  next: Turn | undefined = undefined;
  first: Waiting | undefined = undefined;
  #last: Waiting | undefined = undefined;

  constructor(name: string | undefined, weight: number) {
    this.name = name;
    this.weight = weight;
  }

  /** Adds a message behind all others. */
  push(waiting: Waiting): void {
    waiting.turn = this;
    waiting.ahead = this.#last;
    if (this.#last === undefined) this.first = waiting;
    else this.#last.behind = waiting;
    this.#last = waiting;
  }

  /** Adds a message before all others. */
  unshift(waiting: Waiting): void {
    waiting.turn = this;
    waiting.behind = this.first;
    if (this.first === undefined) this.#last = waiting;
    else this.first.ahead = waiting;
    this.first = waiting;
  }

  /** Takes a message out. */
  remove(waiting: Waiting): void {
    const { ahead, behind } = waiting;
    if (ahead === undefined) this.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.#last = ahead;
    else behind.ahead = ahead;
    waiting.ahead = undefined;
    waiting.behind = undefined;
    waiting.turn = undefined;
  }
}
