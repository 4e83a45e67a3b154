/**
 * Writes what a long test run has shown to `docs/evidence/<suite>.json`.
 * A short run writes nothing, so that only deliberate runs change the record.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** What a suite observed: its seed, its counters, and every violation found. */
export interface Evidence {
  readonly seed: number | string;
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
  /** Of which sources it is, where runs of the same ones are added up. */
  readonly code?: string;
}

/** True when the run was started as `npm run test:long`. */
export const isLongRun: boolean = process.env["SPILLWAY_TEST_LONG"] === "1";

/** Records `evidence` for `suite` in a long run; does nothing in a short one. */
export async function recordEvidence(suite: string, evidence: Evidence): Promise<void> {
  if (!isLongRun) return;
  const folder = fileURLToPath(new URL("../docs/evidence/", import.meta.url));
  const record = {
    suite,
    date: new Date().toISOString(),
    node: process.version,
    seed: evidence.seed,
    code: evidence.code,
    counts: evidence.counts,
    violations: evidence.violations,
  };
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}${suite}.json`, `${JSON.stringify(record, null, 2)}\n`);
}
