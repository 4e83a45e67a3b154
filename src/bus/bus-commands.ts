// The calls of a bus that have to do with commands: send, handle, request. Wires requests/ to the
// publisher, the registry and the groups. Always true: nothing is asked of a bus that is closed,
// and nothing escapes a commit unit unnoticed.
import type { AsyncLocalStorage } from "node:async_hooks";
import type { AnyCommand } from "../contracts/command.ts";
import type { HandlerScope } from "../delivery/delivery-options.ts";
import type { Handler, StateSchemas } from "../delivery/handler-context.ts";
import { OutgoingEncoder } from "../delivery/outgoing-encoder.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { CommandAnswers } from "../requests/answering.ts";
import type { AnyOutcome } from "../requests/outcome.ts";
import { handlerGroupOf } from "../requests/reply-contracts.ts";
import type { RequestStats } from "../requests/request-counters.ts";
import type { RequestOptions } from "../requests/request-options.ts";
import { replyStrategyOf } from "../requests/reply-address.ts";
import { Requester } from "../requests/requester.ts";
import type { BusSettings } from "./bus-options.ts";
import type { ChannelRegistry } from "./channel-registry.ts";
import type { HandleOptions } from "./command-handler.ts";
import type { PublishOptions } from "./publish-options.ts";
import type { Publisher } from "./publisher.ts";
import { type Receipt, ReceiptWaiter } from "./receipt.ts";
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
  readonly insideHandler: AsyncLocalStorage<HandlerScope>;
}

/** Commands, as one bus deals with them. */
export class BusCommands {
  readonly #parts: BusCommandsParts;
  readonly #requester: Requester;
  readonly #notices: OutgoingEncoder;

  constructor(parts: BusCommandsParts) {
    this.#parts = parts;
    const { settings, registry, publisher } = parts;
    const routeOf = ({ type }: { readonly type: string }) => ({
      channel: type,
      priorityOf: undefined,
    });
    this.#notices = new OutgoingEncoder({ ...settings, messageBytesMax: noticeBytesMax, routeOf });
    this.#requester = new Requester({
      ...settings,
      strategy: replyStrategyOf(settings.replies),
      pendingMax: settings.pendingRequestsMax,
      channelOf: (command) => {
        const entry = registry.channelOf(command);
        return entry.isDeclared ? entry.name : entry.declare().then(() => entry.name);
      },
      send: (command, data, options, waiter) => {
        const { name } = registry.channelOf(command);
        publisher.publish(name, command, data, options, waiter);
      },
    });
  }

  /** Stores a command; the caller has checked that it may. */
  send(command: AnyCommand, data: unknown, options: PublishOptions | undefined): Promise<Receipt> {
    const waiter = new ReceiptWaiter();
    const { registry, publisher } = this.#parts;
    try {
      const { name } = registry.channelOf(command);
      publisher.publish(name, command, data, options, waiter);
    } catch (error) {
      waiter.reject(error);
    }
    return waiter.promise;
  }

  /** See Bus.handle(). */
  async handle(
    command: AnyCommand,
    options: HandleOptions,
    handler: Handler,
  ): Promise<Subscription<StateSchemas>> {
    assertCommand("handle", command);
    if ((options.delivery as string | undefined) === "at-most-once") {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `handle '${command.type}': delivery is 'at-most-once', where a reply could not go out ` +
          "together with the acknowledgement: give at-least-once or effectively-once",
      );
    }
    const { registry, subscriptions, settings, encoder } = this.#parts;
    const group = handlerGroupOf(options.group ?? settings.name, command.type);
    const selection = selectionOf(registry, command);
    const answers = new CommandAnswers({ command, group, encoder, notices: this.#notices });
    return subscriptions.subscribe(selection, { ...options, group }, handler, answers);
  }

  /** See Bus.request(). */
  request(
    command: AnyCommand,
    data: unknown,
    options: RequestOptions | undefined,
  ): Promise<AnyOutcome> {
    const scope = this.#parts.insideHandler.getStore();
    if (scope === undefined || options?.id !== undefined) {
      return this.#requester.request(command, data, options);
    }
    return Promise.reject(
      new SpillwayError(
        "REQUEST_INSIDE_HANDLER",
        `'${command?.type}' was requested inside a handler of group '${scope.group}' on ` +
          `'${scope.channel}' without an id: a repeated handler would ask another question; give ` +
          "{ id: `${context.idempotencyKey}.something` }",
        { details: { type: command?.type, ...scope } },
      ),
    );
  }

  /** The numbers of this bus's requests. */
  get requestStats(): RequestStats {
    return this.#requester.stats;
  }

  /** Takes no more requests and waits for their outcomes; see Requester.drain(). */
  drain(deadlineMs: number): Promise<boolean> {
    return this.#requester.drain(deadlineMs);
  }
}

/** Throws INVALID_ARGUMENT for anything but a command. */
export function assertCommand(call: string, value: AnyCommand): void {
  if (value?.kind === "command") return;
  const { type } = (value ?? {}) as { readonly type?: unknown };
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `${call} takes a command, made by defineCommand(), not '${String(type)}'`,
  );
}
