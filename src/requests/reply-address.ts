// Where the answers to a bus's requests go: the one place that knows the reply strategies. Knows
// nothing of requests under way. Always true: everything that a caller says about its address, and
// everything it needs to find its own answers there, is in a ReplyAddress.
import { partitionsDefault } from "../contracts/channel.ts";
import { assertName } from "../contracts/names.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { ChannelDeclaration } from "../ports/transport.ts";

/** How answers find their caller; docs/guides/request-and-reply.md compares them. */
export const replyStrategies = ["service-channel", "shared-channel", "topic"] as const;

/** The name of a reply strategy. */
export type ReplyStrategy = (typeof replyStrategies)[number];

/** What createBus({ replies }) takes. */
export interface ReplyOptions {
  /** Default "service-channel": one channel for all buses of one name. */
  readonly strategy?: ReplyStrategy;
}

/** The strategy of a bus that names none. */
export const replyStrategyDefault: ReplyStrategy = "service-channel";

/** The shared channels of their strategies. */
export const sharedChannels = {
  "shared-channel": "spillway.replies",
  topic: "spillway.reply-topic",
} as const;

/** How long, and how much, a reply channel keeps: as long as repeats of requests are recognised. */
const retention = { days: 10 / 1_440, bytes: 268_435_456, unread: "drop" } as const;

/** The address of one caller. */
export interface ReplyAddress {
  readonly declaration: ChannelDeclaration;
  /** Who asks; unlike any other bus, also of this name. */
  readonly caller: string;
}

/** The address of a bus; `instance` is unlike that of any other. Throws INVALID_NAME. */
export function addressOf(
  strategy: ReplyStrategy,
  service: string,
  instance: string,
): ReplyAddress {
  const name = strategy === "service-channel" ? `${service}.replies` : sharedChannels[strategy];
  assertName("reply channel", name);
  return {
    declaration: { name, partitions: partitionsDefault, retention, compression: "none" },
    caller: instance,
  };
}

/** Checks the option and fills in the default. Throws INVALID_ARGUMENT. */
export function replyStrategyOf(options: ReplyOptions | undefined): ReplyStrategy {
  const strategy = options?.strategy ?? replyStrategyDefault;
  if (replyStrategies.includes(strategy)) return strategy;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `replies.strategy is '${strategy}': give ${replyStrategies.join(" or ")}`,
  );
}
