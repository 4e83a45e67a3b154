// Messages that may start, in the order in which they should: by priority, with a share for what
// is overdue, and between tenants by deficit round robin. Knows nothing of rates or handlers.
// Always true: of each `every` messages given out one is the overdue message that waits longest,
// where there is one; a tenant with something to do is given its weight in each round of its log.
import { Deque } from "./deque.ts";
import type { Waiting } from "./waiting.ts";

/** In which order. */
export interface QueueOrder {
  /** Starts in one round; undefined: tenants are not told apart. */
  readonly weightOf: ((tenant: string | undefined) => number) | undefined;
  readonly ageing: { readonly afterMs: number; readonly every: number } | undefined;
  wallMs(): number;
}

/** Most tenants of one log that are told apart; further ones share one place in the round. */
export const tenantsMax = 1_000;
const otherTenants = "(others)";
/** Entries that were taken and are still listed by age, besides as many as there are. */
const goneMax = 1_024;

interface Entry {
  readonly waiting: Waiting;
  readonly turn: Turn;
  isGone: boolean;
}

/** A tenant's place in the round. */
interface Turn {
  readonly name: string | undefined;
  readonly entries: Deque<Entry>;
  size: number;
  /** Starts that it has left in this round. */
  deficit: number;
  isInRound: boolean;
}

/** See the head of this file. */
export class FairQueue {
  readonly #order: QueueOrder;
  readonly #lanes = [new Lane(), new Lane(), new Lane()];
  #size = 0;
  #given = 0;

  constructor(order: QueueOrder) {
    this.#order = order;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a message behind, or before, the others of its log and tenant. */
  add(waiting: Waiting, where: "behind" | "before" = "behind"): void {
    const { ageing, weightOf } = this.#order;
    const lane = this.#lanes[ageing === undefined ? 0 : waiting.lane] as Lane;
    lane.add(waiting, weightOf === undefined ? undefined : waiting.tenant, where);
    this.#size++;
  }

  /** Takes the next message out. */
  take(): Waiting | undefined {
    if (this.#size === 0) return undefined;
    this.#size--;
    const overdue = this.#overdue();
    if (overdue !== undefined) return overdue.takeOldest();
    const lane = this.#lanes.find((each) => each.size > 0) as Lane;
    return lane.takeNext(this.#order.weightOf);
  }

  /** The log whose overdue message has its turn. */
  #overdue(): Lane | undefined {
    const { ageing } = this.#order;
    if (ageing === undefined || ++this.#given % ageing.every !== 0) return undefined;
    let found: Lane | undefined;
    let foundMs = this.#order.wallMs() - ageing.afterMs;
    for (const lane of this.#lanes.slice(1)) {
      const oldestMs = lane.oldest?.storedAtMs ?? Number.POSITIVE_INFINITY;
      if (oldestMs > foundMs) continue;
      found = lane;
      foundMs = oldestMs;
    }
    return found;
  }

  *[Symbol.iterator](): Generator<Waiting> {
    for (const lane of this.#lanes) yield* lane.all();
  }
}

/** The messages of one log. */
class Lane {
  size = 0;
  readonly #byAge = new Deque<Entry>();
  readonly #turns = new Map<string | undefined, Turn>();
  /** Those that have something to do, the one whose turn it is first. */
  readonly #round = new Deque<Turn>();

  add(waiting: Waiting, tenant: string | undefined, where: "behind" | "before"): void {
    const turn = this.#turnOf(tenant);
    const entry = { waiting, turn, isGone: false };
    if (where === "behind") {
      turn.entries.push(entry);
      this.#byAge.push(entry);
    } else {
      turn.entries.unshift(entry);
      this.#byAge.unshift(entry);
    }
    this.size++;
    turn.size++;
    if (turn.isInRound) return;
    turn.isInRound = true;
    this.#round.push(turn);
  }

  #turnOf(tenant: string | undefined): Turn {
    const known = this.#turns.get(tenant);
    if (known !== undefined) return known;
    const name = this.#turns.size < tenantsMax ? tenant : otherTenants;
    let turn = this.#turns.get(name);
    if (turn === undefined) {
      turn = { name, entries: new Deque(), size: 0, deficit: 0, isInRound: false };
      this.#turns.set(name, turn);
    }
    return turn;
  }

  get oldest(): Waiting | undefined {
    while (this.#byAge.first?.isGone === true) this.#byAge.shift();
    return this.#byAge.first?.waiting;
  }

  /** Takes what oldest said. */
  takeOldest(): Waiting {
    return this.#take(this.#byAge.shift() as Entry);
  }

  takeNext(weightOf: QueueOrder["weightOf"]): Waiting {
    for (;;) {
      const turn = this.#round.first as Turn;
      while (turn.entries.first?.isGone === true) turn.entries.shift();
      const entry = turn.entries.shift();
      if (entry === undefined) {
        this.#round.shift();
        turn.isInRound = false;
        this.#turns.delete(turn.name);
        continue;
      }
      if (turn.deficit < 1) turn.deficit += weightOf?.(turn.name) ?? 1;
      turn.deficit--;
      if (turn.deficit < 1) {
        this.#round.shift();
        this.#round.push(turn);
      }
      return this.#take(entry);
    }
  }

  #take(entry: Entry): Waiting {
    entry.isGone = true;
    entry.turn.size--;
    this.size--;
    if (this.#byAge.length > 2 * this.size + goneMax) this.#byAge.keep(({ isGone }) => !isGone);
    return entry.waiting;
  }

  *all(): Generator<Waiting> {
    for (const { waiting, isGone } of this.#byAge) if (!isGone) yield waiting;
  }
}
