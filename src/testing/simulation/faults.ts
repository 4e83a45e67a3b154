// The faults that a simulation injects, the steps at which it does, and the count of both. Plain
// data and its drawing. Always true: the same numbers give the same faults.
import type { Random } from "../../kernel/random.ts";

/**
 * Where a fault can strike: every request to the engine, every commit, a doorbell that rings, a
 * publish, and a handler that begins or ends.
 */
export const stepKinds = [
  "open",
  "declare",
  "join",
  "transact",
  "release",
  "commit",
  "ring",
  "publish",
  "handler-start",
  "handler-end",
] as const;
/** One of them. */
export type StepKind = (typeof stepKinds)[number];

/**
 * What can happen. "crash": the process is killed. "power-cut": all are, and what was not committed
 * is torn off at some byte. "freeze", "stall": the process, or its machine, stands still. "jump":
 * its wall clock jumps by hours. "suspect": others take it for dead although it lives, so that its
 * units are refused and its messages come again elsewhere. "slow": the step takes long. "reorder":
 * others overtake it. "drop": the doorbell is not heard. "disk-fails": a commit fails, before it
 * took effect or after. "disk-full": it fails for want of space.
 */
export const faultKinds = [
  "crash",
  "power-cut",
  "freeze",
  "stall",
  "jump",
  "suspect",
  "slow",
  "reorder",
  "drop",
  "disk-fails",
  "disk-full",
] as const;
/** One of them. */
export type FaultKind = (typeof faultKinds)[number];

/** One planned fault: it strikes at the `nth` step of a kind, counted from the beginning. */
export interface Fault {
  readonly kind: FaultKind;
  readonly at: StepKind;
  readonly nth: number;
  /** How long, how far or where exactly, from 0 to 1; each kind reads it in its own way. */
  readonly amount: number;
}

/** Steps that take time of their own, so that they can be slow or be overtaken. */
const waitingSteps: readonly StepKind[] = stepKinds.filter((step) => step !== "commit");
const commits: readonly StepKind[] = ["commit"];
const bells: readonly StepKind[] = ["ring"];

/** The steps at which a kind of fault can strike. */
export function stepsOf(kind: FaultKind): readonly StepKind[] {
  if (kind === "slow" || kind === "reorder") return waitingSteps;
  if (kind === "drop") return bells;
  return kind === "disk-fails" || kind === "disk-full" ? commits : stepKinds;
}

/** How many steps of each kind a run has at the least, about; the plan draws within that. */
const usual: Readonly<Record<StepKind, number>> = {
  open: 3,
  declare: 6,
  join: 6,
  transact: 120,
  release: 2,
  commit: 160,
  ring: 60,
  publish: 150,
  "handler-start": 300,
  "handler-end": 280,
};

/** Faults of one run, at least and at most. */
export const faultsOfRun = { min: 6, max: 10 } as const;

/** The faults of a run. */
export function drawFaults(random: Random): Fault[] {
  const spread = faultsOfRun.max - faultsOfRun.min + 1;
  const count = faultsOfRun.min + Math.floor(random.float() * spread);
  const faults: Fault[] = [];
  while (faults.length < count) {
    const kind = drawOne(faultKinds, random);
    const at = drawOne(stepsOf(kind), random);
    const nth = 1 + Math.floor(random.float() * usual[at]);
    faults.push({ kind, at, nth, amount: random.float() });
  }
  return faults;
}

/** One of them, each as likely as the others. */
export function drawOne<Item>(items: readonly Item[], random: Random): Item {
  return items[Math.floor(random.float() * items.length)] as Item;
}

/** How often each kind of fault struck at each kind of step. */
export class Coverage {
  readonly #counts = new Map<string, number>();

  /** Counts one. */
  add(kind: FaultKind, at: StepKind, count = 1): void {
    const name = `${kind} at ${at}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  /** Adds the counts of another run. */
  addAll(counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts)) {
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
    }
  }

  /** All counts, by "kind at step". */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** Combinations that never happened. */
  get missing(): readonly string[] {
    return faultKinds
      .flatMap((kind) => stepsOf(kind).map((at) => `${kind} at ${at}`))
      .filter((name) => !this.#counts.has(name));
  }
}
