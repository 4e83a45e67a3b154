// A handler that takes messages by the batch: gathers the calls of single messages, calls the
// user's handler once for all of them, and splits a batch that failed until the message at fault is
// alone. Knows nothing of settlement: each message succeeds or fails by itself. Always true: a
// message that has failed is handled alone from then on; what a failed call published is not kept.
import type { AnyMessage } from "../contracts/contract.ts";
import { CallAgain } from "../delivery/call-again.ts";
import type { HandlerContext } from "../delivery/handler-context.ts";
import { HandlerRun } from "../delivery/handler-run.ts";
import type { CancelTimer, Clock } from "../kernel/clock.ts";

/** One message of a batch, with what its handler gets besides it. */
export interface BatchItem<Message = AnyMessage, Context = HandlerContext> {
  readonly message: Message;
  readonly context: Context;
}

/** What the user's handler is called with. */
export type BatchHandler = (items: readonly BatchItem[]) => unknown;

/** What a batch handler is made of. */
export interface BatchParts {
  readonly clock: Clock;
  readonly handler: BatchHandler;
  readonly messagesMax: number;
  /** How long the first message of a batch waits for others. */
  readonly waitMs: number;
  /** Most batches that are called at once, now. */
  readonly concurrency: () => number;
}

/** One message that waits for its batch. */
interface Waiting extends BatchItem {
  resolve(): void;
  reject(error: unknown): void;
}

/** Part of a batch that failed; its messages come back one by one. */
interface Part {
  expected: number;
  readonly items: Waiting[];
}

/** How long a part waits for messages that may never come back, at least. */
const partWaitMsMin = 10;

/** See the head of this file. */
export class BatchCalls {
  readonly #parts: BatchParts;
  #gathering: Waiting[] = [];
  readonly #ready: Waiting[][] = [];
  /** By place: the part that a message belongs to when it comes again. */
  readonly #partOf = new Map<string, Part>();
  #running = 0;
  #cancelTimer: CancelTimer | undefined;

  constructor(parts: BatchParts) {
    this.#parts = parts;
  }

  /** Called for each message; settles as the message's part of its batch does. */
  readonly handle = (message: AnyMessage, context: HandlerContext): Promise<void> => {
    return new Promise((resolve, reject) => {
      const item: Waiting = { message, context, resolve: () => resolve(), reject };
      const place = placeOf(message);
      const part = this.#partOf.get(place);
      if (part !== undefined) {
        this.#partOf.delete(place);
        part.items.push(item);
        if (part.items.length === part.expected) this.#complete(part);
      } else if (context instanceof HandlerRun && context.hasRow) {
        // Others may wait for its row within a batch that is being called: it waits for nobody.
        this.#running++;
        void this.#run([item]);
      } else if (context.attempt > 1) this.#call([item]);
      else this.#gather(item);
    });
  };

  #gather(item: Waiting): void {
    this.#gathering.push(item);
    if (this.#gathering.length >= this.#parts.messagesMax) return this.#flush();
    if (this.#gathering.length > 1) return;
    const { clock, waitMs } = this.#parts;
    if (waitMs > 0) this.#cancelTimer = clock.after(waitMs, () => this.#flush());
    else {
      const gathering = this.#gathering;
      // The turn in which the first came brings the others that are there.
      clock.soon(() => gathering === this.#gathering && this.#flush());
    }
  }

  #flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const items = this.#gathering;
    this.#gathering = [];
    this.#call(items);
  }

  #call(items: readonly Waiting[]): void {
    // Whoever was given up meanwhile is somebody else's, or failed already.
    const alive: Waiting[] = [];
    for (const item of items) {
      if (item.context.signal.aborted) item.reject(item.context.signal.reason);
      else alive.push(item);
    }
    if (alive.length > 0) this.#ready.push(alive);
    this.#next();
  }

  #next(): void {
    while (this.#running < this.#parts.concurrency()) {
      const items = this.#ready.shift();
      if (items === undefined) return;
      this.#running++;
      void this.#run(items);
    }
  }

  async #run(items: readonly Waiting[]): Promise<void> {
    let hasPlace = true;
    const leave = (): void => {
      if (!hasPlace) return;
      hasPlace = false;
      this.#running--;
      this.#next();
    };
    // All were called at one time: when the time of one is up, that of all is.
    items[0]?.context.signal.addEventListener("abort", leave, { once: true });
    if (items.length > 1) {
      for (const { context } of items) if (context instanceof HandlerRun) context.waitForNoRow();
    }
    try {
      await this.#parts.handler(items.map(({ message, context }) => ({ message, context })));
      for (const item of items) item.resolve();
    } catch (error) {
      const [only, another] = items;
      if (another === undefined) only?.reject(error);
      else this.#split(items);
    } finally {
      leave();
    }
  }

  /** Both halves come again, with contexts that know nothing of the call that failed. */
  #split(items: readonly Waiting[]): void {
    const middle = Math.ceil(items.length / 2);
    const { clock, waitMs } = this.#parts;
    for (const half of [items.slice(0, middle), items.slice(middle)]) {
      const part: Part = { expected: half.length, items: [] };
      for (const { message } of half) this.#partOf.set(placeOf(message), part);
      clock.after(Math.max(waitMs, partWaitMsMin), () => this.#giveUpWaiting(part));
    }
    for (const item of items) item.reject(new CallAgain());
  }

  #complete(part: Part): void {
    part.expected = 0;
    this.#call(part.items);
  }

  /** Some of the part's messages did not come back: they are handled elsewhere, or later. */
  #giveUpWaiting(part: Part): void {
    if (part.expected === 0) return;
    for (const [place, each] of this.#partOf) if (each === part) this.#partOf.delete(place);
    this.#complete(part);
  }
}

function placeOf({ priority, offset }: AnyMessage): string {
  return `${priority} ${offset}`;
}
