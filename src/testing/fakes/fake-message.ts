// A message as a handler receives it, made without a bus: for unit tests of handlers. Owns the
// values of what a test does not care about. Always true: its data is what the schema gives.
import type { AnyContract, AnyMessage, MessageOf } from "../../contracts/contract.ts";
import type { InputOf } from "../../contracts/standard-schema.ts";
import { toValidationIssues, validate } from "../../contracts/validation.ts";
import { assertKnownOptions, optionNames } from "../../errors/known-options.ts";
import { SpillwayError, ValidationError } from "../../errors/spillway-error.ts";
import { assertContract } from "./message-of.ts";

/** Attributes of a fake message; each has a fixed default. */
export type FakeAttributes = Partial<Omit<AnyMessage, "type" | "version" | "data">>;

const known = optionNames<FakeAttributes>({
  id: true,
  source: true,
  subject: true,
  timeMs: true,
  key: true,
  sequence: true,
  priority: true,
  correlationId: true,
  causationId: true,
  traceparent: true,
  tracestate: true,
  expiresAtMs: true,
  replyTo: true,
  tenant: true,
  extensions: true,
  channel: true,
  offset: true,
});

/** 2026-01-01T00:00:00Z, where VirtualClock starts, too. */
const timeMsDefault = 1_767_225_600_000;
const idDefault = "019b7700-0000-7000-8000-000000000001";

/**
 * A message of a contract, to call a handler with. Data is validated; key and sequence follow from
 * the contract. Throws VALIDATION_FAILED, and INVALID_ARGUMENT where the schema validates
 * asynchronously or an attribute is unknown.
 *
 * @example
 * import { defineEvent } from "spillway";
 * import { fakeMessage } from "spillway/testing";
 * import { z } from "zod";
 * const Placed = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
 * const message = fakeMessage(Placed, { id: "7" }, { tenant: "acme" });
 * console.log(message.data.id, message.tenant); // 7 acme
 */
export function fakeMessage<Contract extends AnyContract>(
  contract: Contract,
  data: InputOf<Contract["schema"]>,
  attributes: FakeAttributes = {},
): MessageOf<Contract> {
  assertContract(contract, "fakeMessage");
  assertKnownOptions(attributes, known, "fakeMessage", contract.type);
  const value = validData(contract, data);
  const id = attributes.id ?? idDefault;
  const message: AnyMessage = {
    source: "test",
    subject: undefined,
    timeMs: timeMsDefault,
    key: contract.keyOf(value),
    sequence: contract.sequenceOf(value),
    priority: "normal",
    correlationId: id,
    causationId: undefined,
    traceparent: undefined,
    tracestate: undefined,
    expiresAtMs: undefined,
    replyTo: undefined,
    tenant: undefined,
    extensions: {},
    channel: contract.type,
    offset: 0,
    ...attributes,
    id,
    type: contract.type,
    version: contract.version,
    data: value,
  };
  // Its data is what the schema gave, which is what the contract's types say.
  return message as never;
}

/** The data as the contract's schema gives it; throws where it does not fit. */
export function validData(contract: AnyContract, data: unknown): unknown {
  const result = validate(contract.schema, data);
  if (result instanceof Promise) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `'${contract.type}': its schema validates asynchronously: test it with scenario()`,
    );
  }
  if (result.issues === undefined) return result.value;
  throw new ValidationError(`data of '${contract.type}'`, toValidationIssues(result.issues));
}
