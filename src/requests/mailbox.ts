// Where a bus's answers come in: its address and the reader that follows it, made with the first
// request. Knows nothing of sending. Always true: an address is given out only while its channel is
// followed, from a place before anything was asked.
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import type { Clock } from "../kernel/clock.ts";
import { newId } from "../kernel/id.ts";
import type { Random } from "../kernel/random.ts";
import type { Codec } from "../message/codec.ts";
import type { ChannelDeclaration, Transport } from "../ports/transport.ts";
import type { PendingRequests } from "./pending-requests.ts";
import { addressOf, type ReplyAddress, type ReplyStrategy } from "./reply-address.ts";
import { ReplyReader } from "./reply-reader.ts";
import type { RequestCounters } from "./request-counters.ts";
import { removeOrphans, TemporaryChannel } from "./temporary-channel.ts";

/** What a mailbox is lent. */
export interface MailboxParts {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly codec: Codec;
  readonly transport: Transport;
  readonly strategy: ReplyStrategy;
  /** Sees to it that the channel of this bus's replies exists. */
  declareReplies(declaration: ChannelDeclaration): Promise<void>;
}

/** See the head of this file. */
export class Mailbox {
  /** Undefined until it is open. */
  address: ReplyAddress | undefined;
  readonly #parts: MailboxParts;
  readonly #pending: PendingRequests;
  readonly #counters: RequestCounters;
  #reader: ReplyReader | undefined;
  #opening: Promise<ReplyAddress> | undefined;
  #owned: TemporaryChannel | undefined;
  #sweeping: Promise<unknown> | undefined;
  #isClosed = false;

  constructor(parts: MailboxParts, pending: PendingRequests, counters: RequestCounters) {
    this.#parts = parts;
    this.#pending = pending;
    this.#counters = counters;
  }

  /** Begins to follow the reply channel, before anything is asked. */
  open(): Promise<ReplyAddress> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<ReplyAddress> {
    const { transport, strategy, name, clock, random, codec } = this.#parts;
    const address = addressOf(strategy, name, newId(clock, random));
    await this.#parts.declareReplies(address.declaration);
    if (address.isTemporary) await this.#own(address.declaration.name);
    if (this.#isClosed) throw new ClosedError(`bus '${name}' is closed`);
    this.#reader = new ReplyReader({
      transport,
      codec,
      address,
      pending: this.#pending,
      counters: this.#counters,
      onEnded: (error) => this.#ended(error),
    });
    this.address = address;
    return address;
  }

  /** Sees to it that the channel goes with this bus, and that those of dead ones go. */
  async #own(channel: string): Promise<void> {
    const { transport, clock } = this.#parts;
    this.#owned = await TemporaryChannel.own(transport, clock, channel);
    // What fails here is tried by the next bus.
    this.#sweeping = removeOrphans(transport, clock).catch(() => 0);
  }

  /** The reply channel can be followed no further: the next request tries anew. */
  #ended(cause: unknown): void {
    this.#reader = undefined;
    this.address = undefined;
    this.#opening = undefined;
    void this.#owned?.close();
    const reason = cause instanceof Error ? cause.message : "it ended";
    this.#pending.failAll(
      new SpillwayError("TRANSPORT_FAILED", `answers can not be read any more: ${reason}`, {
        cause,
        certainty: "indefinite",
      }),
    );
  }

  /** Reads no further. */
  async close(): Promise<void> {
    this.#isClosed = true;
    // One that is being opened is let go like any other.
    await this.#opening?.catch(() => undefined);
    await this.#reader?.close();
    await this.#sweeping;
    await this.#owned?.close();
  }
}
