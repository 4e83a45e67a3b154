// One group on one log, as a history shows it: what was delivered, in which order, and how that
// ended. Finds reorder, members that go back, what the group never got, effects, what is stuck.
// Always true: a member that was taken for dead and wakes up late is not held against the group.
import type { Delivered, Effect, GroupSubscribed, Handled, Settled } from "./history-event.ts";
import { type KeyLine, openBefore, type OpenDelivery, startLine } from "./key-line.ts";
import type { LogRecord } from "./log-record.ts";
import type { Published } from "./published.ts";
import type { ViolationKind, ViolationList } from "./violation.ts";

/** What became of one message in this group. */
interface Course {
  readonly line: KeyLine | undefined;
  /** Once it has failed, it may be settled without another call. */
  readonly isSkippable: boolean;
  /** Who finished it last, and how many marks there were then. */
  finishedBy: string | undefined;
  finishedMarks: number;
  /** Finished, or interrupted in a way that leaves open whether it was. */
  isMaybeFinished: boolean;
  /** Who settled it, and when in the group's own count. */
  settledBy: string | undefined;
  settledAt: number;
  attempt: number;
}

/** When it is judged at the end: after which time without progress something is stuck. */
export interface Patience {
  readonly stuckMs: number;
  /** Since when nothing is put in the way; undefined: nothing is judged as stuck. */
  readonly calmAtMs: number | undefined;
  readonly endAtMs: number;
}

/** A group on a log: memory is one object for each message delivered. */
export class GroupRecord {
  readonly group: string;
  isDrained = false;
  /** Marks that concerned this group so far. */
  marks = 0;
  readonly #log: LogRecord;
  readonly #violations: ViolationList;
  #subscribed: GroupSubscribed | undefined;
  #progressAtMs = 0;
  readonly #courses = new Map<number, Course>();
  readonly #lines = new Map<string, KeyLine>();
  /** Everything that somebody has now, with a key or without. */
  readonly #open = new Map<number, OpenDelivery>();
  readonly #effects = new Set<string>();
  /** Settlements and beginnings so far, and the last beginning of each member. */
  #steps = 0;
  readonly #begun = new Map<string, number>();
  #allBegun = 0;

  constructor(group: string, log: LogRecord, violations: ViolationList) {
    this.group = group;
    this.#log = log;
    this.#violations = violations;
  }

  subscribe(event: GroupSubscribed): void {
    this.#subscribed ??= event;
  }

  deliver(event: Delivered): void {
    const { offset, member, id } = event;
    const message = this.#log.read(event, `group ${this.group}`);
    this.#progressAtMs ||= event.atMs;
    const before = this.#courses.get(offset);
    const line = before?.line ?? this.#lineOf(message);
    const course = before ?? this.#begin(offset, line, message.isSkippable);
    course.attempt = event.attempt;
    this.#checkSettled(course, event);
    if (before !== undefined && before.finishedBy !== undefined) {
      if (before.finishedMarks === this.marks) {
        if (before.finishedBy !== member) return; // Somebody who does not know yet that it is late.
        this.#report(
          "non-monotonic",
          `${member} finished ${id}, and was given it again`,
          id,
          offset,
        );
      }
      before.finishedBy = undefined;
    }
    const passed = line === undefined ? undefined : openBefore(line, offset, member);
    const open = { member, hasFailed: false };
    this.#open.set(offset, open);
    if (line === undefined) return;
    this.#checkOrder(line, event, before === undefined, passed);
    line.open.set(offset, open);
    line.last = Math.max(line.last, offset);
  }

  handle(event: Handled): void {
    const course = this.#courses.get(event.offset);
    if (course === undefined) {
      const text = `${event.member} handled offset ${event.offset}, which nobody delivered to it`;
      this.#report("phantom", text, undefined, event.offset);
      return;
    }
    const attemptsMax = this.#subscribed?.attemptsMax ?? Number.POSITIVE_INFINITY;
    const isLast = event.outcome === "failed" && course.attempt >= attemptsMax;
    const open = this.#open.get(event.offset);
    const isOwn = open?.member === event.member;
    if (event.outcome === "failed" && !isLast) {
      if (open === undefined || !isOwn) return;
      if (course.isSkippable) this.#maySkip(event.offset, course);
      else open.hasFailed = true;
      return;
    }
    if (isOwn) this.#close(event.offset, course);
    if (event.outcome === "abandoned") return;
    if (!course.isMaybeFinished) this.#progressAtMs = event.atMs;
    course.isMaybeFinished = true;
    if (this.#subscribed?.hasSettlements === true) return;
    course.finishedBy = event.member;
    course.finishedMarks = this.marks;
  }

  /** Without a delivery: it was passed over, because it had expired, or for another reason. */
  settle({ offset, member, atMs }: Settled): void {
    const course = this.#courses.get(offset) ?? this.#begin(offset, undefined);
    if (!course.isMaybeFinished) this.#progressAtMs = atMs;
    course.isMaybeFinished = true;
    course.settledBy = member;
    course.settledAt = ++this.#steps;
  }

  /** Its time may have passed meanwhile: it is tried again, or nobody hears of it any more. */
  #maySkip(offset: number, course: Course): void {
    course.isMaybeFinished = true;
    this.#close(offset, course);
  }

  /** A member died, or began anew: what it was at may be finished. */
  crash(member: string | undefined): void {
    if (member === undefined) this.#allBegun = ++this.#steps;
    else this.#begun.set(member, ++this.#steps);
    for (const [offset, open] of this.#open) {
      if (member !== undefined && open.member !== member) continue;
      const course = this.#courses.get(offset);
      if (course === undefined) continue;
      course.isMaybeFinished = true;
      this.#close(offset, course);
    }
  }

  addEffect({ id }: Effect): void {
    if (this.#effects.has(id)) this.#report("duplicate", `${id} has had its effect twice`, id);
    this.#effects.add(id);
    const message = this.#log.messages.get(id);
    if (message?.isPublished !== true) {
      this.#report("phantom", `${id} has an effect, and was never sent`, id);
    }
  }

  /** Compares with everything that is stored: what was never delivered, what is not finished. */
  finish(patience: Patience): void {
    const from = this.#subscribed?.from;
    if (from === undefined) return;
    for (const offset of this.#log.replayed) {
      const id = this.#log.idAt(offset);
      if (offset >= from && id !== undefined) this.#judge(offset, this.#log.message(id), patience);
    }
  }

  #judge(offset: number, message: Published, patience: Patience): void {
    const { id, key } = message;
    const course = this.#courses.get(offset);
    const hasEffect = this.#subscribed?.hasEffects === true ? this.#effects.has(id) : undefined;
    if (course?.isMaybeFinished === true) {
      if (hasEffect !== false || !this.isDrained || course.finishedBy === undefined) return;
      this.#report("lost", `${id} is settled, and has had no effect`, id, offset);
      return;
    }
    if (hasEffect === true || message.isSkippable) return;
    const last = key === undefined || !this.#isOrdered() ? -1 : (this.#lines.get(key)?.last ?? -1);
    const wasDelivered = course !== undefined;
    if (this.isDrained || (!wasDelivered && last > offset)) {
      const why = this.isDrained ? "everything is settled" : `offset ${last} of its key was`;
      const what = wasDelivered ? "was not finished" : "was not delivered";
      this.#report("lost", `${id} ${what}, but ${why}`, id, offset);
      return;
    }
    this.#judgeStuck(message, offset, patience);
  }

  #judgeStuck(message: Published, offset: number, patience: Patience): void {
    const { stuckMs, calmAtMs, endAtMs } = patience;
    if (calmAtMs === undefined) return;
    const sinceMs = Math.max(calmAtMs, this.#progressAtMs, message.readyAtMs);
    if (endAtMs - sinceMs < stuckMs) return;
    const text = `${message.id} is not finished, and nothing was for ${endAtMs - sinceMs} ms`;
    this.#report("stuck", text, message.id, offset);
  }

  #checkSettled(course: Course, { member, id, offset }: Delivered): void {
    const { settledBy, settledAt } = course;
    if (settledBy === undefined) return;
    const begun = Math.max(this.#begun.get(member) ?? 0, this.#allBegun);
    if (settledBy !== member && begun < settledAt) return; // It had it before, and is late.
    course.settledBy = undefined;
    const text = `${member} was given ${id}, which ${settledBy} had settled`;
    this.#report("non-monotonic", text, id, offset);
  }

  #close(offset: number, course: Course): void {
    this.#open.delete(offset);
    course.line?.open.delete(offset);
  }

  #begin(offset: number, line: KeyLine | undefined, isSkippable: boolean): Course {
    const course: Course = {
      line,
      isSkippable,
      finishedBy: undefined,
      finishedMarks: 0,
      isMaybeFinished: false,
      settledBy: undefined,
      settledAt: 0,
      attempt: 0,
    };
    this.#courses.set(offset, course);
    return course;
  }

  #checkOrder(
    line: KeyLine,
    { offset, member, id, attempt }: Delivered,
    isFirst: boolean,
    passed: number | undefined,
  ): void {
    const { last } = line;
    if (line.isReported || !this.#isOrdered()) return;
    const isLate = isFirst && offset < last;
    if (!isLate && passed === undefined) return;
    const what = isLate ? `came after offset ${last}` : `passes offset ${passed}, unfinished`;
    line.isReported = true;
    const text = `${id} of key '${line.key}' ${what} (attempt ${attempt}, ${member})`;
    this.#report("reorder", text, id, offset);
  }

  #isOrdered(): boolean {
    return this.#subscribed?.order !== "none";
  }

  #lineOf({ key }: Published): KeyLine | undefined {
    if (key === undefined) return undefined;
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, (line = startLine(key)));
    return line;
  }

  #report(kind: ViolationKind, text: string, id: string | undefined, offset?: number): void {
    const { name: log } = this.#log;
    const message = `group ${this.group}: ${text}`;
    this.#violations.add({ kind, message, log, group: this.group, id, offset });
  }
}
