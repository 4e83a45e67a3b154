// Messages that wait for later ones of their key, which take their place. Stands before the order
// by key. Knows nothing of rates or handlers. Always true: of each key and type one message waits;
// what takes a place is stored behind what it replaces, and messages of one key are let go in the
// order in which they were stored. At most as many wait as are in the window.
import { DueQueue } from "../delivery/due-queue.ts";
import type { WindowPlace } from "../delivery/window.ts";
import type { Clock } from "../kernel/clock.ts";
import type { FlowOptions } from "./flow-control.ts";
import { type FlowMessage, StoredFlowMessage } from "./flow-message.ts";

/** When and by what messages are taken together. */
export interface CoalesceRule {
  readonly by: "key" | ((message: FlowMessage) => string | undefined);
  /** When the last one is handled, from when the first and the last were stored. */
  dueAtMs(firstAtMs: number, lastAtMs: number): number;
}

/** The rule of a flow control; undefined: every message is handled. */
export function coalesceRuleOf({ coalesce, debounce }: FlowOptions): CoalesceRule | undefined {
  if (coalesce !== undefined) {
    const { withinMs, by = "key" } = coalesce;
    return { by, dueAtMs: (firstAtMs) => firstAtMs + withinMs };
  }
  if (debounce === undefined) return undefined;
  const { quietMs, waitMsMax = quietMs * 10, by = "key" } = debounce;
  return {
    by,
    dueAtMs: (firstAtMs, lastAtMs) => Math.min(firstAtMs + waitMsMax, lastAtMs + quietMs),
  };
}

interface Pending {
  readonly id: string;
  readonly firstAtMs: number;
  lastAtMs: number;
  /** By type, in the order in which they were stored. */
  readonly places: Map<string, WindowPlace>;
}

/** Whom it tells. */
export interface CoalescingHost {
  /** A later message takes this one's place. */
  passOver(place: WindowPlace): void;
  /** These have waited long enough. */
  letGo(places: WindowPlace[]): void;
  valueOf(rule: string, by: CoalesceRule["by"], message: FlowMessage): string | undefined;
}

/** See the head of this file. */
export class Coalescing {
  readonly #clock: Clock;
  readonly #host: CoalescingHost;
  readonly #due: DueQueue<Pending>;
  readonly #pending = new Map<string, Pending>();
  #rule: CoalesceRule;

  constructor(clock: Clock, rule: CoalesceRule, host: CoalescingHost) {
    this.#clock = clock;
    this.#rule = rule;
    this.#host = host;
    this.#due = new DueQueue(clock, (pending) => this.#look(pending));
  }

  /** Keys that wait. */
  get size(): number {
    return this.#pending.size;
  }

  /** Takes a message; false: it need not wait for others. */
  add(place: WindowPlace): boolean {
    const { batch, position } = place;
    if (batch.open?.has(position) === true) return false;
    const { stored, lane } = batch;
    const message = new StoredFlowMessage(stored, batch.recordAt(position));
    const value = this.#host.valueOf("coalesce", this.#rule.by, message);
    if (value === undefined) return false;
    const id = `${lane} ${value}`;
    const known = this.#pending.get(id);
    const lastAtMs = stored.appendedAtMs;
    if (known === undefined) {
      const places = new Map([[message.type, place]]);
      const pending: Pending = { id, firstAtMs: lastAtMs, lastAtMs, places };
      this.#pending.set(id, pending);
      this.#due.add(pending, this.#rule.dueAtMs(lastAtMs, lastAtMs));
      return true;
    }
    known.lastAtMs = lastAtMs;
    const replaced = known.places.get(message.type);
    // Behind those of other types, which were stored before it.
    known.places.delete(message.type);
    known.places.set(message.type, place);
    if (replaced !== undefined) this.#host.passOver(replaced);
    return true;
  }

  /** When a message that waits here is let go, wall ms; undefined: it is not here. */
  dueAtMs({ batch, position }: WindowPlace): number | undefined {
    for (const { firstAtMs, lastAtMs, places } of this.#pending.values()) {
      for (const place of places.values()) {
        if (place.batch !== batch || place.position !== position) continue;
        return this.#rule.dueAtMs(firstAtMs, lastAtMs);
      }
    }
    return undefined;
  }

  /** Lets everything go that `test` names. */
  sweep(test: (place: WindowPlace) => boolean): void {
    for (const pending of this.#pending.values()) {
      for (const [type, place] of pending.places) {
        if (!test(place)) continue;
        pending.places.delete(type);
        this.#host.letGo([place]);
      }
    }
  }

  /** Another rule counts from now on. */
  change(rule: CoalesceRule): void {
    this.#rule = rule;
    for (const pending of this.#pending.values()) this.#look(pending);
  }

  /** Everything goes, at once. */
  end(): void {
    for (const pending of this.#pending.values()) this.#host.letGo([...pending.places.values()]);
    this.clear();
  }

  /** Forgets everything. */
  clear(): void {
    this.#pending.clear();
    this.#due.clear();
  }

  #look(pending: Pending): void {
    if (this.#pending.get(pending.id) !== pending) return;
    const dueAtMs = this.#rule.dueAtMs(pending.firstAtMs, pending.lastAtMs);
    if (dueAtMs > this.#clock.wallMs()) return this.#due.add(pending, dueAtMs);
    this.#pending.delete(pending.id);
    if (pending.places.size > 0) this.#host.letGo([...pending.places.values()]);
  }
}
