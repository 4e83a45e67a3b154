/**
 * Tests the tests: `npm run mutation -- [area…] [part of a path…] [--concurrency=n] [--fresh]`.
 * Changes the sources of an area in thousands of small ways, one at a time, and runs the tests that
 * reach the change. What earlier runs have shown is kept, and not run again unless `--fresh`.
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Stryker } from "@stryker-mutator/core";
import { areas, sourcesOf, testsOf, type Area } from "./mutation/areas.ts";
import { addToRecord } from "./mutation/record.ts";
import { resultsByFile } from "./mutation/results.ts";
import { testsOption } from "./mutation/stryker-runner.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const words = process.argv.slice(2);
const isArea = (word: string): boolean => areas.some(({ name }) => name === word);
const chosen = areas.filter(({ name }) => words.includes(name));
const filters = words.filter((word) => !word.startsWith("--") && !isArea(word));
const concurrency = Number(words.find((word) => word.startsWith("--concurrency="))?.slice(14) ?? 1);

/** What cannot be meant, for people. */
function misunderstood(): string | undefined {
  for (const word of words.filter((each) => each.startsWith("--"))) {
    if (word === "--fresh" || /^--concurrency=[1-9]\d*$/.test(word)) continue;
    return `unknown switch ${word}: there are --concurrency=n and --fresh`;
  }
  const sources = (chosen.length > 0 ? chosen : areas).flatMap((area) => sourcesOf(root, area));
  const empty = filters.find((filter) => !sources.some((path) => path.includes(filter)));
  if (empty === undefined) return undefined;
  const names = areas.map(({ name }) => name).join(", ");
  return `'${empty}' is neither an area (${names}) nor part of a source's path in one`;
}

async function runArea(area: Area): Promise<void> {
  const sources = sourcesOf(root, area).filter(
    (path) => filters.length === 0 || filters.some((filter) => path.includes(filter)),
  );
  if (sources.length === 0) return;
  const mutants = await new Stryker({
    mutate: sources,
    testRunner: "spillway",
    [testsOption]: { files: testsOf(root, area), leftOut: area.leftOut },
    plugins: [`${root}scripts/mutation/stryker-plugins.ts`],
    ignorers: ["prose"],
    coverageAnalysis: "perTest",
    concurrency,
    disableTypeChecks: false,
    ignorePatterns: ["benchmarks", "docs", "dist", ".cache", ".ci"],
    tempDirName: ".cache/mutation-sandbox",
    cleanTempDir: "always",
    incremental: true,
    incrementalFile: `.cache/mutation/${area.name}.json`,
    force: words.includes("--fresh"),
    reporters: ["progress-append-only"],
    // The runner limits each test; this is the last resort.
    timeoutMS: 600_000,
    dryRunTimeoutMinutes: 30,
    allowConsoleColors: false,
    warnings: false,
  }).runMutationTest();
  // Stryker repeats what it knows of files that were not asked for.
  const asked = new Set(sources);
  const found = mutants.filter(({ fileName }) => asked.has(relative(root, fileName)));
  const results = resultsByFile(root, found);
  addToRecord(root, results);
  for (const [path, { counts, survivors }] of results) {
    console.log(`${path}: ${JSON.stringify(counts)}`);
    for (const { original, replacement, line, uncovered } of survivors) {
      console.log(`   ${uncovered ? "not reached" : "survived"}  ${original} → ${replacement}`);
      console.log(`      in: ${line}`);
    }
  }
}

const fault = misunderstood();
if (fault !== undefined) {
  console.error(`mutation: ${fault}`);
  process.exit(2);
}
process.chdir(root);
for (const area of chosen.length > 0 ? chosen : areas) await runArea(area);
