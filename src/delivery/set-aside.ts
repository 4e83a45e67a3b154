// The copies of messages that are set aside: dead letters and invalid messages. A copy keeps id,
// source, type, version, key, time and bytes; extension attributes say who set it aside, why, and
// where it came from. Its id counts as kept, not as given: deduplication would swallow the copy
// when two groups set the same message aside, or one group does so again after a redrive.
import type { MessageAttributes } from "../message/envelope.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import { attemptsText, type FailedAttempt } from "./attempt-log.ts";
import type { DeliveryParts } from "./delivery-parts.ts";
import { boundedReason } from "./failure.ts";
import { causeOf } from "./fingerprint.ts";

/** Who sets aside, and when. */
export interface SetAsideContext {
  readonly group: string;
  readonly wallMs: number;
  /** Whether the group handles messages of one key in order. */
  readonly isOrdered: boolean;
  /** The version of the contract that its handler works with. */
  readonly version: number | undefined;
  /** Until when repeats of what was done outside are recognised; undefined: nothing was. */
  readonly horizonMs?: number | undefined;
}

/** Why a message is a dead letter. */
export interface DeadLetterVerdict {
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly error?: unknown;
  /** The failed attempts that are known here. */
  readonly failures?: readonly FailedAttempt[] | undefined;
}

/** Attributes of a dead letter: the message's own and `deadletter…`. */
export function deadLetterAttributes(
  stored: StoredBatch,
  record: number,
  context: SetAsideContext,
  verdict: DeadLetterVerdict,
): MessageAttributes {
  const { code, attempts, failures } = verdict;
  const reason = boundedReason(verdict.reason);
  const { fingerprint, errorName, stack } = causeOf(code, reason, verdict.error);
  return withExtensions(stored.attributesAt(record), {
    deadlettergroup: context.group,
    deadletterreason: reason,
    deadlettercode: code,
    deadletterattempts: attempts,
    deadletterchannel: stored.channel,
    // CloudEvents integers have 32 bits: what can be larger is text.
    deadletteroffset: String(stored.offsetAt(record)),
    deadletterpriority: stored.priority,
    deadletterattime: String(Math.trunc(context.wallMs)),
    deadletterprint: fingerprint,
    deadletterordered: context.isOrdered,
    ...(context.version !== undefined && { deadletterversion: context.version }),
    ...(context.horizonMs !== undefined && {
      deadletterhorizon: String(Math.trunc(context.horizonMs)),
    }),
    ...(errorName !== undefined && { deadlettererror: errorName }),
    ...(stack !== undefined && { deadletterstack: stack }),
    ...(failures !== undefined && { deadletterlog: attemptsText(failures) }),
  });
}

/** Attributes of an invalid message: its own and `invalid…`. */
export function invalidAttributes(
  stored: StoredBatch,
  record: number,
  context: SetAsideContext,
  verdict: { readonly code: string; readonly reason: string },
): MessageAttributes {
  const reason = boundedReason(verdict.reason);
  // Its frames are the validator's: they say nothing about the cause.
  const { fingerprint } = causeOf(verdict.code, reason, undefined);
  return withExtensions(stored.attributesAt(record), {
    invalidgroup: context.group,
    invalidreason: reason,
    invalidcode: verdict.code,
    invalidchannel: stored.channel,
    invalidoffset: String(stored.offsetAt(record)),
    invalidpriority: stored.priority,
    invalidattime: String(Math.trunc(context.wallMs)),
    invalidprint: fingerprint,
    invalidordered: context.isOrdered,
    ...(context.version !== undefined && { invalidversion: context.version }),
  });
}

function withExtensions(
  attributes: MessageAttributes,
  added: Readonly<Record<string, string | number | boolean>>,
): MessageAttributes {
  return { ...attributes, extensions: { ...attributes.extensions, ...added } };
}

/** Who sets a message of this subscription aside, and when. */
export function contextOf(
  { options }: DeliveryParts,
  stored: StoredBatch,
  record: number,
  wallMs: number,
): SetAsideContext {
  const { type } = stored.templateAt(record);
  const versions = options.contracts.filter((each) => each.type === type);
  const version = versions.reduce((last, each) => Math.max(last, each.version), 0);
  return {
    group: options.group,
    wallMs,
    isOrdered: options.order === "key",
    version: version > 0 ? version : undefined,
  };
}

/** Until when a repeat of what the handler did outside its unit would be recognised. */
export function horizonMsOf(
  { environment, options }: DeliveryParts,
  stored: StoredBatch,
  verdict: DeadLetterVerdict,
): number | undefined {
  if (options.pure === true || verdict.attempts === 0) return undefined;
  const [first] = verdict.failures ?? [];
  // An attempt that is not known here was made no sooner than the message was stored.
  const firstAtMs = first?.attempt === 1 ? first.atMs : stored.appendedAtMs;
  return firstAtMs + (environment.dedupeWindowMs ?? 0);
}
