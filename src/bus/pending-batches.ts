// From waiting messages to batches: groups what gathered by channel, priority and delay, keeping
// the order of publishing within each, and tells every message what became of it. Owns no limits.
import type { EncodedMessage } from "../delivery/outgoing-encoder.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Random } from "../kernel/random.ts";
import { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { AppendResult } from "../ports/transport.ts";
import { appendError } from "./publish-errors.ts";
import { Receipt } from "./receipt.ts";

/** Who waits for one message; called exactly once. */
export interface PublishWaiter {
  resolve(receipt: Receipt): void;
  reject(error: unknown): void;
}

/** One message that was accepted and is not settled yet. */
export class PendingMessage {
  readonly encoded: EncodedMessage;
  readonly bytes: number;
  readonly waiter: PublishWaiter;
  readonly signal: AbortSignal | undefined;
  /** "queued": nobody else has it. "sent": the transport has it. "answered": the waiter knows. */
  state: "queued" | "sent" | "answered" = "queued";

  constructor(
    encoded: EncodedMessage,
    bytes: number,
    waiter: PublishWaiter,
    signal: AbortSignal | undefined,
  ) {
    this.encoded = encoded;
    this.bytes = bytes;
    this.waiter = waiter;
    this.signal = signal;
  }
}

/** A batch with the messages in it, in the same order. */
export class PendingBatch {
  readonly batch: OutgoingBatch;
  readonly members: PendingMessage[] = [];
  readonly #dueAtMs: number[] | undefined;

  constructor(first: EncodedMessage, random: Random) {
    this.#dueAtMs = first.dueAtMs === undefined ? undefined : [];
    this.batch = new OutgoingBatch(first.channel, first.priority, random, this.#dueAtMs);
  }

  /** Whether this message belongs into batches of this kind. */
  matches(message: EncodedMessage): boolean {
    return (
      this.batch.channel === message.channel &&
      this.batch.priority === message.priority &&
      (this.#dueAtMs === undefined) === (message.dueAtMs === undefined)
    );
  }

  /** Whether there is room for it. */
  hasRoom(member: PendingMessage): boolean {
    return this.batch.hasRoom(member.bytes);
  }

  /** Adds a message that matches and has room. */
  add(member: PendingMessage): void {
    const message = member.encoded;
    this.batch.add(
      message.template,
      message.payload,
      message.wallMs,
      message.key,
      message.attributes,
      message.id,
    );
    if (message.dueAtMs !== undefined) this.#dueAtMs?.push(message.dueAtMs);
    this.members.push(member);
    member.state = "sent";
  }

  /** Answers every message by the transport's result; counts what became of them. */
  settle(result: AppendResult): Outcomes {
    const outcomes = { stored: 0, duplicates: 0, rejected: 0 };
    for (let index = 0; index < this.members.length; index++) {
      const exception = result.exceptions?.get(index);
      if (exception instanceof SpillwayError) {
        outcomes.rejected++;
        this.#reject(index, exception);
      } else if (exception === undefined) {
        const offset = result.firstOffset < 0 ? undefined : result.firstOffset + outcomes.stored;
        outcomes.stored++;
        this.#resolve(index, offset, false);
      } else {
        outcomes.duplicates++;
        this.#resolve(index, exception.offset < 0 ? undefined : exception.offset, true);
      }
    }
    return outcomes;
  }

  /** Rejects every message of a batch whose append was rejected. */
  reject(cause: unknown): void {
    for (let index = 0; index < this.members.length; index++) this.#reject(index, cause);
  }

  #resolve(index: number, offset: number | undefined, duplicate: boolean): void {
    const member = this.members[index] as PendingMessage;
    if (member.state === "answered") return;
    member.state = "answered";
    const { channel, priority, ids } = this.batch;
    const id = member.encoded.id ?? ids;
    member.waiter.resolve(new Receipt(channel, priority, offset, duplicate, id, index));
  }

  #reject(index: number, cause: unknown): void {
    const member = this.members[index] as PendingMessage;
    if (member.state === "answered") return;
    member.state = "answered";
    member.waiter.reject(appendError(cause, this.batch.channel, this.batch.idAt(index)));
  }
}

/** What became of the messages of one batch. */
export interface Outcomes {
  stored: number;
  duplicates: number;
  rejected: number;
}

/** Divides messages into batches; the order of batches of one kind is that of their messages. */
export function gatherBatches(
  messages: readonly PendingMessage[],
  random: Random,
): readonly PendingBatch[] {
  const batches: PendingBatch[] = [];
  const open = new Map<string, PendingBatch[]>();
  let current: PendingBatch | undefined;
  for (const member of messages) {
    if (current === undefined || !current.matches(member.encoded) || !current.hasRoom(member)) {
      current = batchFor(member, open, random);
      if (current.members.length === 0) batches.push(current);
    }
    current.add(member);
  }
  return batches;
}

/** The batch of this message's kind that still has room; a new one replaces a full one. */
function batchFor(
  member: PendingMessage,
  open: Map<string, PendingBatch[]>,
  random: Random,
): PendingBatch {
  const { channel } = member.encoded;
  let kinds = open.get(channel);
  if (kinds === undefined) open.set(channel, (kinds = []));
  const at = kinds.findIndex((batch) => batch.matches(member.encoded));
  const found = kinds[at];
  if (found?.hasRoom(member) === true) return found;
  const batch = new PendingBatch(member.encoded, random);
  if (at === -1) kinds.push(batch);
  else kinds[at] = batch;
  return batch;
}
