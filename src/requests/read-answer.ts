// From a stored message to the answer it carries: name, codec, schema. Knows nothing of who waits.
// Always true: an answer that cannot be understood is a failure with its reason, never an error.
import type { AnyCommand } from "../contracts/command.ts";
import type { StandardResult } from "../contracts/standard-schema.ts";
import { toValidationIssues, validate } from "../contracts/validation.ts";
import { ValidationError } from "../errors/spillway-error.ts";
import type { Codec } from "../message/codec.ts";
import { isTextContent } from "../message/envelope.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import type { AnyAnswer, FailedOutcome } from "./outcome.ts";
import {
  answerContractOf,
  answerNameOf,
  answerTypeOf,
  type FailureNotice,
} from "./reply-contracts.ts";

/** The answer in a stored message; a promise only where the reply's validator is asynchronous. */
export function readAnswer(
  command: AnyCommand,
  codec: Codec,
  stored: StoredBatch,
  record: number,
): AnyAnswer | Promise<AnyAnswer> {
  const { type, contentType } = stored.templateAt(record);
  const name = answerNameOf(command.type, type);
  if (name === undefined) {
    return failed("UNKNOWN_TYPE", `'${type}' is no reply that '${command.type}' declares here`);
  }
  let data: unknown;
  try {
    const isText = isTextContent(contentType) && isTextContent(codec.contentType);
    data = codec.decode(isText ? stored.payloadTextAt(record) : stored.payloadBytesAt(record));
  } catch (error) {
    return failed("CODEC_FAILED", `the reply cannot be decoded: ${textOf(error)}`);
  }
  return understoodAnswer(command, name, data);
}

/** The answer of that name in decoded data. */
export function understoodAnswer(
  command: AnyCommand,
  name: string,
  data: unknown,
): AnyAnswer | Promise<AnyAnswer> {
  const type = answerTypeOf(command.type, name);
  const contract = answerContractOf(command, name);
  if (contract === undefined) {
    return failed("UNKNOWN_TYPE", `'${type}' is no reply that '${command.type}' declares here`);
  }
  const result = validate(contract.schema, data);
  if (result instanceof Promise) return result.then((settled) => answerOf(type, name, settled));
  return answerOf(type, name, result);
}

function answerOf(type: string, name: string, result: StandardResult<unknown>): AnyAnswer {
  if (result.issues !== undefined) {
    const error = new ValidationError(`data of '${type}'`, toValidationIssues(result.issues));
    return failed(error.code, error.message);
  }
  if (name === "expired") return { type: "expired" };
  if (name !== "failed") return { type: name, data: result.value };
  const { code, reason, attempts } = result.value as FailureNotice;
  return { type: "failed", code, reason, attempts };
}

function failed(code: string, reason: string): FailedOutcome {
  return { type: "failed", code, reason, attempts: 0 };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
