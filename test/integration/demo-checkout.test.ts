// The checkout demo as users run it: the side on Spillway balances whatever happens, both sides
// complete everything while nothing does, and nothing is left behind.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { assertCheckoutBalanced, playCheckout } from "./checkout-play.ts";
import { runCli, startCli } from "./cli-io.ts";

const seed = String(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
console.log(`seed ${seed}`);
/** Nobody's time-out is to fire on a busy machine. */
const patient = ["--patience", "20"];

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-checkout-test-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test(`without faults both sides complete every order, seed ${seed}`, async () => {
  const words = ["--no-faults", "--seconds", "4", "--rate", "20", "--seed", seed, ...patient];
  const report = await playCheckout(...words);
  assert.ok(report.sync !== undefined);
  for (const side of [report.sync, report.spillway]) {
    assertCheckoutBalanced(side);
    assert.equal(side.sent, report.sent);
    assert.equal(side.answers.refused + side.answers.unanswered, 0);
    assert.equal(side.carriedOut + side.cancelled, side.sent);
  }
  // The same customers, the same bank: the same orders come to the same end.
  assert.deepEqual(report.sync.money, report.spillway.money);
  assert.deepEqual(report.sync.stock, report.spillway.stock);
});

test(`with a slow bank and killed processes the right side balances, seed ${seed}`, async () => {
  const words = ["--no-sync", "--seconds", "5", "--rate", "40", "--kills", "3", "--seed", seed];
  const report = await playCheckout(...words);
  assert.equal(report.sync, undefined);
  assert.ok(report.killed > 0);
  assertCheckoutBalanced(report.spillway);
});

test("Ctrl-C ends the arrivals, settles what came, and prints the ledger", async (t) => {
  const folder = temporary(t);
  const words = ["demo", "--seconds", "600", "--rate", "30", "--no-faults"];
  const running = startCli(words, undefined, { TMPDIR: folder });
  await running.seen(/spillway: [1-9]\d* accepted/);
  running.child.kill("SIGINT");
  const { code, stdout, stderr } = await running.ended;
  assert.equal(code, 0, stderr + stdout);
  assert.equal(stdout.includes("\u001B"), false);
  assert.match(stdout, /interrupted: settling what was accepted/);
  assert.match(stdout, /^orders sent +\d+ +\d+$/m);
  assert.match(stdout, /services on Spillway: balanced to the cent and to the piece\.\n$/);
  assert.deepEqual(readdirSync(folder), [], "the temporary directory is removed");
});

test("a flag of the other demo is wrong usage", async () => {
  const { code, stderr } = await runCli(["demo", "--loops", "2"]);
  assert.equal(code, 2);
  assert.match(stderr, /--loops is for 'spillway demo webhooks'/);
  const other = await runCli(["demo", "webhooks", "--seconds", "2"]);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /--seconds is for 'spillway demo checkout'/);
});
