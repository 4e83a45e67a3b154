// Plays the checkout demo in a process of its own and judges the ledger that it reports.
import assert from "node:assert/strict";
import type { SideResult } from "../../src/demo/checkout/checkout-result.ts";
import type { SideLedger } from "../../src/demo/checkout/ledger/ledger.ts";
import { runCli } from "./cli-io.ts";

/** One side, as `--json` prints it. */
export type SideReport = SideLedger & Omit<SideResult, "side" | "ledger">;

/** The object that `--json` prints. */
export interface CheckoutReport {
  readonly sent: number;
  readonly balanced: boolean;
  readonly killed: number;
  readonly interrupted: boolean;
  readonly skipped: number;
  readonly events: readonly { readonly mood: string; readonly text: string }[];
  readonly sync?: SideReport;
  readonly spillway: SideReport;
}

/** Runs `spillway demo --json` with more words; what it reported. */
export async function playCheckout(...words: string[]): Promise<CheckoutReport> {
  const { code, stdout, stderr } = await runCli(["demo", "--json", ...words]);
  assert.equal(code, 0, stderr + stdout);
  assert.equal(stdout.trimEnd().split("\n").length, 1, "exactly one object");
  return JSON.parse(stdout) as CheckoutReport;
}

/** Every accepted order was carried out once or cancelled; money and pieces agree. */
export function assertCheckoutBalanced(side: SideReport): void {
  const { lost, doubled, halfDone, unexpected, balanced, money, stock } = side;
  assert.deepEqual(
    { lost, doubled, halfDone, unexpected, balanced },
    { lost: 0, doubled: 0, halfDone: 0, unexpected: 0, balanced: true },
  );
  assert.equal(money.recorded, money.owed);
  assert.equal(money.bank, money.owed);
  assert.equal(stock.shipped, stock.taken);
  assert.equal(stock.carrier, stock.taken);
  assert.ok(side.sent > 0 && side.carriedOut > 0, "something happened");
}
