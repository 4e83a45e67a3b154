// The same power cuts under nats-server, with its default settings, and under the journal: what is
// lost of what was acknowledged, for docs/guides/running-the-journal.md. Judges the journal; of the
// server it only demands that what it gives back was sent.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isLongRun, recordEvidence } from "../../evidence.ts";
import { runInOwnNamespace, whyNoLoopDisk } from "../loop-disk.ts";
import { type ComparePlan, type CompareReport, type System, systems } from "./compare-rig.ts";
import { natsVersion } from "./nats-server.ts";

const cuts = Number(process.env["SPILLWAY_NATS_CUTS"] ?? (isLongRun ? 20 : 0));
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
const secondsMax = Number(process.env["SPILLWAY_NATS_SECONDS_MAX"] ?? 60);

function whyNot(): string | undefined {
  if (cuts === 0) return "takes 20 minutes: npm run test:long, or SPILLWAY_NATS_CUTS=2";
  if (natsVersion() === undefined)
    return "nats-server is not installed: apt-get install nats-server";
  return whyNoLoopDisk(tmpdir());
}

interface Sum {
  acknowledged: number;
  lost: number;
  lostMost: number;
  oldestLostMs: number;
  streamsForgotten: number;
  phantoms: number;
}

function add(sum: Sum, report: CompareReport): void {
  sum.acknowledged += report.acknowledged;
  sum.lost += report.lost;
  sum.lostMost = Math.max(sum.lostMost, report.lost);
  sum.oldestLostMs = Math.max(sum.oldestLostMs, report.oldestLostMs);
  sum.streamsForgotten += report.streamKept ? 0 : 1;
  sum.phantoms += report.others.phantom ?? 0;
}

const skip = whyNot() ?? false;
const timeout = (cuts + 1) * (secondsMax + 60) * 2_000;

test(`${cuts} power cuts beside nats-server, seed ${seed}`, { skip, timeout }, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "spillway-nats-"));
  const nothing = (): Sum => {
    return {
      acknowledged: 0,
      lost: 0,
      lostMost: 0,
      oldestLostMs: 0,
      streamsForgotten: 0,
      phantoms: 0,
    };
  };
  const sums: Record<System, Sum> = { spillway: nothing(), nats: nothing() };
  const violations: string[] = [];
  const plan: ComparePlan = { folder, seed, cuts, secondsMin: 2, secondsMax };
  try {
    const script = fileURLToPath(new URL("compare-rig.ts", import.meta.url));
    await runInOwnNamespace(script, plan, (message) => {
      const report = message as CompareReport;
      add(sums[report.system], report);
      const found = Object.entries({ lost: report.lost, ...report.others });
      if (report.system === "spillway") {
        violations.push(
          ...found.flatMap(([kind, count]) => (count > 0 ? [`${kind}: ${count}`] : [])),
        );
      }
      context.diagnostic(JSON.stringify(report));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const counts: Record<string, number> = { cuts, secondsMax };
  for (const system of systems) {
    for (const [name, value] of Object.entries<number>({ ...sums[system] }))
      counts[`${system}.${name}`] = value;
  }
  const version = (natsVersion() ?? "0").split(".").map(Number);
  counts["nats.versionMajor"] = version[0] ?? 0;
  counts["nats.versionMinor"] = version[1] ?? 0;
  await recordEvidence("power-cut-nats", { seed, counts, violations });
  assert.deepEqual(violations, []);
  assert.equal(sums.nats.phantoms, 0, "something was read, never sent");
  assert.equal(sums.spillway.streamsForgotten, 0);
  for (const system of systems) assert.ok(sums[system].acknowledged > cuts * 1_000, system);
});
