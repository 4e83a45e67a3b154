// The demo again and again, each time with another seed: with and without a killed worker process,
// its ledger balances every time. Twenty times each in a long run, once in a short one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "spillway/testing";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { assertBalanced, play, type Report } from "./demo-play.ts";

const runs = isLongRun ? 20 : 1;
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);

interface Outcome {
  readonly report: Report | undefined;
  readonly violation: string | undefined;
}

async function playOnce(words: readonly string[]): Promise<Outcome> {
  let report: Report | undefined;
  try {
    report = await play(...words);
    assert.equal(report.received, 329);
    assertBalanced(report);
    const killed = words.includes("--crash");
    assert.equal(report.crash !== undefined, killed);
    if (report.crash) assert.ok(report.crash.unsettled * 10 >= report.crash.given);
    return { report, violation: undefined };
  } catch (error) {
    return { report, violation: `${words.join(" ")}: ${String(error)}` };
  }
}

test(`the demo balances ${runs} times in a row, seed ${seed}`, {
  timeout: runs * 120_000,
}, async () => {
  const random = seededRandom(seed);
  const violations: string[] = [];
  const counts = { runs: 0, crashes: 0, received: 0, redelivered: 0, deadLettered: 0 };
  for (const crash of [[], ["--crash"]]) {
    for (let run = 0; run < runs; run++) {
      const { report, violation } = await playOnce(["--seed", `${random.uint32()}`, ...crash]);
      if (violation !== undefined) violations.push(violation);
      counts.runs++;
      counts.crashes += report?.crash === undefined ? 0 : 1;
      counts.received += report?.received ?? 0;
      counts.redelivered += report?.redelivered ?? 0;
      counts.deadLettered += report?.deadLettered ?? 0;
    }
  }
  await recordEvidence("demo", { seed, counts, violations });
  assert.deepEqual(violations, []);
  assert.equal(counts.crashes, runs);
});
