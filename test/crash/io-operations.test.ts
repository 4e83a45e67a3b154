// A disk that fails in the middle of one thing that a journal does: appending, settling, retention,
// a checkpoint, opening, a backup. The k-th system call of a kind fails, for each k in a long run.
// Whatever k is: what was acknowledged is there once, nothing waits for ever, and as soon as the
// disk is well the same thing succeeds.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createBus } from "spillway";
import { embedded, restoreJournal, verifyJournal } from "spillway/embedded";
import { type Random, seededRandom } from "../../src/kernel/random.ts";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { PaymentMade, payments, type Report } from "./fixtures/payments.ts";
import { type Fault, hasStrace, IoRig } from "./io-rig.ts";

const required = process.env["SPILLWAY_REQUIRE_STRACE"] === "1";
const skip = hasStrace || required ? false : "strace is not installed: apt-get install strace";
/** Short runs repeat their faults: new ones are found by long runs, and by SPILLWAY_SEED. */
const seed = Number(
  process.env["SPILLWAY_SEED"] ?? (isLongRun ? process.hrtime.bigint() % 1_000_000n : 20_261_121),
);
/** The last call that fails in its turn, in a long run; in a short one, one of the first few. */
const lastCall = { long: 25, short: 6 } as const;

type Kind = Pick<Fault, "file" | "call" | "error">;

const wal = "journal.db-wal";
const database = "journal.db";
const logFails: readonly Kind[] = [
  { file: wal, call: "pwrite64", error: "EIO" },
  { file: wal, call: "pwrite64", error: "ENOSPC" },
  { file: wal, call: "fsync", error: "EIO" },
];
const databaseFails: readonly Kind[] = [
  { file: database, call: "pwrite64", error: "EIO" },
  { file: database, call: "pwrite64", error: "ENOSPC" },
  { file: database, call: "fsync", error: "EIO" },
];
const anythingFails: readonly Kind[] = [
  { call: "pwrite64", error: "EIO" },
  { call: "pwrite64", error: "ENOSPC" },
  { call: "pread64", error: "EIO" },
  { call: "fsync", error: "EIO" },
];

/**
 * One thing that a journal does, alone; `mayFail`: its caller is told, and does it again;
 * `isShort`: its first calls are all tried in a short run, too.
 */
interface Operation {
  readonly kinds: readonly Kind[];
  readonly mayFail: boolean;
  readonly isShort?: boolean;
  readonly before?: (rig: IoRig) => Promise<Report>;
  readonly run: (rig: IoRig) => Promise<Report>;
  readonly after?: (rig: IoRig) => Promise<Report>;
}

const backupOf = (rig: IoRig): string => join(rig.directory, "backup");

const operations: Readonly<Record<string, Operation>> = {
  append: { kinds: logFails, mayFail: false, run: (rig) => rig.publish(200) },
  retention: { kinds: logFails, mayFail: false, run: (rig) => rig.order({ kind: "retire" }) },
  checkpoint: { kinds: databaseFails, mayFail: false, run: (rig) => rig.publish(500) },
  open: {
    kinds: anythingFails,
    mayFail: true,
    isShort: true,
    before: (rig) => rig.order({ kind: "close" }),
    run: (rig) => rig.order({ kind: "open" }),
    after: (rig) => rig.publish(5),
  },
  backup: {
    kinds: anythingFails,
    mayFail: true,
    before: (rig) => rig.publish(50),
    run: (rig) => rig.order({ kind: "back up", to: backupOf(rig) }),
  },
  settle: {
    kinds: logFails,
    mayFail: false,
    before: async (rig) => {
      await rig.order({ kind: "hold" });
      return rig.publish(200);
    },
    run: async (rig) => {
      await rig.order({ kind: "release" });
      return rig.order({ kind: "drain" });
    },
  },
};

function faultsOf({ kinds, isShort }: Operation, random: Random): Fault[] {
  return kinds.flatMap((kind) => {
    const { long, short } = lastCall;
    const all = Array.from({ length: isLongRun ? long : short }, (_, index) => index + 1);
    const calls = isLongRun || isShort ? all : [1 + (random.uint32() % short)];
    return calls.map((first) => ({ ...kind, first, last: first }));
  });
}

/** Lets the fault happen; whoever was told of it does the same again, on a disk that is well. */
async function strike(rig: IoRig, name: string, fault: Fault): Promise<void> {
  const { before, run, after, mayFail } = operations[name] as Operation;
  // A fault before may have hit what goes on in the background: the journal opens itself again.
  assert.doesNotMatch(await rig.reopened(), /opens (itself )?again/);
  const shown = (report: Report): string => JSON.stringify({ name, fault, report });
  const prepared = await before?.(rig);
  assert.equal(prepared?.error, undefined, `before ${JSON.stringify({ name, fault, prepared })}`);
  const report = await rig.during(fault, () => run(rig));
  if (report.error !== undefined) {
    assert.ok(mayFail, shown(report));
    // What is told is that the disk failed, or that a process of the backup did not even start;
    // not that something is wrong with what is stored.
    assert.match(report.error, /^(JOURNAL_IO|JOURNAL_FULL|BACKUP_IO|TASK_STOPPED) /, shown(report));
    const again = await run(rig);
    assert.equal(again.error, undefined, shown(again));
  }
  const afterwards = await after?.(rig);
  assert.equal(
    afterwards?.error,
    undefined,
    `after ${JSON.stringify({ name, fault, afterwards })}`,
  );
}

test("a disk that fails in one operation costs nothing but time", { skip }, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  await using rig = new IoRig();
  await rig.start();
  await rig.order({ kind: "open" });
  await rig.publish(200);
  const counts: Record<string, number> = {};
  for (const [name, operation] of Object.entries(operations)) {
    const injected = rig.injected;
    const faults = faultsOf(operation, random);
    if (name === "settle") await rig.order({ kind: "consume" });
    for (const fault of faults) await strike(rig, name, fault);
    counts[`${name}.faults`] = faults.length;
    counts[`${name}.injected`] = rig.injected - injected;
  }
  assert.match(await rig.drained(), /^ok/);
  const violations = [...(await backupViolations(rig)), ...(await rig.violations())];
  t.diagnostic(JSON.stringify(counts));
  await recordEvidence("io-operations", { seed, counts: { ...counts, ...rig.totals }, violations });
  assert.deepEqual(violations, []);
  assert.ok(rig.injected >= Object.keys(operations).length, "most faults never took place");
});

/** The last backup, restored: sound, and every payment in it once. */
async function backupViolations(rig: IoRig): Promise<string[]> {
  const report = await rig.order({ kind: "back up", to: backupOf(rig) });
  if (report.error !== undefined) return [`the last backup: ${report.error}`];
  const directory = join(rig.directory, "restored");
  await restoreJournal(backupOf(rig), { to: directory });
  const { findings } = await verifyJournal(directory);
  const found = findings.map((finding) => `restored: ${JSON.stringify(finding)}`);
  const bus = await createBus({ name: "restored", transport: embedded({ directory }) });
  const numbers: number[] = [];
  for await (const { data } of bus.read(payments)) numbers.push(data.number);
  await bus.close();
  const distinct = new Set(numbers).size;
  const { payments: made } = rig.totals;
  if (distinct !== made || numbers.length !== made) {
    found.push(`the restored journal has ${numbers.length} ${PaymentMade.type}, ${made} were made`);
  }
  return found;
}
