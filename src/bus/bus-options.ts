// What createBus() takes, with its defaults and its checks. Owns no behaviour. Always true:
// settings that came out of settingsOf() are complete and in range.
import { assertName } from "../contracts/names.ts";
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { SpillwayError, UnsupportedError } from "../errors/spillway-error.ts";
import { type Clock, systemClock } from "../kernel/clock.ts";
import { type Random, systemRandom } from "../kernel/random.ts";
import { type Codec, jsonCodec } from "../message/codec.ts";
import type { Transport } from "../ports/transport.ts";
import { type ReplyOptions, replyStrategyOf } from "../requests/reply-address.ts";
import type { AnyChannel } from "./channel-registry.ts";
import type { Middleware } from "./middleware.ts";

/** Signals on which a bus can drain. */
export type ShutdownSignal = "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT" | "SIGBREAK";

const signals: readonly ShutdownSignal[] = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGBREAK"];

/** What createBus() takes. */
export interface BusOptions {
  /** Who this is: the default group of subscriptions, and the default `source` of messages. */
  readonly name: string;
  /** Where messages are stored. Opened and closed by the bus; one bus each. */
  readonly transport: Transport;
  /**
   * Channels this service publishes to. A contract listed here goes to its channel from the first
   * publish on; one that is listed nowhere has a channel of its own name.
   */
  readonly channels?: readonly AnyChannel[];
  /** Reserved: the transports of this release keep inbox, outbox and state themselves. */
  readonly store?: undefined;
  /** Middleware, outermost first: onConsume(fn), onPublish(fn). */
  readonly use?: readonly Middleware[];
  /** How data is encoded. Default: JSON. */
  readonly codec?: Codec;
  /** Largest encoded data of one message. Default 1 MiB, at most 64 MiB. */
  readonly messageBytesMax?: number;
  /** Most publishes that may wait un-awaited. Default 10,000; then BackPressureError. */
  readonly pendingMax?: number;
  /** Most bytes they may hold. Default 16 MiB; then BackPressureError. */
  readonly pendingBytesMax?: number;
  /** Most requests that may wait for their outcome. Default 10,000; then BackPressureError. */
  readonly pendingRequestsMax?: number;
  /** How answers to this bus's requests find it. Default: one channel a service. */
  readonly replies?: ReplyOptions;
  /** How long to gather publishes into one append. Default 0: those of the same turn. */
  readonly batchDelayMs?: number;
  /** How long close() waits for work in flight. Default 10 s; the rest is redelivered. */
  readonly drainTimeoutMs?: number;
  /**
   * Signals on which the bus closes itself and, where nobody else listens, lets the signal end the
   * process. Default ["SIGTERM"]; [] to opt out.
   */
  readonly shutdownSignals?: readonly ShutdownSignal[];
  /** CloudEvents `source` of published messages. Default: the name. */
  readonly source?: string;
  /** Time; replaced in tests. Default: the system's. */
  readonly clock?: Clock;
  /** Randomness; replaced in tests. Default: the system's. */
  readonly random?: Random;
}

/** Bus options with every default filled in. */
export type BusSettings = Required<Omit<BusOptions, "store">>;

/** The defaults that the documentation states. */
export const busDefaults = {
  messageBytesMax: 1_048_576,
  pendingMax: 10_000,
  pendingBytesMax: 16_777_216,
  pendingRequestsMax: 10_000,
  batchDelayMs: 0,
  drainTimeoutMs: 10_000,
  shutdownSignals: ["SIGTERM"],
} as const;

const known = optionNames<BusOptions>({
  name: true,
  transport: true,
  channels: true,
  store: true,
  use: true,
  codec: true,
  messageBytesMax: true,
  pendingMax: true,
  pendingBytesMax: true,
  pendingRequestsMax: true,
  replies: true,
  batchDelayMs: true,
  drainTimeoutMs: true,
  shutdownSignals: true,
  source: true,
  clock: true,
  random: true,
});
const knownReplies = optionNames<ReplyOptions>({ strategy: true });

/** Largest `messageBytesMax`, a bound of the stored format. */
export const messageBytesLimit = 67_108_864;

/** Checks the options and fills in the defaults. Throws INVALID_NAME, INVALID_ARGUMENT. */
export function settingsOf(options: BusOptions): BusSettings {
  if (typeof options !== "object") {
    throw invalid("createBus: options are missing: give at least { name, transport }");
  }
  assertKnownOptions(options, known, "createBus");
  assertKnownOptions(options.replies, knownReplies, "createBus: replies");
  assertName("bus", options.name);
  if (typeof options.transport?.append !== "function") {
    throw invalid(
      "transport is missing: give one, for example memory() or embedded({ directory })",
    );
  }
  if (options.store !== undefined) {
    throw new UnsupportedError(
      `createBus: transport '${options.transport.name}' keeps inbox, outbox and state itself: ` +
        "leave `store` out",
    );
  }
  const settings: BusSettings = {
    name: options.name,
    transport: options.transport,
    channels: options.channels ?? [],
    use: options.use ?? [],
    codec: options.codec ?? jsonCodec,
    messageBytesMax: options.messageBytesMax ?? busDefaults.messageBytesMax,
    pendingMax: options.pendingMax ?? busDefaults.pendingMax,
    pendingBytesMax: options.pendingBytesMax ?? busDefaults.pendingBytesMax,
    pendingRequestsMax: options.pendingRequestsMax ?? busDefaults.pendingRequestsMax,
    replies: { strategy: replyStrategyOf(options.replies) },
    batchDelayMs: options.batchDelayMs ?? busDefaults.batchDelayMs,
    drainTimeoutMs: options.drainTimeoutMs ?? busDefaults.drainTimeoutMs,
    shutdownSignals: options.shutdownSignals ?? busDefaults.shutdownSignals,
    source: options.source ?? options.name,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
  assertInteger("messageBytesMax", settings.messageBytesMax, 1, messageBytesLimit);
  assertInteger("pendingMax", settings.pendingMax, 1);
  assertInteger("pendingBytesMax", settings.pendingBytesMax, 1);
  assertInteger("pendingRequestsMax", settings.pendingRequestsMax, 1);
  assertDuration("batchDelayMs", settings.batchDelayMs);
  assertDuration("drainTimeoutMs", settings.drainTimeoutMs);
  assertSignals(settings.shutdownSignals);
  if (settings.source === "")
    throw invalid("source is empty: give a URI reference, or leave it out");
  return settings;
}

/** Throws INVALID_ARGUMENT unless the option is a whole number in range. */
export function assertInteger(
  option: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalid(`${option} is ${String(value)}: give a whole number from ${min} to ${max}`);
}

/** Throws INVALID_ARGUMENT unless the option is a number of milliseconds, 0 or more. */
export function assertDuration(option: string, value: number): void {
  if (typeof value === "number" && value >= 0 && Number.isFinite(value)) return;
  throw invalid(`${option} is ${String(value)}: give a number of milliseconds, 0 or more`);
}

function assertSignals(given: unknown): void {
  const known: readonly unknown[] = signals;
  if (Array.isArray(given) && given.every((signal) => known.includes(signal))) return;
  throw invalid(
    `shutdownSignals is ${JSON.stringify(given)}: give a list of ${signals.join(", ")}, or []`,
  );
}

function invalid(message: string): SpillwayError {
  return new SpillwayError("INVALID_ARGUMENT", message);
}
