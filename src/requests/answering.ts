// Answering on the side of the handler: reads a handler's result, encodes its reply, and tells the
// sender of a message that ended without one. Knows nothing of units. Always true: where a request
// names a channel for replies, each ending gives one answer to it; where it names none, a reply is
// checked all the same.
import { type AnyCommand, isReply, type Reply } from "../contracts/command.ts";
import type { AnyContract, MessageOptions } from "../contracts/contract.ts";
import { isOutgoingMessage } from "../contracts/event.ts";
import { toValidationIssues, validate } from "../contracts/validation.ts";
import type { StandardResult } from "../contracts/standard-schema.ts";
import type { Answers, Ending, Returned } from "../delivery/answers.ts";
import { messagesOf } from "../delivery/handler-result.ts";
import type {
  EncodedMessage,
  MessageCause,
  OutgoingEncoder,
  Route,
} from "../delivery/outgoing-encoder.ts";
import { boundedReason } from "../delivery/failure.ts";
import type { ReceivedMessage } from "../delivery/received-message.ts";
import { SpillwayError, ValidationError } from "../errors/spillway-error.ts";
import type { MessageAttributes } from "../message/envelope.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import { answerContractOf } from "./reply-contracts.ts";

/** The extension attribute of a request that names its caller; its answers' subject and key. */
export const callerExtension = "replysubject";
/** The extension attribute of an answer that names the group that gave it. */
export const answeredByExtension = "answeredby";

/** Most characters of a caller. */
const callerLengthMax = 200;

/** What answering works with. */
export interface AnsweringParts {
  readonly command: AnyCommand;
  /** The handling group. */
  readonly group: string;
  /** For replies, which pass the publish middleware like everything a handler returns. */
  readonly encoder: OutgoingEncoder;
  /** For notices: the library's own words, which nothing may hold up. */
  readonly notices: OutgoingEncoder;
}

/** The answers to one command. */
export class CommandAnswers implements Answers {
  readonly #parts: AnsweringParts;
  readonly #names: readonly string[];

  constructor(parts: AnsweringParts) {
    this.#parts = parts;
    this.#names = Object.keys(parts.command.replySchemas);
  }

  read(result: unknown): Returned {
    const { type } = this.#parts.command;
    if (this.#names.length === 0) {
      return { reply: undefined, messages: result === undefined ? [] : messagesOf(result, type) };
    }
    if (isReply(result)) return { reply: this.#declared(result), messages: [] };
    if (!Array.isArray(result)) throw this.#invalid(nameOf(result));
    const list = result as readonly unknown[];
    const [reply, another] = list.filter(isReply);
    const messages = messagesOf(
      list.filter((each) => !isReply(each)),
      type,
    );
    if (reply === undefined) throw this.#invalid("a list without a reply");
    if (another !== undefined) throw this.#invalid("a list with more than one reply");
    return { reply: this.#declared(reply), messages };
  }

  #declared(reply: Reply<string, string, unknown>): Reply<string, string, unknown> {
    const { type } = this.#parts.command;
    if (reply.command === type && this.#names.includes(reply.type)) return reply;
    throw this.#invalid(`the reply '${reply.type}' of '${reply.command}'`);
  }

  #invalid(what: string): SpillwayError {
    const { type } = this.#parts.command;
    return new SpillwayError(
      "HANDLER_RESULT_INVALID",
      `the handler of '${type}' returned ${what}: return one of its replies (` +
        `${this.#names.join(", ")}), alone or first in a list with messages`,
      { details: { type, replies: this.#names } },
    );
  }

  encode(
    message: ReceivedMessage,
    reply: unknown,
  ): EncodedMessage | undefined | Promise<EncodedMessage | undefined> {
    const { command, encoder } = this.#parts;
    const { type: name, data } = reply as Reply<string, string, unknown>;
    const contract = answerContractOf(command, name) as AnyContract;
    const { replyTo, extensions } = message;
    if (replyTo === undefined) return checked(contract, data);
    const options = this.#optionsFor(extensions);
    return encoder.encode(contract, data, options, message, routeTo(replyTo));
  }

  notice(stored: StoredBatch, record: number, ending: Ending): EncodedMessage | undefined {
    const attributes = stored.attributesAt(record);
    const { replyTo, extensions = {} } = attributes;
    if (replyTo === undefined) return undefined;
    const { command, notices } = this.#parts;
    const contract = answerContractOf(command, ending.kind) as AnyContract;
    const options = this.#optionsFor(extensions);
    const cause = causeOf(stored.idAt(record), attributes);
    const encoded = notices.encode(contract, noticeOf(ending), options, cause, routeTo(replyTo));
    // Its schema is ours, and waits for nothing.
    return encoded instanceof Promise ? undefined : encoded;
  }

  #optionsFor(extensions: Readonly<Record<string, unknown>>): MessageOptions {
    const caller = extensions[callerExtension];
    const answeredBy = { extensions: { [answeredByExtension]: this.#parts.group } };
    if (typeof caller !== "string" || !isCaller(caller)) return answeredBy;
    return { ...answeredBy, subject: caller, key: caller };
  }
}

/** What came over the wire may be anything: what could not be a key is no caller of ours. */
function isCaller(text: string): boolean {
  return text.length > 0 && text.length <= callerLengthMax && text.isWellFormed();
}

function routeTo(channel: string): Route {
  return { channel, priorityOf: undefined, isOptional: true };
}

/** What an answer to this message inherits. */
export function causeOf(id: string, attributes: MessageAttributes): MessageCause {
  const { correlationId = id, traceparent, tracestate, tenant } = attributes;
  return { id, correlationId, traceparent, tracestate, tenant };
}

function noticeOf(ending: Ending): unknown {
  if (ending.kind === "expired") return {};
  const { code, reason, attempts } = ending;
  return { code, reason: boundedReason(reason), attempts };
}

/** A reply that nobody asked for is checked like any other. */
function checked(contract: AnyContract, data: unknown): undefined | Promise<undefined> {
  const assertValid = (result: StandardResult<unknown>): undefined => {
    if (result.issues === undefined) return undefined;
    const issues = toValidationIssues(result.issues);
    throw new ValidationError(`data of '${contract.type}'`, issues, {
      details: { type: contract.type },
    });
  };
  const result = validate(contract.schema, data);
  return result instanceof Promise ? result.then(assertValid) : assertValid(result);
}

function nameOf(result: unknown): string {
  if (result === undefined) return "nothing";
  if (isOutgoingMessage(result)) return `the message '${result.contract.type}' without a reply`;
  if (result === null) return "null";
  return typeof result === "object" ? "an object that is no reply" : `a ${typeof result}`;
}
