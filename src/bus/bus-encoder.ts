// The encoder as a bus uses it, for publishes and for what handlers return alike: checks that the
// transport can do what the options ask, runs the publish middleware, and sees to it that the
// channel exists before anything is encoded for it. Always true: it stays synchronous for a
// declared channel without asynchronous middleware or validators.
import type { AnyContract, MessageOptions } from "../contracts/contract.ts";
import {
  type EncodedMessage,
  type MessageCause,
  OutgoingEncoder,
  type Route,
} from "../delivery/outgoing-encoder.ts";
import { assertMessageSupported } from "./capability-checks.ts";
import type { BusSettings } from "./bus-options.ts";
import type { ChannelRegistry } from "./channel-registry.ts";
import { passThrough, type PublishMiddleware } from "./middleware.ts";

/** Encodes the messages of one bus. */
export class BusEncoder extends OutgoingEncoder {
  readonly #settings: BusSettings;
  readonly #registry: ChannelRegistry;
  readonly #middleware: readonly PublishMiddleware[];

  constructor(settings: BusSettings, registry: ChannelRegistry) {
    const { clock, random, source, codec, messageBytesMax } = settings;
    const routeOf = (contract: AnyContract) => registry.channelOf(contract).route;
    super({ clock, random, source, codec, messageBytesMax, routeOf });
    this.#settings = settings;
    this.#registry = registry;
    this.#middleware = settings.use.flatMap((each) => (each.kind === "publish" ? each.run : []));
  }

  override encode(
    contract: AnyContract,
    data: unknown,
    options: MessageOptions | undefined,
    cause: MessageCause | undefined,
    route?: Route,
  ): EncodedMessage | Promise<EncodedMessage> {
    if (this.#middleware.length === 0) return this.#encode(contract, data, options, cause, route);
    const message = passThrough(this.#middleware, contract.message(data, options));
    if (message instanceof Promise) {
      return message.then((each) =>
        this.#encode(each.contract, each.data, each.options, cause, route),
      );
    }
    return this.#encode(message.contract, message.data, message.options, cause, route);
  }

  #encode(
    contract: AnyContract,
    data: unknown,
    options: MessageOptions | undefined,
    cause: MessageCause | undefined,
    route?: Route,
  ): EncodedMessage | Promise<EncodedMessage> {
    const { transport } = this.#settings;
    if (options !== undefined) assertMessageSupported(transport, contract.type, options);
    if (route !== undefined) return super.encode(contract, data, options, cause, route);
    const missing = this.#undeclared(contract, options);
    if (missing === undefined) return super.encode(contract, data, options, cause);
    return missing.then(() => super.encode(contract, data, options, cause));
  }

  /** Declares the channels this message needs: its own, and that of the replies it asks for. */
  #undeclared(
    contract: AnyContract,
    options: MessageOptions | undefined,
  ): Promise<unknown> | undefined {
    const entry = this.#registry.channelOf(contract);
    const own = entry.isDeclared ? undefined : entry.declare();
    const asksFor = contract.kind === "command" ? options?.replyTo : undefined;
    if (asksFor === undefined) return own;
    const replies = this.#registry.replyChannel(asksFor);
    return replies.isDeclared ? own : Promise.all([own, replies.declare()]);
  }
}
