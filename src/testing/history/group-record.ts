// One group on one log, as a history shows it: what was delivered, in which order, and how that
// ended. Finds reorder, members that go back, what the group never got, what is stuck. Always true:
// a member that was taken for dead and wakes up late is not held against the group.
import { type Course, newCourse } from "./course.ts";
import type { GroupEffects } from "./group-effects.ts";
import type { Delivered, GroupSubscribed, Handled, Settled } from "./history-event.ts";
import { KeyLine, type OpenDelivery, type Standing } from "./key-line.ts";
import type { LogRecord } from "./log-record.ts";
import { MemberLives } from "./member-lives.ts";
import type { Published } from "./published.ts";
import type { ViolationKind, ViolationList } from "./violation.ts";

/** Where a message is: its offset, or its id where the log has none. */
type Place = number | string;

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
  readonly #effects: GroupEffects;
  readonly #violations: ViolationList;
  #subscribed: GroupSubscribed | undefined;
  /** How many calls there were when it subscribed. */
  #subscribedAt = 0;
  #progressAtMs = 0;
  readonly #courses = new Map<Place, Course>();
  readonly #lines = new Map<string, KeyLine>();
  /** Everything that somebody has now, with a key or without. */
  readonly #open = new Map<Place, OpenDelivery>();
  readonly #lives = new MemberLives();
  /** When what is sealed was settled. */
  #sealedStep = 0;

  constructor(group: string, log: LogRecord, effects: GroupEffects, violations: ViolationList) {
    this.group = group;
    this.#log = log;
    this.#effects = effects;
    this.#violations = violations;
  }

  /** Whether everything that it is to get is settled. */
  get isDone(): boolean {
    return this.#subscribed === undefined || this.isDrained;
  }

  subscribe(event: GroupSubscribed): void {
    if (this.#subscribed !== undefined) return;
    this.#subscribed = event;
    this.#subscribedAt = this.#log.topic.steps;
  }

  deliver(event: Delivered): void {
    const { offset, member, id } = event;
    if (offset !== undefined && this.#log.isSealed(offset)) return this.#deliverSealed(event);
    const message = this.#log.read(event, `group ${this.group}`);
    this.#progressAtMs ||= event.atMs;
    const place = offset ?? id;
    const course = this.#courses.get(place) ?? this.#begin(place);
    course.line ??= this.#lineOf(message);
    course.attempt = event.attempt;
    const isFirst = course.deliveries++ === 0;
    if (!isFirst && this.#subscribed?.delivery === "at-most-once") {
      this.#report("duplicate", `${member} was given ${id}, which had been given before`, event);
    }
    this.#checkSettled(course, event);
    if (course.finishedBy !== undefined) {
      if (course.finishedMarks === this.marks) {
        if (course.finishedBy !== member) return; // Somebody who does not know yet that it is late.
        this.#report("non-monotonic", `${member} finished ${id}, and was given it again`, event);
      }
      course.finishedBy = undefined;
    }
    const at = this.#subscribed?.order === "sequence" ? message.sequence : offset;
    const standing = { message, at };
    const passed = course.line?.openBefore(standing, member);
    const open = { ...standing, member, hasFailed: false };
    this.#open.set(place, open);
    if (course.line === undefined) return;
    this.#checkOrder(course.line, event, isFirst ? standing : undefined, passed);
    course.line.open.set(place, open);
    course.line.advance(standing);
  }

  handle(event: Handled): void {
    const found = this.#courseOf(event);
    if (found === "sealed") return;
    if (found === undefined || found.course.deliveries === 0) {
      const what = event.id ?? `offset ${event.offset}`;
      const text = `${event.member} handled ${what}, which nobody delivered to it`;
      this.#report("phantom", text, event);
      return;
    }
    const { course, place } = found;
    const attemptsMax = this.#subscribed?.attemptsMax ?? Number.POSITIVE_INFINITY;
    const isLast = event.outcome === "failed" && course.attempt >= attemptsMax;
    const open = this.#open.get(place);
    const isOwn = open?.member === event.member;
    if (event.outcome === "failed" && !isLast) {
      if (open === undefined || !isOwn) return;
      open.hasFailed = true;
      // Its time may pass meanwhile: it is tried again, or nobody hears of it any more.
      if (!open.message.isSkippable) return;
      course.isMaybeFinished = true;
      this.#close(place, course);
      return;
    }
    if (isOwn) this.#close(place, course);
    if (event.outcome === "abandoned") return;
    this.#finished(course, event.atMs);
    if (this.#subscribed?.hasSettlements === true) return;
    course.finishedBy = event.member;
    course.finishedMarks = this.marks;
  }

  /** Without a delivery: it was passed over, because it had expired, or for another reason. */
  settle(event: Settled): void {
    const found = this.#courseOf(event);
    if (found === "sealed") return;
    const place = event.offset ?? event.id;
    if (found === undefined && place === undefined) return;
    const course = found?.course ?? this.#begin(place ?? "");
    this.#finished(course, event.atMs);
    course.settledBy = event.member;
    course.settledStep = this.#lives.step();
  }

  /** A member died, or began anew: what it was at may be finished. */
  crash(member: string | undefined): void {
    this.#lives.begin(member);
    for (const [place, open] of this.#open) {
      if (member !== undefined && open.member !== member) continue;
      const course = this.#courses.get(place);
      if (course === undefined) continue;
      course.isMaybeFinished = true;
      this.#close(place, course);
    }
  }

  /** Compares with everything that is stored: what was never delivered, what is not finished. */
  finish(patience: Patience): void {
    if (this.#subscribed === undefined || this.#subscribed.delivery === "at-most-once") return;
    const { replayed, replayEnd, topic } = this.#log;
    const { from } = this.#subscribed;
    for (const offset of replayed) {
      const id = this.#log.idAt(offset);
      if (id !== undefined && from !== undefined && offset >= from) {
        this.#judge(offset, topic.message(id), patience);
      }
    }
    if (replayEnd !== undefined) return;
    // Without a full read, what was acknowledged is stored.
    for (const message of topic.messages.values()) {
      if (message.oks === 0 || message.replayedAt !== undefined) continue;
      if (message.offset !== undefined || message.isDelayed) continue;
      const isAfter = from === 0 || message.call > this.#subscribedAt;
      if (isAfter) this.#judge(message.id, message, patience);
    }
  }

  /** Everything is settled, and is forgotten with the log's messages. */
  forget(): void {
    this.#courses.clear();
    this.#open.clear();
    for (const line of this.#lines.values()) line.open.clear();
    this.#sealedStep = this.#lives.step();
    this.isDrained = false;
  }

  #judge(place: Place, message: Published, patience: Patience): void {
    const { id, key } = message;
    const course = this.#courses.get(place);
    const where = { id, offset: typeof place === "number" ? place : undefined };
    const hasEffect = this.#subscribed?.hasEffects === true ? this.#effects.has(id) : undefined;
    if (course?.isMaybeFinished === true) {
      const isSettled = course.finishedBy !== undefined || course.settledBy !== undefined;
      if (hasEffect !== false || !this.isDrained || !isSettled) return;
      this.#report("lost", `${id} is settled, and has had no effect`, where);
      return;
    }
    if (hasEffect === true || message.isSkippable) return;
    const line = key === undefined || !this.#isOrdered() ? undefined : this.#lines.get(key);
    const at = this.#subscribed?.order === "sequence" ? message.sequence : where.offset;
    const passedBy = course?.deliveries ? undefined : line?.passedBy({ message, at });
    if (this.isDrained || passedBy !== undefined) {
      const why = this.isDrained ? "everything is settled" : `${passedBy} of its key was`;
      const what = course === undefined ? "was not delivered" : "was not finished";
      this.#report("lost", `${id} ${what}, but ${why}`, where);
      return;
    }
    this.#judgeStuck(message, where, patience);
  }

  #judgeStuck(message: Published, where: Where, patience: Patience): void {
    const { stuckMs, calmAtMs, endAtMs } = patience;
    if (calmAtMs === undefined) return;
    const sinceMs = Math.max(calmAtMs, this.#progressAtMs, message.readyAtMs);
    if (endAtMs - sinceMs < stuckMs) return;
    const text = `${message.id} is not finished, and nothing was for ${endAtMs - sinceMs} ms`;
    this.#report("stuck", text, where);
  }

  #deliverSealed(event: Delivered): void {
    if (!this.#lives.hasBegunSince(event.member, this.#sealedStep)) return;
    this.#report("non-monotonic", `${event.member} was given ${event.id}, long settled`, event);
  }

  #checkSettled(course: Course, event: Delivered): void {
    const { settledBy, settledStep, deliveries } = course;
    if (settledBy === undefined) return;
    const { member, id } = event;
    // Settled before it is given to anybody: at most once.
    if (deliveries === 1 && settledBy === member) return;
    // It had it before, and is late.
    if (settledBy !== member && !this.#lives.hasBegunSince(member, settledStep)) return;
    course.settledBy = undefined;
    const text = `${member} was given ${id}, which ${settledBy} had settled`;
    this.#report("non-monotonic", text, event);
  }

  #checkOrder(
    line: KeyLine,
    event: Delivered,
    first: Standing | undefined,
    passed: string | undefined,
  ): void {
    if (line.isReported || !this.#isOrdered()) return;
    const later = first === undefined ? undefined : line.passedBy(first);
    if (later === undefined && passed === undefined) return;
    const what = later === undefined ? `passes ${passed}, unfinished` : `came after ${later}`;
    line.isReported = true;
    const { id, attempt, member } = event;
    const text = `${id} of key '${line.key}' ${what} (attempt ${attempt}, ${member})`;
    this.#report("reorder", text, event);
  }

  #courseOf({ offset, id }: Handled | Settled) {
    if (offset !== undefined && this.#log.isSealed(offset)) return "sealed";
    const isHere = (place: Place | undefined): place is Place =>
      place !== undefined && this.#courses.has(place);
    const known = id === undefined ? undefined : this.#log.topic.messages.get(id)?.readOffset;
    const place = [offset, id, known].find(isHere);
    const course = place === undefined ? undefined : this.#courses.get(place);
    return place === undefined || course === undefined ? undefined : { place, course };
  }

  #finished(course: Course, atMs: number): void {
    if (!course.isMaybeFinished) this.#progressAtMs = atMs;
    course.isMaybeFinished = true;
  }

  #close(place: Place, course: Course): void {
    this.#open.delete(place);
    course.line?.open.delete(place);
  }

  #begin(place: Place): Course {
    const course = newCourse();
    this.#courses.set(place, course);
    return course;
  }

  #isOrdered(): boolean {
    return this.#subscribed?.order !== "none";
  }

  #lineOf({ key }: Published): KeyLine | undefined {
    if (key === undefined) return undefined;
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, (line = new KeyLine(key)));
    return line;
  }

  #report(kind: ViolationKind, text: string, { id, offset }: Where): void {
    const { name: log } = this.#log;
    const message = `group ${this.group}: ${text}`;
    this.#violations.add({ kind, message, log, group: this.group, id, offset });
  }
}

/** What a violation is about. */
interface Where {
  readonly id?: string | undefined;
  readonly offset?: number | undefined;
}
