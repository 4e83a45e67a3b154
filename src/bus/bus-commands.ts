// The calls of a bus that have to do with commands: send, handle, request, scatter, gather,
// replies, aggregate. Wires requests/ to the publisher, the registry and the groups. Always true:
// nothing is asked of a bus that is closed, and nothing escapes a commit unit unnoticed.
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyContract, OutgoingMessage } from "../contracts/contract.ts";
import type { Handler, StateSchemas } from "../delivery/handler-context.ts";
import { OutgoingEncoder } from "../delivery/outgoing-encoder.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { CommandAnswers } from "../requests/answering.ts";
import { receivedReply } from "../requests/received-reply.ts";
import { answerContractsOf, handlerGroupOf, repliesGroupOf } from "../requests/reply-contracts.ts";
import { replyStrategyOf } from "../requests/reply-address.ts";
import type { RequestStats } from "../requests/request-counters.ts";
import type { RequestOptions } from "../requests/request-options.ts";
import type { GatherOptions, ScatterOptions } from "../requests/scatter-outcome.ts";
import { Requester } from "../requests/requester.ts";
import { type AnyAggregateOptions, type AnyEndHandler, BusAggregates } from "./bus-aggregates.ts";
import { assertCommand, type BusGate } from "./bus-gate.ts";
import type { BusSettings } from "./bus-options.ts";
import type { ChannelRegistry } from "./channel-registry.ts";
import type { CommandCalls } from "./command-calls.ts";
import type { HandleOptions, RepliesOptions } from "./command-handler.ts";
import { handlerOf } from "./handler-argument.ts";
import type { PublishOptions } from "./publish-options.ts";
import type { Publisher } from "./publisher.ts";
import { ReceiptWaiter } from "./receipt.ts";
import { selectionOf } from "./selection.ts";
import type { Subscription } from "./subscription.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Largest encoded notice of a failed request; its reason is bounded far below. */
const noticeBytesMax = 65_536;

/** What these calls work with. */
export interface BusCommandsParts {
  readonly settings: BusSettings;
  readonly registry: ChannelRegistry;
  readonly publisher: Publisher;
  readonly subscriptions: Subscriptions;
  /** For replies. */
  readonly encoder: OutgoingEncoder;
  readonly gate: BusGate;
}

type AnyReplyHandler = (reply: unknown, context: Parameters<Handler>[1]) => unknown;

/** Commands, as one bus deals with them. */
export class BusCommands implements CommandCalls {
  readonly #parts: BusCommandsParts;
  readonly #requester: Requester;
  readonly #notices: OutgoingEncoder;
  readonly #aggregates: BusAggregates;

  constructor(parts: BusCommandsParts) {
    this.#parts = parts;
    const { settings, registry, publisher, encoder } = parts;
    const routeOf = (contract: { readonly type: string }) =>
      registry.replyChannel(contract.type).route;
    this.#notices = new OutgoingEncoder({ ...settings, messageBytesMax: noticeBytesMax, routeOf });
    this.#requester = new Requester({
      ...settings,
      strategy: replyStrategyOf(settings.replies),
      pendingMax: settings.pendingRequestsMax,
      channelOf: (command) => {
        const entry = registry.channelOf(command);
        return entry.isDeclared ? entry.name : entry.declare().then(() => entry.name);
      },
      declareReplies: (declaration) =>
        registry.replyChannel(declaration.name, declaration).declare(),
      check: (command, data, options) => encoder.encode(command, data, options, undefined),
      send: (command, data, options, waiter) => {
        const { name } = registry.channelOf(command);
        publisher.publish(name, command, data, options, waiter);
      },
    });
    this.#aggregates = new BusAggregates(
      { ...parts, notices: this.#notices },
      this.#requester.counters,
    );
  }

  readonly send = (command: AnyCommand, data: unknown, options?: PublishOptions) => {
    const waiter = new ReceiptWaiter();
    const { registry, publisher, gate } = this.#parts;
    try {
      gate.assertMayPublish(command, options, "send");
      const { name } = registry.channelOf(command);
      publisher.publish(name, command, data, options, waiter);
    } catch (error) {
      waiter.reject(error);
    }
    return waiter.promise;
  };

  readonly handle: CommandCalls["handle"] = async (
    command: AnyCommand,
    optionsOrHandler: unknown,
    last?: unknown,
  ) => {
    const given = optionsOrHandler as HandleOptions | Handler;
    const [options, handler] = handlerOf("handle", given, last as Handler | undefined);
    const { registry, subscriptions, settings, encoder, gate } = this.#parts;
    gate.assertOpen("handle");
    assertCommand("handle", command);
    assertAnswering(command, options);
    const group = handlerGroupOf(options.group ?? settings.name, command.type);
    const selection = selectionOf(registry, command);
    const answers = new CommandAnswers({ command, group, encoder, notices: this.#notices });
    return untyped(subscriptions.subscribe(selection, { ...options, group }, handler, { answers }));
  };

  readonly request: CommandCalls["request"] = async (
    command: AnyCommand,
    data: unknown,
    options?: RequestOptions,
  ) => {
    this.#parts.gate.assertMayRequest(command, options);
    // What a reply decodes to is what its types say: its schema validated it.
    return this.#requester.request(command, data, options) as Promise<never>;
  };

  readonly scatter: CommandCalls["scatter"] = async (
    command: AnyCommand,
    data: unknown,
    options?: ScatterOptions,
  ) => {
    this.#parts.gate.assertMayRequest(command, options);
    return this.#requester.scatter(command, data, options) as Promise<never>;
  };

  readonly gather: CommandCalls["gather"] = async (
    requests: readonly OutgoingMessage[],
    options?: GatherOptions,
  ) => {
    for (const { contract } of requests) {
      this.#parts.gate.assertMayRequest(contract as AnyCommand, options);
    }
    return this.#requester.gather(requests, options) as Promise<never>;
  };

  readonly replies: CommandCalls["replies"] = async (
    command: AnyCommand,
    optionsOrHandler: unknown,
    last?: unknown,
  ) => {
    const { registry, subscriptions, settings, gate } = this.#parts;
    gate.assertOpen("replies");
    assertCommand("replies", command);
    const given = optionsOrHandler as RepliesOptions;
    const [{ replyTo, ...options }, handler] = handlerOf("replies", given, last as Handler);
    const byName = answerContractsOf(command);
    const contracts = [...byName.values()];
    const types = contracts.map((contract) => contract.type).sort();
    const selection = { entry: registry.replyChannel(replyTo), contracts, whole: false, types };
    const group = repliesGroupOf(options.group ?? settings.name, command.type);
    const onReply: Handler = (message, context) =>
      (handler as AnyReplyHandler)(receivedReply(command, message), context);
    return untyped(subscriptions.subscribe(selection, { ...options, group }, onReply));
  };

  readonly aggregate: CommandCalls["aggregate"] = async (
    start: AnyContract,
    options: unknown,
    handler: unknown,
  ) => {
    const given = options as AnyAggregateOptions;
    // What an aggregate ends with is what its types say: the replies' schemas validated it.
    return this.#aggregates.aggregate(start, given, handler as AnyEndHandler) as Promise<never>;
  };

  /** The numbers of this bus's requests. */
  get requestStats(): RequestStats {
    return this.#requester.stats;
  }

  /** Takes no more requests and waits for their outcomes; see Requester.drain(). */
  drain(deadlineMs: number): Promise<boolean> {
    return this.#requester.drain(deadlineMs);
  }
}

/** What is handed out is typed by the call's own words. */
function untyped(subscription: Promise<Subscription<StateSchemas>>): Promise<never> {
  return subscription as Promise<never>;
}

function assertAnswering({ type }: AnyCommand, { delivery }: HandleOptions): void {
  if ((delivery as string | undefined) !== "at-most-once") return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `handle '${type}': delivery is 'at-most-once', where a reply could not go out together with ` +
      "the acknowledgement: give at-least-once or effectively-once",
  );
}
