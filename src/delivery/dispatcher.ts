// Which message is started next. With order by key, a message is held back while an earlier one of
// its key slot runs; slots are compared because that costs a number instead of a text. Knows
// nothing of handlers or outcomes. Always true: messages of one slot are given out one at a time,
// in the order in which they came; each priority gets its share of the turns.
import { slotCount } from "../kernel/key-slot.ts";
import { PassingMap } from "../kernel/passing-map.ts";
import { priorities } from "../message/envelope.ts";
import { laneTurns } from "../ports/consumer-turns.ts";
import type { WindowBatch, WindowPlace } from "./window.ts";

/** Gives out the messages of one subscription. */
export class Dispatcher {
  /** The message that next() found. */
  batch!: WindowBatch;
  position = 0;
  readonly #bySlot: boolean;
  /** By slot: 1 while one of its messages is out. Empty where order does not matter. */
  readonly #out: Uint8Array;
  /** Those that wait for the message of their slot that is out. */
  readonly #waiting = new PassingMap<number, WindowPlace[]>();
  /** Their slot is free for them: nobody else may start before. */
  #ready: WindowPlace[] = [];
  /** Kept back because of their key, by what they wait for; all of one entry have one slot. */
  readonly #held = new PassingMap<object, WindowPlace[]>();
  /** Put back after a refused unit, in order. */
  #again: WindowPlace[] = [];
  #againAt = 0;
  /** Batches of messages that were open: first, because they have waited. */
  #urgent: WindowBatch[] = [];
  /** All others, by priority. */
  #fresh = freshBatches();
  /** Messages of those given out. */
  #turn = 0;

  constructor(order: "key" | "none") {
    this.#bySlot = order === "key";
    this.#out = new Uint8Array(this.#bySlot ? slotCount : 0);
  }

  /** Adds a batch behind all others of its priority. */
  add(batch: WindowBatch): void {
    this.#fresh[batch.lane]?.push(batch);
  }

  /** Adds messages one by one, behind those that were put back. */
  addPlaces(places: readonly WindowPlace[]): void {
    for (const place of places) this.#again.push(place);
  }

  /** Adds a batch of messages that are due again. */
  addUrgent(batch: WindowBatch): void {
    this.#urgent.push(batch);
  }

  /** Finds the next message and puts it into `batch` and `position`; its slot is taken. */
  next(): boolean {
    if (this.#ready.length > 0) {
      const { batch, position } = this.#ready.shift() as WindowPlace;
      return this.#give(batch, position);
    }
    while (this.#againAt < this.#again.length) {
      const { batch, position } = this.#again[this.#againAt++] as WindowPlace;
      if (this.#claim(batch, position)) return true;
    }
    if (this.#againAt > 0) this.#startAgain([]);
    return this.#nextOf(this.#urgent) || this.#nextFresh();
  }

  /** High priority first; and yet the others have their turn. */
  #nextFresh(): boolean {
    const isOthersTurn = this.#turn % laneTurns === laneTurns - 1;
    const others = 1 + (Math.floor(this.#turn / laneTurns) % (priorities.length - 1));
    const first = isOthersTurn ? (this.#fresh[others] as WindowBatch[]) : undefined;
    let isFound = first !== undefined && this.#nextOf(first);
    for (let lane = 0; !isFound && lane < priorities.length; lane++) {
      isFound = this.#nextOf(this.#fresh[lane] as WindowBatch[]);
    }
    if (isFound) this.#turn++;
    return isFound;
  }

  #nextOf(batches: WindowBatch[]): boolean {
    for (;;) {
      const batch = batches[0];
      if (batch === undefined) return false;
      while (batch.cursor < batch.size) {
        const position = batch.cursor++;
        if (this.#claim(batch, position)) return true;
      }
      batches.shift();
    }
  }

  /** Gives the message out, or lets it wait for its slot. */
  #claim(batch: WindowBatch, position: number): boolean {
    if (!this.#bySlot) return this.#give(batch, position);
    const slot = slotOf(batch, position);
    if (this.#out[slot] === 0) {
      this.#out[slot] = 1;
      return this.#give(batch, position);
    }
    const waiting = this.#waiting.get(slot);
    if (waiting === undefined) this.#waiting.set(slot, [{ batch, position }]);
    else waiting.push({ batch, position });
    return false;
  }

  #give(batch: WindowBatch, position: number): boolean {
    this.batch = batch;
    this.position = position;
    return true;
  }

  /** The message is out no more; the next one of its slot may start. */
  free(batch: WindowBatch, position: number): void {
    if (!this.#bySlot) return;
    const slot = slotOf(batch, position);
    const waiting = this.#waiting.size === 0 ? undefined : this.#waiting.get(slot);
    const next = waiting?.shift();
    if (next !== undefined) this.#ready.push(next);
    else {
      this.#out[slot] = 0;
      if (waiting !== undefined) this.#waiting.delete(slot);
    }
  }

  /** Keeps a message, which was given out, until `line` lets it go. */
  hold(line: object | undefined, place: WindowPlace): void {
    if (line === undefined) return;
    const places = this.#held.get(line);
    if (places === undefined) this.#held.set(line, [place]);
    else places.push(place);
  }

  /** Gives the messages behind `line` out again, before all others of their slot that wait. */
  putBack(line: object): void {
    const places = this.#held.get(line);
    const [first] = places ?? [];
    if (places === undefined || first === undefined) return;
    this.#held.delete(line);
    const slot = slotOf(first.batch, first.position);
    const waiting = this.#waiting.get(slot) ?? [];
    const isOut = this.#out[slot] === 1;
    const readyAt = this.#ready.findIndex((place) => slotOf(place.batch, place.position) === slot);
    // One of the slot that was about to be given out steps back behind them.
    const ready = readyAt === -1 ? [] : this.#ready.splice(readyAt, 1);
    const all = [...places, ...ready, ...waiting];
    if (!isOut || readyAt !== -1) this.#ready.push(all.shift() as WindowPlace);
    this.#out[slot] = 1;
    this.#waiting.set(slot, all);
  }

  /** Forgets what is out and what waits, and starts over with these messages, in this order. */
  restart(places: WindowPlace[]): void {
    this.#out.fill(0);
    this.#waiting.clear();
    this.#ready = [];
    this.#held.clear();
    this.#urgent = [];
    this.#fresh = freshBatches();
    this.#startAgain(places);
  }

  #startAgain(places: WindowPlace[]): void {
    this.#again = places;
    this.#againAt = 0;
  }
}

function freshBatches(): WindowBatch[][] {
  return priorities.map(() => []);
}

function slotOf(batch: WindowBatch, position: number): number {
  return batch.stored.slotAt(batch.recordAt(position));
}
