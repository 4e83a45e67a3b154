// The process that runs cases of the fault suite, one after the other. Tells its parent what it
// found. Arguments: root directory, seed, first case, step, number of cases in all.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type CaseResult, runCase } from "./case.ts";
import { bytesOf } from "./places.ts";
import { makeWorlds } from "./world.ts";

/** What one process of the suite found. */
export interface RunReport {
  readonly cases: number;
  readonly counts: Readonly<Record<string, number>>;
  /** One line for each case that has any. */
  readonly violations: readonly string[];
}

/** Violations of one case that are named. */
const namedMax = 3;

const [root = "", ...numbers] = process.argv.slice(2);
const [seed = 1, first = 0, step = 1, all = 1] = numbers.map(Number);
const only = process.env["SPILLWAY_CASE"];
mkdirSync(root, { recursive: true });
const worlds = makeWorlds(root, seed).map((world) => ({
  ...world,
  bytes: bytesOf(world.directory),
}));
const counts: Record<string, number> = {};
const violations: string[] = [];
let cases = 0;

function count(name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function add({ number, moment, faults, said, ways, violations: found }: CaseResult): void {
  cases++;
  for (const { kind, file } of faults) count(`fault ${kind} ${file}`);
  count(`moment ${moment}`);
  count(`faults ${faults.length}`);
  count(`said ${said}`);
  for (const way of ways) count(`way ${way}`);
  const what = faults.map(({ text }) => text).join(" + ");
  if (found.length === 0) return;
  const more = found.length > namedMax ? ` and ${found.length - namedMax} more` : "";
  const text = found.slice(0, namedMax).join(" | ") + more;
  violations.push(`case ${number} (${moment}; ${what}): ${text}`);
}

for (let number = first; number < all; number += step) {
  if (only !== undefined && Number(only) !== number) continue;
  const result = await runCase({ root: join(root, "cases"), worlds }, seed, number);
  add(result);
  if (only !== undefined) console.log(result);
}
process.send?.({ cases, counts, violations } satisfies RunReport);
