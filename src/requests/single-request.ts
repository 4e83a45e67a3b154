// One request that wants one answer. Knows nothing of sending. Always true: the first of answer,
// deadline, signal and failure decides; the others change nothing.
import type { AnyAnswer, AnyOutcome } from "./outcome.ts";
import { AskedRequest } from "./asked-request.ts";

/** A request that wants one answer. */
export class SingleRequest extends AskedRequest<AnyOutcome> {
  answered(answer: AnyAnswer): boolean {
    return this.#end(answer, "answered");
  }

  timedOut(): void {
    this.#end({ type: "timeout" }, "unanswered");
  }

  handledBy(groups: readonly string[]): void {
    if (groups.length === 0) this.#end({ type: "unhandled" }, "unanswered");
  }

  #end(outcome: AnyOutcome, end: "answered" | "unanswered"): boolean {
    if (!this.close(end)) return false;
    this.owner.counters.count(outcome.type);
    this.settle(outcome);
    return true;
  }
}
