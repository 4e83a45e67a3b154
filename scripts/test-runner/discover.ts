/**
 * Finds the test files of each suite on disk, in a stable order.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { Options, Suite } from "./options.ts";

/** A test file, by its path from the repository root, and the suite it belongs to. */
export interface TestFile {
  readonly suite: Suite;
  readonly path: string;
}

/** The files that the options select, suite by suite. */
export function discover(root: string, options: Options): TestFile[] {
  return options.suites.flatMap((suite) =>
    filesOf(root, suite)
      .filter((path) => matches(path, options.filters))
      .map((path) => ({ suite, path })),
  );
}

function filesOf(root: string, suite: Suite): string[] {
  const folder = join(root, suite.root);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => relative(root, join(folder, name)).split(sep).join("/"))
    .sort();
}

function matches(path: string, filters: readonly string[]): boolean {
  return filters.length === 0 || filters.some((filter) => path.includes(filter));
}
