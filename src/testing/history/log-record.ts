// One log, or partition, as a history shows it: which message is at which offset, and the full read
// at the end. Finds what concerns the log alone; knows nothing of groups and tails.
import { GoneRanges } from "./gone-ranges.ts";
import type { ReadMessage, ReplayEnd, ReplayRead } from "./history-event.ts";
import { isOtherContent, type Published } from "./published.ts";
import { SealedRanges } from "./sealed-ranges.ts";
import type { TopicRecord } from "./topic-record.ts";
import type { ViolationKind, ViolationList } from "./violation.ts";

interface Place {
  readonly id: string;
  value: string | undefined;
}

/** A log: memory is an object for each message, and none for a message read again. */
export class LogRecord {
  readonly name: string;
  readonly topic: TopicRecord;
  /** Offsets of the full read that are not sealed, ascending. */
  readonly replayed: number[] = [];
  /** What the log itself says is gone. */
  readonly gone = new GoneRanges();
  replayEnd: ReplayEnd | undefined;
  readonly #violations: ViolationList;
  readonly #isDense: boolean;
  readonly #places = new Map<number, Place>();
  readonly #sealed = new SealedRanges();
  #lastReplayed = -1;
  /** The last call in the full read, by publisher and key. */
  readonly #lastCalls = new Map<string, Published>();

  /** `isDense`: whether a missing offset within the full read is a lost message. */
  constructor(name: string, topic: TopicRecord, violations: ViolationList, isDense: boolean) {
    this.name = name;
    this.topic = topic;
    this.#violations = violations;
    this.#isDense = isDense;
  }

  /** It was acknowledged that a message is here. */
  acknowledge(message: Published, offset: number): void {
    message.log ??= this.name;
    message.offset ??= offset;
    if (this.isSealed(offset)) return this.#checkSealed(message, offset);
    this.#place(offset, message.id, message.value, "was acknowledged there");
    this.topic.stored(message, { log: this.name, offset }, undefined);
    this.#checkFloor(message, offset);
  }

  /** A message was read by whom `reader` names; returns what is known of it. */
  read(event: ReadMessage, reader: string): Published {
    const { id, offset } = event;
    const message = this.topic.message(id);
    if (message.readBy === undefined) {
      message.readBy = reader;
      message.readLog = this.name;
      message.readOffset = offset;
    }
    message.key ??= event.key;
    if (isOtherContent(message, event)) {
      const text = `${reader} read ${id} with content that was never sent`;
      this.#report("phantom", text, id, offset);
    }
    if (offset !== undefined) this.#place(offset, id, event.value, `was read there by ${reader}`);
    return message;
  }

  replay(event: ReplayRead): void {
    const { id, offset, value } = event;
    if (offset <= this.#lastReplayed) {
      const last = this.#lastReplayed;
      const text = `the full read of ${this.name} goes back from ${last} to ${offset}`;
      this.#report("non-monotonic", text, id, offset);
      if (!this.isSealed(offset)) this.read(event, "the full read");
      return;
    }
    this.#lastReplayed = offset;
    this.#sealed.read(offset, id, value);
    if (this.isSealed(offset)) return;
    const message = this.read(event, "the full read");
    this.replayed.push(offset);
    const spot = { log: this.name, offset };
    if (message.replayedAt === undefined) {
      message.replayedAt = spot;
      this.#checkCall(message, offset);
    }
    this.topic.stored(message, spot, event.appendedAtMs);
    if (message.oks === 0) this.#checkFloor(message, offset);
  }

  /** The message at an offset, as far as anybody saw one. */
  idAt(offset: number): string | undefined {
    return this.#places.get(offset)?.id;
  }

  /** Whether anybody has seen an offset of this log. */
  get hasOffsets(): boolean {
    return this.#places.size > 0 || this.#sealed.end > 0;
  }

  /** Whether the message there was judged before, and is forgotten. */
  isSealed(offset: number): boolean {
    return offset < this.#sealed.end;
  }

  /** Whether the full read covers this offset, so that it would have shown a message there. */
  covers(offset: number): boolean {
    const end = this.replayEnd;
    if (end === undefined || offset < end.startOffset || offset >= end.endOffset) return false;
    return !this.gone.has(offset);
  }

  /** What can only be said when everything was seen. */
  finish(): void {
    const end = this.replayEnd;
    if (end === undefined) return;
    const isGone = (from: number, to: number): boolean => this.gone.overlaps(from, to);
    for (const { from, to, missing } of this.#sealed.finish(end.startOffset, isGone)) {
      const what = missing > 0 ? `${missing} messages fewer` : "other messages";
      const text = `the full read has ${what} from offset ${from} to ${to - 1} than it had before`;
      this.#report(missing > 0 ? "lost" : "inconsistent-offset", text, undefined, from);
    }
    if (!this.#isDense) return;
    let expected = Math.max(end.startOffset, this.#sealed.end);
    for (const offset of [...this.replayed, end.endOffset]) {
      for (; expected < offset; expected++) this.#checkHole(expected);
      expected = offset + 1;
    }
  }

  /** Seals what the full read has shown; the next one begins. */
  forget(): void {
    const end = this.replayEnd;
    if (end === undefined) return;
    this.#sealed.seal(end.startOffset, end.endOffset);
    this.#places.clear();
    this.replayed.length = 0;
    this.#lastReplayed = -1;
    this.gone.clear();
    this.replayEnd = undefined;
  }

  #checkHole(offset: number): void {
    const id = this.idAt(offset);
    const wasReported = id !== undefined && (this.topic.messages.get(id)?.oks ?? 0) > 0;
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

  #checkSealed({ id, call }: Published, offset: number): void {
    if (call <= this.topic.forgottenAt) return; // The answer to a call from before.
    const text = `${id} was acknowledged at offset ${offset}, which another one had before`;
    this.#report("inconsistent-offset", text, id, offset);
  }

  #checkFloor(message: Published, offset: number): void {
    const { floor, key, id } = message;
    if (floor?.log !== this.name || offset > floor.offset) return;
    const text =
      `${id} is at offset ${offset}, but a message of its key '${key}' was acknowledged at ` +
      `${floor.offset} before it was sent`;
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
