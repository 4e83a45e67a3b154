// What a delivery is made of: the options of its subscription, the parts it is lent, and the named
// bounds of everything it keeps. Owns no behaviour.
import type { AsyncLocalStorage } from "node:async_hooks";
import type { AnyContract } from "../contracts/contract.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import type { Codec } from "../message/codec.ts";
import type { StateStore } from "../ports/state-store.ts";
import type { Consumer } from "../ports/transport.ts";
import type { ChannelCounters, GroupCounters } from "../telemetry/counters.ts";
import type { Answers } from "./answers.ts";
import type { FlowSeam } from "./dispatching.ts";
import type { RetryOptions } from "./failure.ts";
import type { FailureRules } from "./failure-rules.ts";
import type { ConsumeMiddleware, StateSchemas } from "./handler-context.ts";
import type { OutgoingEncoder } from "./outgoing-encoder.ts";
import type { SequenceRules } from "./sequences/sequence-rules.ts";
import type { StartGate } from "./start-gate.ts";

export type { RetryOptions } from "./failure.ts";

/** Retry where a subscription says nothing. */
export const retryDefaults: RetryOptions = {
  attempts: 5,
  delayMsMin: 100,
  delayMsMax: 30_000,
};

/** How long a handler may take where a subscription says nothing. */
export const timeoutMsDefault = 60_000;

/** The guarantee of a subscription; see docs/adr/0004. */
export type DeliveryLevel = "at-most-once" | "at-least-once" | "effectively-once";

/** One subscription, complete and checked. */
export interface DeliveryOptions {
  readonly channel: string;
  readonly group: string;
  /** The contracts its handler understands. */
  readonly contracts: readonly AnyContract[];
  /** Whether it reads the whole channel, so that other types in it are faults. */
  readonly whole: boolean;
  readonly order: "key" | "none";
  /** Most handlers running at the same time, where `flow` does not say it. */
  readonly concurrency: number;
  /** What else decides when a message starts; undefined: nothing. */
  readonly flow?: FlowSeam | undefined;
  readonly delivery: DeliveryLevel;
  readonly retry: RetryOptions;
  /** What becomes of failed messages; undefined: `retry`, then the dead letters. */
  readonly rules?: FailureRules | undefined;
  /** Asked before each handler starts; undefined: only `concurrency` counts. */
  readonly gate?: StartGate | undefined;
  /**
   * When `parkedPerKeyMax` messages wait behind a failed one: "dead-letter" (default) sets it and
   * them aside, in order; "pause" fetches nothing new until they are through.
   */
  readonly onKeyFull?: "dead-letter" | "pause" | undefined;
  /** How long a handler may take before it is given up. */
  readonly timeoutMs: number;
  /** State tables; empty unless `delivery` is "effectively-once". */
  readonly state: StateSchemas;
  /** What is done with the numbers of messages within their key; undefined: nothing. */
  readonly sequence?: SequenceRules | undefined;
  /** Whether the handler has no effect but through its unit. */
  readonly pure?: boolean | undefined;
  /** Messages stored before this wall time are replayed: what they publish is not stored. */
  readonly replayUntilMs?: number | undefined;
  /** Outermost first. */
  readonly middleware: readonly ConsumeMiddleware[];
  /** How senders are answered; undefined: they are not. */
  readonly answers?: Answers | undefined;
  /** Bounds; only tests change them. */
  readonly limits?: Partial<DeliveryLimits>;
}

/** What surrounds a running handler; bus.publish looks for it. */
export interface HandlerScope {
  readonly channel: string;
  readonly group: string;
}

/** What a delivery is lent; it closes the consumer and nothing else. */
export interface DeliveryEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly consumer: Consumer;
  /** Where committed state is read; undefined where the transport has none. */
  readonly state: StateStore | undefined;
  readonly encoder: OutgoingEncoder;
  readonly codec: Codec;
  readonly counters: GroupCounters;
  /** How long the transport remembers given ids; undefined: it does not say. */
  readonly dedupeWindowMs?: number | undefined;
  /** Of the channels to which units publish. */
  readonly countersOf: (channel: string) => ChannelCounters;
  readonly insideHandler: AsyncLocalStorage<HandlerScope>;
}

/** Every bound of one subscription. */
export interface DeliveryLimits {
  /** Most messages asked of the transport at once. */
  readonly fetchMessagesMax: number;
  /** Fetched and uncommitted messages at which no more are fetched. */
  readonly windowMessagesMax: number;
  /** Bytes of fetched batches at which no more are fetched. */
  readonly windowBytesMax: number;
  /** Most messages settled by one unit. */
  readonly unitMessagesMax: number;
  /** To what conflicts shrink the one above. */
  readonly unitMessagesMin: number;
  /** Units under way at once. */
  readonly unitsMax: number;
  /** Most messages parked behind a failed one; see onKeyFull. */
  readonly parkedPerKeyMax: number;
  /** Open messages at which nothing new is fetched. */
  readonly openMax: number;
  /** Most open messages read again at once. */
  readonly reloadMessagesMax: number;
  /** Rows of committed state kept in memory. */
  readonly stateRowsMax: number;
  /** Most state rows one handler call may touch. */
  readonly stateRowsPerMessageMax: number;
  /** Runs of one message that may end in a state conflict before it counts as a failure. */
  readonly rerunsMax: number;
  /** Most messages one handler call may publish. */
  readonly publishesPerMessageMax: number;
  /** Bytes of outgoing messages at which a unit is committed. */
  readonly unitBytesMax: number;
}

/** The bounds of every subscription. */
export const deliveryLimits: DeliveryLimits = {
  fetchMessagesMax: 1_000,
  windowMessagesMax: 8_000,
  windowBytesMax: 8_388_608,
  unitMessagesMax: 2_000,
  unitMessagesMin: 16,
  unitsMax: 2,
  parkedPerKeyMax: 1_000,
  openMax: 50_000,
  reloadMessagesMax: 64,
  stateRowsMax: 10_000,
  stateRowsPerMessageMax: 1_000,
  rerunsMax: 100,
  publishesPerMessageMax: 10_000,
  unitBytesMax: 4_194_304,
};
