// What bus.subscribe() and bus.messages() take, with the defaults and checks. Owns no behaviour.
// Always true: settings that came out of subscribeSettingsOf() are complete and in range.
import { assertName } from "../contracts/names.ts";
import {
  type DeliveryLevel,
  type DeliveryOptions,
  retryDefaults,
  timeoutMsDefault,
} from "../delivery/delivery-options.ts";
import type { StateSchemas } from "../delivery/handler-context.ts";
import { assertSequenceRules, type SequenceRules } from "../delivery/sequences/sequence-rules.ts";
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { FlowControl } from "../flow/flow-control.ts";
import type { ScaledConcurrency } from "../flow/scaling/scaling-options.ts";
import type { StartPosition, Transport } from "../ports/transport.ts";
import { assertDuration, assertInteger } from "./bus-options.ts";
import { assertStartSupported, assertSupported } from "./capability-checks.ts";
import {
  assertBulkhead,
  assertErrorOptions,
  type BulkheadOption,
  type ErrorOptions,
  parkedLimit,
} from "./error-options.ts";
import { assertFlow, mostOf, poolOf } from "./pool-option.ts";
import type { Selection } from "./selection.ts";

/** When a failed message is tried again: exponential, full jitter, then the dead letters. */
export interface RetryOptions {
  /** Handler calls in all. Default 5. */
  readonly attempts?: number;
  /** Longest wait after the first failure; it doubles with every further one. Default 100 ms. */
  readonly initialMs?: number;
  /** Longest wait of all. Default 30 s. */
  readonly maxMs?: number;
}

/** Options that do not depend on the delivery level. */
export interface CommonSubscribeOptions extends BulkheadOption {
  /** Who reads: members of one group share the messages, every group gets all. Default: the bus. */
  readonly group?: string;
  /** Where a group starts that is new. Default "earliest". An offset counts in normal priority. */
  readonly from?: StartPosition;
  /** "key": one message of a key at a time, in order. Default where every contract has a key. */
  readonly order?: "key" | "none";
  /**
   * Most handlers that run at once, or bounds between which the pool scales itself. Default 16. The
   * short form of `flow`.
   */
  readonly concurrency?: number | ScaledConcurrency;
  /** How much happens at once, how fast and in which order; see flowControl(). */
  readonly flow?: FlowControl;
  /** When a failed message is tried again. */
  readonly retry?: RetryOptions;
  /** Messages that may wait behind a failed one of their key. Default 1,000. */
  readonly parkedPerKeyMax?: number;
  /**
   * When so many wait: "dead-letter" (default) sets the failed one and them aside, in order;
   * "pause" fetches nothing new until they are through.
   */
  readonly onKeyFull?: "dead-letter" | "pause";
  /** How long a handler may take before it counts as failed. Default 60 s. */
  readonly timeoutMs?: number;
  /**
   * The handler has no effect but through its unit: state, and messages that it returns or gives to
   * `context.publish`. Then its dead letters can be redriven at any age, because nothing can happen
   * twice, and messages can be replayed. Default false.
   */
  readonly pure?: boolean;
  /**
   * Messages stored before this wall time (in milliseconds) are replayed: the handler runs and its
   * state changes, but what it publishes for them is not stored again. Needs `pure: true`, because
   * other effects cannot be muted.
   */
  readonly replayUntilMs?: number;
  /** Closes the subscription when it fires. */
  readonly signal?: AbortSignal;
}

/** Options of bus.subscribe(). `state` and `sequence` need `delivery: "effectively-once"`. */
export type SubscribeOptions<State extends StateSchemas = StateSchemas> =
  | (CommonSubscribeOptions &
      ErrorOptions & {
        /** Default "at-least-once": a crash repeats handlers. "at-most-once": acked before. */
        readonly delivery?: "at-most-once" | "at-least-once";
        readonly state?: undefined;
        readonly sequence?: undefined;
      })
  | (CommonSubscribeOptions &
      ErrorOptions & {
        /** What a handler changes through its context exists once, however often it ran. */
        readonly delivery: "effectively-once";
        /** Tables of `context.state`: name → schema of the values. */
        readonly state?: State;
        /**
         * What is done with the numbers of messages within their key. "check": the handler is told
         * of gaps, late ones and duplicates in `context.sequence`, and they are counted.
         * resequence(): each key's messages are handled in the order of their numbers. Needs order
         * by key. How far each key is becomes durable in the unit that settles its message; of
         * about a million keys (16 of each of 65,536 slots). Beyond that the one that was settled
         * longest ago is forgotten, and its next message counts as its first.
         */
        readonly sequence?: SequenceRules;
      });

/** Options of bus.messages(). */
export interface MessagesOptions
  extends Omit<
    CommonSubscribeOptions,
    "timeoutMs" | "bulkhead" | "flow" | "pure" | "replayUntilMs" | "concurrency"
  > {
  /** Most messages that are handed out at once. Default 16. */
  readonly concurrency?: number;
  /**
   * Default "at-least-once". With "at-most-once" messages are acknowledged when they are fetched:
   * what was fetched and not taken when the loop ends is gone.
   */
  readonly delivery?: "at-most-once" | "at-least-once";
}

const common = {
  group: true,
  from: true,
  order: true,
  concurrency: true,
  retry: true,
  parkedPerKeyMax: true,
  onKeyFull: true,
  signal: true,
  delivery: true,
} as const;
const known = {
  options: optionNames<SubscribeOptions>({
    ...common,
    timeoutMs: true,
    errors: true,
    bulkhead: true,
    state: true,
    sequence: true,
    pure: true,
    replayUntilMs: true,
    flow: true,
  }),
  /** Of a stream, that waits for whoever loops over it. */
  stream: optionNames<MessagesOptions>(common),
  retry: optionNames<RetryOptions>({ attempts: true, initialMs: true, maxMs: true }),
};

/** Throws INVALID_ARGUMENT for an option that bus.messages() does not have. */
export function assertMessagesOptions(channel: string, options: MessagesOptions): void {
  assertKnownOptions(options, known.stream, "messages of", channel);
}

/** Most handlers that one subscription may run at once. */
export const concurrencyMax = 1_000;
/** Most attempts that a retry may make. */
export const attemptsMax = 1_000;

/**
 * Subscribe options, complete: what a delivery takes besides its middleware, and where to start.
 */
export type SubscribeSettings = Omit<DeliveryOptions, "middleware"> & {
  readonly from: StartPosition;
  readonly types: readonly string[] | undefined;
};

/** Checks the options against the transport and fills in the defaults. */
export function subscribeSettingsOf(
  transport: Transport,
  selection: Selection,
  options: SubscribeOptions,
  defaultGroup: string,
): SubscribeSettings {
  const { entry, contracts, whole, types } = selection;
  assertKnownOptions(options, known.options, "subscription of", entry.name);
  assertKnownOptions(options.retry, known.retry, "retry of the subscription of", entry.name);
  const keyed = contracts.every((contract) => contract.hasKey);
  const settings = {
    channel: entry.name,
    group: options.group ?? defaultGroup,
    contracts,
    whole,
    types,
    from: options.from ?? "earliest",
    order: options.order ?? (keyed ? "key" : "none"),
    concurrency: mostOf(poolOf(options)),
    delivery: options.delivery ?? "at-least-once",
    retry: {
      attempts: options.retry?.attempts ?? retryDefaults.attempts,
      delayMsMin: options.retry?.initialMs ?? retryDefaults.delayMsMin,
      delayMsMax: options.retry?.maxMs ?? retryDefaults.delayMsMax,
    },
    timeoutMs: options.timeoutMs ?? timeoutMsDefault,
    onKeyFull: options.onKeyFull ?? "dead-letter",
    limits: parkedLimit(options.parkedPerKeyMax),
    state: options.state ?? {},
    sequence: options.sequence,
    pure: options.pure ?? false,
    replayUntilMs: options.replayUntilMs,
  } as const;
  assertName("group", settings.group);
  assertInteger("concurrency", settings.concurrency, 1, concurrencyMax);
  assertFlow(options);
  assertOneOf("order", settings.order, ["key", "none"]);
  assertOneOf("onKeyFull", settings.onKeyFull, ["dead-letter", "pause"]);
  assertOneOf("delivery", settings.delivery, levels);
  assertInteger("retry.attempts", settings.retry.attempts, 1, attemptsMax);
  assertDuration("retry.initialMs", settings.retry.delayMsMin);
  assertDuration("retry.maxMs", settings.retry.delayMsMax);
  assertBulkhead(options.bulkhead);
  assertErrorOptions(options, settings.delivery);
  assertTimeout(settings.timeoutMs);
  assertReplay(settings);
  assertState(settings);
  assertSequence(settings);
  assertCapabilities(transport, settings);
  return settings;
}

const levels: readonly DeliveryLevel[] = ["at-most-once", "at-least-once", "effectively-once"];

function assertOneOf(option: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `${option} is ${JSON.stringify(value)}: give ${allowed.join(" or ")}`,
  );
}

function assertTimeout(timeoutMs: number): void {
  if (timeoutMs === Number.POSITIVE_INFINITY || timeoutMs > 0) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `timeoutMs is ${String(timeoutMs)}: give a number of milliseconds above 0, or Infinity`,
  );
}

function assertReplay({ group, channel, pure, replayUntilMs }: SubscribeSettings): void {
  if (replayUntilMs === undefined) return;
  const where = `replayUntilMs of group '${group}' on '${channel}'`;
  if (!Number.isFinite(replayUntilMs)) {
    const message = `${where} is ${String(replayUntilMs)}: give a wall time in milliseconds`;
    throw new SpillwayError("INVALID_ARGUMENT", message);
  }
  if (pure === true) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `${where} needs pure: true: what the handler does outside its unit cannot be muted`,
  );
}

function assertState(settings: SubscribeSettings): void {
  const tables = Object.keys(settings.state);
  for (const table of tables) assertName("state table", table);
  if (tables.length === 0 || settings.delivery === "effectively-once") return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `subscription of group '${settings.group}' on '${settings.channel}' has state but delivery ` +
      `'${settings.delivery}': state needs delivery: "effectively-once"`,
  );
}

function assertSequence({ sequence, group, channel, order, delivery }: SubscribeSettings): void {
  if (sequence === undefined) return;
  assertSequenceRules(sequence);
  const where = `sequence of group '${group}' on '${channel}' needs`;
  if (order !== "key") {
    const why = 'numbers count within a key, and order "none" handles several of one at a time';
    throw new SpillwayError("INVALID_ARGUMENT", `${where} order: "key": ${why}`);
  }
  if (delivery === "effectively-once") return;
  const why = "the last number of a key is kept as state is, in the unit that settles its message";
  throw new SpillwayError("INVALID_ARGUMENT", `${where} delivery: "effectively-once": ${why}`);
}

function assertCapabilities(transport: Transport, settings: SubscribeSettings): void {
  const where = `group '${settings.group}' on '${settings.channel}'`;
  assertStartSupported(transport, settings.from);
  if (settings.order === "key") assertSupported(transport, "orderByKey", `order "key" of ${where}`);
  if (settings.delivery === "effectively-once") {
    assertSupported(transport, "atomicUnit", `delivery "effectively-once" of ${where}`);
  }
}
