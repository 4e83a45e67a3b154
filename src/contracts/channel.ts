// Channels: where messages are stored. A channel lists the contracts it carries and how they are
// kept; a contract without a channel has one of its own name. Knows nothing of transports.
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Priority } from "../message/envelope.ts";
import type { AnyContract } from "./contract.ts";
import { assertName, isCompanionChannel } from "./names.ts";

/** How long and how much a channel keeps; never past what a living group has not settled. */
export interface ChannelRetention {
  /** Days after which messages may be removed. Default 7. */
  readonly days?: number;
  /** Bytes above which the oldest may be removed. Default: no bound. */
  readonly bytes?: number;
  /** "keep" (default): unread messages stay. "drop": retention passes slow groups, counted. */
  readonly unread?: "keep" | "drop";
  /**
   * Days after which a group without members holds back nothing any more; announced a third of that
   * time before. Default 30.
   */
  readonly groupDays?: number;
}

/** How much may wait in a channel: what its slowest living group has not settled. */
export interface ChannelLimits {
  /** Most messages, delayed ones included. */
  readonly depthMax?: number;
  /** Most bytes, as stored. */
  readonly bytesMax?: number;
}

/**
 * What becomes of a publish to a full channel, always before it is acknowledged. "wait": it waits
 * for room. "reject": it is refused with BackPressureError. "shed": the same, low priority first.
 */
export type ChannelOverflow = "wait" | "reject" | "shed";

/** What defineChannel() takes. */
export interface ChannelOptions<Messages extends readonly AnyContract[]> {
  /** The contracts this channel carries. */
  readonly messages: Messages;
  /** Ranges by which a group's work is divided between consumers, 1 to 1,024. Default 8. */
  readonly partitions?: number;
  readonly retention?: ChannelRetention;
  /** Most that may wait; what happens then is `overflow`. Default: no limits. */
  readonly limits?: ChannelLimits;
  /** Default "wait". */
  readonly overflow?: ChannelOverflow;
  /** Default "none". */
  readonly compression?: "none" | "zstd";
  /** The priority of a keyed message: a function of the key alone, so that order by key holds. */
  readonly priorityOf?: (key: string) => Priority;
}

/** A channel with the types of its messages. */
export interface Channel<
  Name extends string = string,
  Messages extends readonly AnyContract[] = readonly AnyContract[],
> {
  readonly kind: "channel";
  readonly name: Name;
  readonly messages: Messages;
  readonly partitions: number;
  readonly retention: ChannelRetention;
  readonly limits: ChannelLimits;
  readonly overflow: ChannelOverflow;
  readonly compression: "none" | "zstd";
  readonly priorityOf: ((key: string) => Priority) | undefined;
}

/** Partitions of a channel that names none. */
export const partitionsDefault = 8;
/** Most partitions a channel may have. */
export const partitionsMax = 1_024;

const known = {
  options: optionNames<ChannelOptions<readonly AnyContract[]>>({
    messages: true,
    partitions: true,
    retention: true,
    limits: true,
    overflow: true,
    compression: true,
    priorityOf: true,
  }),
  retention: optionNames<ChannelRetention>({
    days: true,
    bytes: true,
    unread: true,
    groupDays: true,
  }),
  limits: optionNames<Channel["limits"]>({ depthMax: true, bytesMax: true }),
};

/**
 * Defines a channel. Pure: nothing is created until a bus uses it.
 * Throws INVALID_NAME, INVALID_ARGUMENT, or CONTRACT_CONFLICT for two contracts of one name and
 * version.
 *
 * @example
 * import { defineChannel, defineEvent } from "spillway";
 * import { z } from "zod";
 * const OrderPlaced = defineEvent("com.acme.order.placed", { data: z.object({ id: z.string() }) });
 * const orders = defineChannel("orders", { messages: [OrderPlaced], retention: { days: 30 } });
 * console.log(orders.partitions); // 8
 */
export function defineChannel<
  const Name extends string,
  const Messages extends readonly AnyContract[],
>(name: Name, options: ChannelOptions<Messages>): Channel<Name, Messages> {
  assertName("channel", name);
  if (isCompanionChannel(name)) {
    throw new SpillwayError(
      "INVALID_NAME",
      `channel name '${name}' is reserved for the companion of another channel: choose another`,
    );
  }
  assertKnownOptions(options, known.options, "channel", name);
  assertKnownOptions(options.retention, known.retention, "retention of channel", name);
  assertKnownOptions(options.limits, known.limits, "limits of channel", name);
  assertMessages(name, options.messages);
  assertOptions(name, options);
  return Object.freeze({
    kind: "channel",
    name,
    messages: Object.freeze([...options.messages]) as unknown as Messages,
    partitions: options.partitions ?? partitionsDefault,
    retention: Object.freeze({ ...options.retention }),
    limits: Object.freeze({ ...options.limits }),
    overflow: options.overflow ?? "wait",
    compression: options.compression ?? "none",
    priorityOf: options.priorityOf,
  });
}

function assertMessages(name: string, contracts: readonly AnyContract[]): void {
  if (!Array.isArray(contracts) || contracts.length === 0) {
    throw new SpillwayError("INVALID_ARGUMENT", `channel '${name}' lists no messages: list one`);
  }
  const seen = new Set<string>();
  for (const contract of contracts as readonly AnyContract[]) {
    if (typeof contract?.message !== "function") {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `channel '${name}' lists something that is no contract: use defineEvent or defineCommand`,
      );
    }
    const identity = `${contract.type} version ${contract.version}`;
    if (seen.has(identity)) {
      throw new SpillwayError(
        "CONTRACT_CONFLICT",
        `channel '${name}' lists ${identity} twice: list each contract once`,
      );
    }
    seen.add(identity);
  }
}

function assertOptions(name: string, options: ChannelOptions<readonly AnyContract[]>): void {
  const { retention = {}, limits = {}, partitions } = options;
  const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;
  const check = (option: string, value: unknown, valid: boolean, remedy: string): void => {
    if (value === undefined || valid) return;
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `channel '${name}': ${option} is ${shown(value)}: give ${remedy}`,
    );
  };
  const oneOf = (option: string, value: unknown, choices: readonly string[]): void =>
    check(option, value, choices.includes(value as string), choices.join(" or "));
  const count = (option: string, value: number | undefined): void =>
    check(option, value, whole(value as number), "a whole number, 1 or more");

  check(
    "partitions",
    partitions,
    whole(partitions as number) && (partitions as number) <= partitionsMax,
    `a whole number from 1 to ${partitionsMax}`,
  );
  for (const option of ["days", "groupDays"] as const) {
    const days = retention[option];
    const valid = Number.isFinite(days) && Number(days) > 0;
    check(`retention.${option}`, days, valid, "a number above 0");
  }
  count("retention.bytes", retention.bytes);
  oneOf("retention.unread", retention.unread, ["keep", "drop"]);
  count("limits.depthMax", limits.depthMax);
  count("limits.bytesMax", limits.bytesMax);
  oneOf("overflow", options.overflow, ["wait", "reject", "shed"]);
  oneOf("compression", options.compression, ["none", "zstd"]);
  const { priorityOf } = options;
  check("priorityOf", priorityOf, typeof priorityOf === "function", "a function of the key");
}

function shown(value: unknown): string {
  return typeof value === "string" ? `'${value}'` : String(value);
}
