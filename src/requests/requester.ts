// Asking: one bus's requests, from the call to the outcome. Owns the address, its reader and the
// requests under way; is lent everything that stores or reads. Always true: a request has exactly
// one outcome or rejection; nothing is stored for one that ended before it was.
import type { AnyCommand } from "../contracts/command.ts";
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import { atDeadline, type Clock } from "../kernel/clock.ts";
import { newId } from "../kernel/id.ts";
import type { Random } from "../kernel/random.ts";
import type { Codec } from "../message/codec.ts";
import type { ChannelDeclaration, Transport } from "../ports/transport.ts";
import { callerExtension } from "./answering.ts";
import { HandledCommands } from "./handled-commands.ts";
import type { AnyOutcome } from "./outcome.ts";
import { PendingRequests } from "./pending-requests.ts";
import { addressOf, type ReplyAddress, type ReplyStrategy } from "./reply-address.ts";
import { ReplyReader } from "./reply-reader.ts";
import { RequestCounters, type RequestStats } from "./request-counters.ts";
import { type RequestOptions, timeoutMsOf } from "./request-options.ts";
import { type SentOptions, SingleRequest, type StoredRequest } from "./single-request.ts";

/** What a requester is lent. */
export interface RequesterParts {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly codec: Codec;
  readonly transport: Transport;
  readonly strategy: ReplyStrategy;
  /** Most requests that may wait at once. */
  readonly pendingMax: number;
  /** The command's channel, declared; a promise only where it was not yet. */
  channelOf(command: AnyCommand): string | Promise<string>;
  /** Sees to it that the channel of this bus's replies exists. */
  declareReplies(declaration: ChannelDeclaration): Promise<void>;
  /** Stores a message; answers the waiter once, also where it refuses at once. */
  send(
    command: AnyCommand,
    data: unknown,
    options: SentOptions,
    waiter: { resolve(stored: StoredRequest): void; reject(error: unknown): void },
  ): void;
}

/** See the head of this file. */
export class Requester {
  readonly counters = new RequestCounters();
  readonly #parts: RequesterParts;
  readonly #pending: PendingRequests;
  readonly #handled: HandledCommands;
  #reader: ReplyReader | undefined;
  #attached: Promise<ReplyAddress> | undefined;
  #address: ReplyAddress | undefined;
  #isClosed = false;

  constructor(parts: RequesterParts) {
    this.#parts = parts;
    this.#pending = new PendingRequests(parts.clock, parts.pendingMax);
    this.#handled = new HandledCommands(parts.transport, parts.clock);
  }

  /** The numbers as they are now. */
  get stats(): RequestStats {
    return { pending: this.#pending.size, ...this.counters };
  }

  /** Asks; see bus.request(). */
  request(
    command: AnyCommand,
    data: unknown,
    options: RequestOptions | undefined,
  ): Promise<AnyOutcome> {
    const { clock, random } = this.#parts;
    let single: SingleRequest;
    try {
      assertRequestable(command);
      if (this.#isClosed) throw this.#closedError(command);
      const timeoutMs = timeoutMsOf(command.type, options);
      const id = options?.id ?? newId(clock, random);
      const dueMs = clock.monotonicMs() + timeoutMs;
      single = new SingleRequest({ pending: this.#pending, counters: this.counters }, command, {
        id,
        dueMs,
        signal: options?.signal,
      });
      this.#pending.add(single);
    } catch (error) {
      return Promise.reject(error);
    }
    this.counters.sent++;
    const given = { expiresInMs: timeoutMsOf(command.type, options), ...options };
    const ready = this.#ready(command);
    if (ready instanceof Promise) {
      ready.then(
        (address) => this.#send(single, data, given, address),
        (error: unknown) => single.failed(error),
      );
    } else this.#send(single, data, given, ready);
    return single.outcome;
  }

  /** Where answers go, or that nobody will answer; a promise only while that is found out. */
  #ready(command: AnyCommand): ReplyAddress | "unhandled" | Promise<ReplyAddress | "unhandled"> {
    if (this.#address !== undefined && this.#handled.isKnown(command)) return this.#address;
    return this.#prepare(command);
  }

  async #prepare(command: AnyCommand): Promise<ReplyAddress | "unhandled"> {
    const channel = await this.#parts.channelOf(command);
    if (!(await this.#handled.isHandled(command, channel))) return "unhandled";
    return this.#address ?? this.#attach();
  }

  /** Begins to follow the reply channel, before anything is asked. */
  #attach(): Promise<ReplyAddress> {
    this.#attached ??= this.#open().catch((error: unknown) => {
      this.#attached = undefined;
      throw error;
    });
    return this.#attached;
  }

  async #open(): Promise<ReplyAddress> {
    const { transport, strategy, name, clock, random, codec } = this.#parts;
    const address = addressOf(strategy, name, newId(clock, random));
    await this.#parts.declareReplies(address.declaration);
    if (this.#isClosed) throw new ClosedError(`bus '${name}' is closed`);
    const shared = { transport, codec, address };
    this.#reader = new ReplyReader({
      ...shared,
      pending: this.#pending,
      counters: this.counters,
      onEnded: (error) => this.#detached(error),
    });
    this.#address = address;
    return address;
  }

  /** The reply channel can be followed no further: the next request tries anew. */
  #detached(cause: unknown): void {
    this.#reader = undefined;
    this.#address = undefined;
    this.#attached = undefined;
    const reason = cause instanceof Error ? cause.message : "it ended";
    this.#pending.failAll(
      new SpillwayError("TRANSPORT_FAILED", `answers can not be read any more: ${reason}`, {
        cause,
        certainty: "indefinite",
      }),
    );
  }

  #send(
    single: SingleRequest,
    data: unknown,
    given: RequestOptions,
    address: ReplyAddress | "unhandled",
  ): void {
    if (single.isOver) return;
    if (address === "unhandled") return single.unhandled();
    const { timeoutMs: _, extensions, ...options } = given;
    const { command } = single;
    const sent: SentOptions = {
      ...options,
      id: single.id,
      replyTo: address.declaration.name,
      extensions: { ...extensions, [callerExtension]: address.caller },
    };
    this.#parts.send(command, data, sent, {
      resolve: () => single.stored(),
      reject: (error) => single.failed(error),
    });
  }

  /**
   * Takes no more requests and waits until those under way are over; at `deadlineMs` (monotonic)
   * they reject with CLOSED. Resolves whether all had their outcome in time.
   */
  async drain(deadlineMs: number): Promise<boolean> {
    this.#isClosed = true;
    let isLate = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = atDeadline(this.#parts.clock, deadlineMs, () => {
      isLate = this.#pending.size > 0;
      resolve();
    });
    await Promise.race([this.#pending.empty(), promise]);
    cancel();
    this.#pending.failAll(
      new ClosedError("the bus was closed before an answer came", { certainty: "indefinite" }),
    );
    this.#pending.close();
    await this.#reader?.close();
    return !isLate;
  }

  #closedError(command: AnyCommand): ClosedError {
    return new ClosedError(`'${command.type}' was not requested: the bus is closed`);
  }
}

function assertRequestable(command: AnyCommand): void {
  if (command?.kind !== "command") {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `request takes a command, made by defineCommand(), not '${String(
        (command as { type?: unknown } | undefined)?.type,
      )}'`,
    );
  }
  if (Object.keys(command.replySchemas).length > 0) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `'${command.type}' declares no replies, so nobody would answer: use bus.send()`,
    { details: { type: command.type } },
  );
}
