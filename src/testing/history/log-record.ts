// One log as a history shows it: what was published to it, which message is at which offset, and
// the full read at the end. Finds what concerns the log alone; knows nothing of groups and tails.
import type {
  PublishInvoke,
  PublishOk,
  ReadMessage,
  ReplayEnd,
  ReplayRead,
} from "./history-event.ts";
import { GoneRanges } from "./gone-ranges.ts";
import {
  hasOnlyFailed,
  isOtherContent,
  notePublish,
  type Published,
  unpublished,
} from "./published.ts";
import type { ViolationKind, ViolationList } from "./violation.ts";

interface Place {
  readonly id: string;
  value: string | undefined;
}

interface Storing {
  readonly id: string;
  readonly offset: number;
  readonly appendedAtMs: number | undefined;
}

/** What a log's rules need to know beyond the events. */
export interface LogRules {
  /** A delayed message must be visible this long after it was due. */
  readonly stuckMs: number;
  /** Storings of one idempotency id further apart than this are no duplicates. */
  readonly dedupeWindowMs: number;
  /** Whether a missing offset within the full read is a lost message. */
  readonly isDense: boolean;
}

/** A log: memory is a few objects for each message, and none for a message read again. */
export class LogRecord {
  readonly name: string;
  readonly messages = new Map<string, Published>();
  /** Offsets of the full read, ascending. */
  readonly replayed: number[] = [];
  /** What the log itself says is gone. */
  readonly gone = new GoneRanges();
  replayEnd: ReplayEnd | undefined;
  readonly #violations: ViolationList;
  readonly #rules: LogRules;
  readonly #places = new Map<number, Place>();
  readonly #storings = new Map<string, Storing>();
  readonly #acknowledgedEnd = new Map<string, number>();
  readonly #replayedIds = new Map<string, number>();
  #calls = 0;
  /** The last call in the full read, by publisher and key. */
  readonly #lastCalls = new Map<string, Published>();

  constructor(name: string, violations: ViolationList, rules: LogRules) {
    this.name = name;
    this.#violations = violations;
    this.#rules = rules;
  }

  publish(event: PublishInvoke): Published {
    const message = this.message(event.id);
    const floor = event.key === undefined ? undefined : this.#acknowledgedEnd.get(event.key);
    notePublish(message, event, event.dueAtMs === undefined ? floor : undefined, ++this.#calls);
    return message;
  }

  acknowledge(message: Published, { offset, atMs }: PublishOk): void {
    message.open--;
    message.oks++;
    message.readyAtMs = Math.max(message.readyAtMs, message.oks === 1 ? atMs : 0);
    if (offset === undefined) return;
    message.offset ??= offset;
    this.#place(offset, message.id, message.value, "was acknowledged there");
    this.#stored(message, offset, undefined);
    this.#checkFloor(message, offset);
    const { key } = message;
    if (key === undefined) return;
    this.#acknowledgedEnd.set(key, Math.max(offset, this.#acknowledgedEnd.get(key) ?? -1));
  }

  /** A message was read by whom `reader` names; returns what is known of it. */
  read(event: ReadMessage, reader: string): Published {
    const message = this.message(event.id);
    if (message.readBy === undefined) {
      message.readBy = reader;
      message.readOffset = event.offset;
    }
    message.key ??= event.key;
    if (isOtherContent(message, event)) {
      const text = `${reader} read ${event.id} with content that was never sent`;
      this.#report("phantom", text, event.id, event.offset);
    }
    this.#place(event.offset, event.id, event.value, `was read there by ${reader}`);
    return message;
  }

  replay(event: ReplayRead): void {
    const message = this.read(event, "the full read");
    const last = this.replayed.at(-1) ?? -1;
    if (event.offset <= last) {
      const text = `the full read of ${this.name} goes back from ${last} to ${event.offset}`;
      this.#report("non-monotonic", text, event.id, event.offset);
      return;
    }
    this.replayed.push(event.offset);
    if (!this.#replayedIds.has(event.id)) {
      this.#replayedIds.set(event.id, event.offset);
      this.#checkCall(message, event.offset);
    }
    this.#stored(message, event.offset, event.appendedAtMs);
    if (message.oks === 0) this.#checkFloor(message, event.offset);
  }

  message(id: string): Published {
    let message = this.messages.get(id);
    if (message === undefined) this.messages.set(id, (message = unpublished(id)));
    return message;
  }

  /** The message at an offset, as far as anybody saw one. */
  idAt(offset: number): string | undefined {
    return this.#places.get(offset)?.id;
  }

  /** Whether the full read covers this offset, so that it would have shown a message there. */
  covers(offset: number): boolean {
    const end = this.replayEnd;
    if (end === undefined || offset < end.startOffset || offset >= end.endOffset) return false;
    return !this.gone.has(offset);
  }

  /** Whether the full read has shown this message. */
  isReplayed(id: string): boolean {
    return this.#replayedIds.has(id);
  }

  /** What can only be said when everything was seen. */
  finish(): void {
    for (const message of this.messages.values()) this.#judge(message);
    const end = this.replayEnd;
    if (end === undefined || !this.#rules.isDense) return;
    let expected = end.startOffset;
    for (const offset of [...this.replayed, end.endOffset]) {
      for (; expected < offset; expected++) this.#checkHole(expected);
      expected = offset + 1;
    }
  }

  #judge(message: Published): void {
    const { id, offset, readOffset } = message;
    if (message.readBy !== undefined) this.#judgeRead(message, message.readBy, readOffset);
    const end = this.replayEnd;
    if (end === undefined || message.oks === 0 || this.isReplayed(id)) return;
    const isKnownGone = offset !== undefined && (offset < end.startOffset || this.gone.has(offset));
    if (isKnownGone || message.isCancelled) return;
    if (message.isDelayed && end.atMs - message.readyAtMs < this.#rules.stuckMs) return;
    const where = offset === undefined ? "" : ` at offset ${offset}`;
    const text = `${id} was acknowledged${where}, and the full read has not got it`;
    this.#report("lost", text, id, offset);
  }

  #judgeRead(message: Published, readBy: string, offset: number): void {
    const { id } = message;
    if (!message.isPublished) {
      this.#report("phantom", `${id} was never sent, and ${readBy} read it`, id, offset);
    } else if (hasOnlyFailed(message)) {
      this.#report(
        "aborted-read",
        `publishing ${id} has failed, and ${readBy} read it`,
        id,
        offset,
      );
    } else if (message.oks === 0 && this.covers(offset) && !this.isReplayed(id)) {
      this.#report("phantom", `${readBy} read ${id}, and it is not stored`, id, offset);
    }
  }

  #checkHole(offset: number): void {
    const id = this.idAt(offset);
    const wasReported = id !== undefined && (this.messages.get(id)?.oks ?? 0) > 0;
    if (this.gone.has(offset) || wasReported) return;
    this.#report("lost", `the full read has nothing at offset ${offset}`, id, offset);
  }

  #place(offset: number, id: string, value: string | undefined, how: string): void {
    const place = this.#places.get(offset);
    if (place === undefined) {
      this.#places.set(offset, { id, value });
      return;
    }
    const isOther = place.value !== undefined && value !== undefined && place.value !== value;
    place.value ??= value;
    if (place.id === id && !isOther) return;
    const what = place.id === id ? `${id} with other content` : `${place.id}, and ${id}`;
    const text = `offset ${offset} of ${this.name} holds ${what}: it ${how}`;
    this.#report("inconsistent-offset", text, id, offset);
  }

  #stored(message: Published, offset: number, appendedAtMs: number | undefined): void {
    const { idempotencyId, id } = message;
    const before = this.#storings.get(idempotencyId);
    if (before === undefined || (before.offset === offset && appendedAtMs !== undefined)) {
      this.#storings.set(idempotencyId, { id, offset, appendedAtMs });
    }
    if (before === undefined || before.offset === offset) return;
    const apartMs = Math.abs((appendedAtMs ?? 0) - (before.appendedAtMs ?? appendedAtMs ?? 0));
    if (apartMs > this.#rules.dedupeWindowMs) {
      this.#storings.set(idempotencyId, { id, offset, appendedAtMs });
      return;
    }
    const also = before.id === id ? "" : ` as ${before.id}`;
    const text = `${id} is stored at offset ${offset}, and at ${before.offset}${also}`;
    this.#report("duplicate", `${text}, under one idempotency id`, id, offset);
  }

  #checkFloor(message: Published, offset: number): void {
    const { floor, key, id } = message;
    if (floor === undefined || offset > floor) return;
    const text =
      `${id} is at offset ${offset}, but a message of its key '${key}' was acknowledged at ` +
      `${floor} before it was sent`;
    this.#report("reorder", text, id, offset);
  }

  #checkCall(message: Published, offset: number): void {
    const { publisher, key, call, id } = message;
    if (publisher === undefined || key === undefined) return;
    const line = `${publisher}\u0000${key}`;
    const before = this.#lastCalls.get(line);
    if (before === undefined || before.call < call) this.#lastCalls.set(line, message);
    else {
      const text = `${id} is at offset ${offset}, behind ${before.id} of its key '${key}'`;
      this.#report("reorder", `${text}, which ${publisher} published after it`, id, offset);
    }
  }

  #report(kind: ViolationKind, message: string, id: string | undefined, offset?: number): void {
    this.#violations.add({ kind, message, log: this.name, id, offset });
  }
}
