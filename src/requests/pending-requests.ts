// Requests under way: by id, with their deadlines, and the ids of those that ended lately. Knows
// nothing of transports. Always true: whoever waits is told exactly once; at most `pendingMax`
// wait; what has ended is neither in the map nor in the heap.
import type { AnyCommand } from "../contracts/command.ts";
import { BackPressureError } from "../errors/spillway-error.ts";
import type { Clock } from "../kernel/clock.ts";
import { PassingMap } from "../kernel/passing-map.ts";
import type { AnyAnswer } from "./outcome.ts";
import { Deadlines, type Timed } from "./deadlines.ts";

/** Ended requests whose ids are kept, to tell a duplicate answer from a late one. */
export const endedMax = 4_096;

/** Where an answer came from. */
export interface AnswerOrigin {
  /** The handling group; undefined where the answer does not say. */
  readonly group: string | undefined;
}

/** Somebody who waits for answers to one request. */
export interface Waiting extends Timed {
  readonly id: string;
  readonly command: AnyCommand;
  /** The next one that waits for the same request, which a handler that is repeated asked again. */
  twin: Waiting | undefined;
  isOver: boolean;
  /** Asked before, perhaps by another process: its answer may be addressed to somebody else. */
  isRepeated: boolean;
  /** An answer came; false: it says nothing new. */
  answered(answer: AnyAnswer, origin: AnswerOrigin): boolean;
  /** The deadline came. */
  timedOut(): void;
  /** Nobody can tell any more what becomes of it. */
  failed(error: unknown): void;
}

/** How an ended request had ended; of one that went to several, which groups had answered. */
export type End = "answered" | "unanswered" | ReadonlySet<string>;

/** All requests of a bus that wait. */
export class PendingRequests {
  readonly #byId = new PassingMap<string, Waiting>();
  readonly #deadlines: Deadlines<Waiting>;
  readonly #ended = new PassingMap<string, End>();
  /** The same ids, oldest at `#oldest` once there are endedMax of them. */
  readonly #endedIds: string[] = [];
  #oldest = 0;
  readonly #pendingMax: number;
  #repeated = 0;
  #onEmpty: (() => void)[] = [];

  constructor(clock: Clock, pendingMax: number) {
    this.#pendingMax = pendingMax;
    this.#deadlines = new Deadlines(clock, (waiting) => waiting.timedOut());
  }

  /** Requests that wait. */
  get size(): number {
    return this.#deadlines.size;
  }

  /** Whether any of them may be answered under somebody else's address. */
  get hasRepeated(): boolean {
    return this.#repeated > 0;
  }

  /** Throws BACK_PRESSURE unless there is room for so many more. */
  assertRoom(count: number, type: string): void {
    if (this.size + count <= this.#pendingMax) return;
    throw new BackPressureError(
      `'${type}' was not requested: ${this.size} requests wait for their outcome already: await ` +
        "some of them, or raise pendingRequestsMax",
      { details: { waiting: this.size, pendingRequestsMax: this.#pendingMax } },
    );
  }

  /** Begins to wait. Throws BACK_PRESSURE. */
  add(waiting: Waiting): void {
    this.assertRoom(1, waiting.command.type);
    waiting.twin = this.#byId.get(waiting.id);
    this.#byId.set(waiting.id, waiting);
    this.#deadlines.add(waiting);
    if (waiting.isRepeated) this.#repeated++;
  }

  /** The latest one that waits for this id; the others are its twins. */
  get(id: string): Waiting | undefined {
    return this.#byId.get(id);
  }

  /** Notes that this request was asked before. */
  repeat(waiting: Waiting): void {
    if (waiting.isOver || waiting.isRepeated) return;
    waiting.isRepeated = true;
    this.#repeated++;
  }

  /** Ends the waiting; false where it had ended before. */
  end(waiting: Waiting, end: End): boolean {
    if (waiting.isOver) return false;
    waiting.isOver = true;
    if (waiting.isRepeated) this.#repeated--;
    this.#deadlines.remove(waiting);
    this.#unlink(waiting);
    if (end !== "unanswered" || !this.#ended.has(waiting.id)) this.#remember(waiting.id, end);
    if (this.size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
    return true;
  }

  #unlink(waiting: Waiting): void {
    const { id, twin } = waiting;
    let at = this.#byId.get(id);
    if (at === waiting) {
      if (twin === undefined) this.#byId.delete(id);
      else this.#byId.set(id, twin);
      return;
    }
    while (at !== undefined && at.twin !== waiting) at = at.twin;
    if (at !== undefined) at.twin = twin;
  }

  #remember(id: string, end: End): void {
    const isKnown = this.#ended.has(id);
    this.#ended.set(id, end);
    if (isKnown) return;
    const oldest = this.#endedIds[this.#oldest];
    if (oldest !== undefined) this.#ended.delete(oldest);
    this.#endedIds[this.#oldest] = id;
    this.#oldest = (this.#oldest + 1) % endedMax;
  }

  /** How a request ended that nobody waits for; undefined: it is not known any more. */
  endOf(id: string): End | undefined {
    return this.#ended.get(id);
  }

  /** Tells everybody that nobody can know any more. */
  failAll(error: unknown): void {
    for (const waiting of Array.from(this.#byId.values())) {
      for (let each: Waiting | undefined = waiting; each !== undefined; ) {
        const { twin }: Waiting = each;
        each.failed(error);
        each = twin;
      }
    }
  }

  /** Cancels the timer, once nobody waits and nobody will. */
  close(): void {
    this.#deadlines.close();
  }

  /** Resolves when nobody waits. */
  empty(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }
}
