// The process that damages journals, one fault after the other, and looks at each. Tells its parent
// what it found. Arguments: root directory, seed, number of faults.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../../src/kernel/random.ts";
import { applyFault, faultKinds } from "./damage-faults.ts";
import { lookAt } from "./damage-look.ts";
import { makeScenes } from "./damage-scene.ts";

const [root = "", seedText = "1", countText = "1"] = process.argv.slice(2);
const seed = Number(seedText);
const scenes = await makeScenes(root);
const counts: Record<string, number> = {};
const violations: string[] = [];
const only = process.env["SPILLWAY_FAULT"];
let faults = 0;
for (let number = 0; faults < Number(countText); number++) {
  // Each fault has a seed of its own, so that one can be repeated alone.
  const random = seededRandom(seed * 1_000_003 + number);
  const scene = scenes[random.uint32() % 4 === 0 ? 0 : 1];
  const kind = faultKinds[random.uint32() % faultKinds.length];
  if (scene === undefined || kind === undefined) throw new Error("no scene");
  if (only !== undefined && Number(only) !== number) {
    if (number > Number(only)) break;
    continue;
  }
  const directory = join(root, `fault-${number}`);
  cpSync(scene.directory, directory, { recursive: true });
  const done = applyFault(scene, directory, kind, random);
  if (done !== undefined) {
    faults++;
    const verdict = await lookAt(directory, scene.expected);
    const name = `${kind}: ${verdict.kind}`;
    counts[name] = (counts[name] ?? 0) + 1;
    for (const violation of verdict.violations) {
      violations.push(`fault ${number} (${scene.name}, ${done}): ${violation}`);
    }
    if (only !== undefined) console.log(number, scene.name, done, verdict);
  }
  rmSync(directory, { recursive: true, force: true });
}
process.send?.({ faults, counts, violations });
