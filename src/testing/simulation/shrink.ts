// Makes a scenario that fails smaller, as long as it still fails: without faults, groups and
// messages that are not needed. Knows nothing of what it runs. Always true: what it returns failed
// when it was last run; it runs at most `runsMax` scenarios.
import type { Scenario } from "./scenario.ts";

/** Most runs of one shrinking. */
export const shrinkRunsMax = 60;

/** Runs a scenario; whether it still fails. */
export type StillFails = (scenario: Scenario) => Promise<boolean>;

/** A smaller scenario that fails, too. */
export async function shrink(
  failing: Scenario,
  stillFails: StillFails,
  runsMax: number = shrinkRunsMax,
): Promise<Scenario> {
  let smallest = failing;
  let runs = 0;
  const attempt = async (candidate: Scenario): Promise<boolean> => {
    if (runs++ >= runsMax || !(await stillFails(candidate))) return false;
    smallest = candidate;
    return true;
  };
  for (const fault of failing.faults) {
    await attempt({ ...smallest, faults: smallest.faults.filter((each) => each !== fault) });
  }
  for (const group of failing.groups.slice(1)) {
    await attempt({ ...smallest, groups: smallest.groups.filter((each) => each !== group) });
  }
  await attempt({ ...smallest, groups: smallest.groups.slice(1) });
  for (let size = Math.ceil(failing.messages.length / 2); size >= 1 && runs < runsMax; ) {
    let isSmaller = false;
    for (let from = 0; from < smallest.messages.length && runs < runsMax; ) {
      const messages = smallest.messages.toSpliced(from, size);
      if (messages.length > 0 && (await attempt({ ...smallest, messages }))) isSmaller = true;
      else from += size;
    }
    if (!isSmaller) size = Math.floor(size / 2);
  }
  return smallest;
}

/** A scenario in a few lines, for people. */
export function describeScenario(scenario: Scenario): string {
  const { seed, processes, groups, messages, faults } = scenario;
  const lines = [
    `seed ${seed}: ${processes} processes, ${messages.length} messages`,
    ...groups.map((group) => `  group ${JSON.stringify(group)}`),
    ...faults.map(({ kind, at, nth, amount }) => {
      return `  fault ${kind} at ${at} ${nth}, ${amount.toFixed(3)}`;
    }),
  ];
  return lines.join("\n");
}
