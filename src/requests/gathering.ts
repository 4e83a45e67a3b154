// Several requests that are waited for together: all of them, enough of them, or until time is up.
// Knows nothing of sending. Always true: it ends once, and with it every request that is still
// waiting; the outcomes stand in the order of the requests.
import type { AnyOutcome } from "./outcome.ts";
import type { AnyGathered } from "./scatter-outcome.ts";
import type { SingleRequest } from "./single-request.ts";

/** Resolves with the outcomes; rejects with the first request's error. */
export function gatherOutcomes(
  requests: readonly SingleRequest[],
  quorum: number | undefined,
): Promise<AnyGathered> {
  const { promise, resolve, reject } = Promise.withResolvers<AnyGathered>();
  const outcomes = requests.map((): AnyOutcome => ({ type: "timeout" }));
  let left = requests.length;
  let replies = 0;
  let hasEnded = false;
  const end = (): void => {
    hasEnded = true;
    // What still waits has nothing more to add.
    for (const request of requests) request.timedOut();
  };
  const ended = (index: number, outcome: AnyOutcome): void => {
    if (hasEnded) return;
    outcomes[index] = outcome;
    left--;
    if ("data" in outcome) replies++;
    const isEnough = quorum !== undefined && replies >= quorum;
    if (left > 0 && !isEnough) return;
    end();
    const isLate = outcomes.some(({ type }) => type === "timeout");
    resolve({ type: endOf(left, isEnough, isLate), parts: outcomes });
  };
  const failed = (error: unknown): void => {
    if (hasEnded) return;
    end();
    reject(error);
  };
  for (const [index, request] of requests.entries()) {
    request.result.then((outcome) => ended(index, outcome), failed);
  }
  if (requests.length === 0) resolve({ type: "all", parts: [] });
  return promise;
}

function endOf(left: number, isEnough: boolean, isLate: boolean): AnyGathered["type"] {
  if (left > 0 && isEnough) return "quorum";
  return isLate ? "deadline" : "all";
}
