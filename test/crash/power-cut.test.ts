// Power cuts: the disk as it is at a random moment, without what was not synced, and a journal that
// starts there. `kill -9` cannot show what a machine loses that loses its power: the kernel keeps
// what a killed process wrote.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { runInOwnNamespace, whyNoLoopDisk } from "./loop-disk.ts";
import type { CutReport, PowerPlan } from "./power-rig.ts";
import { whyNoVolatileDisk } from "./volatile-disk.ts";

const cuts = Number(process.env["SPILLWAY_POWER_CUTS"] ?? (isLongRun ? 500 : 20));
const cutsPerDisk = 5;
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
const folder = mkdtempSync(join(tmpdir(), "spillway-power-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const skip = whyNoLoopDisk(folder) ?? false;
const noVolatileDisk = whyNoVolatileDisk(folder);

const rig = fileURLToPath(new URL("./power-rig.ts", import.meta.url));

test(`${cuts} power cuts, seed ${seed}`, { skip, timeout: cuts * 60_000 }, async (context) => {
  const counts = {
    cuts: 0,
    acknowledgedAtCut: 0,
    unansweredAtCut: 0,
    handledAtCut: 0,
    retried: 0,
    cutsWithUnflushedWrites: 0,
    unflushedWrites: 0,
    unflushedWritesKept: 0,
  };
  if (noVolatileDisk !== undefined) {
    context.diagnostic(`without disks that lose what was not flushed: ${noVolatileDisk}`);
  }
  const violations: string[] = [];
  const plan: PowerPlan = {
    folder,
    seed,
    cuts,
    cutsPerDisk,
    volatile: noVolatileDisk === undefined,
  };
  await runInOwnNamespace(rig, plan, (message) => {
    const report = message as CutReport;
    counts.cuts++;
    counts.acknowledgedAtCut += report.acknowledgedAtCut;
    counts.unansweredAtCut += report.triedAtCut - report.acknowledgedAtCut;
    counts.handledAtCut += report.handledAtCut;
    counts.retried += report.retried;
    counts.cutsWithUnflushedWrites += report.unflushed > 0 ? 1 : 0;
    counts.unflushedWrites += report.unflushed;
    counts.unflushedWritesKept += report.kept;
    violations.push(...report.violations);
    context.diagnostic(`cut ${counts.cuts}: ${JSON.stringify(report).slice(0, 2_000)}`);
  });
  await recordEvidence("power-cut", { seed, counts, violations });
  assert.deepEqual(violations.slice(0, 20), [], `seed ${seed}`);
  assert.equal(counts.cuts, cuts);
  assert.ok(counts.acknowledgedAtCut > cuts * 100, "hardly anything was acknowledged at the cuts");
  assert.ok(counts.unansweredAtCut > cuts, "no cut ever hit a publish in flight");
});
