// Where a message stands in a delivery, for whoever asks why it waits. Looks, and changes nothing.
import type { StartWait } from "./dispatching.ts";
import type { DeliveryParts } from "./delivery-parts.ts";
import type { Runners } from "./runners.ts";
import { offsetOf, type WindowPlace } from "./window.ts";

/** What is known of an open message. */
export interface OpenStanding {
  readonly offset: number;
  /** Failures so far. */
  readonly attempt: number;
  readonly dueAtMs: number;
  readonly reason: "retry" | "parked" | "in-flight";
}

/** Where a message stands in this process. */
export type LocalStanding =
  /** Its handler runs; since when on the monotonic clock, if that is known already. */
  | { readonly kind: "running"; readonly attempt: number; readonly startedMs: number | undefined }
  /** It is in the window and has not started. */
  | { readonly kind: "waiting"; readonly wait: StartWait | undefined }
  /** It was handled, or needs no handler; the commit is under way. */
  | { readonly kind: "settling" }
  /** Its payload is not here. */
  | { readonly kind: "absent" };

/** Which message is looked for. */
export interface LocalQuery {
  readonly lane: number;
  readonly offset: number;
  readonly key: string | undefined;
}

/** How much is here. */
export interface LocalLoad {
  /** Messages in the window, and the most that there may be. */
  readonly window: number;
  readonly windowMax: number;
  readonly openMessages: number;
  readonly openMax: number;
  readonly running: number;
  readonly concurrency: number;
  /** What keeps the subscription from its work, for people. */
  readonly troubles: readonly string[];
}

/** What a delivery tells of the messages that it holds. */
export class LocalView {
  readonly #parts: DeliveryParts;
  readonly #runners: Runners;
  readonly #troubles: () => readonly string[];

  constructor(parts: DeliveryParts, runners: Runners, troubles: () => readonly string[]) {
    this.#parts = parts;
    this.#runners = runners;
    this.#troubles = troubles;
  }

  /** Where a message stands here, and the failed one of its key for which it waits. */
  standing(query: LocalQuery): {
    readonly standing: LocalStanding;
    readonly behind: OpenStanding | undefined;
  } {
    const standing = localStandingOf(this.#parts, this.#runners, query);
    return { standing, behind: failedBefore(this.#parts, query) };
  }

  /** The number with which every key begins; undefined: there is none, or each has its own. */
  get firstNumber(): number | undefined {
    const { sequence } = this.#parts.options;
    const first = sequence === undefined || sequence === "check" ? "any" : sequence.first;
    return first === "any" ? undefined : first;
  }

  /** How much is here. */
  get load(): LocalLoad {
    const { options, limits, window, open } = this.#parts;
    return {
      window: window.messages,
      windowMax: limits.windowMessagesMax,
      openMessages: open.size,
      openMax: limits.openMax,
      running: this.#runners.active,
      concurrency: options.flow?.concurrency ?? options.concurrency,
      troubles: this.#troubles(),
    };
  }
}

/** Finds a message by its log and offset. */
function localStandingOf(parts: DeliveryParts, runners: Runners, query: LocalQuery): LocalStanding {
  const place = placeOf(parts, query);
  if (place === undefined) return { kind: "absent" };
  const run = runners.runOf(place.batch, place.position);
  if (run !== undefined) {
    return { kind: "running", attempt: run.attempt, startedMs: run.startedMs };
  }
  const wait = parts.dispatcher.waitOf?.(place);
  if (wait !== undefined || !parts.window.isTaken(place.batch, place.position)) {
    return { kind: "waiting", wait };
  }
  return { kind: "settling" };
}

/** The failed message behind whose line a key waits. */
function failedBefore(parts: DeliveryParts, query: LocalQuery): OpenStanding | undefined {
  const failed = parts.open.lineOf(query)?.failed;
  if (failed === undefined || failed.offset === query.offset) return undefined;
  const { offset, attempt, dueAtMs, reason } = failed;
  return { offset, attempt, dueAtMs, reason };
}

function placeOf({ window }: DeliveryParts, { lane, offset }: LocalQuery): WindowPlace | undefined {
  for (const batch of window.batches) {
    if (batch.lane !== lane) continue;
    for (let position = 0; position < batch.size; position++) {
      if (window.isDone(batch, position)) continue;
      if (offsetOf({ batch, position }) === offset) return { batch, position };
    }
  }
  return undefined;
}
