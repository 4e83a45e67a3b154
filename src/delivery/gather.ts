// Gathering what a handler call leaves for its unit: what it returned, its answer, and what it did
// not wait for. Knows nothing of settlement. Always true: it stays synchronous where nothing
// of that takes time; either all of it joins the call, or it fails.
import type { Answers, Returned } from "./answers.ts";
import { messagesOf } from "./handler-result.ts";
import type { HandlerRun } from "./handler-run.ts";
import type { EncodedMessage, OutgoingEncoder } from "./outgoing-encoder.ts";

type Encoding = EncodedMessage | Promise<EncodedMessage | undefined>;

/** Adds everything to the call; throws or rejects with what counts as the handler's failure. */
export function gather(
  run: HandlerRun,
  result: unknown,
  encoder: OutgoingEncoder,
  answers: Answers | undefined,
): void | Promise<void> {
  const { reply, messages } = answers?.read(result) ?? messagesAlone(run, result);
  // Before any of them is encoded: a list of a million must not cost what it weighs.
  run.assertRoomFor(messages.length + (reply === undefined ? 0 : 1));
  const answer = reply === undefined ? undefined : answers?.encode(run.message, reply);
  const encoded: Encoding[] = answer === undefined ? [] : [answer];
  for (const { contract, data, options } of messages) {
    encoded.push(encoder.encode(contract, data, options, run.message));
  }
  if (run.pending !== undefined || encoded.some((each) => each instanceof Promise)) {
    return gatherLater(run, encoded);
  }
  for (const each of encoded) run.add(each as EncodedMessage);
}

function messagesAlone(run: HandlerRun, result: unknown): Returned {
  const messages = result === undefined ? [] : messagesOf(result, run.message.type);
  return { reply: undefined, messages };
}

async function gatherLater(run: HandlerRun, encoded: readonly Encoding[]): Promise<void> {
  const all = Promise.all(encoded.map(async (each) => each));
  all.catch(() => undefined);
  for (let index = 0; index < (run.pending?.length ?? 0); index++) await run.pending?.[index];
  for (const each of await all) if (each !== undefined) run.add(each);
}
