// The record of a long run of seeds, docs/evidence/simulation.json, which may be made in parts: it
// says of which sources it is, and a part is added only to what exactly these have run. Always
// true: the seeds of a record are those from 1 on, without a gap; what went wrong is not gone on
// with.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Evidence, recordEvidence } from "../evidence.ts";
import { noTotals, type Totals } from "./simulation-run.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const path = join(root, "docs/evidence/simulation.json");

/** The seeds of a whole record. */
export const seedsOfRecord = 100_000;

/** A number for everything that runs in a seed: the sources, and Node with the SQLite in it. */
export function codeOfSeeds(): string {
  const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => join("src", name));
  const hash = createHash("sha256").update(process.version);
  for (const name of [...names.sort(), "test/simulation/simulation-run.ts"]) {
    hash.update(`${name}\0`).update(readFileSync(join(root, name)));
  }
  return hash.digest("hex").slice(0, 16);
}

/** What is recorded of these sources; nothing where the record is whole, or found something. */
export function recordedTotals(code: string): Totals {
  if (!existsSync(path)) return noTotals;
  const record = JSON.parse(readFileSync(path, "utf8")) as Evidence;
  if (record.code !== code || record.violations.length > 0) return noTotals;
  const { seeds = 0, messages = 0, calls = 0, faults = 0, tame = 0, ...counts } = record.counts;
  if (seeds >= seedsOfRecord || tame > 0) return noTotals;
  return { ...noTotals, seeds, messages, calls, faults, counts };
}

/** Writes the record of the seeds from 1 on; does nothing in a short run. */
export async function recordTotals(code: string, totals: Totals): Promise<void> {
  const { seeds, messages, calls, faults, tame, counts, violations } = totals;
  await recordEvidence("simulation", {
    seed: `1 to ${seeds}`,
    counts: { seeds, messages, calls, faults, tame: tame.length, ...counts },
    violations,
    code,
  });
}
