// The error policy of each action, and when its handler fails.
import {
  deadLetter,
  discard,
  type ErrorPolicy,
  errorPolicy,
  fallback,
  type FallbackHandler,
  otherwise,
  park,
  pause,
  retry,
} from "spillway";
import type { Action } from "./combinations.ts";
import { longMs } from "./skipping-clock.ts";

/** Why the policies end a message. */
export const reason = "as the table says";

const end = deadLetter(reason);

/** The policy of an action; `instead` is its fallback. */
export function policyOf(action: Action, instead: FallbackHandler): ErrorPolicy {
  const rules = {
    none: end,
    retry: retry({ waitMs: () => longMs }).then(end),
    pause: pause({ failures: 1, probeAfterMs: longMs }),
    park: park(reason),
    "dead-letter": end,
    discard: discard(reason),
    fallback: fallback(instead).then(end),
  };
  return errorPolicy(otherwise(rules[action]));
}

/** Whether a call for the message fails. */
export function isFailing(action: Action, attempt: number, callsInProcess: number): boolean {
  if (action === "none") return false;
  if (action === "retry" || action === "park") return attempt === 1;
  return action !== "pause" || callsInProcess === 1;
}
