// Damage at rest: one fault in one file of a journal that nobody has open, hundreds of times.
// Whatever is read afterwards is what was stored there, and where something is missing the journal
// says so. SPILLWAY_SEED and SPILLWAY_FAULT repeat one fault.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isLongRun, recordEvidence } from "../evidence.ts";

const faults = isLongRun ? 5_000 : 200;
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);

interface DamageReport {
  readonly faults: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

function damage(root: string): Promise<DamageReport> {
  return new Promise((resolve, reject) => {
    const script = new URL("./damage/damage-run.ts", import.meta.url);
    const child = fork(script, [root, `${seed}`, `${faults}`]);
    child.once("message", (report) => resolve(report as DamageReport));
    child.once("exit", (code) => reject(new Error(`the damaging process ended with ${code}`)));
  });
}

test(`${faults} faults, seed ${seed}`, { timeout: faults * 2_000 }, async (context) => {
  const root = mkdtempSync(join(tmpdir(), "spillway-damage-"));
  try {
    const report = await damage(root);
    context.diagnostic(JSON.stringify(report.counts));
    assert.equal(report.faults, faults);
    await recordEvidence("damage", {
      seed,
      counts: { faults: report.faults, ...report.counts },
      violations: report.violations,
    });
    assert.deepEqual(report.violations.slice(0, 10), [], `seed ${seed}`);
    // Neither all harmless nor all reported: the faults hit what they should.
    const sum = (kind: string): number =>
      Object.entries(report.counts)
        .filter(([name]) => name.endsWith(kind))
        .reduce((total, [, count]) => total + count, 0);
    assert.ok(sum("exact") > faults / 20 && sum("reported") > faults / 20);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
