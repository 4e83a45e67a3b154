// Every message of a subscription that is open: failed and waiting for its next try, or parked
// behind a failed one of its key. Keeps offsets and keys, no payloads. Knows nothing of handlers or
// commits. Always true: what is committed as open is in #committed with its last committed entry,
// so that a refused unit can be forgotten; messages of one key are released in order of their
// offsets.
import type { Clock } from "../kernel/clock.ts";
import { priorities } from "../message/envelope.ts";
import type { OpenEntry } from "../ports/delivery-batch.ts";
import { DueQueue } from "./due-queue.ts";
import {
  type Admission,
  byPosition,
  KeyLine,
  OpenMessage,
  type OpenPlace,
  positionOf,
} from "./key-lines.ts";
import { ReleasedMessages } from "./released-messages.ts";

/** Parked messages of one key that are released together: if one fails, the others park again. */
const releasedPerKeyMax = 64;

/** What open messages are lent, and whom they tell. */
export interface OpenMessagesOptions {
  readonly clock: Clock;
  readonly parkedPerKeyMax: number;
  /** Messages were released: takeReleased() has some. */
  onReleased(): void;
  /** Messages held behind this line are to be given out again. */
  onEnded(line: KeyLine): void;
}

/** The open messages of one subscription. */
export class OpenMessages {
  readonly #options: OpenMessagesOptions;
  readonly #committed = new Map<number, OpenMessage>();
  /** By lane. */
  readonly #lines: readonly Map<string, KeyLine>[] = priorities.map(() => new Map());
  readonly #released = new ReleasedMessages();
  readonly #due: DueQueue<OpenMessage>;
  #uncommitted = 0;
  #lineCount = 0;

  constructor(options: OpenMessagesOptions) {
    this.#options = options;
    this.#due = new DueQueue(options.clock, (message) => this.#onDue(message));
  }

  /** Open messages, committed or about to be. */
  get size(): number {
    return this.#committed.size + this.#uncommitted;
  }

  /** Whether no message needs a look at its key. */
  get isQuiet(): boolean {
    return this.#lineCount === 0;
  }

  /** Whether a released message waits to be read again. */
  get hasReleased(): boolean {
    return !this.#released.isEmpty;
  }

  /**
   * Takes over an open message of a delivery. Where it is known already, its keys were lost and won
   * again: all that was known of its line is out of date, and is delivered anew.
   */
  recover(place: OpenPlace, entry: OpenEntry): OpenMessage {
    const message = new OpenMessage(place, entry);
    message.isCommitted = true;
    const at = positionOf(place.lane, place.offset);
    const known = this.#committed.get(at);
    this.#committed.set(at, message);
    const line = known?.line;
    if (line === undefined || line.isEnded) return message;
    const { failed, parked } = line;
    for (const old of failed === undefined ? parked : [failed, ...parked]) {
      if (this.#isCurrent(old)) this.forget(old.lane, old.offset);
    }
    this.#end(line);
    return message;
  }

  /** The line of a key, if messages of it are open. */
  lineOf(place: { readonly lane: number; readonly key: string | undefined }): KeyLine | undefined {
    if (place.key === undefined) return undefined;
    return this.#lines[place.lane]?.get(place.key);
  }

  /** What to do with a message of the window that is about to start. */
  admit(entry: OpenMessage | undefined, place: OpenPlace): Admission {
    if (entry !== undefined && !this.#isCurrent(entry)) return "stale";
    const line = this.lineOf(place);
    const isEarly = (): boolean =>
      entry?.isReleased === false && entry.dueAtMs > this.#options.clock.wallMs();
    if (line === undefined) return isEarly() ? "wait" : "run";
    if (entry?.isReleased === true) {
      if (line.isDoomed) return "doomed";
      return line.failed === undefined ? "run" : "park";
    }
    if (entry !== undefined) return line.failed === entry ? "wait" : "park";
    if (line.failed !== undefined) {
      if (line.parked.length < this.#options.parkedPerKeyMax) return "park";
      this.#doom(line);
    }
    return "hold";
  }

  /** A message failed, or is not due yet. `before` is its open entry so far, if it had one. */
  fail(place: OpenPlace, entry: OpenEntry, before: OpenMessage | undefined): OpenMessage {
    const message = this.#open(place, entry);
    if (place.key === undefined) return message;
    const line = this.lineOf(place) ?? this.#addLine(place.lane, place.key);
    if (before?.isReleased === true && before.line === line) line.outstanding--;
    if (line.failed !== undefined && line.failed !== before) line.park(message);
    else line.fail(message);
    this.#options.onEnded(line);
    this.#advance(line);
    return message;
  }

  /** A message waits behind its key. */
  park(place: OpenPlace, entry: OpenEntry, before: OpenMessage | undefined): OpenMessage {
    const message = this.#open(place, entry);
    const line = this.lineOf(place) ?? this.#addLine(place.lane, place.key ?? "");
    if (before?.isReleased === true && before.line === line) line.outstanding--;
    line.park(message);
    this.#advance(line);
    return message;
  }

  /** A released message is settled for good, or is not ours any more. */
  leave(message: OpenMessage): void {
    const { line, isReleased } = message;
    if (!isReleased || line === undefined || line.isEnded) return;
    line.outstanding--;
    this.#advance(line);
  }

  /** The commit of fail() or park() took effect. */
  confirm(message: OpenMessage): void {
    this.#uncommitted--;
    message.isCommitted = true;
    this.#committed.set(positionOf(message.lane, message.offset), message);
    const { line } = message;
    if (line !== undefined && line.failed !== message) this.#advance(line);
    else this.#due.add(message, message.dueAtMs);
  }

  /** The message at this place is settled for good, or belongs to somebody else now. */
  forget(lane: number, offset: number): void {
    if (this.#committed.size > 0) this.#committed.delete(positionOf(lane, offset));
  }

  /** A released message that could not be read again: it is not ours any more. */
  lost(message: OpenMessage): void {
    if (this.#isCurrent(message)) this.forget(message.lane, message.offset);
    this.leave(message);
  }

  /** Up to `max` released messages of one log, by offset. */
  takeReleased(max: number): OpenMessage[] {
    const taken = this.#released.take(max);
    for (const message of taken) if (!this.#isCurrent(message)) this.leave(message);
    return taken.filter((message) => this.#isCurrent(message));
  }

  /** Messages of takeReleased() could not be read now: they are taken later. */
  releaseAgain(messages: readonly OpenMessage[]): void {
    for (const message of messages) this.#released.add(message);
  }

  /**
   * Forgets everything that is not committed. `inWindow`: the committed ones whose payload is in
   * the window, which start again from there.
   */
  rebuild(inWindow: ReadonlySet<OpenMessage>): void {
    for (const lines of this.#lines) lines.clear();
    this.#lineCount = 0;
    this.#due.clear();
    this.#released.clear();
    this.#uncommitted = 0;
    for (const message of [...this.#committed.values()].sort(byPosition)) {
      this.#replace(message, inWindow.has(message));
    }
    const lines = this.#lines.flatMap((each) => Array.from(each.values()));
    for (const line of lines) this.#advance(line);
  }

  /** Stops the timer. */
  close(): void {
    this.#due.clear();
  }

  #replace(message: OpenMessage, isInWindow: boolean): void {
    message.line = undefined;
    const isDue = message.isReleased || message.dueAtMs <= this.#options.clock.wallMs();
    message.isReleased = isInWindow && isDue;
    if (message.key === undefined) {
      if (!isInWindow) this.#due.add(message, message.dueAtMs);
      return;
    }
    const line = this.lineOf(message) ?? this.#addLine(message.lane, message.key);
    message.line = line;
    const isFirst = line.failed === undefined && line.parked.length === 0;
    if (isInWindow && isDue && isFirst) line.outstanding++;
    else if (isFirst && line.outstanding === 0 && message.reason === "retry") {
      line.fail(message);
      if (!isInWindow) this.#due.add(message, message.dueAtMs);
    } else {
      message.isReleased = false;
      if (!isInWindow) line.park(message);
    }
  }

  #open(place: OpenPlace, entry: OpenEntry): OpenMessage {
    this.#uncommitted++;
    return new OpenMessage(place, entry);
  }

  #isCurrent(message: OpenMessage): boolean {
    return this.#committed.get(positionOf(message.lane, message.offset)) === message;
  }

  #addLine(lane: number, key: string): KeyLine {
    const line = new KeyLine(lane, key);
    this.#lines[lane]?.set(key, line);
    this.#lineCount++;
    return line;
  }

  /** Releases what may follow now; ends the line when nothing is left of it. */
  #advance(line: KeyLine): void {
    if (line.isEnded || line.outstanding > 0) return;
    if (line.failed !== undefined) {
      if (!line.isDue) return;
      const { failed } = line;
      line.failed = undefined;
      line.outstanding++;
      return this.#release(failed);
    }
    const nowMs = this.#options.clock.wallMs();
    for (;;) {
      const first = line.parked[0];
      if (first === undefined) break;
      // Not committed yet: it cannot be read again. confirm() comes back here.
      if (!first.isCommitted) return;
      if (!this.#isCurrent(first)) {
        // Delivered anew meanwhile: that delivery counts.
        line.parked.shift();
        continue;
      }
      if (first.reason === "retry" && first.dueAtMs > nowMs && !line.isDoomed) {
        if (line.outstanding > 0) return;
        line.parked.shift();
        line.fail(first);
        return this.#due.add(first, first.dueAtMs);
      }
      if (line.outstanding === releasedPerKeyMax) return;
      line.parked.shift();
      line.outstanding++;
      this.#release(first);
    }
    if (line.outstanding === 0) this.#end(line);
  }

  #end(line: KeyLine): void {
    line.isEnded = true;
    this.#lines[line.lane]?.delete(line.key);
    this.#lineCount--;
    this.#options.onEnded(line);
  }

  /** Too many wait behind the failed message: it and they go to the dead letters, in order. */
  #doom(line: KeyLine): void {
    line.isDoomed = true;
    if (line.failed !== undefined) line.parked.unshift(line.failed);
    line.failed = undefined;
    this.#advance(line);
  }

  #release(message: OpenMessage): void {
    message.isReleased = true;
    this.#released.add(message);
    this.#options.onReleased();
  }

  #onDue(message: OpenMessage): void {
    if (message.isReleased || !this.#isCurrent(message)) return;
    const { line } = message;
    if (line === undefined) return this.#release(message);
    if (line.isEnded || line.failed !== message) return;
    // Messages that were released together with it come back and park first.
    line.isDue = true;
    this.#advance(line);
  }
}
