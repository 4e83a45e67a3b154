// Asking: one bus's requests, from the call to the outcome. Owns the requests under way and the
// mailbox; is lent everything that stores or reads. Always true: a request has exactly one outcome
// or rejection; nothing is stored for one that ended before it was.
import type { AnyCommand } from "../contracts/command.ts";
import type { MessageOptions, OutgoingMessage } from "../contracts/contract.ts";
import { assertKnownOptions } from "../errors/known-options.ts";
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import { atDeadline } from "../kernel/clock.ts";
import { newId } from "../kernel/id.ts";
import { callerExtension } from "./answering.ts";
import type { Asked, RequestTerms, SentOptions } from "./asked-request.ts";
import { gatherOutcomes } from "./gathering.ts";
import { HandledCommands } from "./handled-commands.ts";
import { Mailbox, type MailboxParts } from "./mailbox.ts";
import { gatherOptionNames, requestOptionNames, scatterOptionNames } from "./option-names.ts";
import type { AnyOutcome } from "./outcome.ts";
import { PendingRequests } from "./pending-requests.ts";
import { replayAnswers, type StoredPlace } from "./replay-answers.ts";
import { RequestCounters, type RequestStats } from "./request-counters.ts";
import { assertQuorum, type RequestOptions, timeoutMsOf } from "./request-options.ts";
import type {
  AnyGathered,
  AnyScattered,
  GatherOptions,
  ScatterOptions,
} from "./scatter-outcome.ts";
import { ScatterRequest } from "./scatter-request.ts";
import { SingleRequest } from "./single-request.ts";

/** Most times that an expired question is asked again under a further id. */
export const roundsMax = 16;

/** What the receipt of a request says. */
export interface StoredRequest extends StoredPlace {
  /** Whether it had been stored before. */
  readonly duplicate: boolean;
}

/** What a requester is lent. */
export interface RequesterParts extends MailboxParts {
  /** Most requests that may wait at once. */
  readonly pendingMax: number;
  /** The command's channel, declared; a promise only where it was not yet. */
  channelOf(command: AnyCommand): string | Promise<string>;
  /** Whether it could be stored; throws or rejects with what send() would reject with. */
  check(command: AnyCommand, data: unknown, options: MessageOptions): unknown;
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
  readonly #mailbox: Mailbox;
  #isClosed = false;

  constructor(parts: RequesterParts) {
    this.#parts = parts;
    this.#pending = new PendingRequests(parts.clock, parts.pendingMax);
    this.#handled = new HandledCommands(parts.transport, parts.clock);
    this.#mailbox = new Mailbox(parts, this.#pending, this.counters);
  }

  /** The numbers as they are now. */
  get stats(): RequestStats {
    return { pending: this.#pending.size, ...this.counters };
  }

  /** Asks; see CommandCalls.request(). Throws what can be told at once. */
  request(
    command: AnyCommand,
    data: unknown,
    options: RequestOptions | undefined,
  ): Promise<AnyOutcome> {
    assertKnownOptions(options, requestOptionNames, "request", command.type);
    const terms = this.#terms(command, options);
    const single = this.#single(command, terms);
    this.#ask(single, data, options);
    // Only a question with a name of its own can have been asked before.
    if (options?.id === undefined) return single.result;
    return single.result.then((outcome) => this.#asked(single, outcome, data, options, 1));
  }

  /** An old question that expired, so that nobody worked on it, is asked under a further id. */
  #asked(
    asked: SingleRequest,
    outcome: AnyOutcome,
    data: unknown,
    options: RequestOptions,
    round: number,
  ): AnyOutcome | Promise<AnyOutcome> {
    if (outcome.type !== "expired" || !asked.isRepeated || round >= roundsMax) return outcome;
    const { command, dueMs } = asked;
    const id = `${options.id}~${round + 1}`;
    const single = this.#single(command, { id, dueMs, signal: options.signal });
    this.#ask(single, data, options);
    return single.result.then((next) => this.#asked(single, next, data, options, round + 1));
  }

  /** Asks everybody; see CommandCalls.scatter(). Throws what can be told at once. */
  scatter(
    command: AnyCommand,
    data: unknown,
    options: ScatterOptions | undefined,
  ): Promise<AnyScattered> {
    assertKnownOptions(options, scatterOptionNames, "scatter", command.type);
    const { quorum, counts, ...others } = options ?? {};
    assertQuorum(command?.type, quorum);
    const counted = new Set(counts ?? Object.keys(command.replySchemas));
    const terms = this.#terms(command, others);
    const enough =
      quorum === undefined
        ? undefined
        : { count: quorum, counts: ({ type }: { readonly type: string }) => counted.has(type) };
    const owner = { pending: this.#pending, counters: this.counters };
    const scatter = new ScatterRequest(owner, command, terms, enough);
    this.#pending.add(scatter);
    this.counters.sent++;
    this.#ask(scatter, data, others);
    return scatter.result;
  }

  /** Asks many questions; see CommandCalls.gather(). Throws what can be told at once. */
  gather(requests: readonly OutgoingMessage[], options: GatherOptions = {}): Promise<AnyGathered> {
    assertKnownOptions(options, gatherOptionNames, "gather");
    const { quorum, id, signal, timeoutMs } = options;
    assertQuorum("gather", quorum);
    const [first] = requests;
    if (first === undefined) return Promise.resolve({ type: "all", parts: [] });
    this.#pending.assertRoom(requests.length, first.contract.type);
    const given = requests.map(({ contract, data, options: own }, index) => {
      const named = id === undefined ? {} : { id: `${id}.${index}` };
      const asked = questionOptions({ ...named, ...own }, { timeoutMs, signal });
      const command = contract as AnyCommand;
      return { terms: this.#terms(command, asked), command, data, options: asked };
    });
    const singles = given.map(({ command, terms }) => this.#single(command, terms));
    const gathered = gatherOutcomes(singles, quorum);
    for (const [index, each] of given.entries()) {
      this.#ask(singles[index] as SingleRequest, each.data, each.options);
    }
    return gathered;
  }

  #single(command: AnyCommand, terms: RequestTerms): SingleRequest {
    const owner = { pending: this.#pending, counters: this.counters };
    const single = new SingleRequest(owner, command, terms);
    this.#pending.add(single);
    this.counters.sent++;
    return single;
  }

  #terms(command: AnyCommand, options: RequestOptions | undefined): RequestTerms {
    assertRequestable(command);
    if (this.#isClosed) {
      throw new ClosedError(`'${command.type}' was not requested: the bus is closed`);
    }
    const { clock, random } = this.#parts;
    const dueMs = clock.monotonicMs() + timeoutMsOf(command.type, options);
    return { id: options?.id ?? newId(clock, random), dueMs, signal: options?.signal };
  }

  /** Finds out who will answer and where to, then stores the question. */
  #ask(asked: Asked, data: unknown, options: RequestOptions | undefined): void {
    const groups = this.#handled.known(asked.command);
    if (groups !== undefined && this.#mailbox.address !== undefined) {
      asked.handledBy(groups);
      return this.#send(asked, data, options);
    }
    this.#prepare(asked, data, options).then(
      () => this.#send(asked, data, options),
      (error: unknown) => asked.failed(error),
    );
  }

  async #prepare(asked: Asked, data: unknown, options: RequestOptions | undefined): Promise<void> {
    const channel = await this.#parts.channelOf(asked.command);
    const groups = await this.#handled.ask(asked.command, channel);
    // A faulty question is refused, whether or not somebody would have answered it.
    if (groups.length === 0) {
      await this.#parts.check(asked.command, data, this.#sentOptions(asked, options));
    }
    asked.handledBy(groups);
    if (!asked.isOver && this.#mailbox.address === undefined) await this.#mailbox.open();
  }

  #send(asked: Asked, data: unknown, given: RequestOptions | undefined): void {
    const { address } = this.#mailbox;
    if (asked.isOver) return;
    if (address === undefined) return asked.failed(new ClosedError("the reply channel is closed"));
    const options = this.#sentOptions(asked, given);
    const sent: SentOptions = {
      ...options,
      replyTo: address.declaration.name,
      extensions: { ...options.extensions, [callerExtension]: address.caller },
    };
    this.#parts.send(asked.command, data, sent, {
      resolve: (stored) => {
        asked.stored();
        if (stored.duplicate) this.#repeated(asked, stored);
      },
      reject: (error) => asked.failed(error),
    });
  }

  /** The message's options, without the address for the answer. */
  #sentOptions({ id, dueMs }: Asked, given: RequestOptions | undefined) {
    const { timeoutMs: _, ...options } = given ?? {};
    const expiresInMs = Math.max(0, dueMs - this.#parts.clock.monotonicMs());
    return { expiresInMs, ...options, id };
  }

  /** It was asked before: the answer may be there, or come to another address of this channel. */
  #repeated(asked: Asked, stored: StoredRequest): void {
    this.#pending.repeat(asked);
    const { transport, codec } = this.#parts;
    // What cannot be looked up is waited for like any other answer.
    replayAnswers(transport, codec, asked, stored).catch(() => undefined);
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
    await this.#mailbox.close();
    return !isLate;
  }
}

function assertRequestable(command: AnyCommand): void {
  if (Object.keys(command.replySchemas).length > 0) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `'${command.type}' declares no replies, so nobody would answer: use bus.send()`,
    { details: { type: command.type } },
  );
}

/** A message's options as those of a question: what concerns its way is not its own to say. */
function questionOptions(
  { delayMs: _delayMs, deliverAtMs: _deliverAtMs, replyTo: _replyTo, ...message }: MessageOptions,
  { timeoutMs, signal }: { timeoutMs: number | undefined; signal: AbortSignal | undefined },
): RequestOptions {
  return {
    ...message,
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(signal !== undefined && { signal }),
  };
}
