// The flow control of one subscription while it runs: what its owner sees and changes, and what its
// deliveries ask. Always true: a change that cannot be is refused as a whole; it outlives the
// consumers behind it, so that a rate does not begin anew when the transport was interrupted.
import type { Dispatcher } from "../delivery/dispatcher.ts";
import type { Dispatching, FlowSeam } from "../delivery/dispatching.ts";
import type { Handler } from "../delivery/handler-context.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Priority } from "../message/envelope.ts";
import { assertWhole, invalidFlow } from "./checks.ts";
import {
  assertOneOfThem,
  checkedFlow,
  flowConcurrencyDefault,
  flowConcurrencyMax,
  type FlowOptions,
} from "./flow-control.ts";
import { FlowDispatcher } from "./flow-dispatcher.ts";
import { FlowRules } from "./flow-rules.ts";
import type { MakeBucket } from "./rate-buckets.ts";
import { type PoolScaling, PoolScaler } from "./scaling/pool-scaler.ts";
import { type ScalingSettings, scalingOf } from "./scaling/scaling-options.ts";
import type { SharedRates } from "./shared/shared-rates.ts";
import { TokenBucket } from "./token-bucket.ts";

/** How a subscription's flow is set now. */
export type FlowSettings = Readonly<Required<Pick<FlowOptions, "rates">>> &
  Readonly<Omit<FlowOptions, "concurrency" | "rates">> & {
    /** Most handlers that run at once; the upper bound of a pool that scales itself. */
    readonly concurrency: number;
    /** How the pool scales itself; undefined: it does not. */
    readonly scaling: ScalingSettings | undefined;
  };

/** The flow control of a running subscription. */
export interface Flow {
  /** How it is set now. */
  readonly settings: FlowSettings;
  /** Whether no handler is started, because pause() was called. */
  readonly isPaused: boolean;
  /**
   * Changes the parts that are given, at once; `undefined` removes one. What runs goes on. A rate
   * that was there before, the same object, keeps its tokens. Throws INVALID_ARGUMENT and changes
   * nothing where they cannot be used.
   */
  update(options: FlowOptions): void;
  /** Starts no further handler, and fetches nothing, until resume(). Keys stay where they are. */
  pause(): void;
  /** Goes on after pause(). */
  resume(): void;
}

/** What it is made of. */
export interface SubscriptionFlowParts {
  readonly clock: Clock;
  readonly order: "key" | "none";
  readonly shared: SharedRates;
  /** Whether the numbers of messages count, so that none may be passed over. */
  readonly isNumbered?: boolean;
  /** So many messages count as one in the concurrency: those of a batch. Default 1. */
  readonly messagesPerCall?: number;
  /** A pool that scales itself has so many handlers from now on. */
  readonly onSize?: ((size: number) => unknown) | undefined;
}

/** See the head of this file. */
export class SubscriptionFlow implements Flow, FlowSeam {
  isPaused = false;
  readonly #parts: SubscriptionFlowParts;
  #settings: FlowSettings;
  #rules: FlowRules;
  readonly #dispatchers = new Set<FlowDispatcher>();
  /** Of a subscription that began with a pool that scales itself. */
  readonly #scaler: PoolScaler | undefined;

  constructor(options: FlowOptions, parts: SubscriptionFlowParts) {
    this.#parts = parts;
    this.#settings = this.#checked("flow", options, {
      concurrency: flowConcurrencyDefault,
      rates: [],
      scaling: undefined,
    });
    this.#rules = this.#rulesNow(undefined);
    const { scaling } = this.#settings;
    if (scaling === undefined) return;
    const { clock, onSize } = parts;
    const isPaused = (): boolean => this.isPaused;
    this.#scaler = new PoolScaler(scaling, { clock, isPaused, onSize });
    onSize?.(this.#scaler.current);
  }

  get settings(): FlowSettings {
    return this.#settings;
  }

  get concurrency(): number {
    const { messagesPerCall = 1 } = this.#parts;
    if (this.isPaused) return 0;
    const { concurrency, scaling } = this.#settings;
    const size = scaling === undefined ? concurrency : (this.#scaler?.current ?? concurrency);
    return size * messagesPerCall;
  }

  /** How the pool scales itself, now; undefined: it does not. */
  get scaling(): PoolScaling | undefined {
    return this.#settings.scaling && this.#scaler?.snapshot;
  }

  /** The same for people. */
  get scalingText(): string | undefined {
    return this.#settings.scaling && this.#scaler?.text;
  }

  /** The handler as it is to be called, so that a pool that scales itself knows of its calls. */
  metered(handler: Handler): Handler {
    return this.#scaler?.metered(handler) ?? handler;
  }

  get troubles(): readonly string[] {
    const isSharing = this.#settings.rates.some(({ shared }) => shared !== undefined);
    const all = [
      this.isPaused ? "it is paused by flow.pause()" : undefined,
      this.#rules.trouble,
      isSharing ? this.#parts.shared.trouble : undefined,
    ];
    return all.filter((text) => text !== undefined);
  }

  /** See FlowSeam. */
  get fetchFirst(): Priority | undefined {
    return this.#rules.fetchFirst();
  }

  update(options: FlowOptions): void {
    this.#settings = this.#checked("flow.update", options, this.#settings);
    this.#rules = this.#rulesNow(this.#rules);
    const { scaling, concurrency } = this.#settings;
    if (scaling !== undefined) this.#scaler?.change(scaling);
    if (this.#scaler !== undefined)
      this.#parts.onSize?.(scaling ? this.#scaler.current : concurrency);
    this.#changed();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.#changed();
  }

  /** A rate in words. */
  rateAt(index: number): { readonly rate: string; readonly shared: string | undefined } {
    const rate = this.#settings.rates[index];
    if (rate === undefined) return { rate: `${index + 1}`, shared: undefined };
    const { perSecond, burst, by, shared } = rate;
    const of = by === undefined ? "" : ` for each ${typeof by === "function" ? "value" : by}`;
    return { rate: `${index + 1} (${perSecond} a second, burst ${burst}${of})`, shared };
  }

  #changed(): void {
    for (const dispatcher of this.#dispatchers) dispatcher.changed();
  }

  around(inner: Dispatcher): Dispatching {
    const onClosed = (): unknown => this.#dispatchers.delete(dispatcher);
    const { clock, order } = this.#parts;
    const dispatcher = new FlowDispatcher(clock, inner, order, () => this.#rules, onClosed);
    this.#dispatchers.add(dispatcher);
    return this.#scaler?.around(dispatcher) ?? dispatcher;
  }

  #rulesNow(before: FlowRules | undefined): FlowRules {
    return new FlowRules(this.#settings, this.#parts.clock, this.#makeBucket, before);
  }

  #poolOf(
    place: string,
    { concurrency }: FlowOptions,
    before: FlowSettings,
  ): Pick<FlowSettings, "concurrency" | "scaling"> {
    const { messagesPerCall = 1 } = this.#parts;
    const most = Math.floor(flowConcurrencyMax / messagesPerCall);
    if (typeof concurrency !== "object") {
      const { scaling } = concurrency === undefined ? before : { scaling: undefined };
      const size = concurrency ?? before.concurrency;
      assertWhole(`${place}: concurrency`, size, 1, most);
      return { concurrency: size, scaling };
    }
    const scaling = scalingOf(`${place}: concurrency`, concurrency, most);
    if (place !== "flow" && this.#scaler === undefined) {
      throw invalidFlow(
        `${place}: concurrency is { min, max }, and the pool has a fixed size: only one that was ` +
          "subscribed with { min, max } measures its calls; subscribe anew",
      );
    }
    return { concurrency: scaling.max, scaling };
  }

  readonly #makeBucket: MakeBucket = (rate, value) => {
    if (rate.shared === undefined) return new TokenBucket(rate, value);
    return this.#parts.shared.bucketOf(rate, rate.shared, value, (bucket) => {
      for (const dispatcher of this.#dispatchers) dispatcher.available(bucket);
    });
  };

  #checked(place: string, options: FlowOptions, before: FlowSettings): FlowSettings {
    const given = checkedFlow(place, withoutKind(options));
    const { rates = before.rates } = given;
    const settings = { ...before, ...given, ...this.#poolOf(place, given, before), rates };
    assertOneOfThem(place, settings);
    for (const { shared } of rates) {
      if (shared !== undefined) this.#parts.shared.assertSupported(shared);
    }
    for (const part of ["coalesce", "debounce"] as const) {
      if (settings[part] !== undefined && this.#parts.isNumbered === true) {
        const why = "a message that is passed over would be missing in the sequence of its key";
        throw invalidFlow(`${place}: ${part} beside \`sequence\`: ${why}: leave one of them out`);
      }
      const by = settings[part]?.by ?? "key";
      if (by === "key" || this.#parts.order === "none") continue;
      throw invalidFlow(
        `${place}: ${part}.by is a function, which would let messages of one key change places: ` +
          'leave it out, or subscribe with order: "none"',
      );
    }
    return Object.freeze(settings);
  }
}

function withoutKind(options: FlowOptions): FlowOptions {
  if (typeof options !== "object" || options === null || !("kind" in options)) return options;
  const { kind: _, ...rest } = options as FlowOptions & { readonly kind: unknown };
  return rest;
}
