// A running aggregation as its owner sees it, and the options of bus.aggregate() that concern its
// subscriptions. Wires two subscriptions into one. Always true: what begins aggregates is closed
// before what ends them.
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyContract } from "../contracts/contract.ts";
import type { HandlerContext, StateSchemas } from "../delivery/handler-context.ts";
import type { AggregatedOf, AggregateRules } from "../requests/aggregate-outcome.ts";
import type { StateView } from "./committed-state.ts";
import type { CommonSubscribeOptions } from "./subscribe-options.ts";
import type { Subscription } from "./subscription.ts";
import type { HandlerResult } from "./subscription-handler.ts";

/** Options of bus.aggregate(). `group` names the service, by default the bus. */
export type AggregateOptions<
  Start extends AnyContract,
  Commands extends readonly AnyCommand[],
  Kept,
  State extends StateSchemas,
> = AggregateRules<Start, Commands, Kept> &
  AggregateMembership & {
    /** Tables of `context.state`: name → schema of the values. */
    readonly state?: State;
  };

/** The options that concern subscriptions. */
export interface AggregateMembership
  extends Pick<CommonSubscribeOptions, "group" | "from" | "concurrency" | "retry" | "signal"> {
  /** How long a handler may take before it counts as failed. Default 60 s. */
  readonly handlerTimeoutMs?: number;
}

/** The handler of bus.aggregate(): called once for each aggregate, when it ends. */
export type AggregateHandler<
  Commands extends readonly AnyCommand[],
  Kept,
  State extends StateSchemas,
> = (
  result: AggregatedOf<Commands[number], Kept>,
  context: HandlerContext<State>,
) => HandlerResult | Promise<HandlerResult>;

/** An aggregation: given by bus.aggregate(), closed by its owner or with the bus. */
export class Aggregation<State extends StateSchemas = Record<never, never>>
  implements AsyncDisposable
{
  /** The channel in which its aggregates, deadlines and answers stand; also its group. */
  readonly channel: string;
  /** The read side of its state: committed values, by table. */
  readonly state: StateView<State>;
  readonly #begins: Subscription<StateSchemas>;
  readonly #ends: Subscription<State>;

  /** Made by the bus. */
  constructor(begins: Subscription<StateSchemas>, ends: Subscription<State>) {
    this.channel = ends.channel;
    this.state = ends.state;
    this.#begins = begins;
    this.#ends = ends;
  }

  /** Why one of its subscriptions stopped by itself; undefined while both run. */
  get failure(): unknown {
    return this.#begins.failure ?? this.#ends.failure;
  }

  /** Stops as Subscription.close() does; aggregates under way go on in whoever starts next. */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    try {
      await this.#begins.close(options);
    } finally {
      await this.#ends.close(options);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
