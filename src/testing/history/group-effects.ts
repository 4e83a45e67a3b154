// The effects that a group's messages have had, as they were found. Finds effects that came twice,
// out of nothing, or in another order than their keys have.
import type { Effect } from "./history-event.ts";
import { KeyLine } from "./key-line.ts";
import type { TopicRecord } from "./topic-record.ts";
import type { ViolationKind, ViolationList } from "./violation.ts";

/** See the head of this file; memory is an id for each effect, and a few objects for each key. */
export class GroupEffects {
  readonly #group: string;
  readonly #topic: TopicRecord;
  readonly #violations: ViolationList;
  readonly #ids = new Set<string>();
  #placed: { readonly id: string; readonly place: number }[] = [];
  readonly #lines = new Map<string, KeyLine>();

  constructor(group: string, topic: TopicRecord, violations: ViolationList) {
    this.#group = group;
    this.#topic = topic;
    this.#violations = violations;
  }

  add({ id, place }: Effect): void {
    if (this.#ids.has(id)) this.#report("duplicate", `${id} has had its effect twice`, id);
    else if (place !== undefined) this.#placed.push({ id, place });
    this.#ids.add(id);
    if (this.#topic.messages.get(id)?.isPublished !== true) {
      this.#report("phantom", `${id} has an effect, and was never sent`, id);
    }
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Compares the order of effects with that of the messages. */
  finish(): void {
    const placed = this.#placed.sort((one, other) => one.place - other.place);
    this.#placed = [];
    for (const { id } of placed) {
      const message = this.#topic.messages.get(id);
      if (message?.key === undefined) continue;
      const { key, sequence, replayedAt, offset } = message;
      const standing = { message, at: sequence ?? replayedAt?.offset ?? offset };
      let line = this.#lines.get(key);
      if (line === undefined) this.#lines.set(key, (line = new KeyLine(key)));
      const passedBy = line.passedBy(standing);
      if (passedBy !== undefined && !line.isReported) {
        line.isReported = true;
        this.#report("reorder", `${id} of key '${key}' had its effect after ${passedBy}`, id);
      }
      line.advance(standing);
    }
  }

  /** Forgets the effects of messages that are forgotten. */
  forget(): void {
    for (const id of this.#ids) if (!this.#topic.messages.has(id)) this.#ids.delete(id);
  }

  #report(kind: ViolationKind, text: string, id: string): void {
    const { name: log } = this.#topic;
    const message = `group ${this.#group}: ${text}`;
    this.#violations.add({ kind, message, log, group: this.#group, id });
  }
}
