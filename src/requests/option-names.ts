// The options that the calls of a requester have, so that a mistyped one is refused. Knows nothing
// of their values.
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyContract } from "../contracts/contract.ts";
import { sentOptions } from "../delivery/message-options.ts";
import { optionNames } from "../errors/known-options.ts";
import type { AggregateRules } from "./aggregate-outcome.ts";
import type { RequestOptions } from "./request-options.ts";
import type { GatherOptions, ScatterOptions } from "./scatter-outcome.ts";

const request = { ...sentOptions, timeoutMs: true, signal: true } as const;

/** Options of bus.request(). */
export const requestOptionNames = optionNames<RequestOptions>(request);
/** Options of bus.scatter(). */
export const scatterOptionNames = optionNames<ScatterOptions>({
  ...request,
  quorum: true,
  counts: true,
});
/** Options of bus.gather(). */
export const gatherOptionNames = optionNames<GatherOptions>({
  timeoutMs: true,
  quorum: true,
  signal: true,
  id: true,
});
/** What an aggregate is made of; bus.aggregate() adds what concerns its subscriptions. */
export const aggregateRuleNames = {
  name: true,
  commands: true,
  ask: true,
  keep: true,
  answers: true,
  quorum: true,
  counts: true,
  timeoutMs: true,
} as const satisfies Record<
  keyof AggregateRules<AnyContract, readonly AnyCommand[], unknown>,
  true
>;
