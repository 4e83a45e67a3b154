// Backups of damaged journals, onto full disks, of other journals, and called wrongly.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { before, test, type TestContext } from "node:test";
import { SpillwayError } from "spillway";
import { acceptLoss, backupJournal, restoreJournal, verifyJournal } from "spillway/embedded";
import { flipBit, pageBytes, zero } from "../../journal/damage.ts";
import { runCli } from "../cli-io.ts";
import { auditLedger, compareBatches } from "./bank-audit.ts";
import { Banks, startTask, temporary } from "./bank-processes.ts";

let whole = "";
before(async (t) => {
  // A hook's context has the same after() as a test's.
  const root = temporary(t as TestContext);
  whole = join(root, "whole");
  const banks = await Banks.start(t as TestContext, whole, { count: 1 });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await banks.stop();
});

/** A directory of the test's own, with a copy of the journal in `data`. */
function site(t: TestContext): { root: string; data: string; backup: string } {
  const root = temporary(t);
  const [data, backup] = [join(root, "data"), join(root, "backup")];
  cpSync(whole, data, { recursive: true });
  return { root, data, backup };
}

async function refused(promise: Promise<unknown>): Promise<SpillwayError> {
  const error = await promise.then(
    (value) => assert.fail(`not refused: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof SpillwayError, String(error));
  return error;
}

interface Place {
  readonly base: number;
  readonly count: number;
  /** Where its blob stands in the database file, once or more: old pages keep what they held. */
  readonly bytes: readonly number[];
}

/** Where the transfers end. */
function endOf(directory: string): number {
  const database = new DatabaseSync(join(directory, "journal.db"), { readOnly: true });
  try {
    const sql =
      "SELECT end FROM log JOIN channel ON channel.id = log.channel WHERE name = 'transfers'";
    return Number(database.prepare(sql).get()?.["end"]);
  } finally {
    database.close();
  }
}

/** Where larger batches of the transfers stand in a database file; first to last. */
function placesOf(directory: string): Place[] {
  const path = join(directory, "journal.db");
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = database
    .prepare(
      "SELECT base, count, data FROM batch WHERE log = (SELECT log.id FROM log JOIN channel ON " +
        "channel.id = log.channel WHERE channel.name = 'transfers') AND length(data) > 4096 " +
        "ORDER BY base",
    )
    .all();
  database.close();
  const file = readFileSync(path);
  return rows.map(({ base, count, data }) => {
    // Within the ids, which no other batch has.
    const part = Buffer.from(data as Uint8Array).subarray(2_048, 2_080);
    const bytes: number[] = [];
    for (let at = file.indexOf(part); at >= 0; at = file.indexOf(part, at + 1)) bytes.push(at);
    return { base: Number(base), count: Number(count), bytes };
  });
}

/** Flips a bit of a batch; once more, and it is sound again. */
function flipIn(directory: string, place: Place | undefined): void {
  assert.ok(place !== undefined && place.bytes.length > 0, "the batch is not in the file");
  for (const byte of place.bytes) flipBit(join(directory, "journal.db"), byte, 3);
}

test("a damaged batch is named, never copied, and the backup refuses to be restored", async (t) => {
  const { root, data, backup } = site(t);
  const place = placesOf(data)[3] as Place;
  flipIn(data, place);
  const error = await refused(backupJournal(data, { to: backup }));
  assert.equal(error.code, "BACKUP_INCOMPLETE");
  const last = place.base + place.count - 1;
  assert.match(
    error.message,
    new RegExp(`'transfers' \\(normal\\), offsets ${place.base} to ${last}: does not match its`),
  );
  assert.deepEqual(error.details["damage"], [
    {
      channel: "transfers",
      priority: "normal",
      offset: place.base,
      count: place.count,
      reason: "does not match its checksum",
    },
  ]);
  assert.equal(
    placesOf(backup).some(({ base }) => base === place.base),
    false,
  );
  const restore = await refused(restoreJournal(backup, { to: join(root, "restored") }));
  assert.equal(restore.code, "BACKUP_INCOMPLETE");
  assert.match(restore.message, /lacks what was damaged in the journal: .*Repair the journal/);
  assert.equal(existsSync(join(root, "restored")), false);
  // What is sound again (here: the same bit flipped back) is fetched by the next run.
  flipIn(data, place);
  const healed = await backupJournal(data, { to: backup });
  assert.deepEqual([healed.damage, healed.batchesCopied], [[], 1]);
  assert.deepEqual(await restoredFaults(backup, data, join(root, "restored")), []);
});

/** Everything that is wrong with what is restored of a backup. */
async function restoredFaults(backup: string, source: string, to: string): Promise<string[]> {
  const { snapshot } = await restoreJournal(backup, { to });
  const { findings } = await verifyJournal(to);
  return [
    ...compareBatches(source, to, snapshot),
    ...auditLedger(to).violations,
    ...findings.map(({ message }) => message),
  ];
}

test("damage that came after a backup does not reach it", async (t) => {
  const { root, data, backup } = site(t);
  await backupJournal(data, { to: backup });
  const sound = join(root, "sound");
  cpSync(data, sound, { recursive: true });
  flipIn(data, placesOf(data)[5]);
  assert.equal((await verifyJournal(data)).sound, false);
  const again = await backupJournal(data, { to: backup });
  assert.deepEqual([again.damage, again.batchesCopied], [[], 0]);
  assert.deepEqual(await restoredFaults(backup, sound, join(root, "restored")), []);
});

test("damage in what is new leaves the backup as it was, whole", async (t) => {
  const { root, data, backup } = site(t);
  const first = await backupJournal(data, { to: backup });
  const banks = await Banks.start(t, data, { count: 1 });
  await banks.stop();
  flipIn(data, placesOf(data).at(-1));
  const error = await refused(backupJournal(data, { to: backup }));
  assert.equal(error.code, "BACKUP_INCOMPLETE");
  assert.match(error.message, new RegExp(`; commit ${first.commit}, taken before, stays restor`));
  const { snapshot } = await restoreJournal(backup, { to: join(root, "restored") });
  assert.equal(snapshot.commit, first.commit);
  assert.deepEqual(auditLedger(join(root, "restored")).violations, []);
});

test("pages that cannot be read: what lies on them is named, the rest is copied", async (t) => {
  const { data, backup } = site(t);
  const places = placesOf(data);
  for (const byte of places[6]?.bytes ?? []) {
    zero(join(data, "journal.db"), Math.floor(byte / pageBytes) * pageBytes, pageBytes);
  }
  const error = await refused(backupJournal(data, { to: backup }));
  assert.equal(error.code, "BACKUP_INCOMPLETE", error.message);
  const damage = error.details["damage"] as readonly { offset?: number }[];
  assert.ok(damage.some(({ offset }) => offset !== undefined && offset <= (places[6]?.base ?? 0)));
  assert.ok(placesOf(backup).length > places.length / 2);
});

test("a backup that has gone bad is not restored, and is healed by the next run", async (t) => {
  const { root, data, backup } = site(t);
  await backupJournal(data, { to: backup });
  flipIn(backup, placesOf(backup)[2]);
  const error = await refused(restoreJournal(backup, { to: join(root, "bad") }));
  assert.equal(error.code, "BACKUP_INCOMPLETE");
  assert.match(error.message, /^the backup is damaged: .*run the backup again/);
  assert.deepEqual(readdirSync(join(root, "bad")), [], "a failed restore leaves nothing");
  const healed = await backupJournal(data, { to: backup });
  assert.deepEqual([healed.damage, healed.batchesCopied], [[], 1]);
  assert.deepEqual(await restoredFaults(backup, data, join(root, "restored")), []);
});

test("a full disk: said so, and gone on with once there is room", async (t) => {
  const { root, data, backup } = site(t);
  const restored = join(root, "restored");
  const mounted: string[] = [];
  try {
    for (const directory of [backup, restored]) {
      mkdirSync(directory);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], {
        stdio: "ignore",
      });
      mounted.push(directory);
    }
    await fillAndGoOn(data, backup, restored);
  } catch (error) {
    if (mounted.length > 1) throw error;
    t.skip("cannot mount a file system here");
  } finally {
    for (const directory of mounted) execFileSync("umount", [directory]);
  }
});

async function fillAndGoOn(data: string, backup: string, restored: string): Promise<void> {
  const enlarge = (directory: string): void => {
    execFileSync("mount", ["-o", "remount,size=128m", directory]);
  };
  const full = await refused(backupJournal(data, { to: backup }));
  assert.equal(full.code, "BACKUP_IO");
  assert.match(full.message, /\(the disk is full\)/);
  assert.equal((await refused(restoreJournal(backup, { to: restored }))).code, "BACKUP_INCOMPLETE");
  enlarge(backup);
  assert.deepEqual((await backupJournal(data, { to: backup })).damage, []);
  const restore = await refused(restoreJournal(backup, { to: restored }));
  assert.equal(restore.code, "BACKUP_IO", restore.message);
  assert.deepEqual(readdirSync(restored), []);
  enlarge(restored);
  assert.deepEqual(await restoredFaults(backup, data, restored), []);
}

test("a journal that has lost what its backup holds does not replace it", async (t) => {
  const { root, data, backup } = site(t);
  const older = join(root, "older");
  cpSync(data, older, { recursive: true });
  const banks = await Banks.start(t, data, { count: 1 });
  await banks.stop();
  const newer = await backupJournal(data, { to: backup });
  const behind = await refused(backupJournal(older, { to: backup }));
  assert.equal(behind.code, "BACKUP_CONFLICT");
  assert.match(behind.message, new RegExp(`holds commit ${newer.commit} of this journal, which`));
  // The older one goes on by itself: the same offsets now hold other messages.
  const others = await Banks.start(t, older, { count: 1 });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await others.stop();
  const forked = await refused(backupJournal(older, { to: backup }));
  assert.equal(forked.code, "BACKUP_CONFLICT");
  const { incarnation } = await restoreJournal(backup, { to: join(root, "restored") });
  const other = await refused(backupJournal(join(root, "restored"), { to: backup }));
  assert.match(other.message, new RegExp(`incarnation ${newer.incarnation}, not ${incarnation}`));
  assert.deepEqual(await restoredFaults(backup, data, join(root, "again")), []);
});

test("a journal that has lost its end is not backed up as if it had not", async (t) => {
  const { root, data, backup } = site(t);
  const older = join(root, "older");
  cpSync(data, older, { recursive: true });
  const banks = await Banks.start(t, data, { count: 1 });
  await banks.stop();
  const end = endOf(older);
  const first = await backupJournal(older, { to: backup });
  // As after a flipped bit in the write-ahead log: the tail knows of more than the database.
  cpSync(join(data, "tail"), join(older, "tail"));
  const named = new RegExp(`missing: channel 'transfers' \\(normal\\), offsets ${end} to`);
  const error = await refused(backupJournal(older, { to: backup }));
  assert.equal(error.code, "BACKUP_INCOMPLETE");
  assert.match(error.message, /the last \d+ commits are missing/);
  assert.match(JSON.stringify(error.details), named);
  assert.match(error.message, new RegExp(`; commit ${first.commit}, taken before, stays restor`));
  assert.equal(
    (await restoreJournal(backup, { to: join(root, "a") })).snapshot.commit,
    first.commit,
  );
  const anew = await refused(backupJournal(older, { to: join(root, "anew") }));
  assert.match(JSON.stringify(anew.details), named);
  const restore = await refused(restoreJournal(join(root, "anew"), { to: join(root, "b") }));
  assert.equal(restore.code, "BACKUP_INCOMPLETE");
});

test("a loss that was accepted is a gap in the backup and in what is restored", async (t) => {
  const { root, data, backup } = site(t);
  const lossy = join(root, "lossy");
  cpSync(data, lossy, { recursive: true });
  await (await Banks.start(t, data, { count: 1 })).stop();
  const whole = join(root, "whole-backup");
  await backupJournal(data, { to: whole });
  await backupJournal(lossy, { to: backup });
  const end = endOf(lossy);
  cpSync(join(data, "tail"), join(lossy, "tail"));
  await acceptLoss(lossy);
  assert.equal(endOf(lossy), endOf(data));
  await (await Banks.start(t, lossy, { count: 1 })).stop();
  const second = await backupJournal(lossy, { to: backup });
  assert.deepEqual([second.incremental, second.damage], [true, []]);
  const to = join(root, "restored");
  await restoreJournal(backup, { to });
  const { sound, findings } = await verifyJournal(to);
  assert.equal(sound, true);
  const gap = findings.find(({ channel }) => channel === "transfers");
  assert.deepEqual([gap?.kind, gap?.fromOffset, gap?.toOffset], ["gap", end, endOf(data)]);
  assert.deepEqual(auditLedger(to).violations, []);
  // The backup that has what was lost is not made to lose it as well.
  assert.equal((await refused(backupJournal(lossy, { to: whole }))).code, "BACKUP_CONFLICT");
});

test("two at once: the second is told that the first is at work", async (t) => {
  const { data, backup } = site(t);
  const request = { directory: data, to: backup, verify: "all" };
  const ends = await Promise.all(
    Array.from({ length: 3 }, async () => startTask("backup-process", request).ended),
  );
  const done = ends.filter(({ kind }) => kind === "answer");
  assert.ok(done.length >= 1, JSON.stringify(ends));
  for (const end of ends) {
    if (end.kind === "answer") continue;
    assert.equal(end.kind === "failure" ? end.failure.code : end.kind, "JOURNAL_BUSY");
  }
  assert.deepEqual((await backupJournal(data, { to: backup })).damage, []);
});

test("directories that hold something else, and other wrong arguments", async (t) => {
  const { root, data, backup } = site(t);
  const other = join(root, "other");
  mkdirSync(other);
  writeFileSync(join(other, "letter.txt"), "dear reader");
  for (const [to, message] of [
    [other, /is not empty and holds no backup/],
    [data, /is the database of a journal/],
  ] as const) {
    const error = await refused(backupJournal(data, { to }));
    assert.equal(error.code, "BACKUP_CONFLICT");
    assert.match(error.message, message);
  }
  await backupJournal(data, { to: backup });
  const restore = await refused(restoreJournal(backup, { to: other }));
  assert.match(restore.message, /is not empty \(letter\.txt\)/);
  assert.deepEqual(readdirSync(other), ["letter.txt"]);
  const codes = await Promise.all([
    refused(backupJournal("", { to: backup })),
    refused(backupJournal(data, { to: "" })),
    refused(backupJournal(data, { to: backup, verify: "some" as "all" })),
    refused(backupJournal(join(root, "nowhere"), { to: join(root, "x") })),
    refused(restoreJournal(join(root, "nowhere"), { to: join(root, "x") })),
    refused(restoreJournal(data, { to: join(root, "x") })),
    refused(restoreJournal(backup, { to: "\0" })),
  ]).then((errors) => errors.map(({ code }) => code));
  assert.deepEqual(codes, [
    "INVALID_ARGUMENT",
    "INVALID_ARGUMENT",
    "INVALID_ARGUMENT",
    "JOURNAL_FORMAT",
    "BACKUP_CONFLICT",
    "BACKUP_CONFLICT",
    "INVALID_ARGUMENT",
  ]);
  for (const [words, code] of [
    [["backup", "-d", data], 2],
    [["backup", "-d", data, "--to", backup, "--verify", "none"], 2],
    [["backup", "-d", join(root, "nowhere"), "--to", backup], 1],
    [["restore", "--from", backup], 2],
    [["channels", "-d", backup], 1],
  ] as const) {
    const ended = await runCli(words);
    assert.equal(ended.code, code, ended.stderr);
  }
});
