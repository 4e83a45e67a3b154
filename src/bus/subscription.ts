// One running subscription as its owner sees it. Wires a delivery to the bus's bookkeeping:
// closing, statistics, health and committed state. Always true: it is drained once.
import type { StateSchemas } from "../delivery/handler-context.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Clock } from "../kernel/clock.ts";
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
  stats(): Promise<GroupStatistics>;
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
