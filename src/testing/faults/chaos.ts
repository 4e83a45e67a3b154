// Faults on purpose in a running system: middleware that fails or delays a share of the handler
// calls. Owns which ones. Always true: it can add failures and time and nothing else; after
// `faultsMax` of them, or abort(), every call passes, also one that is being delayed; no message
// meets so many of them that it would become a dead letter by it.
import { crc32 } from "node:zlib";
import type { Middleware } from "../../bus/middleware.ts";
import type { ConsumeMiddleware } from "../../delivery/handler-context.ts";
import { assertKnownOptions, optionNames } from "../../errors/known-options.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { type Clock, delay, systemClock } from "../../kernel/clock.ts";
import { seededRandom } from "../../kernel/random.ts";
import { FaultDraw, faultsMaxDefault } from "./fault-draw.ts";

/**
 * What can be done to a call. "fail-before": it throws instead of calling the handler.
 * "fail-after": the handler is called, and then it throws: what the handler did outside has
 * happened, its unit is not committed. "delay": the handler is called later.
 */
export type ChaosFault = "fail-before" | "fail-after" | "delay";

const chaosFaults = ["fail-before", "fail-after", "delay"] as const;

/** Options of chaos(). */
export interface ChaosOptions {
  /** Decides which calls: the same message, group and attempt meet the same fate. */
  readonly seed: number;
  /** The share of calls with a fault, 0 to 1. Default 0.1. */
  readonly share?: number;
  /** Which faults. Default: all of them. */
  readonly faults?: readonly ChaosFault[];
  /** Most faults in all; then every call passes. Default 1,000. */
  readonly faultsMax?: number;
  /** Longest delay, in milliseconds. Default 1,000. */
  readonly delayMsMax?: number;
  /**
   * Attempts of a message that may meet a fault: the ones after them pass. Default 2; keep it below
   * the attempts of your retry (5 by default), else messages become dead letters by it.
   */
  readonly attemptsMax?: number;
  /** Ends it when it fires, as abort() does. */
  readonly signal?: AbortSignal;
  /** Time for delays. Default: the machine's. */
  readonly clock?: Clock;
}

const known = optionNames<ChaosOptions>({
  seed: true,
  share: true,
  faults: true,
  faultsMax: true,
  delayMsMax: true,
  attemptsMax: true,
  signal: true,
  clock: true,
});

/** The error of a call that was failed on purpose. */
export class ChaosError extends Error {
  override readonly name = "ChaosError";
}

/** Middleware of createBus({ use }) that injects faults; made by chaos(). */
export class Chaos implements Extract<Middleware, { kind: "consume" }> {
  readonly kind = "consume";
  readonly run: ConsumeMiddleware;
  readonly #draw: FaultDraw<ChaosFault>;
  readonly #bounds: Readonly<Record<"seed" | "delayMsMax" | "attemptsMax", number>>;
  readonly #clock: Clock;
  readonly #over = new AbortController();

  /** Made by chaos(). */
  constructor(options: ChaosOptions) {
    const { seed, share = 0.1, faults = chaosFaults, faultsMax = faultsMaxDefault } = options;
    const { delayMsMax = 1_000, attemptsMax = 2, clock = systemClock, signal } = options;
    assertCount("delayMsMax", delayMsMax);
    assertCount("attemptsMax", attemptsMax);
    this.#bounds = { seed, delayMsMax, attemptsMax };
    this.#clock = clock;
    this.#draw = new FaultDraw({
      call: "chaos",
      known: chaosFaults,
      seed,
      share,
      faults,
      faultsMax,
    });
    if (signal?.aborted === true) this.abort();
    else signal?.addEventListener("abort", () => this.abort(), { once: true });
    this.run = (message, context, next) =>
      this.#run(`${context.idempotencyKey} ${context.attempt}`, context, next, message.id);
  }

  /** Faults injected so far, by kind. */
  get counts(): Readonly<Record<string, number>> {
    return this.#draw.counts();
  }

  /** Ends it at once: no call meets a fault any more; those that are being delayed go on. */
  abort(): void {
    this.#draw.abort();
    this.#over.abort();
  }

  async #run(
    call: string,
    { attempt, signal }: Parameters<ConsumeMiddleware>[1],
    next: () => Promise<unknown>,
    id: string,
  ): Promise<void> {
    const { seed, attemptsMax, delayMsMax } = this.#bounds;
    const random = seededRandom(seed ^ crc32(call));
    const fault = this.#draw.next(random.float(), () => attempt <= attemptsMax);
    const text = `chaos (seed ${seed}) failed message ${id}, attempt ${attempt}`;
    if (fault === "fail-before") throw new ChaosError(`${text}, before its handler`);
    if (fault === "delay") await this.#pause(random.float() * delayMsMax, signal);
    await next();
    if (fault !== "fail-after") return;
    if (this.#over.signal.aborted) this.#draw.takeBack(fault);
    else throw new ChaosError(`${text}, after its handler`);
  }

  /** Waits, until the chaos is over at most; rejects where the call's own signal fires. */
  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    const over = this.#over.signal;
    const either = AbortSignal.any([signal, over]);
    await delay(this.#clock, delayMs, either).catch((reason: unknown) => {
      if (signal.aborted) throw reason;
    });
  }
}

function assertCount(option: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `chaos: ${option} is ${String(value)}: give a whole number, 0 or more`,
  );
}

/**
 * Opt-in middleware that fails or delays a share of the handler calls of a running service, to show
 * that nothing is lost and nothing happens twice. Bounded by `faultsMax` and `attemptsMax`;
 * `abort()` or `signal` ends it at once. Throws INVALID_ARGUMENT.
 *
 * @example
 * import { createBus } from "spillway";
 * import { memory } from "spillway/memory";
 * import { chaos } from "spillway/testing";
 * const monkey = chaos({ seed: 7, share: 0.05, faults: ["fail-after", "delay"] });
 * await using bus = await createBus({ name: "billing", transport: memory(), use: [monkey] });
 * monkey.abort();
 * console.log(monkey.counts); // {}
 */
export function chaos(options: ChaosOptions): Chaos {
  assertKnownOptions(options, known, "chaos");
  return new Chaos(options);
}
