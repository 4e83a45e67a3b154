// The checkout again and again, each time with other orders and other processes killed at other
// moments, of any service: the side on Spillway balances to the cent every time. Twenty times in a
// long run, which plays the left side along in every tenth, twice in a short one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "spillway/testing";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { assertCheckoutBalanced, type CheckoutReport, playCheckout } from "./checkout-play.ts";

const runs = isLongRun ? 20 : 2;
const day = isLongRun
  ? ["--seconds", "8", "--kills", "5"]
  : ["--seconds", "4", "--rate", "30", "--kills", "3"];
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);

interface Outcome {
  readonly report: CheckoutReport | undefined;
  readonly violation: string | undefined;
}

async function playOnce(words: readonly string[]): Promise<Outcome> {
  let report: CheckoutReport | undefined;
  try {
    report = await playCheckout(...words);
    assert.ok(report.killed > 0, "processes were killed");
    assertCheckoutBalanced(report.spillway);
    return { report, violation: undefined };
  } catch (error) {
    return { report, violation: `${words.join(" ")}: ${String(error)}` };
  }
}

test(`the checkout balances ${runs} times in a row, seed ${seed}`, {
  timeout: runs * 600_000,
}, async () => {
  const random = seededRandom(seed);
  const violations: string[] = [];
  const counts = { runs: 0, killed: 0, sent: 0, accepted: 0, carriedOut: 0, lost: 0, doubled: 0 };
  const left = { runs: 0, sent: 0, accepted: 0, carriedOut: 0, lost: 0, doubled: 0, halfDone: 0 };
  for (let run = 0; run < runs; run++) {
    const side = isLongRun && run % 10 === 9 ? [] : ["--no-sync"];
    const words = [...day, "--seed", `${random.uint32()}`, ...side];
    const { report, violation } = await playOnce(words);
    if (violation !== undefined) violations.push(violation);
    console.log(`run ${run + 1}: ${words.join(" ")}: ${violation ?? "balanced"}`);
    counts.runs++;
    counts.killed += report?.killed ?? 0;
    addUp(counts, report?.spillway);
    if (report?.sync !== undefined) {
      left.runs++;
      left.halfDone += report.sync.halfDone;
      addUp(left, report.sync);
    }
  }
  const ofLeft = Object.entries(left).map(([name, count]): readonly [string, number] => [
    `left.${name}`,
    count,
  ]);
  await recordEvidence("demo-checkout", {
    seed,
    counts: { ...counts, ...Object.fromEntries(ofLeft) },
    violations,
  });
  assert.deepEqual(violations, []);
});

type Sums = Record<"sent" | "accepted" | "carriedOut" | "lost" | "doubled", number>;

function addUp(sums: Sums, side: CheckoutReport["spillway"] | undefined): void {
  if (side === undefined) return;
  sums.sent += side.sent;
  sums.accepted += side.answers.yes;
  sums.carriedOut += side.carriedOut;
  sums.lost += side.lost;
  sums.doubled += side.doubled;
}
