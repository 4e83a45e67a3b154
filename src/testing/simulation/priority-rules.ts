// Whether messages of high priority go first: judged where one process reads a group that nothing
// else keeps in another order, while no fault strikes. Owns what is known of messages that wait.
// Always true: what is reported waited although the process had time to fetch it, and handled
// others meanwhile.
import { logName, type Call } from "./recorder.ts";
import type { GroupPlan } from "./scenario.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** After so long a process has fetched what is stored, where nothing is in its way. */
const fetchedMs = 800;
/** One of so many calls may be of lower priority, and a few more that had begun. */
const callsPerOther = 4;
const others = 4;

/** A message of high priority that waits. */
interface Waiting {
  readonly storedAtMs: number;
  /** Calls that went before it, since it must have been fetched. */
  lower: number;
  high: number;
}

/** See the head of this file. */
export class PriorityRules {
  readonly #plan: GroupPlan;
  readonly #world: World;
  readonly #waiting = new Map<string, Waiting>();
  readonly #high: string;
  /** Messages that were called for at least once: those that are tried again have waited. */
  readonly #seen = new Set<string>();

  constructor(plan: GroupPlan, world: World) {
    this.#plan = plan;
    this.#world = world;
    this.#high = logName(plan.channel, "high");
    const { order, members, ages, perSecond } = plan;
    const isPlain = order === "none" && members.length === 1 && !ages && perSecond === undefined;
    if (isPlain) world.recorder.onStored((log, id) => this.#stored(log, id));
  }

  #stored(log: string, id: string): void {
    const storedAtMs = this.#world.nowMs;
    // One whose publish is repeated may have been called for already.
    if (log !== this.#high || this.#seen.has(id)) return;
    this.#waiting.set(id, { storedAtMs, lower: 0, high: 0 });
  }

  /** A handler is called. */
  begun({ id, log }: Call, { clock }: SimulatedProcess): void {
    this.#waiting.delete(id);
    const { nowMs, faults } = this.#world;
    const isFirst = !this.#seen.has(id);
    this.#seen.add(id);
    const calmMs = nowMs - Math.max(faults.struckAtMs, clock.runsSinceMs);
    for (const [waiting, each] of this.#waiting) {
      if (calmMs <= fetchedMs) each.lower = each.high = 0;
      else if (isFirst && nowMs - each.storedAtMs > fetchedMs) {
        if (log === this.#high) each.high++;
        else this.#pass(waiting, each);
      }
    }
  }

  #pass(id: string, each: Waiting): void {
    const { concurrency, name } = this.#plan;
    const lowerMax = others + concurrency + each.high / callsPerOther;
    if (++each.lower <= lowerMax) return;
    this.#waiting.delete(id);
    const text = `${id} of high priority waits while ${each.lower} others are handled`;
    this.#world.recorder.trouble(`group ${name}: ${text}`);
  }
}
