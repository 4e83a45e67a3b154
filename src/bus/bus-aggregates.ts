// bus.aggregate(): wires aggregates to two subscriptions, one of the messages that begin them and
// one of their own channel. Always true: where the second cannot be made, the first is closed.
import { defineChannel } from "../contracts/channel.ts";
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyContract } from "../contracts/contract.ts";
import { assertName } from "../contracts/names.ts";
import type { Handler, HandlerContext, StateSchemas } from "../delivery/handler-context.ts";
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { OutgoingEncoder } from "../delivery/outgoing-encoder.ts";
import { AggregateAnswers } from "../requests/aggregate-answers.ts";
import type { AnyAggregateRules } from "../requests/aggregate-outcome.ts";
import { Aggregates, aggregateState } from "../requests/aggregates.ts";
import { aggregateRuleNames } from "../requests/option-names.ts";
import { HandledCommands } from "../requests/handled-commands.ts";
import type { RequestCounters } from "../requests/request-counters.ts";
import { type AggregateMembership, Aggregation } from "./aggregation.ts";
import { assertCommand, type BusGate } from "./bus-gate.ts";
import type { BusSettings } from "./bus-options.ts";
import { assertSupported } from "./capability-checks.ts";
import type { ChannelRegistry } from "./channel-registry.ts";
import { type Selection, selectionOf } from "./selection.ts";
import type { SubscribeOptions } from "./subscribe-options.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** What aggregations work with. */
export interface BusAggregatesParts {
  readonly settings: BusSettings;
  readonly registry: ChannelRegistry;
  readonly subscriptions: Subscriptions;
  readonly gate: BusGate;
  /** For the library's own words. */
  readonly notices: OutgoingEncoder;
}

/** What bus.aggregate() takes, whatever the contracts. */
export type AnyAggregateOptions = AnyAggregateRules &
  AggregateMembership & { readonly state?: StateSchemas };

const known = optionNames<AnyAggregateOptions>({
  ...aggregateRuleNames,
  group: true,
  from: true,
  concurrency: true,
  retry: true,
  signal: true,
  handlerTimeoutMs: true,
  state: true,
});

/** The handler of bus.aggregate(), whatever the contracts. */
export type AnyEndHandler = (result: unknown, context: HandlerContext) => unknown;

/** The aggregations of one bus. */
export class BusAggregates {
  readonly #parts: BusAggregatesParts;
  readonly #counters: RequestCounters;
  readonly #handled: HandledCommands;
  readonly #names = new Set<string>();

  constructor(parts: BusAggregatesParts, counters: RequestCounters) {
    const { transport, clock } = parts.settings;
    this.#parts = parts;
    this.#counters = counters;
    this.#handled = new HandledCommands(transport, clock);
  }

  /** See CommandCalls.aggregate(). */
  async aggregate(
    start: AnyContract,
    options: AnyAggregateOptions,
    onEnd: AnyEndHandler,
  ): Promise<Aggregation<StateSchemas>> {
    const { gate, settings, subscriptions, registry } = this.#parts;
    gate.assertOpen("aggregate");
    assertKnownOptions(options, known, "aggregate", options.name);
    assertSupported(settings.transport, "delayedDelivery", "aggregate");
    for (const command of options.commands) assertCommand("aggregate", command);
    const name = this.#nameOf(options);
    const { handledBy } = this;
    const parts = { channel: name, rules: options, counters: this.#counters, handledBy, onEnd };
    const aggregates = new Aggregates(parts);
    const begins = selectionOf(registry, start);
    const { from, concurrency, retry, signal, state, handlerTimeoutMs: timeoutMs } = options;
    const common = present({ group: name, concurrency, retry, signal, timeoutMs });
    const own: SubscribeOptions = {
      ...common,
      order: "key",
      delivery: "effectively-once",
      state: { ...state, ...aggregateState },
    };
    const receive: Handler = (message, context) => aggregates.receive(message, context);
    const selection = this.#selection(aggregates, name);
    const answers = this.#answers(aggregates, name);
    const ends = await subscriptions.subscribe(selection, own, receive, { answers });
    try {
      const begin: Handler = (message) => aggregates.begin(message);
      const first = { ...common, ...present({ from }) };
      return new Aggregation(await subscriptions.subscribe(begins, first, begin), ends);
    } catch (error) {
      await ends.close();
      throw error;
    }
  }

  #nameOf({ group = this.#parts.settings.name, name }: AnyAggregateOptions): string {
    const whole = `${group}.aggregates.${name}`;
    assertName("aggregate", whole);
    if (this.#names.has(whole)) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `aggregate '${whole}' was made on this bus before: give this one another name`,
      );
    }
    this.#names.add(whole);
    return whole;
  }

  #answers({ begun, deadline, abandoned }: Aggregates, channel: string): AggregateAnswers {
    const { notices } = this.#parts;
    return new AggregateAnswers({ channel, lastWords: [begun, deadline], abandoned, notices });
  }

  #selection({ begun, deadline, abandoned, answers }: Aggregates, channel: string): Selection {
    const messages = [begun, deadline, abandoned];
    const entry = this.#parts.registry.register(defineChannel(channel, { messages }));
    const contracts = [...messages, ...answers];
    return { entry, contracts, whole: false, types: contracts.map(({ type }) => type).sort() };
  }

  readonly handledBy = async (command: AnyCommand): Promise<readonly string[]> => {
    const entry = this.#parts.registry.channelOf(command);
    await entry.declare();
    return this.#handled.ask(command, entry.name);
  };
}

/** Without the members that are undefined. */
function present<Of extends object>(options: Of): { [Name in keyof Of]: NonNullable<Of[Name]> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Of]: NonNullable<Of[Name]> };
}
