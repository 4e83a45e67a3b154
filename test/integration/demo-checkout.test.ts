// The checkout demo as users run it: the side on Spillway balances whatever happens, both sides
// complete everything while nothing does, and nothing is left behind.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { assertCheckoutBalanced, type CheckoutReport, playCheckout } from "./checkout-play.ts";
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

test(`with chaos in its handlers the right side balances, seed ${seed}`, async () => {
  const quick = ["--no-sync", "--no-faults", "--seconds", "4", "--rate", "40", "--seed", seed];
  const report = await playCheckout(...quick, "--chaos", seed, ...patient);
  assertCheckoutBalanced(report.spillway);
  assert.ok(report.spillway.retries > 0, "calls failed, and were made again");
  assert.equal(report.spillway.carriedOut + report.spillway.cancelled, report.spillway.sent);
  assert.ok(report.events.some(({ text }) => text.includes(`chaos (seed ${seed})`)));
});

test("Ctrl-C ends the arrivals, settles what came, and prints the ledger", async (t) => {
  const folder = temporary(t);
  const words = ["demo", "--seconds", "3600", "--rate", "5", "--no-faults", ...patient];
  const running = startCli(words, undefined, { TMPDIR: folder });
  t.after(() => running.child.kill("SIGKILL"));
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

const columns = ["--column", "id=order no", "--column", "amount=total"];
const rows = Array.from({ length: 60 }, (_, at) => ({
  "order no": `A-${at}`,
  customer: `customer "${at % 7}", of old`,
  sku: `tea-${at % 3}`,
  quantity: 1 + (at % 2),
  total: `${5 + at}.${at % 2 === 0 ? "05" : "5"}`,
}));
const csvOf = (): string => {
  const quoted = (value: string | number): string => `"${String(value).replaceAll('"', '""')}"`;
  const lines = rows.map((row) => Object.values(row).map(quoted).join(";"));
  return [Object.keys(rows[0] ?? {}).join(";"), ...lines].join("\r\n");
};
const ndjsonOf = (): string => rows.map((row) => JSON.stringify(row)).join("\n");

test("orders of one's own, as CSV or as JSON: the same ledger, to the cent", async (t) => {
  const folder = temporary(t);
  const quick = ["--no-sync", "--no-faults", "--seconds", "600", "--rate", "60", "--seed", "4"];
  const play = (path: string): Promise<CheckoutReport> =>
    playCheckout("--input", path, ...columns, ...quick, ...patient);
  writeFileSync(join(folder, "orders.csv"), csvOf());
  writeFileSync(join(folder, "orders.ndjson"), `${ndjsonOf()}\n{"order no":"A-60"}\n`);
  const csv = await play(join(folder, "orders.csv"));
  const json = await play(join(folder, "orders.ndjson"));
  for (const report of [csv, json]) {
    assertCheckoutBalanced(report.spillway);
    assert.equal(report.spillway.carriedOut + report.spillway.cancelled, rows.length);
  }
  assert.deepEqual(csv.spillway.money, json.spillway.money);
  assert.deepEqual(csv.spillway.stock, json.spillway.stock);
  const cents = rows.reduce((sum, { total }) => sum + Math.round(Number(total) * 100), 0);
  const declined = csv.spillway.cancelled;
  assert.ok(csv.spillway.money.owed <= cents, "no more than was ordered");
  assert.equal(csv.spillway.money.owed === cents, declined === 0);
  assert.equal(csv.skipped, 0);
  assert.equal(json.skipped, 1);
  const named = json.events.filter(({ text }) => text.includes("left out"));
  assert.equal(named.length, 1);
  assert.match(named[0]?.text ?? "", /orders\.ndjson, line 61 is left out: there is no 'sku'/);
});

test("an input that holds no orders is refused before anything starts", async () => {
  const words = ["demo", "--input", "-", "--json"];
  const { code, stdout, stderr } = await runCli(words, "article,price\ntea,5\n");
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /standard input, line 2: there is no 'sku' among article, price/);
});

test("services end with a main that is killed while they start", {
  timeout: 300_000,
}, async (t) => {
  const directory = temporary(t);
  const running = startCli(["demo", "--no-sync", "--directory", directory]);
  const { pid = 0 } = running.child;
  const childrenOf = (): readonly number[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .split(" ")
      .filter(Boolean)
      .map(Number);
  while (childrenOf().length < 6) await setTimeout(20);
  const children = childrenOf();
  running.child.kill("SIGKILL");
  await running.ended;
  const isAlive = (child: number): boolean => existsSync(`/proc/${child}/cmdline`);
  while (children.some(isAlive)) await setTimeout(100);
});

test("a flag of the other demo is wrong usage", async () => {
  const { code, stderr } = await runCli(["demo", "--loops", "2"]);
  assert.equal(code, 2);
  assert.match(stderr, /--loops is for 'spillway demo webhooks'/);
  const other = await runCli(["demo", "webhooks", "--seconds", "2"]);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /--seconds is for 'spillway demo checkout'/);
});
