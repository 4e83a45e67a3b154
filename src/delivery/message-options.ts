// What a caller may say about one message, checked: every fault is an error that names the option,
// its value and what would be right. Knows nothing of batches or transports. Always true: what
// passes here fits the grammar of names and the bounds of the stored form.
import { assertName } from "../contracts/names.ts";
import type { AnyContract, MessageOptions } from "../contracts/contract.ts";
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { type MessageAttributes, priorities } from "../message/envelope.ts";
import { isSequence } from "../message/sequence.ts";
import { withoutMark } from "./redrive-mark.ts";

/** Most characters of an id, subject, correlation id, causation id or trace header. */
export const attributeLengthMax = 1_024;
/** Most bytes of a key, in UTF-8. */
export const keyBytesMax = 1_024;
/** Most extension attributes of one message. */
export const extensionsMax = 32;
/** Most characters of one extension attribute's value. */
export const extensionLengthMax = 4_096;

/** CloudEvents attributes, and the extensions that have an option or a field of their own. */
const takenNames: ReadonlySet<string> = new Set(
  (
    "specversion id source type subject time datacontenttype dataschema data " +
    "correlationid causationid partitionkey sequence traceparent tracestate expirytime " +
    "priority replyto tenant"
  ).split(" "),
);

const extensionName = /^[a-z0-9]{1,20}$/;

/** The options of every message that somebody sends, a request included. */
export const sentOptions = {
  id: true,
  key: true,
  sequence: true,
  subject: true,
  correlationId: true,
  causationId: true,
  expiresInMs: true,
  priority: true,
  tenant: true,
  traceparent: true,
  tracestate: true,
  extensions: true,
} as const satisfies Record<Exclude<keyof MessageOptions, keyof PublishedOnly>, true>;

/** Not for requests, which are handled at once and answered to their sender. */
type PublishedOnly = Pick<MessageOptions, "delayMs" | "deliverAtMs" | "replyTo">;

/** What a message is published with: its own options, and the two of the call. */
export const messageOptionNames = optionNames<
  MessageOptions & { signal: unknown; detached: unknown }
>({
  ...sentOptions,
  delayMs: true,
  deliverAtMs: true,
  replyTo: true,
  signal: true,
  detached: true,
});

/** Throws an INVALID_ARGUMENT (or INVALID_NAME) error for the first option that cannot be used. */
export function assertMessageOptions(contract: AnyContract, options: MessageOptions): void {
  const { type } = contract;
  assertKnownOptions(options, messageOptionNames, "message", type);
  assertText(type, "id", options.id);
  assertText(type, "subject", options.subject);
  assertText(type, "correlationId", options.correlationId);
  assertText(type, "causationId", options.causationId);
  assertText(type, "traceparent", options.traceparent);
  assertText(type, "tracestate", options.tracestate);
  assertDuration(type, "delayMs", options.delayMs);
  assertDuration(type, "deliverAtMs", options.deliverAtMs);
  if (options.delayMs !== undefined && options.deliverAtMs !== undefined) {
    const rule = "give one of delayMs and deliverAtMs, not both";
    throw invalid(type, "deliverAtMs", options.deliverAtMs, rule);
  }
  assertDuration(type, "expiresInMs", options.expiresInMs);
  if (options.key !== undefined) assertKey(type, options.key);
  if (options.sequence !== undefined) assertSequence(type, options.sequence);
  if (options.tenant !== undefined) assertName("tenant", options.tenant);
  if (options.replyTo !== undefined) assertName("replyTo channel", options.replyTo);
  if (options.extensions !== undefined) assertExtensions(type, options.extensions);
  if (options.priority !== undefined && !priorities.includes(options.priority)) {
    throw invalid(type, "priority", options.priority, `give ${priorities.join(" or ")}`);
  }
}

/** Throws unless `key` is text of 1 to keyBytesMax bytes, whose stored form is no other's. */
export function assertKey(type: string, key: unknown): asserts key is string {
  // A character takes at most three bytes of UTF-8 for each unit of its length.
  if (typeof key === "string" && key.length > 0 && key.isWellFormed()) {
    if (key.length * 3 <= keyBytesMax || Buffer.byteLength(key) <= keyBytesMax) return;
  }
  throw invalid(type, "key", key, `give well-formed text of 1 to ${keyBytesMax} bytes`);
}

/** Throws unless `sequence` is a whole number that can be told from its neighbours. */
export function assertSequence(type: string, sequence: unknown): asserts sequence is number {
  if (isSequence(sequence)) return;
  throw invalid(type, "sequence", sequence, "give a whole number from 0 to 2^53 - 1");
}

/** The attributes that the options name; `wallMs` is the time of publishing. */
export function attributesOf(options: MessageOptions, wallMs: number): MessageAttributes {
  const { subject, correlationId, causationId, traceparent, tracestate, replyTo, tenant } = options;
  const { extensions, expiresInMs } = options;
  return {
    ...(subject !== undefined && { subject }),
    ...(correlationId !== undefined && { correlationId }),
    ...(causationId !== undefined && { causationId }),
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
    ...(expiresInMs !== undefined && { expiresAtMs: wallMs + expiresInMs }),
    ...(replyTo !== undefined && { replyTo }),
    ...(tenant !== undefined && { tenant }),
    ...(extensions !== undefined && { extensions: withoutMark(extensions) }),
  };
}

function assertText(type: string, option: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value === "string" && value.length > 0 && value.length <= attributeLengthMax) {
    if (value.isWellFormed()) return;
  }
  const rule = `give well-formed text of 1 to ${attributeLengthMax} characters`;
  throw invalid(type, option, value, rule);
}

function assertDuration(type: string, option: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return;
  throw invalid(type, option, value, "give a number of milliseconds, 0 or more");
}

function assertExtensions(type: string, extensions: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(extensions);
  if (names.length > extensionsMax) {
    throw invalid(type, "extensions", names.length, `give at most ${extensionsMax}`);
  }
  for (const name of names) {
    if (!extensionName.test(name)) {
      const rule = "name each with 1 to 20 lower-case letters and digits";
      throw invalid(type, "extensions", name, rule);
    }
    if (takenNames.has(name)) {
      throw invalid(type, "extensions", name, "that name is taken: use the option made for it");
    }
    assertExtensionValue(type, name, extensions[name]);
  }
}

function assertExtensionValue(type: string, name: string, value: unknown): void {
  if (typeof value === "boolean") return;
  if (typeof value === "number" && Number.isFinite(value)) return;
  if (typeof value === "string" && value.length <= extensionLengthMax && value.isWellFormed()) {
    return;
  }
  const text = `well-formed text of at most ${extensionLengthMax} characters`;
  const rule = `give ${text}, a number or a boolean`;
  throw invalid(type, `extensions.${name}`, value, rule);
}

function invalid(type: string, option: string, value: unknown, rule: string): SpillwayError {
  return new SpillwayError(
    "INVALID_ARGUMENT",
    `message '${type}': ${option} is ${shown(value)}: ${rule}`,
    { details: { type, option } },
  );
}

function shown(value: unknown): string {
  if (typeof value !== "string") return String(value);
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
}
