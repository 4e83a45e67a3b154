// Backup and restore of journals that are being worked on by other processes at full speed.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bus, createBus } from "spillway";
import {
  backupJournal,
  type BackupProgress,
  type BackupReport,
  embedded,
  type RestoreReport,
  restoreJournal,
  verifyJournal,
} from "spillway/embedded";
import { seededRandom, VirtualClock } from "spillway/testing";
import { journalFormat } from "../../../src/adapters/embedded/journal/connection.ts";
import { describeJournal } from "../../golden/describe-journal.ts";
import { copyGolden, goldenDescription, goldenFormats } from "../../golden/golden-directories.ts";
import { writtenAtMs } from "../../golden/write-journal.ts";
import { runCli, startCli } from "../cli-io.ts";
import { openLedger, transfers } from "../fixtures/bank-ledger.ts";
import { auditLedger, compareBatches } from "./bank-audit.ts";
import { Banks, temporary } from "./bank-processes.ts";

test("a backup of a bank at full speed, taken twice, and what is restored of it", async (t) => {
  const root = temporary(t);
  const [source, backup] = [join(root, "data"), join(root, "backup")];
  const banks = await Banks.start(t, source, { count: 2 });
  const first = await backupJournal(source, { to: backup });
  const atFirst = await restoreJournal(backup, { to: join(root, "first") });
  const second = await backupJournal(source, { to: backup, verify: "new" });
  await banks.stop();

  assert.deepEqual([first.incremental, second.incremental], [false, true]);
  assert.equal(first.batchesCopied >= first.batches, true);
  const endOf = ({ logs }: Pick<BackupReport, "logs">): number =>
    logs.find(({ channel }) => channel === "transfers")?.end ?? 0;
  assert.ok(endOf(second) > endOf(first), "the bank stood still");
  assert.ok(second.commit > first.commit);
  // Only what is new: the batches of the first backup are not read again.
  assert.ok(second.batchesCopied < second.batches, `${second.batchesCopied} batches copied`);

  const atSecond = await restoreJournal(backup, { to: join(root, "second") });
  for (const [report, restored] of [
    [first, atFirst],
    [second, atSecond],
  ] as const) {
    assert.equal(restored.snapshot.commit, report.commit);
    assert.deepEqual(restored.snapshot.logs, report.logs);
    assert.notEqual(restored.incarnation, report.incarnation);
    assert.deepEqual(compareBatches(source, restored.to, report), []);
    const audit = auditLedger(restored.to);
    assert.deepEqual(audit.violations, []);
    assert.ok(audit.settled > 0 && audit.delayed > 0 && audit.stateRows > 0);
    assert.equal(audit.transfers, endOf(report));
    assert.deepEqual((await verifyJournal(restored.to)).findings, []);
  }
  await settleTheRest(atSecond);
});

/** The restored journal works: its ledger goes on where the backup was taken. */
async function settleTheRest({ to }: RestoreReport): Promise<void> {
  const before = auditLedger(to);
  const bus = await createBus({
    name: "after",
    transport: embedded({ directory: to }),
    channels: [transfers],
  });
  const ledger = await openLedger(bus);
  while ((await ledger.stats()).depth > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await bus.close();
  const after = auditLedger(to);
  assert.deepEqual(after.violations, []);
  assert.equal(after.settled, after.transfers);
  assert.ok(after.transfers >= before.transfers);
}

test("positions of before a restore are told apart by their incarnation", async (t) => {
  const root = temporary(t);
  const [source, to] = [join(root, "data"), join(root, "restored")];
  await (await Banks.start(t, source, { count: 1 })).stop();
  const open = async (directory: string): Promise<Bus> =>
    createBus({ name: "reader", transport: embedded({ directory }), channels: [transfers] });
  const before = await open(source);
  const { incarnation = "" } = before;
  const kept = { offset: 7, incarnation };
  const first = async (bus: Bus): Promise<number> => {
    for await (const { offset } of bus.read(transfers, { from: kept })) return offset;
    return -1;
  };
  assert.equal(await first(before), 7);
  await before.close();
  await backupJournal(source, { to: join(root, "backup") });
  const restored = await restoreJournal(join(root, "backup"), { to });
  const after = await open(to);
  assert.equal(after.incarnation, restored.incarnation);
  await assert.rejects(first(after), {
    code: "INCARNATION_CHANGED",
    details: {
      offset: 7,
      incarnation,
      now: restored.incarnation,
    },
  });
  const options = { group: "new", from: kept };
  await assert.rejects(
    after.subscribe(transfers, options, async () => undefined),
    { code: "INCARNATION_CHANGED" },
  );
  await after.close();

  const tail = ["tail", "-d", to, "-c", "transfers", "-n", "1", "--from"];
  assert.equal((await runCli([...tail, `7@${restored.incarnation}`])).code, 0);
  const refused = await runCli([...tail, `7@${incarnation}`]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /INCARNATION_CHANGED: offset 7 was taken from incarnation/);
  const channels = await runCli(["channels", "-d", to, "--json"]);
  const listed = JSON.parse(channels.stdout) as { readonly incarnation: string };
  assert.equal(listed.incarnation, restored.incarnation);
  const doctor = await runCli(["doctor", "-d", to]);
  assert.match(doctor.stdout, new RegExp(`ok +incarnation +${restored.incarnation}\n`));
});

test("a backup of a quiet journal copies nothing the second time", async (t) => {
  const root = temporary(t);
  const source = join(root, "data");
  await (await Banks.start(t, source, { count: 1 })).stop();
  const seen: BackupProgress[] = [];
  const to = join(root, "backup");
  const first = await backupJournal(source, { to, onProgress: (progress) => seen.push(progress) });
  const again = await backupJournal(source, { to });
  assert.deepEqual([again.batchesCopied, again.rowsCopied], [0, 0]);
  assert.deepEqual(
    [again.commit, again.batches, again.bytes, again.logs],
    [first.commit, first.batches, first.bytes, first.logs],
  );
  assert.deepEqual(readdirSync(to), ["journal.db"], "a backup at rest is one file");
  assert.ok(seen.length > 0, "no progress was told");
});

for (const format of goldenFormats()) {
  test(`format ${format}: backed up as it is, before and after its migration`, async (t) => {
    const root = temporary(t);
    const [source, to, restored] = ["data", "backup", "restored"].map((name) => join(root, name));
    copyGolden(format, source as string);
    const first = await backupJournal(source as string, { to: to as string });
    assert.equal(first.format, format);
    await restoreJournal(to as string, { to: restored as string });
    const expected = goldenDescription(format);
    const described = JSON.parse(
      JSON.stringify(await describeJournal(restored as string)),
    ) as unknown;
    assert.deepEqual(described, expected);
    // Opening migrates it; the next backup into the same directory has the new format.
    const transport = embedded({ directory: source as string, engine: "direct" });
    const clock = new VirtualClock({ wallMs: writtenAtMs + 10_000 });
    await transport.open({ clock, random: seededRandom(1), name: "new" });
    await transport.close();
    const second = await backupJournal(source as string, { to: to as string });
    assert.deepEqual([second.format, second.batchesCopied], [journalFormat, 0]);
    const migrated = join(root, "migrated");
    await restoreJournal(to as string, { to: migrated });
    assert.deepEqual((await verifyJournal(migrated)).findings, []);
    const again = JSON.parse(JSON.stringify(await describeJournal(migrated))) as unknown;
    assert.deepEqual(again, expected);
  });
}

test("the commands: reports, JSON, and Ctrl-C that leaves a backup to go on with", async (t) => {
  const root = temporary(t);
  const [source, backup, restored] = ["data", "backup", "restored"].map((name) => join(root, name));
  const banks = await Banks.start(t, source as string, { count: 1 });
  const words = ["backup", "-d", source as string, "--to", backup as string];
  const running = startCli(words);
  while (!existsSync(join(backup as string, "journal.db"))) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  running.child.kill("SIGINT");
  const stopped = await running.ended;
  if (stopped.code === 1) assert.match(stopped.stderr, /^stopped: run the same command again/);
  else assert.equal(stopped.code, 0, stopped.stderr);
  const done = await runCli([...words, "--json"]);
  assert.equal(done.code, 0, done.stderr);
  await banks.stop();
  const report = JSON.parse(done.stdout) as BackupReport;
  const text = await runCli([...words, "--verify", "new"]);
  assert.match(text.stdout, /^complete and checked, as of commit [\d,]+: [\d,]+ messages in /);
  const restore = ["restore", "--from", backup as string, "--to", restored as string];
  const made = await runCli(restore);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^restored into .*: [\d,]+ messages \(.*\) as of commit [\d,]+, \d+-/);
  assert.match(made.stdout, new RegExp(`before it was ${report.incarnation}\n$`));
  assert.deepEqual(auditLedger(restored as string).violations, []);
  const again = await runCli(restore);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /BACKUP_CONFLICT: the directory .* is not empty \(journal\.db/);
});
