// What each handler call of a group must be like, whatever faults there are: which attempt it is,
// and not before its time. Owns what is known of each message's calls. Knows nothing of what a
// handler does. Always true: what is reported cannot come of a call whose unit was never
// committed, nor of a process that does not know yet that it lost a message.
import type { SimulatedProcess } from "./simulated-process.ts";
import type { Call } from "./recorder.ts";
import { type GroupPlan, isContended } from "./scenario.ts";
import type { World } from "./world.ts";

/** How a call ended, as far as attempts are concerned. */
export interface CallEnd {
  /** Whether it failed in a way that counts as an attempt. */
  readonly isCounted: boolean;
  /** Not before so many milliseconds it may be called again. */
  readonly waitMs: number;
}

/** What is known of one message. */
interface Course {
  /** The highest attempt that began, and when it did for the first time. */
  highest: number;
  sinceMs: number;
  /** From when on the next attempt may be made, by the attempt that failed; virtual time. */
  readonly dueAtMs: Map<number, number>;
  /** The last call in each life of a process. */
  readonly lastOf: Map<string, LastCall>;
}

interface LastCall {
  readonly attempt: number;
  /** How often keys had moved, or units were refused, when it failed; undefined: it did not. */
  movesAtFailure: number | undefined;
}

/** See the head of this file. */
export class CallRules {
  readonly #plan: GroupPlan;
  readonly #world: World;
  readonly #courses = new Map<string, Course>();

  constructor(plan: GroupPlan, world: World) {
    this.#plan = plan;
    this.#world = world;
  }

  /** The handler is called. */
  begun(call: Call, process: SimulatedProcess): void {
    const { attempt, member } = call;
    const { nowMs } = this.#world;
    const course = this.#courseOf(call);
    this.#judgeAttempt(call, course, process);
    this.#judgeTime(call, course);
    if (attempt > course.highest) {
      course.highest = attempt;
      course.sinceMs = nowMs;
    }
    course.lastOf.set(member, { attempt, movesAtFailure: undefined });
  }

  /** It ended. */
  ended(call: Call, { isCounted, waitMs }: CallEnd): void {
    const { attempt, member } = call;
    const course = this.#courseOf(call);
    const { nowMs, recorder } = this.#world;
    const dueAtMs = nowMs + waitMs;
    course.dueAtMs.set(attempt, Math.min(course.dueAtMs.get(attempt) ?? dueAtMs, dueAtMs));
    const last = course.lastOf.get(member);
    if (isCounted && last?.attempt === attempt) last.movesAtFailure = recorder.moves;
  }

  #courseOf({ log, offset }: Call): Course {
    const place = `${log} ${offset}`;
    let course = this.#courses.get(place);
    if (course === undefined) {
      course = { highest: 0, sinceMs: 0, dueAtMs: new Map(), lastOf: new Map() };
      this.#courses.set(place, course);
    }
    return course;
  }

  #judgeAttempt(call: Call, course: Course, process: SimulatedProcess): void {
    const { id, attempt, member } = call;
    const { attempts, ending } = this.#plan;
    // A message is tried again once it is committed that it failed: attempts are never forgotten.
    if (attempt > course.highest + 1) {
      this.#report(`${id} has attempt ${attempt} after attempt ${course.highest}`);
    }
    if (attempt > attempts && ending !== "park") {
      this.#report(`${id} has attempt ${attempt} of ${attempts}`);
    }
    const last = course.lastOf.get(member);
    if (last === undefined) {
      // A process that began later than the attempt knows of those before it.
      const isLater = process.beganAtMs > course.sinceMs;
      if (!isLater || attempt >= course.highest) return;
      this.#report(`${id} has attempt ${attempt} in ${member}, after attempt ${course.highest}`);
      return;
    }
    const isAgain = last.movesAtFailure === this.#world.recorder.moves && !isContended(this.#plan);
    if (attempt >= last.attempt + (isAgain ? 1 : 0)) return;
    this.#report(`${id} has attempt ${attempt} in ${member}, after failed ${last.attempt}`);
  }

  #judgeTime({ id, attempt }: Call, { dueAtMs }: Course): void {
    const { nowMs, recorder, faults } = this.#world;
    if (faults.struck.has("jump")) return;
    const againAtMs = dueAtMs.get(attempt - 1) ?? 0;
    const visibleAtMs = recorder.dueAtMs(id) ?? 0;
    if (nowMs < againAtMs) this.#report(`${id} is tried again ${againAtMs - nowMs} ms too early`);
    if (nowMs < visibleAtMs) this.#report(`${id} is there ${visibleAtMs - nowMs} ms too early`);
  }

  #report(text: string): void {
    this.#world.recorder.trouble(`group ${this.#plan.name}: ${text}`);
  }
}
