// Messages that may start, in the order in which they should: by priority, with a share for what
// is overdue, and between tenants by deficit round robin. Knows nothing of rates or handlers.
// Always true: of each `every` messages given out one is the overdue message that waits longest,
// where there is one; a tenant with something to do is given its weight in each round of its log.
import { priorities } from "../message/envelope.ts";
import { Turn, type Waiting } from "./waiting.ts";

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

/** See the head of this file. */
export class FairQueue {
  readonly #order: QueueOrder;
  readonly #lanes: readonly Lane[];
  #size = 0;
  #given = 0;

  constructor(order: QueueOrder) {
    this.#order = order;
    this.#lanes = priorities.map(() => new Lane(order.weightOf));
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
    for (const lane of this.#lanes) if (lane.oldest !== undefined) return lane.takeNext();
    return undefined;
  }

  /** The log whose overdue message has its turn. */
  #overdue(): Lane | undefined {
    const { ageing } = this.#order;
    if (ageing === undefined || ++this.#given % ageing.every !== 0) return undefined;
    let found: Lane | undefined;
    let foundMs = this.#order.wallMs() - ageing.afterMs;
    for (let index = 1; index < this.#lanes.length; index++) {
      const lane = this.#lanes[index] as Lane;
      const oldestMs = lane.oldest?.storedAtMs ?? Number.POSITIVE_INFINITY;
      if (oldestMs > foundMs) continue;
      found = lane;
      foundMs = oldestMs;
    }
    return found;
  }

  /** Takes everything out: by log, and in each what was added first. */
  drain(): Waiting[] {
    const all: Waiting[] = [];
    for (const lane of this.#lanes) {
      while (lane.oldest !== undefined) all.push(lane.takeOldest());
    }
    this.#size = 0;
    return all;
  }

  /** By log, and in each what was added first. */
  *[Symbol.iterator](): Generator<Waiting> {
    for (const lane of this.#lanes) {
      for (let each = lane.oldest; each !== undefined; each = each.younger) yield each;
    }
  }
}

/** The messages of one log. */
class Lane {
  oldest: Waiting | undefined = undefined;
  #youngest: Waiting | undefined = undefined;
  readonly #weightOf: QueueOrder["weightOf"];
  readonly #turns = new Map<string | undefined, Turn>();
  /** Of those that have something to do the one whose turn it is, and the last one. */
  #current: Turn | undefined = undefined;
  #last: Turn | undefined = undefined;

  constructor(weightOf: QueueOrder["weightOf"]) {
    this.#weightOf = weightOf;
  }

  add(waiting: Waiting, tenant: string | undefined, where: "behind" | "before"): void {
    const turn = this.#turnOf(tenant);
    if (where === "behind") {
      turn.push(waiting);
      waiting.older = this.#youngest;
      if (this.#youngest === undefined) this.oldest = waiting;
      else this.#youngest.younger = waiting;
      this.#youngest = waiting;
    } else {
      turn.unshift(waiting);
      waiting.younger = this.oldest;
      if (this.oldest === undefined) this.#youngest = waiting;
      else this.oldest.older = waiting;
      this.oldest = waiting;
    }
    if (!turn.isInRound) this.#join(turn);
  }

  #turnOf(tenant: string | undefined): Turn {
    const known = this.#turns.get(tenant);
    if (known !== undefined) return known;
    const name = this.#turns.size < tenantsMax ? tenant : otherTenants;
    let turn = this.#turns.get(name);
    if (turn === undefined) {
      turn = new Turn(name, this.#weightOf?.(name) ?? 1);
      this.#turns.set(name, turn);
    }
    return turn;
  }

  #join(turn: Turn): void {
    turn.isInRound = true;
    if (this.#last === undefined) this.#current = turn;
    else this.#last.next = turn;
    this.#last = turn;
  }

  /** Goes on to the next one in the round. */
  #pass(turn: Turn): void {
    this.#current = turn.next;
    if (this.#current === undefined) this.#last = undefined;
    turn.next = undefined;
    turn.isInRound = false;
  }

  /** Takes `oldest`. */
  takeOldest(): Waiting {
    return this.#take(this.oldest as Waiting);
  }

  /** Takes the next one; there is one. */
  takeNext(): Waiting {
    for (;;) {
      const turn = this.#current as Turn;
      const waiting = turn.first;
      if (waiting === undefined) {
        this.#pass(turn);
        this.#turns.delete(turn.name);
        continue;
      }
      if (turn.deficit < 1) turn.deficit += turn.weight;
      turn.deficit--;
      if (turn.deficit < 1 && turn !== this.#last) {
        this.#pass(turn);
        this.#join(turn);
      }
      return this.#take(waiting);
    }
  }

  #take(waiting: Waiting): Waiting {
    const { older, younger } = waiting;
    if (older === undefined) this.oldest = younger;
    else older.younger = younger;
    if (younger === undefined) this.#youngest = older;
    else younger.older = older;
    waiting.older = undefined;
    waiting.younger = undefined;
    waiting.turn?.remove(waiting);
    return waiting;
  }
}
