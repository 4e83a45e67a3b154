// A letter: a message that was set aside, with why, by whom and from where. Reads what delivery/
// wrote with the copy. Knows nothing of redrives but their marks. Always true: a letter that an
// older release wrote is read too; what it lacks is undefined.
import { attemptsOf, type FailedAttempt } from "../../delivery/attempt-log.ts";
import { type StoredEnvelope, storedEnvelope } from "../../delivery/read-places.ts";
import { type MessageAttributes, priorities, type Priority } from "../../message/envelope.ts";
import type { StoredBatch } from "../../ports/transport.ts";

/** Which letters: those whose handling failed for good, or those that were not understood. */
export type LetterKind = "dead-letter" | "invalid";

/**
 * How a letter stands. "pending": nobody worked on it. "redriven": its copy is stored and not yet
 * handled. "resolved": it was handled, or moved to another channel. "failed": it failed again, and
 * a newer letter stands for the message.
 */
export type Standing = "pending" | "redriven" | "resolved" | "failed";

/** A message that was set aside. */
export interface DeadLetter extends StoredEnvelope {
  readonly kind: LetterKind;
  readonly standing: Standing;
  /** Who could not handle it. */
  readonly group: string;
  /** A code of the error table. */
  readonly code: string;
  readonly reason: string;
  /** What failures of one cause have in common. */
  readonly fingerprint: string;
  /** The class of what was thrown; undefined where it was no error. */
  readonly errorName: string | undefined;
  /** The top frames of its stack. */
  readonly stack: string | undefined;
  /** Handler calls in all. */
  readonly attempts: number;
  /** Those that failed, as far as the process that gave up knew them. */
  readonly failures: readonly FailedAttempt[];
  /** The version of the contract that the handler worked with. */
  readonly handlerVersion: number | undefined;
  /** Whether the group handles messages of one key in order. */
  readonly isOrdered: boolean;
  /** When it was set aside, wall milliseconds. */
  readonly failedAtMs: number;
  /** Where the copy stood that failed. */
  readonly origin: {
    readonly channel: string;
    readonly priority: Priority;
    readonly offset: number;
  };
  /** The offset of the message itself, before any redrive. */
  readonly firstOffset: number;
  /** How often it had been redriven before. */
  readonly redrives: number;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  /**
   * Until when a repeat of what its handler did outside its unit would surely be recognised, wall
   * milliseconds; undefined: it did nothing outside.
   */
  readonly horizonMs: number | undefined;
}

/** Everything about a letter but how it stands. */
export function letterAt(
  stored: StoredBatch,
  record: number,
  kind: LetterKind,
): Omit<DeadLetter, "standing"> {
  const place = storedEnvelope(stored, record);
  const { attributes, id } = place.envelope;
  const of = reader(attributes, kind === "invalid" ? "invalid" : "deadletter");
  const origin = {
    channel: of.text("channel") ?? "",
    priority: priorities.find((each) => each === of.text("priority")) ?? "normal",
    offset: of.number("offset") ?? -1,
  };
  const redrive = reader(attributes, "redrive");
  return {
    ...place,
    kind,
    group: of.text("group") ?? "",
    code: of.text("code") ?? "",
    reason: of.text("reason") ?? "",
    fingerprint: of.text("print") ?? "",
    errorName: of.text("error"),
    stack: of.text("stack"),
    attempts: of.number("attempts") ?? 0,
    failures: attemptsOf(of.text("log")),
    handlerVersion: of.number("version"),
    isOrdered: of.text("ordered") === "true",
    failedAtMs: of.number("attime") ?? place.storedAtMs,
    origin,
    firstOffset: redrive.number("origin") ?? origin.offset,
    redrives: redrive.number("count") ?? 0,
    correlationId: attributes.correlationId ?? id,
    causationId: attributes.causationId,
    horizonMs: of.number("horizon"),
  };
}

/** The attributes of the message itself, without what was added when it was set aside. */
export function originalAttributes(attributes: MessageAttributes): MessageAttributes {
  const { extensions, ...rest } = attributes;
  const kept = Object.entries(extensions ?? {}).filter(([name]) => !isAdded.test(name));
  return kept.length === 0 ? rest : { ...rest, extensions: Object.fromEntries(kept) };
}

const facts =
  "group reason code attempts channel offset priority attime print ordered version error stack " +
  "log horizon";
const isAdded = new RegExp(`^(?:deadletter|invalid)(?:${facts.replaceAll(" ", "|")})$|^redrive`);

interface Reader {
  text(name: string): string | undefined;
  number(name: string): number | undefined;
}

function reader({ extensions }: MessageAttributes, prefix: string): Reader {
  const text = (name: string): string | undefined => {
    const value = extensions?.[prefix + name];
    return value === undefined ? undefined : String(value);
  };
  const number = (name: string): number | undefined => {
    const value = Number(text(name) ?? Number.NaN);
    return Number.isFinite(value) ? value : undefined;
  };
  return { text, number };
}
