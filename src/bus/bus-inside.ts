// What the testing kit may see of a bus that its users may not: its settings, and every call of a
// handler. Owns the door and nothing behind it. Always true: a bus that nobody watches is called
// exactly as before.
import type { AnyMessage } from "../contracts/contract.ts";
import type { ConsumeMiddleware } from "../delivery/handler-context.ts";
import { HandlerRun } from "../delivery/handler-run.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Bus } from "./bus.ts";
import type { BusSettings } from "./bus-options.ts";
import type { GroupRegistry } from "./group-registry.ts";

/** One call of a handler, as it begins. */
export interface WatchedCall {
  readonly group: string;
  readonly message: AnyMessage;
  readonly attempt: number;
}

/** Told of a call when it begins; what it gives is told how the call ended. */
export type CallWatcher = (call: WatchedCall) => (ended: { readonly error?: unknown }) => void;

/** The inside of one bus. */
export class BusInside {
  readonly settings: BusSettings;
  readonly groups: GroupRegistry;
  readonly #middleware: ConsumeMiddleware[];
  readonly #watchers = new Set<CallWatcher>();
  #isInstalled = false;

  /** `middleware` is the list that the bus's subscriptions read at every call. */
  constructor(settings: BusSettings, groups: GroupRegistry, middleware: ConsumeMiddleware[]) {
    this.settings = settings;
    this.groups = groups;
    this.#middleware = middleware;
  }

  /** Watches every call from now on, outside of all middleware; returns how to stop. */
  watch(watcher: CallWatcher): () => void {
    this.#watchers.add(watcher);
    this.#install();
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /** Takes the first place without moving the others: calls under way count on their places. */
  #install(): void {
    if (this.#isInstalled) return;
    this.#isInstalled = true;
    const [first] = this.#middleware;
    this.#middleware[0] = async (message, context, next) => {
      const inner = async (): Promise<void> => {
        await (first === undefined ? next() : first(message, context, next));
      };
      if (!(context instanceof HandlerRun)) return inner();
      const { group, attempt } = context;
      const ends = Array.from(this.#watchers, (watcher) => watcher({ group, message, attempt }));
      try {
        await inner();
        for (const end of ends) end({});
      } catch (error) {
        for (const end of ends) end({ error });
        throw error;
      }
    };
  }
}

const insides = new WeakMap<Bus, BusInside>();

/** Opens the door; called by the bus itself. */
export function keepInside(bus: Bus, inside: BusInside): void {
  insides.set(bus, inside);
}

/** The inside of a bus; throws INVALID_ARGUMENT for anything that createBus() did not give. */
export function insideOf(bus: Bus, call: string): BusInside {
  const inside = insides.get(bus);
  if (inside !== undefined) return inside;
  throw new SpillwayError("INVALID_ARGUMENT", `${call}: give a bus that createBus() has made`);
}
