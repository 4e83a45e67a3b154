// From a delivered message to the reply that a durable subscription hands to its handler. Knows
// nothing of subscriptions: the message was decoded by the contract of an answer.
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyMessage } from "../contracts/contract.ts";
import type { AnyAnswer } from "./outcome.ts";
import { answerNameOf, type FailureNotice } from "./reply-contracts.ts";

/** Any reply as bus.replies() receives it. */
export type AnyReceivedReply = AnyAnswer & {
  readonly requestId: string;
  readonly correlationId: string;
};

/** The reply in a message. */
export function receivedReply(command: AnyCommand, message: AnyMessage): AnyReceivedReply {
  const { type, data, causationId = "", correlationId } = message;
  const name = answerNameOf(command.type, type) ?? type;
  const place = { requestId: causationId, correlationId };
  if (name === "expired") return { type: "expired", ...place };
  if (name !== "failed") return { type: name, data, ...place };
  const { code, reason, attempts } = data as FailureNotice;
  return { type: "failed", code, reason, attempts, ...place };
}
