// Follows a bus's reply channel and hands each answer to whoever waits for it. Reading costs no
// commit. Knows nothing of sending. Always true: an answer for this caller that nobody waits for is
// counted and reported, as late or as a duplicate; answers to others are passed over.
import type { Codec } from "../message/codec.ts";
import type { MessageAttributes } from "../message/envelope.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import { type Gap, isGap } from "../ports/gap.ts";
import type { Transport } from "../ports/transport.ts";
import { diagnostics, type ReplyDiagnostics } from "../telemetry/channels.ts";
import { answeredByExtension } from "./answering.ts";
import type { AnyAnswer } from "./outcome.ts";
import type { AnswerOrigin, PendingRequests, Waiting } from "./pending-requests.ts";
import { readAnswer } from "./read-answer.ts";
import type { ReplyAddress } from "./reply-address.ts";
import type { RequestCounters } from "./request-counters.ts";

/** What a reply reader works with. */
export interface ReplyReaderParts {
  readonly transport: Transport;
  readonly codec: Codec;
  readonly address: ReplyAddress;
  readonly pending: PendingRequests;
  readonly counters: RequestCounters;
  /** It ended by itself: whoever waits is told nothing any more. */
  onEnded(error: unknown): void;
}

/** The follower of one reply channel. */
export class ReplyReader {
  readonly #parts: ReplyReaderParts;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  /** Begins to follow at the channel's end, which is fixed before the constructor returns. */
  constructor(parts: ReplyReaderParts) {
    this.#parts = parts;
    const { transport, address } = parts;
    const { signal } = this.#stop;
    const options = { from: "latest", follow: true, signal } as const;
    const batches = transport.read(address.declaration.name, options)[Symbol.asyncIterator]();
    this.#ended = this.#follow(batches, batches.next());
  }

  /** Reads no further; resolves when nothing of it runs any more. */
  close(): Promise<void> {
    this.#stop.abort();
    return this.#ended;
  }

  async #follow(
    batches: AsyncIterator<StoredBatch | Gap>,
    first: Promise<IteratorResult<StoredBatch | Gap>>,
  ): Promise<void> {
    let error: unknown;
    try {
      let step = await first;
      while (step.done !== true) {
        // An answer that is gone is waited for until its deadline.
        if (!isGap(step.value)) this.#receive(step.value);
        step = await batches.next();
      }
    } catch (cause) {
      error = cause;
    }
    if (!this.#stop.signal.aborted) this.#parts.onEnded(error);
  }

  #receive(stored: StoredBatch): void {
    const { address, pending } = this.#parts;
    for (let record = 0; record < stored.count; record++) {
      const isOurs = stored.keyAt(record) === address.caller;
      if (!isOurs && !pending.hasRepeated) continue;
      this.#answer(stored, record, isOurs);
    }
  }

  #answer(stored: StoredBatch, record: number, isOurs: boolean): void {
    const { pending, codec } = this.#parts;
    const attributes = stored.attributesAt(record);
    const { causationId } = attributes;
    if (causationId === undefined) return;
    let waiting = pending.get(causationId);
    if (waiting === undefined) {
      if (isOurs) this.#unawaited(stored, record, causationId);
      return;
    }
    const origin = originOf(attributes);
    for (; waiting !== undefined; waiting = waiting.twin) {
      const asked: Waiting = waiting;
      const tell = (answer: AnyAnswer): void => {
        if (!asked.answered(answer, origin)) this.#unawaited(stored, record, causationId);
      };
      const answer = readAnswer(asked.command, codec, stored, record);
      if (answer instanceof Promise) void answer.then(tell);
      else tell(answer);
    }
  }

  #unawaited(stored: StoredBatch, record: number, requestId: string): void {
    const { pending, counters } = this.#parts;
    const { group = "" } = originOf(stored.attributesAt(record));
    const end = pending.endOf(requestId);
    const isPending = pending.get(requestId) !== undefined;
    const isDuplicate =
      isPending || end === "answered" || (typeof end === "object" && end.has(group));
    if (isDuplicate) counters.duplicates++;
    else counters.late++;
    if (!diagnostics.reply.hasSubscribers) return;
    const { channel } = stored;
    const { type } = stored.templateAt(record);
    const id = stored.idAt(record);
    reportUnawaited({ kind: isDuplicate ? "duplicate" : "late", channel, type, id, requestId });
  }
}

/** Tells who listens on `spillway:reply`. */
export function reportUnawaited(answer: ReplyDiagnostics): void {
  if (diagnostics.reply.hasSubscribers) diagnostics.reply.publish(answer);
}

/** Who gave an answer. */
export function originOf({ extensions }: MessageAttributes): AnswerOrigin {
  const group = extensions?.[answeredByExtension];
  return { group: typeof group === "string" ? group : undefined };
}
