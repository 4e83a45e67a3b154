// The crash suite: real processes, SIGKILL at random moments, everything checked from the outside.
// `kill -9` says nothing about the disk: fsync.test.ts does.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { seededRandom } from "spillway/testing";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { checkAll } from "./crash-check.ts";
import { AcknowledgedCount, type CrashSite, runCycle, unsettledMin } from "./crash-cycle.ts";
import { balanceSchema, leaseMs, ledgerGroup, transfers } from "./fixtures/bank.ts";

const cycles = Number(process.env["SPILLWAY_CRASH_CYCLES"] ?? (isLongRun ? 200 : 20));
const messagesPerCycle = 2_000;
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);

async function readAccounts(site: CrashSite): Promise<Map<string, number>> {
  const accounts = new Map<string, number>();
  const subscription = await site.monitor.subscribe(
    transfers,
    { group: ledgerGroup, delivery: "effectively-once", state: { accounts: balanceSchema } },
    async () => assert.fail("everything was settled, yet the ledger group got a message"),
  );
  for await (const [account, { cents }] of subscription.state.accounts.entries()) {
    accounts.set(account, cents);
  }
  await subscription.close();
  return accounts;
}

test(`${cycles} crash cycles, seed ${seed}`, { timeout: cycles * 60_000 }, async (context) => {
  const root = mkdtempSync(join(tmpdir(), "spillway-crash-"));
  const directory = join(root, "journal");
  const notes = join(root, "notes");
  mkdirSync(notes);
  const monitor = await createBus({
    name: "monitor",
    transport: embedded({ directory, leaseMs }),
    channels: [transfers],
  });
  const site: CrashSite = {
    directory,
    notes,
    monitor,
    random: seededRandom(seed),
    acknowledged: new AcknowledgedCount({ notes }),
    running: new Set(),
  };
  const counts = {
    cycles: 0,
    acknowledged: 0,
    stored: 0,
    kills: 0,
    redelivered: 0,
    unsettledAtKillMin: Infinity,
  };
  const violations: string[] = [];
  try {
    for (let cycle = 1; cycle <= cycles && violations.length === 0; cycle++) {
      const report = await runCycle(site, cycle * messagesPerCycle);
      assert.ok(report.unsettledAtKill >= unsettledMin, `only ${report.unsettledAtKill} unsettled`);
      const accounts = report.isDrained ? await readAccounts(site) : undefined;
      const result = await checkAll(monitor, notes, accounts, report);
      violations.push(...result.violations);
      counts.cycles = cycle;
      counts.acknowledged = result.acknowledged;
      counts.stored = result.stored;
      counts.redelivered = result.redelivered;
      counts.kills += report.killed.length;
      counts.unsettledAtKillMin = Math.min(counts.unsettledAtKillMin, report.unsettledAtKill);
      context.diagnostic(
        `cycle ${cycle}: killed ${report.killed.join(", ")} ${JSON.stringify(result)}`,
      );
    }
    assert.deepEqual(violations.slice(0, 20), [], `seed ${seed}`);
    assert.ok(counts.acknowledged >= cycles * messagesPerCycle);
    assert.ok(counts.redelivered > 0, "no kill ever hit a message in flight");
  } finally {
    for (const child of site.running) child.kill("SIGKILL");
    await recordEvidence("crash", { seed, counts, violations });
    site.acknowledged.close();
    await monitor.close();
    rmSync(root, { recursive: true, force: true });
  }
});
