// Answers that were given before they were waited for: a handler that is repeated asks the same
// question again, and what was answered meanwhile stands in the reply channel that the stored
// request named. Changes nothing. Always true: whoever waits may be told twice, by this and by the
// follower; the first time counts.
import type { Codec } from "../message/codec.ts";
import { isGap } from "../ports/gap.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import type { Transport } from "../ports/transport.ts";
import type { Waiting } from "./pending-requests.ts";
import { originOf } from "./reply-reader.ts";
import { readAnswer } from "./read-answer.ts";

/** Where a request was stored. */
export interface StoredPlace {
  readonly channel: string;
  /** Undefined: it is delayed, or nobody knows. */
  readonly offset: number | undefined;
  readonly priority: "high" | "normal" | "low";
}

/** Hands every stored answer to whoever waits for it. */
export async function replayAnswers(
  transport: Transport,
  codec: Codec,
  waiting: Waiting,
  place: StoredPlace,
): Promise<void> {
  const first = await firstBatch(transport, place);
  if (first === undefined) return;
  const { replyTo } = first.attributesAt(0);
  if (replyTo === undefined) return;
  for await (const stored of transport.read(replyTo, { from: { timeMs: first.appendedAtMs } })) {
    if (isGap(stored)) continue;
    for (let record = 0; record < stored.count && !waiting.isOver; record++) {
      const attributes = stored.attributesAt(record);
      if (attributes.causationId !== waiting.id) continue;
      const answer = await readAnswer(waiting.command, codec, stored, record);
      waiting.answered(answer, originOf(attributes));
    }
    if (waiting.isOver) return;
  }
}

/** The batch that begins with the stored request. */
async function firstBatch(
  transport: Transport,
  { channel, offset, priority }: StoredPlace,
): Promise<StoredBatch | undefined> {
  if (offset === undefined) return undefined;
  for await (const stored of transport.read(channel, { from: { offset }, priority })) {
    return isGap(stored) || stored.offsetAt(0) !== offset ? undefined : stored;
  }
  return undefined;
}
