// Where a service stops for its kill: at a step of its own handler, or of the transport's consumer,
// which is watched from outside. Knows no policies. Always true: what stops never goes on; a unit
// stopped before its commit was not given to the transport, one stopped after it took effect.
import type { MessageColumns } from "../../../src/message/envelope.ts";
import type { CommitUnit } from "../../../src/ports/commit-unit.ts";
import type { Consumer } from "../../../src/ports/transport.ts";
import type { Point } from "./combinations.ts";
import { subject } from "./messages.ts";

/** Points at a commit: units of one consumer take effect in order, so none behind it does. */
const atCommit: ReadonlySet<Point> = new Set([
  "claimed",
  "before-commit",
  "after-commit",
  "before-commit-again",
  "after-commit-again",
]);

/** See the head of this file. */
export class Stops {
  /** Whether the service has come to its point. */
  isReached = false;
  /** Whether a unit that keeps the message took effect. */
  isKept = false;
  readonly #point: Point;
  #settled = 0;

  constructor(point: Point) {
    this.#point = point;
  }

  /** Never resolves where this is the point. */
  async at(point: Point): Promise<void> {
    if (point !== this.#point) return;
    this.isReached = true;
    await new Promise<never>(() => undefined);
  }

  /** Makes a consumer stop where the point is one of its steps. */
  watch(consumer: Consumer, isClaimedFirst: boolean): void {
    const next = consumer.next.bind(consumer);
    consumer.next = async (...asked) => {
      const batch = await next(...asked);
      if (batch?.records.some((record) => isSubject(batch.stored, record)) === true) {
        await this.at("fetched");
      }
      return batch;
    };
    const commit = consumer.commit.bind(consumer);
    consumer.commit = async (unit) => {
      if (this.isReached && atCommit.has(this.#point)) await this.at(this.#point);
      const [before, after] = this.#stepOf(unit, isClaimedFirst);
      if (before !== undefined) await this.at(before);
      const result = await commit(unit);
      if (result.kind === "committed" && keepsSubject(unit)) this.isKept = true;
      if (after !== undefined) await this.at(after);
      return result;
    };
  }

  /** The points before and after this unit. */
  #stepOf(unit: CommitUnit, isClaimedFirst: boolean): readonly (Point | undefined)[] {
    if (isClaimedFirst) {
      if (settlesSubject(unit)) return [undefined, "claimed"];
      return publishesSubject(unit) ? ["before-commit", "after-commit"] : [];
    }
    if (!settlesSubject(unit)) return [];
    const isFirst = this.#settled++ === 0;
    return isFirst
      ? ["before-commit", "after-commit"]
      : ["before-commit-again", "after-commit-again"];
  }
}

function isSubject(messages: MessageColumns, index: number): boolean {
  const { n } = JSON.parse(messages.payloadTextAt(index)) as { readonly n: number };
  return n === subject;
}

function settlesSubject({ settlements }: CommitUnit): boolean {
  return settlements.some(({ batch, records }) =>
    records.some((record) => isSubject(batch.stored, record)),
  );
}

function keepsSubject({ settlements }: CommitUnit): boolean {
  return settlements.some(({ batch, records, outcomes }) =>
    records.some(
      (record, at) => isSubject(batch.stored, record) && outcomes?.[at]?.kind === "open",
    ),
  );
}

/** Whether the unit holds what handling it left: its effect, or its dead letter. */
function publishesSubject({ publishes }: CommitUnit): boolean {
  return publishes.some((batch) => {
    return batch.payloads.some((_, index) => isSubject(batch, index));
  });
}
