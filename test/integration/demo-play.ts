// Plays the demo in a process of its own and judges the ledger that it reports.
import assert from "node:assert/strict";
import type { LedgerLine } from "../../src/demo/webhooks/ledger.ts";
import { runCli } from "./cli-io.ts";

/** The object that `--json` prints, as far as tests look into it. */
export interface Report extends Record<string, unknown> {
  readonly received: number;
  readonly redelivered: number;
  readonly deadLettered: number;
  readonly groups: readonly LedgerLine[];
  readonly crash?: { readonly worker: string; readonly given: number; readonly unsettled: number };
}

/** Runs `spillway demo webhooks --json` with more words; what it reported. */
export async function play(...words: string[]): Promise<Report> {
  const { code, stdout, stderr } = await runCli(["demo", "webhooks", "--json", ...words]);
  assert.equal(code, 0, stderr + stdout);
  assert.equal(stdout.trimEnd().split("\n").length, 1, "exactly one object");
  return JSON.parse(stdout) as Report;
}

/** Nothing is lost, nothing happened twice, nothing is out of order, in any group. */
export function assertBalanced(report: Report): void {
  const { balanced, lost, duplicated, unexpected, disordered, expired } = report;
  assert.deepEqual(
    { balanced, lost, duplicated, unexpected, disordered, expired },
    { balanced: true, lost: 0, duplicated: 0, unexpected: 0, disordered: 0, expired: 0 },
  );
  for (const line of report.groups) {
    assert.equal(line.recorded + line.deadLettered, line.expected, line.group);
    assert.ok(line.expected > 0, line.group);
  }
}
