// The cases of the study, in the order in which they are run. Values only.
import type { Fault, StudyCase } from "./study-run.ts";

const usualChain = 4;
const loads = [0.5, 1, 2, 3, 5] as const;
const chains = [2, 3, 4, 5, 6] as const;
const faults: readonly Fault[] = ["slow", "failing", "dead"];
const usualLoad = 0.5;

/** All of them, where orders come for so many seconds (three times as many around a fault). */
export function casesOf(seconds: number): readonly StudyCase[] {
  return [
    ...[2, usualChain].map((chain) => ({ group: "single", chain, load: 0, seconds }) as const),
    ...loads.map((load) => ({ group: "load", chain: usualChain, load, seconds }) as const),
    ...chains.map((chain) => ({ group: "chain", chain, load: usualLoad, seconds }) as const),
    ...faults.map((fault) => {
      const common = { group: "fault", chain: usualChain, load: usualLoad } as const;
      return { ...common, fault, seconds: 3 * seconds };
    }),
    { group: "burst", chain: usualChain, load: burstLoad, seconds: 2 * seconds },
  ];
}

/** On average what the chain can do, all of it in the first quarter of each period. */
export const burstLoad = 1;
/** Periods of a case with bursts. */
export const burstPeriods = 2;
export const burstShare = 0.25;
