/**
 * The areas whose tests are tested, their sources, and the tests that their mutants meet: quick
 * ones, in one process. Suites that start processes, wait for real leases or measure are left out:
 * what only they would notice counts as survived.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** One part of the product. */
export interface Area {
  readonly name: string;
  /** The folder of its sources. */
  readonly sources: string;
  /** Folders of tests, and single files. */
  readonly tests: readonly string[];
  /** Tests that mutants do not meet, by what their names hold. */
  readonly leftOut: readonly string[];
}

/**
 * Tests of both transports run on the one in memory, since the other one starts threads; and what
 * takes as long as a hundred others, thousands of messages or rounds, would be most of a run.
 */
const otherTransport = "embedded";
const long = [
  "whatever fails, whoever comes and goes",
  "refused units change nothing of that",
  "another process knows the number",
  "every key comes out whole, in order, once",
  "transfers by several members at once",
  "a hot row costs waiting",
  "a downstream that is away for 30 s",
];

const deliveryTests = [
  "src/delivery",
  "src/recovery",
  "test/integration/delivery",
  "test/integration/recovery",
  "test/integration/dead-letters/horizon.test.ts",
  "test/integration/dead-letters/letters.test.ts",
  "test/integration/dead-letters/redrive.test.ts",
  "test/integration/sequences",
];

/** Every area. */
export const areas: readonly Area[] = [
  {
    name: "delivery",
    sources: "src/delivery",
    tests: deliveryTests,
    leftOut: [otherTransport, ...long],
  },
  {
    name: "recovery",
    sources: "src/recovery",
    tests: deliveryTests,
    leftOut: [otherTransport, ...long],
  },
  {
    name: "journal",
    sources: "src/adapters/embedded/journal",
    tests: ["src/adapters/embedded/journal"],
    leftOut: [],
  },
];

/** The sources of an area. */
export function sourcesOf(root: string, { sources }: Area): string[] {
  return filesIn(root, sources).filter((path) => !path.endsWith(".test.ts"));
}

/** The test files of an area. */
export function testsOf(root: string, { tests }: Area): string[] {
  return tests.flatMap((path) =>
    path.endsWith(".test.ts")
      ? [path]
      : filesIn(root, path).filter((one) => one.endsWith(".test.ts")),
  );
}

function filesIn(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`)
    .sort();
}
