// Bulkheads: a bound on handler calls that several subscriptions of a process share, one for each
// downstream. Knows nothing of messages: those that wait stay where they are stored. Always true:
// no more calls run than `concurrency`; who waits longest is asked first, and nobody waits while a
// place is free.
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import type { StartGate } from "../delivery/start-gate.ts";
import { assertWhole, invalidPolicy } from "./bounds.ts";

/** Options of bulkhead(). */
export interface BulkheadOptions {
  /** Most handlers that run at once, over all subscriptions that share it. */
  readonly concurrency: number;
}

const known = optionNames<BulkheadOptions>({ concurrency: true });

/** How a bulkhead stands. */
export interface BulkheadStatus {
  readonly name: string;
  readonly concurrency: number;
  /** Handlers that run now. */
  readonly running: number;
  /** Subscriptions that have work and wait for a place. */
  readonly waiting: number;
}

/** Most subscriptions that may share one bulkhead: its queue holds each of them once. */
export const bulkheadMembersMax = 1_000;
/** Most handlers that a bulkhead may let run. */
export const bulkheadConcurrencyMax = 10_000;

/** A bound that subscriptions share; made by bulkhead(). */
export class Bulkhead {
  readonly name: string;
  readonly #concurrency: number;
  readonly #members = new Set<BulkheadGate>();
  /** Those that were refused, the longest first. */
  readonly #waiting = new Set<BulkheadGate>();
  #running = 0;

  /** Made by bulkhead(). */
  constructor(name: string, concurrency: number) {
    this.name = name;
    this.#concurrency = concurrency;
  }

  /** How it stands now. */
  get status(): BulkheadStatus {
    const waiting = this.#waiting.size;
    return { name: this.name, concurrency: this.#concurrency, running: this.#running, waiting };
  }

  /** Adds a subscription; throws INVALID_ARGUMENT where there are too many. */
  add(member: BulkheadGate): void {
    if (this.#members.size >= bulkheadMembersMax) {
      throw invalidPolicy(
        `bulkhead '${this.name}' is shared by ${bulkheadMembersMax} subscriptions already: make ` +
          "another one",
      );
    }
    this.#members.add(member);
  }

  /** Takes a subscription out; its places must have been given back. */
  remove(member: BulkheadGate): void {
    this.#members.delete(member);
    this.#waiting.delete(member);
  }

  /** Takes a place; false: the member is told when one is free. */
  enter(member: BulkheadGate): boolean {
    const isFree = this.#running < this.#concurrency;
    const isFirst = this.#waiting.size === 0 || member.isInvited;
    if (isFree && isFirst) {
      this.#running++;
      return true;
    }
    this.#waiting.add(member);
    return false;
  }

  /** Whether others wait, so that a place is to be given back between two messages. */
  get isWanted(): boolean {
    return this.#waiting.size > 0;
  }

  /** Gives a place back, and asks those that wait. */
  leave(): void {
    this.#running--;
    while (this.#running < this.#concurrency) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#waiting.delete(next);
      next.invite();
    }
  }
}

/** One subscription's side of a bulkhead. */
export class BulkheadGate implements StartGate {
  /** Its turn has come: it goes before those that wait. */
  isInvited = false;
  readonly limit: number = Number.POSITIVE_INFINITY;
  readonly #bulkhead: Bulkhead;
  #wake: (() => void) | undefined;

  constructor(bulkhead: Bulkhead) {
    this.#bulkhead = bulkhead;
  }

  get troubles(): readonly string[] {
    // Waiting for a place is how it works.
    return [];
  }

  enter(): boolean {
    return this.#bulkhead.enter(this);
  }

  mayGoOn(): boolean {
    return !this.#bulkhead.isWanted;
  }

  leave(): void {
    this.#bulkhead.leave();
  }

  attach(wake: () => void): () => void {
    this.#bulkhead.add(this);
    this.#wake = wake;
    return () => {
      this.#wake = undefined;
      this.#bulkhead.remove(this);
    };
  }

  /** A place is free for this one. */
  invite(): void {
    this.isInvited = true;
    try {
      this.#wake?.();
    } finally {
      this.isInvited = false;
    }
  }
}

/**
 * A bound for one downstream: subscriptions of this process that are given the same bulkhead run at
 * most `concurrency` handlers together. Messages that wait for a place wait where they are stored.
 *
 * @example
 * import { bulkhead, createBus, defineEvent } from "spillway";
 * import { memory } from "spillway/memory";
 * import { z } from "zod";
 * const Placed = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
 * const Cancelled = defineEvent("order.cancelled", { data: z.object({ id: z.string() }) });
 * const payments = bulkhead("payments", { concurrency: 4 });
 * await using bus = await createBus({ name: "billing", transport: memory() });
 * await bus.subscribe(Placed, { bulkhead: payments }, async () => undefined);
 * await bus.subscribe(Cancelled, { bulkhead: payments }, async () => undefined);
 * console.log(payments.status.running <= 4); // true
 */
export function bulkhead(name: string, options: BulkheadOptions): Bulkhead {
  if (typeof name !== "string" || name.length === 0 || name.length > 200) {
    throw invalidPolicy(
      `bulkhead: the name is ${JSON.stringify(name)}: give text of 1 to 200 characters`,
    );
  }
  assertKnownOptions(options, known, "bulkhead", name);
  const { concurrency } = options;
  assertWhole(`bulkhead '${name}': concurrency`, concurrency, 1, bulkheadConcurrencyMax);
  return new Bulkhead(name, concurrency);
}
