// A small world that does everything right, and writes down what its clients see: publishers that
// lose answers and try again, groups whose members fail, crash, freeze and wake up late, readers
// that follow the log. The same seed gives the same history.
import { type Random, seededRandom } from "../../../src/kernel/random.ts";
import type { HistoryEvent } from "../../../src/testing/history/history-event.ts";

const log = "orders";
const groups = ["billing", "audit"] as const;
const attemptsMax = 3;
const memberCount = 3;
const keyCount = 4;

/** An event without its time. */
type Untimed<Event = HistoryEvent> = Event extends HistoryEvent ? Omit<Event, "atMs"> : never;

interface StoredMessage {
  readonly id: string;
  readonly key: string;
}

interface KeyWork {
  /** Index into the key's messages of the next one to finish. */
  next: number;
  attempt: number;
  member: string;
}

/** The world; run() plays it. */
export class SoundWorld {
  readonly #random: Random;
  readonly #hasDoubts: boolean;
  readonly #events: HistoryEvent[] = [];
  readonly #stored: StoredMessage[] = [];
  readonly #offsetsOf = new Map<string, number[]>();
  readonly #work = new Map<string, KeyWork>();
  readonly #tails = new Map<string, number>();
  #nowMs = 0;
  #operations = 0;
  #lives = 0;

  /** `hasDoubts`: publishers get failures and unknown ends, too. */
  constructor(seed: number, hasDoubts = true) {
    this.#random = seededRandom(seed);
    this.#hasDoubts = hasDoubts;
  }

  run(steps: number): HistoryEvent[] {
    for (const group of groups) {
      this.#note({ kind: "subscribe", group, log, from: 0, attemptsMax, hasEffects: true });
    }
    for (let step = 0; step < steps; step++) this.#step();
    this.#note({ kind: "calm" });
    for (const group of groups) {
      for (let key = 0; key < keyCount; key++) this.#drain(group, `k${key}`);
    }
    this.#end();
    return this.#events;
  }

  #step(): void {
    const choice = this.#below(10);
    if (choice < 3) this.#publish();
    else if (choice < 7) this.#handleNext();
    else if (choice < 9) this.#follow(`reader ${this.#below(2)}`);
    else this.#disturb();
  }

  #publish(): void {
    const key = `k${this.#below(keyCount)}`;
    const id = `m${this.#operations}`;
    let place: number | undefined;
    for (let tries = 0; tries < 3; tries++) {
      const operation = this.#operations++;
      this.#note({ kind: "invoke", operation, log, id, key, value: `v${id}` });
      const fate = this.#hasDoubts ? this.#below(6) : 5;
      if (fate === 0) {
        this.#note({ kind: "failed", operation });
      } else if (fate === 1) {
        if (this.#below(2) === 0) place ??= this.#store(id, key);
        this.#note({ kind: "unknown", operation });
      } else {
        place ??= this.#store(id, key);
        this.#note({ kind: "ok", operation, offset: place });
        return;
      }
    }
  }

  #store(id: string, key: string): number {
    const offset = this.#stored.push({ id, key }) - 1;
    const offsets = this.#offsetsOf.get(key);
    if (offsets === undefined) this.#offsetsOf.set(key, [offset]);
    else offsets.push(offset);
    return offset;
  }

  /** One attempt at the next message of a key; returns false when there is none. */
  #handleNext(
    group: string = groups[this.#below(groups.length)] ?? groups[0],
    key = `k${this.#below(keyCount)}`,
    isCalm = false,
  ): boolean {
    const work = this.#workOf(group, key);
    const offset = this.#offsetsOf.get(key)?.[work.next];
    const message = offset === undefined ? undefined : this.#stored[offset];
    if (offset === undefined || message === undefined) return false;
    this.#deliver(group, work.member, message, offset, work.attempt);
    const fate = isCalm ? 9 : this.#below(10);
    const handled = { kind: "handled", group, member: work.member, log, offset } as const;
    if (fate < 2) {
      this.#note({ ...handled, outcome: "failed" });
      if (work.attempt++ < attemptsMax) return true;
      // The last attempt: it is a dead letter, which is an effect too.
      this.#finish(group, work, message.id);
    } else if (fate === 2) {
      this.#takeOver(group, work, handled, message);
    } else {
      this.#note({ ...handled, outcome: fate === 3 ? "given-up" : "done" });
      this.#finish(group, work, message.id);
    }
    return true;
  }

  /** The member dies, or freezes and wakes up when another has finished what it was at. */
  #takeOver(
    group: string,
    work: KeyWork,
    handled: Omit<Extract<Untimed, { kind: "handled" }>, "outcome"> & { readonly offset: number },
    message: StoredMessage,
  ): void {
    const old = work.member;
    work.member = `member ${this.#below(memberCount)}, life ${++this.#lives}`;
    if (this.#below(2) === 0) {
      this.#note({ kind: "crash", group, member: old });
      return;
    }
    this.#note({ kind: "rebalance", group });
    this.#deliver(group, work.member, message, handled.offset, work.attempt);
    this.#note({ ...handled, member: work.member, outcome: "done" });
    this.#finish(group, work, message.id);
    const outcomes = ["done", "failed", "abandoned"] as const;
    this.#note({ ...handled, outcome: outcomes[this.#below(3)] ?? "done" });
  }

  #deliver(group: string, member: string, message: StoredMessage, offset: number, attempt: number) {
    const { id, key } = message;
    this.#note({ kind: "delivery", group, member, log, id, key, offset, attempt });
  }

  #finish(group: string, work: KeyWork, id: string): void {
    work.next++;
    work.attempt = 1;
    this.#note({ kind: "effect", group, log, id });
  }

  /** A member forgets what it has handled and not committed: the key's last message comes again. */
  #disturb(): void {
    const group = groups[this.#below(groups.length)] ?? groups[0];
    const work = this.#workOf(group, `k${this.#below(keyCount)}`);
    this.#note({ kind: "rebalance", group });
    work.member = `member ${this.#below(memberCount)}, life ${++this.#lives}`;
  }

  #follow(reader: string): void {
    const from = this.#tails.get(reader) ?? this.#below(this.#stored.length + 1);
    if (!this.#tails.has(reader)) this.#note({ kind: "tail-start", reader, log, from });
    const to = Math.min(from + this.#below(4), this.#stored.length);
    for (let offset = from; offset < to; offset++) this.#tail(reader, offset);
    this.#tails.set(reader, to);
  }

  #tail(reader: string, offset: number): void {
    const { id, key } = this.#stored[offset] ?? { id: "", key: "" };
    this.#note({ kind: "tail", reader, log, id, key, offset, value: `v${id}` });
  }

  #drain(group: string, key: string): void {
    while (this.#handleNext(group, key, true));
  }

  #end(): void {
    for (const group of groups) this.#note({ kind: "drained", group, log });
    for (const [reader, from] of this.#tails) {
      for (let offset = from; offset < this.#stored.length; offset++) this.#tail(reader, offset);
      this.#note({ kind: "tail-end", reader, log });
    }
    for (const [offset, { id, key }] of this.#stored.entries()) {
      this.#note({ kind: "replay", log, id, key, offset, value: `v${id}` });
    }
    this.#note({ kind: "replay-end", log, startOffset: 0, endOffset: this.#stored.length });
    this.#note({ kind: "end" });
  }

  #workOf(group: string, key: string): KeyWork {
    const name = `${group} ${key}`;
    let work = this.#work.get(name);
    if (work === undefined) {
      const member = `member ${this.#below(memberCount)}, life ${++this.#lives}`;
      this.#work.set(name, (work = { next: 0, attempt: 1, member }));
    }
    return work;
  }

  #below(end: number): number {
    return Math.floor(this.#random.float() * end);
  }

  #note(event: Untimed): void {
    this.#events.push({ ...event, atMs: this.#nowMs++ });
  }
}
