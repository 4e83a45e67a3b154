// Every message of a subscription that is open: failed and waiting for its next try, or parked
// behind a failed one of its key. Keeps offsets and keys, no payloads. Knows nothing of handlers or
// commits. Always true: what is committed as open is in #committed with its last committed entry,
// so that a refused unit can be forgotten; messages of one key are released in order of their
// offsets.
import type { OpenEntry } from "../ports/delivery-batch.ts";
import { DueQueue } from "./due-queue.ts";
import { KeyLineTable } from "./key-line-table.ts";
import {
  type Admission,
  byPosition,
  type KeyLine,
  type KnownEntry,
  OpenMessage,
  type OpenMessagesOptions,
  type OpenPlace,
  positionOf,
} from "./key-lines.ts";
import { ReleasedMessages } from "./released-messages.ts";

/** The open messages of one subscription. */
export class OpenMessages {
  readonly #options: OpenMessagesOptions;
  readonly #committed = new Map<number, OpenMessage>();
  readonly #lines = new KeyLineTable();
  readonly #released = new ReleasedMessages();
  readonly #due: DueQueue<OpenMessage>;
  #uncommitted = 0;
  #fullLines = 0;

  constructor(options: OpenMessagesOptions) {
    this.#options = options;
    this.#due = new DueQueue(options.clock, (message) => this.makeDue(message));
  }

  /** Open messages, committed or about to be. */
  get size(): number {
    return this.#committed.size + this.#uncommitted;
  }

  /** Whether a key has as many parked messages as may be, so that nothing is to be fetched. */
  get isKeyFull(): boolean {
    return this.#fullLines > 0;
  }

  /** Those that a commit lists. */
  get committed(): Iterable<OpenMessage> {
    return this.#committed.values();
  }

  /** Whether no key of this slot is held up: its messages need no look at their keys. */
  isFree(slot: number): boolean {
    return this.#lines.isFree(slot);
  }

  /** Whether a released message waits to be read again. */
  get hasReleased(): boolean {
    return !this.#released.isEmpty;
  }

  /**
   * Takes over an open message of a delivery. Where it is known already, its keys were lost and won
   * again: what was known of it and of those behind it is out of date, and is delivered anew.
   */
  recover(place: OpenPlace, entry: OpenEntry): OpenMessage {
    const message = new OpenMessage(place, entry);
    message.isCommitted = true;
    message.isInWindow = true;
    const known = this.at(place.lane, place.offset);
    this.#committed.set(positionOf(place.lane, place.offset), message);
    const line = known?.line;
    if (line !== undefined && !line.isEnded) this.#cut(line, place.offset);
    return message;
  }

  /** The line goes on with those before this offset: they were delivered anew already. */
  #cut(line: KeyLine, offset: number): void {
    for (const old of line.cut(offset)) {
      if (this.#isCurrent(old)) this.forget(old.lane, old.offset);
    }
    this.#advance(line);
  }

  /** The line of a key, if messages of it are open. */
  lineOf(place: { readonly lane: number; readonly key: string | undefined }): KeyLine | undefined {
    return this.#lines.of(place);
  }

  /** What to do with a message of the window that is about to start. */
  admit(entry: OpenMessage | undefined, place: OpenPlace): Admission {
    if (entry !== undefined && !this.#isCurrent(entry)) return "stale";
    const line = this.lineOf(place);
    // What is parked has no time of its own that its key would wait for.
    const isEarly = (): boolean =>
      entry?.isReleased === false &&
      entry.reason !== "parked" &&
      entry.dueAtMs > this.#options.clock.wallMs();
    if (line === undefined) return isEarly() ? "wait" : "run";
    if (entry?.isReleased === true && entry.line === line) {
      if (line.isDoomed) return "doomed";
      return line.failed === undefined ? "run" : "park";
    }
    if (entry !== undefined) return line.failed === entry ? "wait" : "park";
    if (line.failed !== undefined) {
      if (line.parked.length < this.#options.parkedPerKeyMax) return "park";
      if (this.#options.onKeyFull === "dead-letter") this.#doom(line);
      else if (!line.isFull) this.#fullLines++;
      line.isFull = true;
    }
    return "hold";
  }

  /** A message failed, or is not due yet. `before` is its open entry so far, if it had one. */
  fail(place: OpenPlace, entry: KnownEntry, before: OpenMessage | undefined): OpenMessage {
    const message = this.#open(place, entry, before);
    if (place.key === undefined) return message;
    const line = this.#lines.for(place.lane, place.key);
    if (before?.isReleased === true && before.line === line) line.outstanding--;
    if (line.failed !== undefined && line.failed !== before) line.park(message);
    else line.fail(message);
    this.#options.onEnded(line);
    this.#advance(line);
    return message;
  }

  /** A message waits behind its key. */
  park(place: OpenPlace, entry: KnownEntry, before: OpenMessage | undefined): OpenMessage {
    const message = this.#open(place, entry, before);
    const line = this.#lines.for(place.lane, place.key ?? "");
    if (before?.isReleased === true && before.line === line) line.outstanding--;
    line.park(message);
    this.#advance(line);
    return message;
  }

  /** A released message is settled for good, or is not ours any more. */
  leave(message: OpenMessage): void {
    const { line, isReleased } = message;
    if (!isReleased || line === undefined || line.isEnded) return;
    line.settledOne();
    this.#advance(line);
  }

  /** The commit of fail() or park() took effect. */
  confirm(message: OpenMessage): void {
    this.#uncommitted--;
    message.isCommitted = true;
    this.#committed.set(positionOf(message.lane, message.offset), message);
    const { line } = message;
    if (line !== undefined && line.failed !== message) this.#advance(line);
    else if (message.isWanted) this.makeDue(message);
    else this.#await(message);
  }

  /** The message is to be read again, now or as soon as its commit took effect. */
  want(message: OpenMessage): void {
    if (message.isCommitted) this.makeDue(message);
    else message.isWanted = true;
  }

  /** The committed message of a place. */
  at(lane: number, offset: number): OpenMessage | undefined {
    return this.#committed.get(positionOf(lane, offset));
  }

  /** Whether this is what is known of its place: it was not delivered anew, or is about to be. */
  knows(message: OpenMessage): boolean {
    return !message.isCommitted || this.#isCurrent(message);
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
    this.#lines.clear();
    this.#fullLines = 0;
    this.#due.clear();
    this.#released.clear();
    this.#uncommitted = 0;
    for (const message of [...this.#committed.values()].sort(byPosition)) {
      const isDue = message.isReleased || message.dueAtMs <= this.#options.clock.wallMs();
      if (this.#lines.replace(message, inWindow.has(message), isDue)) this.#await(message);
    }
    for (const line of this.#lines.all) this.#advance(line);
  }

  /** Stops the timer. */
  close(): void {
    this.#due.clear();
  }

  #open(place: OpenPlace, entry: KnownEntry, before: OpenMessage | undefined): OpenMessage {
    this.#uncommitted++;
    return new OpenMessage(place, entry, before);
  }

  #isCurrent(message: OpenMessage): boolean {
    return this.#committed.get(positionOf(message.lane, message.offset)) === message;
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
        return this.#await(first);
      }
      if (line.outstanding === line.together) return;
      line.parked.shift();
      line.outstanding++;
      this.#release(first);
    }
    if (line.outstanding === 0) this.#end(line);
  }

  #end(line: KeyLine): void {
    line.isEnded = true;
    this.#lines.delete(line);
    if (line.isFull && this.#options.onKeyFull === "pause") this.#fullLines--;
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
    if (message.isInWindow) return;
    this.#released.add(message);
    this.#options.onReleased();
  }

  /** Calls back when the message is due. */
  #await(message: OpenMessage): void {
    if (!message.isHeld) this.#due.add(message, message.dueAtMs);
  }

  /** The message's time has come; false: it is not the one that its key waits for. */
  makeDue(message: OpenMessage): boolean {
    const { line, isReleased, isReplaced } = message;
    if (isReleased || isReplaced || !this.#isCurrent(message)) return false;
    if (line === undefined) this.#release(message);
    else if (line.isEnded || line.failed !== message || line.isDue) return false;
    else {
      // Messages that were released together with it come back and park first.
      line.isDue = true;
      this.#advance(line);
    }
    return true;
  }
}
