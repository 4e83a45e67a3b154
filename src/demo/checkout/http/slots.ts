// How much a service does at a time: a fixed number of slots, and a bounded line of those who wait
// for one. Always true: whoever got a slot gives it back; the line is never longer than allowed.

/** The line is full: come back later. */
export class NoRoom extends Error {}

/** Slots of one service process. */
export class Slots {
  readonly #slotsMax: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #used = 0;

  constructor(slotsMax: number, waitingMax: number) {
    this.#slotsMax = slotsMax;
    this.#waitingMax = waitingMax;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `work` in a slot, as soon as one is free. Rejects with NoRoom when too many wait. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#used < this.#slotsMax) this.#used++;
    else {
      if (this.#waiting.length >= this.#waitingMax) throw new NoRoom("too many wait already");
      // Whoever leaves a slot passes it on, so that nobody overtakes the line.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#used--;
      else next();
    }
  }
}
