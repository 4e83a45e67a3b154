// The one mapping between a command's replies and the messages that carry them: types, schemas,
// the notices of requests that ended without a reply, and the groups that handle a command. Knows
// nothing of buses. Always true: a name of a reply and the type of its message give each other.
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyContract } from "../contracts/contract.ts";
import { uncheckedContractOf } from "../contracts/event.ts";
import type { StandardResult, StandardSchema } from "../contracts/standard-schema.ts";

/** The name of an answer: one of the command's replies, or of a notice. */
export type AnswerName = string;

/** What a notice of failure carries. */
export interface FailureNotice {
  /** A code of the error table. */
  readonly code: string;
  readonly reason: string;
  /** Handler calls; 0: the request could not be understood. */
  readonly attempts: number;
}

/** Between a command's type and the name of an answer. */
const infix = ".reply.";
/** Between the service that handles a command and the command's type, in the name of its group. */
const handles = ".handles.";

/** The type of the message that carries an answer. */
export function answerTypeOf(commandType: string, name: AnswerName): string {
  return commandType + infix + name;
}

/** The name of an answer to that command; undefined for any other message. */
export function answerNameOf(commandType: string, type: string): AnswerName | undefined {
  const prefix = commandType + infix;
  return type.startsWith(prefix) ? type.slice(prefix.length) : undefined;
}

/** The group in which a service handles a command. */
export function handlerGroupOf(service: string, commandType: string): string {
  return service + handles + commandType;
}

/** The service in the name of a handling group. */
export function serviceOf(group: string, commandType: string): string {
  return isHandlerGroup(group, commandType)
    ? group.slice(0, -(handles.length + commandType.length))
    : group;
}

/** Whether a group of that name handles the command. */
export function isHandlerGroup(group: string, commandType: string): boolean {
  return group.endsWith(handles + commandType);
}

/** The group in which a service receives the answers to a command that it sends. */
export function repliesGroupOf(service: string, commandType: string): string {
  return `${service}.replies.${commandType}`;
}

const contracts = new WeakMap<AnyCommand, Map<AnswerName, AnyContract>>();

/** The contract of an answer; undefined for a name that the command does not have. */
export function answerContractOf(command: AnyCommand, name: AnswerName): AnyContract | undefined {
  return answerContractsOf(command).get(name);
}

/** The contracts of every answer that the command can have, by name. */
export function answerContractsOf(command: AnyCommand): ReadonlyMap<AnswerName, AnyContract> {
  let known = contracts.get(command);
  if (known === undefined) {
    known = new Map(answersOf(command));
    contracts.set(command, known);
  }
  return known;
}

function answersOf(command: AnyCommand): [AnswerName, AnyContract][] {
  const { type, owner, classification, replySchemas } = command;
  const all: Readonly<Record<AnswerName, StandardSchema>> = { ...replySchemas, ...noticeSchemas };
  return Object.entries(all).map(([name, data]) => {
    const options = { data, classification, ...(owner !== undefined && { owner }) };
    return [name, uncheckedContractOf("event", answerTypeOf(type, name), options)];
  });
}

function schemaOf(read: (value: unknown) => StandardResult<unknown>): StandardSchema {
  return { "~standard": { version: 1, vendor: "spillway", validate: read } };
}

/** The notices, under names that no reply can have. */
const noticeSchemas = {
  failed: schemaOf((value) => {
    const notice = value as Partial<FailureNotice> | null;
    const isNotice =
      typeof notice?.code === "string" &&
      typeof notice.reason === "string" &&
      typeof notice.attempts === "number";
    return isNotice ? { value } : { issues: [{ message: "it is no notice of a failure" }] };
  }),
  expired: schemaOf((value) => ({ value })),
} as const;
