// The messages of one key in one group: how far it has come, and which of them are not finished.
// Owns no rule but which of two messages comes first. Always true: memory is an object for each
// unfinished message, and one for each publisher of the key.
import { callOf, type Published, wasCalledBefore } from "./published.ts";

/** A message, and its place within its key; undefined: only the calls tell. */
export interface Standing {
  readonly message: Published;
  readonly at: number | undefined;
}

/** Somebody has it; `hasFailed` until it is delivered again. */
export interface OpenDelivery extends Standing {
  readonly member: string;
  hasFailed: boolean;
}

/** Most unfinished messages of a key that are looked at; in order there is one. */
const openLookedAt = 64;

/** See the head of this file. */
export class KeyLine {
  readonly key: string;
  /** By offset, or id. */
  readonly open = new Map<number | string, OpenDelivery>();
  /** A line that is out of order is told once. */
  isReported = false;
  /** The furthest that came; where places do not tell, the last call, and each publisher's. */
  #last: Standing | undefined;
  #lastCalled: Published | undefined;
  readonly #lastOf = new Map<string, Published>();

  constructor(key: string) {
    this.key = key;
  }

  /** One comes for the first time. */
  advance(standing: Standing): void {
    const { message, at } = standing;
    if (at !== undefined && at > (this.#last?.at ?? -1)) this.#last = standing;
    if (at !== undefined) return;
    const last = this.#lastCalled;
    if (last === undefined || callOf(message) > callOf(last)) this.#lastCalled = message;
    const { publisher } = message;
    if (publisher === undefined) return;
    if (message.call > (this.#lastOf.get(publisher)?.call ?? -1)) {
      this.#lastOf.set(publisher, message);
    }
  }

  /** One that came, and had to come after this one; for people. */
  passedBy({ message, at }: Standing): string | undefined {
    if (at !== undefined) {
      const last = this.#last?.at;
      return last !== undefined && at < last ? `offset ${last}` : undefined;
    }
    const ofPublisher =
      message.publisher === undefined ? undefined : this.#lastOf.get(message.publisher);
    return [this.#lastCalled, ofPublisher].find(
      (each) => each !== undefined && wasCalledBefore(message, each),
    )?.id;
  }

  /**
   * An unfinished message that a delivery to `member` passes: the member itself has not finished
   * it, or it has failed and nobody has had it since. What another member is at may be finished.
   */
  openBefore(standing: Standing, member: string): string | undefined {
    let lookedAt = 0;
    for (const open of this.open.values()) {
      if (++lookedAt > openLookedAt) return undefined;
      if (!open.hasFailed && open.member !== member) continue;
      if (open.message !== standing.message && comesBefore(open, standing)) {
        return open.at === undefined ? open.message.id : `offset ${open.at}`;
      }
    }
    return undefined;
  }
}

function comesBefore(one: Standing, other: Standing): boolean {
  if (one.at !== undefined && other.at !== undefined) return one.at < other.at;
  return wasCalledBefore(one.message, other.message);
}
