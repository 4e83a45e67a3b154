// Disks that fail while a journal works on them: the k-th system call of one kind on one of its
// files fails, for real, by strace. Whatever k is: no acknowledgement is false, a repeat by id is
// stored once, every guarantee holds, and everything goes on by itself once the disk is well.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../src/kernel/random.ts";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { type Fault, hasStrace, IoRig } from "./io-rig.ts";

const required = process.env["SPILLWAY_REQUIRE_STRACE"] === "1";
const skip = hasStrace || required ? false : "strace is not installed: apt-get install strace";
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);

/** Calls that fail in one go, from the k-th on. */
const runsOfFailures = [1, 3] as const;

const wal = "journal.db-wal";
const database = "journal.db";
/** Faults of one file, and of all files, as a disk fails that is unplugged. */
const kinds: readonly Pick<Fault, "file" | "call" | "error">[] = [
  { file: wal, call: "fsync", error: "EIO" },
  { file: wal, call: "pwrite64", error: "EIO" },
  { file: database, call: "pwrite64", error: "EIO" },
  { file: database, call: "fsync", error: "EIO" },
  { file: database, call: "pread64", error: "EIO" },
  { file: wal, call: "pread64", error: "EIO" },
  { file: wal, call: "pwrite64", error: "ENOSPC" },
  { file: database, call: "pwrite64", error: "ENOSPC" },
  { file: wal, call: "pwrite64", error: "EDQUOT" },
  { call: "fsync", error: "EIO" },
  { call: "pwrite64", error: "EIO" },
];

/** The faults of one life of a worker: in a short run a few, in a long one each of the first k. */
function chosen(kMax: number): Fault[] {
  const random = seededRandom(seed);
  const faults: Fault[] = [];
  for (const kind of kinds) {
    const places = isLongRun
      ? Array.from({ length: kMax }, (_, index) => index + 1)
      : [1 + (random.uint32() % 4)];
    for (const first of places) {
      const length = runsOfFailures[random.uint32() % runsOfFailures.length] ?? 1;
      if (kind.file === undefined) faults.push({ ...kind, first });
      else faults.push({ ...kind, first, last: first + length - 1 });
    }
  }
  return faults;
}

test("a failing disk costs no message, and the journal goes on by itself", { skip }, async (t) => {
  t.diagnostic(`seed ${seed}`);
  await using rig = new IoRig();
  await rig.start();
  await rig.order({ kind: "open" });
  await rig.order({ kind: "consume" });
  await rig.publish(200);
  const faults = chosen(25);
  for (const fault of faults) {
    const report = await rig.during(fault, () => rig.publish(300));
    assert.equal(report.error, undefined, JSON.stringify({ fault, report }));
  }
  assert.match(await rig.drained(), /^ok/);
  const violations = await rig.violations();
  const counts = { faults: faults.length, injected: rig.injected, ...rig.totals };
  t.diagnostic(JSON.stringify({ ...counts, codes: [...rig.codes] }));
  await recordEvidence("io-faults", { seed, counts, violations });
  assert.deepEqual(violations, []);
  assert.ok(rig.injected >= faults.length / 2, "most faults never took place");
});
