// One running subscription as its owner sees it. Wires a delivery to the bus's bookkeeping:
// closing, statistics, health and committed state. Always true: it is drained once.
import type { StateSchemas } from "../delivery/handler-context.ts";
import type { HeldMessage, ReleaseFilter } from "../delivery/held-messages.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Explanation, MessageReference } from "../flow/explain/explanation.ts";
import type { PoolScaling } from "../flow/scaling/pool-scaler.ts";
import type { Flow } from "../flow/subscription-flow.ts";
import type { Clock } from "../kernel/clock.ts";
import type { CircuitOfRule } from "../recovery/policy-rules.ts";
import type { GroupStatistics } from "./bus-stats.ts";
import type { StateView } from "./committed-state.ts";

/** What a subscription is made of. */
export interface SubscriptionParts<State extends StateSchemas> {
  readonly channel: string;
  readonly group: string;
  /** Resolves with the error when it stopped for good by itself. */
  readonly failure: Promise<unknown>;
  readonly state: StateView<State>;
  readonly clock: Clock;
  readonly drainTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly flow: Flow;
  scaling(): PoolScaling | undefined;
  explain(reference: MessageReference): Promise<Explanation>;
  stats(): Promise<GroupStatistics>;
  circuits(): readonly CircuitOfRule[];
  held(): readonly HeldMessage[];
  release(filter: ReleaseFilter): number;
  /** Called once. */
  drain(deadlineMs: number): Promise<boolean>;
}

/** A subscription: given by bus.subscribe(), closed by its owner or with the bus. */
export class Subscription<State extends StateSchemas = Record<never, never>>
  implements AsyncDisposable
{
  /** The channel it reads. */
  readonly channel: string;
  /** The group it belongs to. */
  readonly group: string;
  /** The read side of its state: committed values, by table. */
  readonly state: StateView<State>;
  /** How much happens at once, how fast and in which order; changed by update(). */
  readonly flow: Flow;
  readonly #parts: SubscriptionParts<State>;
  #failure: unknown;
  #closed: Promise<boolean> | undefined;
  readonly #onAbort = (): void => {
    const { clock, drainTimeoutMs } = this.#parts;
    // Whoever calls close() later gets the same promise, and with it any failure.
    this.drain(clock.monotonicMs() + drainTimeoutMs).catch(() => undefined);
  };

  /** Made by the bus, with its delivery started. */
  constructor(parts: SubscriptionParts<State>) {
    this.channel = parts.channel;
    this.group = parts.group;
    this.state = parts.state;
    this.flow = parts.flow;
    this.#parts = parts;
    parts.signal?.addEventListener("abort", this.#onAbort, { once: true });
    void parts.failure.then((error) => {
      this.#failure = error;
    });
  }

  /** Why it stopped by itself; undefined while it runs, and after a close. */
  get failure(): unknown {
    return this.#failure;
  }

  /** How the circuits of its `pause` rules stand, in the order of the rules; see pause(). */
  get circuits(): readonly CircuitOfRule[] {
    return this.#parts.circuits();
  }

  /**
   * How its pool scales itself: how large it is and should be, what it measures, and its last
   * decisions with their reasons. Undefined where `concurrency` is a number.
   */
  get scaling(): PoolScaling | undefined {
    return this.#parts.scaling();
  }

  /** Messages that a `park` rule holds, of the keys that this subscription has at the moment. */
  get held(): readonly HeldMessage[] {
    return this.#parts.held();
  }

  /**
   * Lets held messages go: each is handled once more, and where it fails, its rule decides again.
   * Says how many. Another process's keys are released there; where this one ends before a handler
   * ran, the message is held again.
   *
   * @example
   * import { createBus, defineEvent, errorPolicy, otherwise, park } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Paid = defineEvent("com.acme.invoice.paid", { data: z.object({ cents: z.int() }) });
   * await using bus = await createBus({ name: "books", transport: memory() });
   * const errors = errorPolicy(otherwise(park("a person looks at it")));
   * const subscription = await bus.subscribe(Paid, { errors }, async () => undefined);
   * for (const { key, attempts } of subscription.held) console.log(key, attempts);
   * subscription.release({ key: "invoice-17" });
   */
  release(filter: ReleaseFilter = {}): number {
    return this.#parts.release(filter);
  }

  /**
   * Why a message waits for this group, or what became of it: by offset (of normal priority), id,
   * or the first unsettled one of a key. Changes nothing.
   *
   * @example
   * import { createBus, defineEvent, flowControl, rateLimit } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Placed = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
   * await using bus = await createBus({ name: "shop", transport: memory() });
   * const flow = flowControl({ rates: [rateLimit({ perSecond: 1, burst: 1 })] });
   * const subscription = await bus.subscribe(Placed, { flow }, async () => {});
   * await bus.publishMany(Placed, [{ id: "7" }, { id: "8" }]);
   * const { text } = await subscription.explain({ offset: 1 });
   * console.log(text);
   */
  explain(reference: MessageReference): Promise<Explanation> {
    return this.#parts.explain(reference);
  }

  /** This group's numbers: over all processes, and of this bus. */
  stats(): Promise<GroupStatistics> {
    return this.#parts.stats();
  }

  /**
   * Stops fetching, lets running handlers finish and settles what they did. What has not finished
   * after `timeoutMs` (default: the bus's drainTimeoutMs) is redelivered to the group, and the
   * promise rejects with DRAIN_DEADLINE. Idempotent.
   */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { clock, drainTimeoutMs } = this.#parts;
    const timeoutMs = options.timeoutMs ?? drainTimeoutMs;
    if (await this.drain(clock.monotonicMs() + timeoutMs)) return;
    throw drainError(`subscription of group '${this.group}' on '${this.channel}'`, timeoutMs);
  }

  /** Closes by a point of monotonic time; resolves whether everything finished before it. */
  drain(deadlineMs: number): Promise<boolean> {
    this.#parts.signal?.removeEventListener("abort", this.#onAbort);
    this.#closed ??= this.#parts.drain(deadlineMs);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The rejection of a close that took too long; everything is closed nevertheless. */
export function drainError(what: string, timeoutMs: number): SpillwayError {
  return new SpillwayError(
    "DRAIN_DEADLINE",
    `${what} did not finish within ${timeoutMs} ms: what was in flight is redelivered; raise the ` +
      "timeout, or let handlers observe context.signal",
    { details: { timeoutMs } },
  );
}
