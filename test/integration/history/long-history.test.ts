// A history of any length is checked in bounded memory: a process whose heap is limited checks one
// with a checkpoint every so often, and cannot without them. The long mode takes three million
// acknowledged messages.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isLongRun, recordEvidence } from "../../evidence.ts";

const cycles = isLongRun ? 100 : 30;
const messages = isLongRun ? 3_000_000 : 120_000;
/** Enough for one cycle and what is kept of those before; not for all messages. */
const heapMebibytes = isLongRun ? 160 : 64;
const script = fileURLToPath(new URL("./long-history.ts", import.meta.url));

function check(...words: readonly string[]) {
  const options = [`--max-old-space-size=${heapMebibytes}`, "--conditions=spillway:source"];
  const { status, stdout } = spawnSync(
    process.execPath,
    [...options, "--no-warnings", script, `${messages}`, `${cycles}`, ...words],
    { encoding: "utf8" },
  );
  return { status, report: stdout === "" ? undefined : (JSON.parse(stdout) as LongReport) };
}

interface LongReport {
  readonly heapPeakMebibytes: number;
  readonly violations: readonly string[];
}

test(`${messages} messages, ${cycles} checkpoints, ${heapMebibytes} MiB of heap`, async (t) => {
  const { status, report } = check("checkpoints");
  t.diagnostic(JSON.stringify(report));
  assert.equal(status, 0, "it did not come to its end");
  assert.deepEqual(report?.violations, []);
  const counts = { messages, cycles, heapMebibytes, heapPeakMebibytes: report.heapPeakMebibytes };
  await recordEvidence("long-history", { seed: 0, counts, violations: report.violations });
});

test("what was lost long ago is found, in the same memory", () => {
  const { status, report } = check("checkpoints", "loses");
  assert.equal(status, 0);
  assert.deepEqual(report?.violations, ["lost"]);
});

test("without checkpoints the same memory is not enough", () => {
  const { status, report } = check("at once");
  assert.notEqual(status, 0);
  assert.equal(report, undefined);
});
