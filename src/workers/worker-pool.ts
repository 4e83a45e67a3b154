// Threads that share the work of one handler. Always true: at most `threadsMax` threads run, one
// delivery each, and no more than those who use it keep busy; what waits for one is at most what
// the subscriptions have under way (their `concurrency`); a thread that ended is replaced when
// there is work for it.
import type { AnyMessage } from "../contracts/contract.ts";
import type { HandlerContext } from "../delivery/handler-context.ts";
import { ClosedError } from "../errors/spillway-error.ts";
import { type ThreadParts, WorkerThread } from "./pool-thread.ts";
import type { PlainResult } from "./worker-messages.ts";

/** What a pool works with. */
export interface WorkerPoolParts extends Omit<ThreadParts, "onEnd"> {
  readonly threadsMax: number;
}

/** Takes a thread; undefined: there will be none. */
type Waiting = (thread: WorkerThread | undefined) => void;

/** The threads of one handler. */
export class WorkerPool {
  readonly #parts: WorkerPoolParts;
  readonly #threads = new Set<WorkerThread>();
  readonly #idle: WorkerThread[] = [];
  readonly #queue: Waiting[] = [];
  /** How many threads those who use it can keep busy. */
  readonly #shares = new Map<object, number>();
  #isClosed = false;

  constructor(parts: WorkerPoolParts) {
    this.#parts = parts;
  }

  /** Threads that run, idle ones among them, and deliveries that wait for one. */
  get load(): { readonly threads: number; readonly waiting: number } {
    return { threads: this.#threads.size, waiting: this.#queue.length };
  }

  /** Runs the handler in a thread; rejects with what it threw, WORKER_ENDED or CLOSED. */
  async run(message: AnyMessage, context: HandlerContext): Promise<readonly PlainResult[]> {
    const thread = this.#take() ?? (await this.#place(context.signal));
    if (thread === undefined) throw closed();
    try {
      return await thread.run(message, context);
    } finally {
      this.#release(thread);
    }
  }

  /**
   * Somebody keeps so many threads busy at most from now on; undefined: none any more. Threads
   * beyond what all of them need end when they are idle.
   */
  share(owner: object, threads: number | undefined): void {
    if (threads === undefined) this.#shares.delete(owner);
    else this.#shares.set(owner, threads);
    while (this.#isTooLarge) {
      const idle = this.#idle.pop();
      if (idle === undefined) break;
      this.#end(idle);
    }
    for (let more = this.#queue.length; more > 0 && !this.#isClosed; more--) this.#replace();
  }

  get #threadsMax(): number {
    const { threadsMax } = this.#parts;
    if (this.#shares.size === 0) return threadsMax;
    let shared = 0;
    for (const share of this.#shares.values()) shared += share;
    return Math.min(threadsMax, Math.max(1, shared));
  }

  get #isTooLarge(): boolean {
    return this.#threads.size > this.#threadsMax;
  }

  /** Ends a thread that does nothing. */
  #end(thread: WorkerThread): void {
    this.#threads.delete(thread);
    thread.stop();
  }

  /** Ends all threads; what they run fails and is delivered again. */
  close(): void {
    this.#isClosed = true;
    for (const next of this.#queue.splice(0)) next(undefined);
    for (const thread of this.#threads) thread.stop();
  }

  #take(): WorkerThread | undefined {
    if (this.#isClosed) throw closed();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#threads.size >= this.#threadsMax) return undefined;
    const onEnd = (ended: WorkerThread): void => this.#forget(ended);
    const thread = new WorkerThread({ ...this.#parts, onEnd });
    this.#threads.add(thread);
    return thread;
  }

  /** Waits for a thread, no longer than somebody waits for the result. */
  async #place(signal: AbortSignal): Promise<WorkerThread | undefined> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<WorkerThread | undefined>();
    const leave = (): void => {
      const place = this.#queue.indexOf(resolve);
      // It may have its thread already, and be about to learn of it.
      if (place < 0) return;
      this.#queue.splice(place, 1);
      reject(signal.reason);
    };
    this.#queue.push(resolve);
    signal.addEventListener("abort", leave);
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #release(thread: WorkerThread): void {
    if (this.#isClosed) return;
    if (!this.#threads.has(thread) || thread.isEnding) {
      // Whoever waits for it gets the one that takes its place.
      if (this.#queue.length > 0) this.#replace();
      return;
    }
    if (this.#isTooLarge) return this.#end(thread);
    const next = this.#queue.shift();
    if (next === undefined) this.#idle.push(thread);
    else next(thread);
  }

  #replace(): void {
    const thread = this.#take();
    if (thread === undefined) return;
    const next = this.#queue.shift();
    if (next === undefined) this.#idle.push(thread);
    else next(thread);
  }

  #forget(thread: WorkerThread): void {
    this.#threads.delete(thread);
    const place = this.#idle.indexOf(thread);
    if (place >= 0) this.#idle.splice(place, 1);
    if (!this.#isClosed && this.#queue.length > 0) this.#replace();
  }
}

function closed(): ClosedError {
  return new ClosedError("the worker handler is closed: subscribe with a new one");
}
