// Where the answers to a bus's requests go: the one place that knows the reply strategies. Knows
// nothing of requests under way. Always true: everything that a caller says about its address, and
// everything it needs to find its own answers there, is in a ReplyAddress.
import { partitionsDefault } from "../contracts/channel.ts";
import { assertName } from "../contracts/names.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { ChannelDeclaration } from "../ports/transport.ts";

/** How answers find their caller; docs/guides/request-and-reply.md compares them. */
export const replyStrategies = [
  "service-channel",
  "shared-channel",
  "temporary-channel",
  "topic",
] as const;

/** The name of a reply strategy. */
export type ReplyStrategy = (typeof replyStrategies)[number];

/** What createBus({ replies }) takes. */
export interface ReplyOptions {
  /**
   * "service-channel" (default): one channel for all buses of one name. "shared-channel": one for
   * everybody. "temporary-channel": one for this bus alone, made with its first request, removed
   * when it closes, and by others some minutes after it died. "topic": one for everybody, in which
   * the caller is the partition key.
   */
  readonly strategy?: ReplyStrategy;
}

/** The strategy of a bus that names none. */
export const replyStrategyDefault: ReplyStrategy = "service-channel";

/** The shared channels of their strategies. */
export const sharedChannels = {
  "shared-channel": "spillway.replies",
  topic: "spillway.reply-topic",
} as const;

/** Before the caller, in the name of a temporary channel. */
export const temporaryPrefix = "spillway.temporary-replies.";

/** How long a reply channel keeps an answer: as long as repeats of requests are recognised. */
export const keptMs = 600_000;

/** How long, and how much, a reply channel keeps. */
const retention = { days: keptMs / 86_400_000, bytes: 268_435_456, unread: "drop" } as const;

/** The address of one caller. */
export interface ReplyAddress {
  readonly declaration: ChannelDeclaration;
  /** Who asks; unlike any other bus, also of this name. */
  readonly caller: string;
  /** Whether the channel is the caller's own, and goes with it. */
  readonly isTemporary: boolean;
}

/** The address of a bus; `instance` is unlike that of any other. Throws INVALID_NAME. */
export function addressOf(
  strategy: ReplyStrategy,
  service: string,
  instance: string,
): ReplyAddress {
  const name = channelOf(strategy, service, instance);
  assertName("reply channel", name);
  const isTemporary = strategy === "temporary-channel";
  const partitions = isTemporary ? 1 : partitionsDefault;
  return {
    declaration: { name, partitions, retention, compression: "none" },
    caller: instance,
    isTemporary,
  };
}

function channelOf(strategy: ReplyStrategy, service: string, instance: string): string {
  if (strategy === "service-channel") return `${service}.replies`;
  if (strategy === "temporary-channel") return temporaryPrefix + instance;
  return sharedChannels[strategy];
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
