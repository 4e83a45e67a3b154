// The delayed messages of one channel, in order of due time: what is due, what is shown of the
// others, and cancelling. Always true: messages that are due at the same time keep the order of
// their acceptance.
import type { Priority } from "../../message/envelope.ts";
import { type DelayedIdentity, type DelayedPage, placeOf, placeText } from "../../ports/delayed.ts";
import type { Waiting } from "../../ports/transport.ts";
import type { MemoryMessage } from "./memory-log.ts";

/** How often a delayed message's wall time is looked at again: the wall clock may jump. */
export const lookAgainMs = 1_000;

/** A message as its channel accepted it. */
export interface AcceptedMessage {
  readonly message: MemoryMessage;
  readonly priority: Priority;
  readonly acceptedWallMs: number;
}

interface Delayed<Accepted> {
  readonly dueAtMs: number;
  /** 1, 2, 3 … in the order of acceptance. */
  readonly number: number;
  readonly accepted: Accepted;
}

/** See the head of this file. */
export class MemoryDelayed<Accepted extends AcceptedMessage> {
  readonly #channel: string;
  #messages: Delayed<Accepted>[] = [];
  #numbered = 0;

  constructor(channel: string) {
    this.#channel = channel;
  }

  /** What they count towards the limits. */
  get waiting(): Waiting {
    const sizes = this.#messages.map(({ accepted }) => accepted.message.payloadBytes);
    return { depth: sizes.length, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
  }

  /** When the next one is due, wall ms. */
  get nextDueAtMs(): number | undefined {
    return this.#messages[0]?.dueAtMs;
  }

  add(dueAtMs: number, accepted: Accepted): void {
    const messages = this.#messages;
    let at = messages.length;
    while (at > 0 && (messages[at - 1] as Delayed<Accepted>).dueAtMs > dueAtMs) at--;
    messages.splice(at, 0, { dueAtMs, number: ++this.#numbered, accepted });
  }

  /** Takes out what is due. */
  takeDue(wallMs: number): Accepted[] {
    const due = this.#messages.filter(({ dueAtMs }) => dueAtMs <= wallMs);
    this.#messages = this.#messages.slice(due.length);
    return due.map(({ accepted }) => accepted);
  }

  /** Takes one out, where it is there. */
  cancel(identity: DelayedIdentity): Accepted | undefined {
    const at = this.#messages.findIndex(({ accepted }) => isMeant(accepted.message, identity));
    return at < 0 ? undefined : this.#messages.splice(at, 1)[0]?.accepted;
  }

  /** The next ones behind a place. */
  page(after: string | undefined, messagesMax: number): DelayedPage {
    const [dueAtMs, number] = placeOf(after);
    const behind = this.#messages.filter((each) => {
      return each.dueAtMs > dueAtMs || (each.dueAtMs === dueAtMs && each.number > number);
    });
    const page = behind.slice(0, messagesMax);
    const last = page.at(-1);
    const isFull = page.length === messagesMax && last !== undefined;
    const messages = page.map(({ accepted, dueAtMs: due }) => {
      const { message, priority, acceptedWallMs: acceptedAtMs } = accepted;
      const { id, key, template, attributes } = message;
      const { source, type, version } = template;
      const own = { channel: this.#channel, id, source, type, version, key, priority };
      return { ...own, tenant: attributes?.tenant, dueAtMs: due, acceptedAtMs };
    });
    return { messages, next: isFull ? placeText(last.dueAtMs, last.number) : undefined };
  }
}

function isMeant(message: MemoryMessage, { id, source, tenant }: DelayedIdentity): boolean {
  if (message.id !== id || message.template.source !== source) return false;
  return tenant === undefined || message.attributes?.tenant === tenant;
}
