// What becomes of an aggregate whose handler failed for good at its end: the message that says so
// goes into the unit that sets the failed one aside. Knows nothing of state. Always true: an
// aggregate that nothing would end any more is abandoned, and one that its deadline may still end
// is not.
import type { AnyContract } from "../contracts/contract.ts";
import type { Answers, Ending, Returned } from "../delivery/answers.ts";
import { messagesOf } from "../delivery/handler-result.ts";
import type { EncodedMessage, OutgoingEncoder } from "../delivery/outgoing-encoder.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import { causeOf } from "./answering.ts";

/** What it works with. */
export interface AggregateAnswersParts {
  /** The aggregates' own. */
  readonly channel: string;
  /** What ends an aggregate if nothing else did: their failure is final. */
  readonly lastWords: readonly AnyContract[];
  /** Tells the aggregates that one is given up. */
  readonly abandoned: AnyContract;
  /** For the library's own words, which nothing may hold up. */
  readonly notices: OutgoingEncoder;
}

/** See the head of this file. */
export class AggregateAnswers implements Answers {
  readonly #parts: AggregateAnswersParts;

  constructor(parts: AggregateAnswersParts) {
    this.#parts = parts;
  }

  read(result: unknown): Returned {
    const messages = result === undefined ? [] : messagesOf(result, this.#parts.channel);
    return { reply: undefined, messages };
  }

  /** Never called: read() finds no reply. */
  encode(): undefined {
    return undefined;
  }

  notice(stored: StoredBatch, record: number, ending: Ending): EncodedMessage | undefined {
    const { channel, lastWords, abandoned, notices } = this.#parts;
    const { type } = stored.templateAt(record);
    const key = stored.keyAt(record);
    if (ending.kind !== "failed" || key === undefined) return undefined;
    if (!lastWords.some((contract) => contract.type === type)) return undefined;
    const cause = causeOf(stored.idAt(record), stored.attributesAt(record));
    const encoded = notices.encode(abandoned, {}, { key }, cause, {
      channel,
      priorityOf: undefined,
    });
    // Its schema is ours, and waits for nothing.
    return encoded instanceof Promise ? undefined : encoded;
  }
}
