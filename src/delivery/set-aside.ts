// The copies of messages that are set aside: dead letters and invalid messages. A copy keeps id,
// source, type, version, key, time and bytes; extension attributes say who set it aside, why, and
// where it came from. Its id counts as kept, not as given: deduplication would swallow the copy
// when two groups set the same message aside, or one group does so again after a redrive.
import type { MessageAttributes } from "../message/envelope.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import { boundedReason } from "./failure.ts";

/** Who sets aside, and when. */
export interface SetAsideContext {
  readonly group: string;
  readonly wallMs: number;
}

/** Attributes of a dead letter: the message's own and `deadletter…`. */
export function deadLetterAttributes(
  stored: StoredBatch,
  record: number,
  context: SetAsideContext,
  verdict: { readonly code: string; readonly reason: string; readonly attempts: number },
): MessageAttributes {
  return withExtensions(stored.attributesAt(record), {
    deadlettergroup: context.group,
    deadletterreason: boundedReason(verdict.reason),
    deadlettercode: verdict.code,
    deadletterattempts: verdict.attempts,
    deadletterchannel: stored.channel,
    // CloudEvents integers have 32 bits: what can be larger is text.
    deadletteroffset: String(stored.offsetAt(record)),
    deadletterpriority: stored.priority,
    deadletterattime: String(Math.trunc(context.wallMs)),
  });
}

/** Attributes of an invalid message: its own and `invalid…`. */
export function invalidAttributes(
  stored: StoredBatch,
  record: number,
  context: SetAsideContext,
  verdict: { readonly code: string; readonly reason: string },
): MessageAttributes {
  return withExtensions(stored.attributesAt(record), {
    invalidgroup: context.group,
    invalidreason: boundedReason(verdict.reason),
    invalidcode: verdict.code,
    invalidchannel: stored.channel,
    invalidoffset: String(stored.offsetAt(record)),
    invalidattime: String(Math.trunc(context.wallMs)),
  });
}

function withExtensions(
  attributes: MessageAttributes,
  added: Readonly<Record<string, string | number>>,
): MessageAttributes {
  return { ...attributes, extensions: { ...attributes.extensions, ...added } };
}
