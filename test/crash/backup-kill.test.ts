// Backups and restores that are killed at random moments, with a bank at work on the journal:
// a backup holds what it held before or what it was to hold, never something between; a directory
// in which a restore was killed is no journal, or a complete one.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type BackupReport, embedded, restoreJournal, verifyJournal } from "spillway/embedded";
import { seededRandom } from "spillway/testing";
import { createBus, SpillwayError } from "spillway";
import { recordEvidence, isLongRun } from "../evidence.ts";
import { auditLedger, compareBatches } from "../integration/backup/bank-audit.ts";
import { Banks, startTask, type TaskEnd } from "../integration/backup/bank-processes.ts";

const kills = Number(process.env["SPILLWAY_BACKUP_KILLS"] ?? (isLongRun ? 100 : 6));
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
/** From the start of the process to its kill; it takes about 150 ms to start working. */
const killMsMin = 120;

/** Starts a task and kills it after a random while, unless it ends before. */
async function killedTask(
  file: "backup-process" | "restore-process",
  request: unknown,
  afterMs: number,
): Promise<TaskEnd> {
  const { child, ended } = startTask(file, request);
  const timer = setTimeout(() => child.kill("SIGKILL"), afterMs);
  const end = await ended;
  clearTimeout(timer);
  return end;
}

test(`${kills} killed backups and restores, seed ${seed}`, {
  timeout: kills * 60_000,
}, async (t) => {
  const random = seededRandom(seed);
  const root = mkdtempSync(join(tmpdir(), "spillway-backup-kill-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [source, backup] = [join(root, "data"), join(root, "backup")];
  const banks = await Banks.start(t, source, { count: 1, pauseMs: 5 });
  const counts = { backupsKilled: 0, backupsDone: 0, restoresKilled: 0, restoresDone: 0 };
  let last: BackupReport | undefined;
  let spanMs = 1_200;
  for (let kill = 0; kill < kills; kill++) {
    const request = { directory: source, to: backup, verify: "all" };
    const startedAt = process.hrtime.bigint();
    // Every third one comes to its end, however slow the machine: there is something to lose.
    const afterMs = kill % 3 === 1 ? 600_000 : killMsMin + random.float() * spanMs;
    const end = await killedTask("backup-process", request, afterMs);
    if (end.kind === "killed") {
      counts.backupsKilled++;
      // Later and later, until one is done.
      spanMs *= 1.15;
    } else if (end.kind === "answer") {
      counts.backupsDone++;
      last = end.answer as BackupReport;
      // A further one takes less: most kills are to hit while it works.
      spanMs = Math.max(100, (Number(process.hrtime.bigint() - startedAt) / 1e6 - killMsMin) * 1.1);
    } else assert.fail(JSON.stringify(end));
    const to = join(root, `restored-${kill}`);
    last = await assertWhole(backup, to, last, kill);
    await assertRestoreKilled(backup, join(root, `killed-${kill}`), random.float(), counts);
    rmSync(to, { recursive: true, force: true });
  }
  assert.ok(counts.backupsKilled + counts.restoresKilled > 0, "nothing was killed");
  assert.ok(counts.backupsDone > 0, "no backup came to its end");
  await banks.stop();
  const end = await startTask("backup-process", { directory: source, to: backup, verify: "all" })
    .ended;
  assert.equal(end.kind, "answer", JSON.stringify(end));
  const to = join(root, "restored");
  const restored = await restoreJournal(backup, { to });
  assert.deepEqual(compareBatches(source, to, restored.snapshot), []);
  assert.deepEqual(auditLedger(to).violations, []);
  t.diagnostic(JSON.stringify(counts));
  await recordEvidence("backup-kill", { seed, counts, violations: [] });
});

/** What the backup holds now can be restored, and is what it was last said to hold, or newer. */
async function assertWhole(
  backup: string,
  to: string,
  last: BackupReport | undefined,
  kill: number,
): Promise<BackupReport | undefined> {
  try {
    const restored = await restoreJournal(backup, { to });
    assert.ok(restored.snapshot.commit >= (last?.commit ?? 0), `kill ${kill} took commits back`);
    assert.deepEqual(auditLedger(to).violations, [], `kill ${kill}`);
    assert.deepEqual((await verifyJournal(to)).findings, [], `kill ${kill}`);
    return last;
  } catch (error) {
    if (!(error instanceof SpillwayError)) throw error;
    assert.equal(last, undefined, `kill ${kill}: a complete backup is refused: ${error.message}`);
    assert.ok(["BACKUP_INCOMPLETE", "BACKUP_CONFLICT"].includes(error.code), error.message);
    assert.equal(existsSync(join(to, "journal.db")), false);
    return undefined;
  }
}

async function assertRestoreKilled(
  backup: string,
  to: string,
  share: number,
  counts: { restoresKilled: number; restoresDone: number; readonly backupsDone: number },
): Promise<void> {
  const request = { from: backup, to };
  const end = await killedTask("restore-process", request, killMsMin + share * 500);
  if (end.kind === "failure" && end.failure.code !== "TASK_STOPPED") return;
  if (end.kind === "killed") counts.restoresKilled++;
  else counts.restoresDone++;
  if (!existsSync(join(to, "journal.db"))) {
    if (existsSync(join(to, "journal.db.restoring"))) {
      const opening = createBus({ name: "early", transport: embedded({ directory: to }) });
      await assert.rejects(opening, /is being restored into .*, or was and did not finish/);
    }
    const again = await startTask("restore-process", request).ended;
    // It was killed before it had noticed that no backup was complete yet.
    const isNone = again.kind === "failure" && again.failure.code.startsWith("BACKUP_");
    if (isNone && counts.backupsDone === 0) return;
    assert.equal(again.kind, "answer", JSON.stringify(again));
  }
  assert.deepEqual(auditLedger(to).violations, []);
  assert.deepEqual((await verifyJournal(to)).findings, []);
  rmSync(to, { recursive: true, force: true });
}
