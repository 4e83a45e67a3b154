// A bank and a carrier as the shop's services meet them: they take their time, they fail, and they
// keep books of their own. They honour idempotency keys, as real ones do. Always true: what they
// did is in their books, whether or not anybody heard of it.
import { type Clock, delay } from "../../../kernel/clock.ts";
import { seededRandom } from "../../../kernel/random.ts";
import type { JsonAnswer } from "../http/json-server.ts";
import { serviceTimeMs, slowFactor } from "../capacity.ts";

/** Share of the orders whose payment the bank declines. */
export const declinedShare = 0.02;

/** What is wrong with the bank right now; changed while it runs. */
export interface BankMood {
  slow: boolean;
  dead: boolean;
}

/** An entry of the bank's book. */
export interface Charge {
  readonly order: string;
  readonly cents: number;
  readonly result: "taken" | "declined";
  voided: boolean;
}

/** The bank as one side of the demo knows it: a book for each side. */
export class Bank {
  /** By idempotency key. */
  readonly charges = new Map<string, Charge>();
  /** Orders that were charged once more than they should, and got nothing back. */
  doubled = 0;
  readonly #takenOf = new Map<string, number>();
  readonly #voids = new Set<string>();
  readonly #underWay = new Map<string, Promise<JsonAnswer>>();
  readonly #clock: Clock;
  readonly #seed: number;
  readonly #mood: BankMood;

  constructor(clock: Clock, seed: number, mood: BankMood) {
    this.#clock = clock;
    this.#seed = seed;
    this.#mood = mood;
  }

  /** Takes money, or declines; the same key is charged once. */
  charge(key: string, order: string, cents: number): Promise<JsonAnswer> {
    // A repeat that comes while the first is under way gets the same answer.
    const before = this.#underWay.get(key);
    if (before !== undefined) return before;
    const answer = this.#charge(key, order, cents).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, answer);
    return answer;
  }

  async #charge(key: string, order: string, cents: number): Promise<JsonAnswer> {
    const chance = chanceOf(this.#seed, order);
    await this.#work(chance);
    if (this.#mood.dead) return { status: 503, body: { error: "the bank is down" } };
    if (this.#voids.has(key)) return { status: 410, body: { result: "voided" } };
    let charge = this.charges.get(key);
    if (charge === undefined) {
      const result = chance.declined ? "declined" : "taken";
      charge = { order, cents, result, voided: false };
      this.charges.set(key, charge);
      if (result === "taken") this.#count(order, 1);
    }
    return { status: charge.result === "taken" ? 201 : 402, body: { result: charge.result } };
  }

  /** Gives back what was taken under this key; what comes later under it is refused. */
  async void(key: string, order: string): Promise<JsonAnswer> {
    await this.#work(chanceOf(this.#seed, order));
    if (this.#mood.dead) return { status: 503, body: { error: "the bank is down" } };
    this.#voids.add(key);
    const charge = this.charges.get(key);
    if (charge?.result === "taken" && !charge.voided) this.#count(order, -1);
    if (charge !== undefined) charge.voided = true;
    return { status: 200, body: { result: "voided" } };
  }

  #count(order: string, change: 1 | -1): void {
    const before = this.#takenOf.get(order) ?? 0;
    this.#takenOf.set(order, before + change);
    if (Math.max(before, before + change) > 1) this.doubled += change;
  }

  async #work(chance: OrderChance): Promise<void> {
    const factor = this.#mood.slow ? slowFactor : 1;
    await delay(this.#clock, serviceTimeMs.bank * chance.speed * factor);
  }
}

/** A parcel that was fetched. */
export interface Parcel {
  readonly order: string;
  readonly quantity: number;
}

/** The carrier as one side knows it. */
export class Carrier {
  /** By idempotency key. */
  readonly parcels = new Map<string, Parcel>();
  /** Parcels beyond the first of an order. */
  doubled = 0;
  /** By order: monotonic time at which its first parcel was fetched. */
  readonly fetchedMs = new Map<string, number>();
  readonly #clock: Clock;
  readonly #seed: number;

  constructor(clock: Clock, seed: number) {
    this.#clock = clock;
    this.#seed = seed;
  }

  /** Fetches a parcel; the same key is fetched once. */
  async fetch(key: string, order: string, quantity: number): Promise<JsonAnswer> {
    await delay(this.#clock, serviceTimeMs.carrier * chanceOf(this.#seed, order).speed);
    if (!this.parcels.has(key)) {
      this.parcels.set(key, { order, quantity });
      if (this.fetchedMs.has(order)) this.doubled++;
      else this.fetchedMs.set(order, this.#clock.monotonicMs());
    }
    return { status: 201, body: { result: "fetched" } };
  }
}

interface OrderChance {
  /** From half to one and a half. */
  readonly speed: number;
  readonly declined: boolean;
}

/** What an order is in for: the same on both sides, because it depends on nothing but the order. */
function chanceOf(seed: number, order: string): OrderChance {
  let hash = seed >>> 0;
  for (let index = 0; index < order.length; index++) {
    hash = Math.imul(hash ^ order.charCodeAt(index), 0x01000193);
  }
  const random = seededRandom(hash);
  return { declined: random.float() < declinedShare, speed: 0.5 + random.float() };
}
