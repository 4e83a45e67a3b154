// What was published to one log, all its partitions together: the messages by id, what came of
// publishing them, and under which idempotency id each was stored. Knows no order within a log, no
// groups and no tails.
import type { PublishInvoke } from "./history-event.ts";
import { notePublish, type Published, type Spot, unpublished } from "./published.ts";
import type { ViolationList } from "./violation.ts";

interface Storing extends Spot {
  readonly id: string;
  readonly appendedAtMs: number | undefined;
}

/** See the head of this file; memory is a few objects for each message. */
export class TopicRecord {
  readonly name: string;
  readonly messages = new Map<string, Published>();
  readonly #violations: ViolationList;
  readonly #dedupeWindowMs: number;
  readonly #storings = new Map<string, Storing>();
  /** The end of what was acknowledged, by key. */
  readonly #acknowledged = new Map<string, Spot>();
  /** Counts calls and acknowledgements. */
  #steps = 0;
  /** How many there were when messages were last forgotten. */
  forgottenAt = 0;

  constructor(name: string, violations: ViolationList, dedupeWindowMs: number) {
    this.name = name;
    this.#violations = violations;
    this.#dedupeWindowMs = dedupeWindowMs;
  }

  /** How many calls and acknowledgements there were. */
  get steps(): number {
    return this.#steps;
  }

  publish(event: PublishInvoke): Published {
    const message = this.message(event.id);
    const isNow = event.key !== undefined && event.dueAtMs === undefined;
    const floor = isNow ? this.#acknowledged.get(event.key) : undefined;
    notePublish(message, event, floor, ++this.#steps);
    return message;
  }

  /** An operation succeeded; `spot`: where it says that the message is. */
  acknowledge(message: Published, atMs: number, spot: Spot | undefined): void {
    message.open--;
    message.oks++;
    message.acknowledgedAt ||= ++this.#steps;
    message.readyAtMs = Math.max(message.readyAtMs, message.oks === 1 ? atMs : 0);
    const { key } = message;
    if (spot === undefined || key === undefined) return;
    const before = this.#acknowledged.get(key);
    const isBehind = before?.log === spot.log && before.offset > spot.offset;
    if (!isBehind) this.#acknowledged.set(key, spot);
  }

  message(id: string): Published {
    let message = this.messages.get(id);
    if (message === undefined) this.messages.set(id, (message = unpublished(id)));
    return message;
  }

  /** A message was found stored; finds what is stored twice. */
  stored(message: Published, spot: Spot, appendedAtMs: number | undefined): void {
    const { idempotencyId, id } = message;
    const before = this.#storings.get(idempotencyId);
    const isSame = before?.offset === spot.offset && before.log === spot.log;
    if (before === undefined || (isSame && appendedAtMs !== undefined)) {
      this.#storings.set(idempotencyId, { ...spot, id, appendedAtMs });
    }
    if (before === undefined || isSame) return;
    const apartMs = Math.abs((appendedAtMs ?? 0) - (before.appendedAtMs ?? appendedAtMs ?? 0));
    if (apartMs > this.#dedupeWindowMs) {
      this.#storings.set(idempotencyId, { ...spot, id, appendedAtMs });
      return;
    }
    const also = before.id === id ? "" : ` as ${before.id}`;
    const where = before.log === spot.log ? "" : ` of ${before.log}`;
    const text = `${id} is stored at offset ${spot.offset}, and at ${before.offset}${where}${also}`;
    this.#violations.add({
      kind: "duplicate",
      message: `${text}, under one idempotency id`,
      log: spot.log,
      id,
      offset: spot.offset,
    });
  }

  /** Forgets what was judged; not what may still become visible. */
  forget(): void {
    this.forgottenAt = this.#steps;
    for (const [id, message] of this.messages) {
      const { oks, unknowns, open, isDelayed, isCancelled, replayedAt, readBy } = message;
      const isSeen = replayedAt !== undefined || readBy !== undefined;
      const mayCome = (oks === 0 ? unknowns > 0 : isDelayed) && !isSeen && !isCancelled;
      if (open > 0 || mayCome) continue;
      this.messages.delete(id);
      this.#storings.delete(message.idempotencyId);
    }
  }
}
