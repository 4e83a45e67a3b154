// The fault suite: faults in the files of a journal, one or two at once, and what an operator does
// about them. No wrong read is silent, nothing is lost but what a fault touched, nothing waits for
// ever, and after an accepted loss or a repair the journal works again. SPILLWAY_SEED repeats a
// run, SPILLWAY_CASE one case of it.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isLongRun, recordEvidence } from "../evidence.ts";
import type { RunReport } from "./faults/run.ts";

const cases = Number(process.env["SPILLWAY_FAULTS"] ?? (isLongRun ? 20_000 : 2_000));
/** Short runs repeat the same cases: they judge a change. Long ones look for what nobody knows. */
const shortRunSeed = 777_001n;
const drawn = isLongRun ? process.hrtime.bigint() % 1_000_000n : shortRunSeed;
const seed = Number(process.env["SPILLWAY_SEED"] ?? drawn);
const processes = 2;
/** In memory where there is room: what a power cut takes is another suite's. */
const folder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

const children: ChildProcess[] = [];

function run(root: string, first: number): Promise<RunReport> {
  return new Promise((resolve, reject) => {
    const script = new URL("./faults/run.ts", import.meta.url);
    const words = [join(root, `${first}`), `${seed}`, `${first}`, `${processes}`, `${cases}`];
    const child = fork(script, words);
    children.push(child);
    child.once("message", (report) => resolve(report as RunReport));
    child.once("exit", (code) => reject(new Error(`a process of the suite ended with ${code}`)));
  });
}

test(`${cases} cases, seed ${seed}`, { timeout: cases * 2_000 }, async (context) => {
  const root = mkdtempSync(join(folder, "spillway-faults-"));
  try {
    const reports = await Promise.all(
      Array.from({ length: processes }, (_, first) => run(root, first)),
    );
    const counts: Record<string, number> = {};
    for (const report of reports) {
      for (const [name, count] of Object.entries(report.counts)) {
        counts[name] = (counts[name] ?? 0) + count;
      }
    }
    const violations = reports.flatMap((report) => report.violations);
    context.diagnostic(JSON.stringify(counts));
    if (process.env["SPILLWAY_CASE"] === undefined) {
      await recordEvidence("faults", { seed, counts: { cases, ...counts }, violations });
    }
    assert.deepEqual(
      violations,
      [],
      `${violations.length} cases; SPILLWAY_SEED=${seed} repeats them, SPILLWAY_CASE=N one:\n` +
        violations.join("\n"),
    );
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(root, { recursive: true, force: true });
  }
});
