// The reply strategies, as tests name them.
import type { ReplyStrategy } from "spillway";

/** Every strategy, with the channel in which answers to the service `shop` stand. */
export const strategies: readonly (readonly [ReplyStrategy, RegExp])[] = [
  ["service-channel", /^shop\.replies$/],
  ["shared-channel", /^spillway\.replies$/],
  ["temporary-channel", /^spillway\.temporary-replies\.[0-9a-f-]{36}$/],
  ["topic", /^spillway\.reply-topic$/],
];

/** The strategy of that name. */
export function strategyOf(name: string): ReplyStrategy {
  const [found] = strategies.find(([strategy]) => strategy === name) ?? [];
  if (found === undefined) throw new Error(`there is no strategy '${name}'`);
  return found;
}
