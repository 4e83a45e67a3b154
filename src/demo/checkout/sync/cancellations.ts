// Takes orders back: what the intake could not finish in time, what the bank declined, and what a
// killed process left lying. Each is tried again, with back-off, for as long as the right side
// would try; what is still to be done stands in the intake's database. Always true: an order is
// taken back whole, or turns out to be completed, or stays on the list.
import { type Clock, delay } from "../../../kernel/clock.ts";
import type { Random } from "../../../kernel/random.ts";
import { patientRetry } from "../capacity.ts";
import type { Order } from "../orders/order.ts";
import type { TimeOuts } from "../time-outs.ts";
import type { OrderEnd, OrderRecords } from "./order-records.ts";
import { type PeerCaller, PeerUnavailable } from "./peer-caller.ts";

/** How often the list is looked through for what somebody left lying. */
const lookMs = 1_000;
/** Orders that one process takes back at a time; the others stay on the list meanwhile. */
export const cancellationsMax = 8;

/** What it needs. */
export interface CancellationParts {
  readonly records: OrderRecords;
  readonly peers: PeerCaller;
  readonly clock: Clock;
  readonly random: Random;
  readonly timeOuts: TimeOuts;
}

/** The orders that one process of the intake takes back. */
export class Cancellations {
  readonly #parts: CancellationParts;
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #looking: Promise<void> | undefined;
  /** Whether somebody may have been left on the list for want of room. */
  #hasMore = false;
  #filling: Promise<void> | undefined;

  constructor(parts: CancellationParts) {
    this.#parts = parts;
  }

  /** Looks after what others left lying, from now on. */
  open(): void {
    this.#looking ??= this.#lookAgainAndAgain();
  }

  /** Notes that an order is to be taken back, and begins. False: somebody else holds it. */
  async start(order: Order, endsAs: OrderEnd): Promise<boolean> {
    const { records, clock, timeOuts } = this.#parts;
    const hasRoom = this.#underWay.size < cancellationsMax;
    const untilMs = hasRoom ? clock.wallMs() + timeOuts.cancelHeld : clock.wallMs();
    const isMine = await records.startCancelling(order.id, endsAs, untilMs);
    // Without room it waits on the list, for whoever has some first.
    if (isMine && hasRoom) this.#begin(order, endsAs);
    else if (isMine) this.#hasMore = true;
    return isMine;
  }

  /** Begins nothing more; resolves when nothing is under way. What is left stays on the list. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#looking;
    await this.#filling;
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #begin(order: Order, endsAs: OrderEnd): void {
    const work = this.#takeBack(order, endsAs).finally(() => {
      this.#underWay.delete(work);
      if (this.#hasMore) void this.#fill();
    });
    this.#underWay.add(work);
  }

  async #lookAgainAndAgain(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#fill();
      await delay(this.#parts.clock, lookMs, signal).catch(() => undefined);
    }
  }

  /** Takes from the list what there is room for; one call at a time. */
  #fill(): Promise<void> {
    this.#filling ??= this.#fillOnce().finally(() => (this.#filling = undefined));
    return this.#filling;
  }

  async #fillOnce(): Promise<void> {
    const { records, clock, timeOuts } = this.#parts;
    const { cancelHeld, abandoned } = timeOuts;
    const room = cancellationsMax - this.#underWay.size;
    if (room <= 0 || this.#closing.signal.aborted) return;
    const left = await records.takeOver(clock.wallMs(), cancelHeld, abandoned, room);
    this.#hasMore = left.length === room;
    for (const { order, endsAs } of left) this.#begin(order, endsAs);
  }

  async #takeBack(order: Order, endsAs: OrderEnd): Promise<void> {
    const { records, clock, random, timeOuts } = this.#parts;
    const { attempts, initialMs, maxMs } = patientRetry;
    for (let attempt = 1; attempt <= attempts && !this.#closing.signal.aborted; attempt++) {
      try {
        const end = await this.#undo(order, endsAs, clock.monotonicMs() + timeOuts.cancel);
        await records.end(order.id, "cancelling", end);
        return;
      } catch (error) {
        if (!(error instanceof PeerUnavailable)) throw error;
      }
      const pauseMs = random.float() * Math.min(maxMs, initialMs * 2 ** Math.min(attempt, 30));
      if (!(await records.hold(order.id, clock.wallMs() + pauseMs + timeOuts.cancelHeld))) return;
      await delay(clock, pauseMs, this.#closing.signal).catch(() => undefined);
    }
  }

  /** One try; every step of it may have been done before. How the order ended. */
  async #undo(order: Order, endsAs: OrderEnd, deadlineMs: number): Promise<OrderEnd> {
    const { peers } = this.#parts;
    if (endsAs !== "declined") {
      // A parcel that is on its way cannot be called back: then the order is completed after all.
      const shipping = await peers.ask("shipping", "/cancellations", order, deadlineMs);
      if (shipping === 409) return "completed";
      await peers.ask("payment", "/voids", order, deadlineMs);
    }
    await peers.ask("stock", "/releases", order, deadlineMs);
    return endsAs;
  }
}
