// The demo as users run it: whatever happens to it, its ledger balances and nothing is left behind.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { runCli, startCli } from "./cli-io.ts";
import { assertBalanced, play } from "./demo-play.ts";

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-demo-test-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("the ledger balances: all groups recorded what was sent, one after failures", async () => {
  const report = await play("--loops", "2");
  assert.equal(report.received, 658);
  assertBalanced(report);
  assert.deepEqual(
    report.groups.map(({ group, expected }) => [group, expected]),
    [
      ["audit", 658],
      ["read-model", 658],
      ["notifier", 284],
      ["enrichment", 658],
    ],
  );
  const notifier = report.groups.find(({ group }) => group === "notifier");
  assert.ok((notifier?.retries ?? 0) > 0, "its downstream failed");
  assert.ok((notifier?.deadLettered ?? 0) > 0, "it gave some up");
  assert.ok((notifier?.recorded ?? 0) > 0, "and recovered");
  assert.ok(Number(report["repeats"]) > 0, "some were sent twice");
});

test("it balances when a worker process is killed with deliveries in its hands", async () => {
  const report = await play("--loops", "2", "--crash", "--seed", "7");
  assert.equal(report.received, 658);
  assertBalanced(report);
  const { crash } = report;
  assert.ok(crash !== undefined);
  assert.ok(crash.unsettled * 10 >= crash.given, `${crash.unsettled} of ${crash.given}`);
  const enrichment = report.groups.find(({ group }) => group === "enrichment");
  assert.ok((enrichment?.redelivered ?? 0) >= crash.unsettled, "what it held was delivered again");
});

test("Ctrl-C ends the receiving, settles what came, and prints the ledger", async (t) => {
  const directory = temporary(t);
  const words = ["demo", "webhooks", "--rate", "60", "--directory", directory];
  const running = startCli(words);
  await running.seen(/received [1-9]\d* of 329/);
  running.child.kill("SIGINT");
  const { code, stdout, stderr } = await running.ended;
  assert.equal(code, 0, stderr + stdout);
  assert.match(stdout, /interrupted: settling what was received/);
  assert.match(stdout, /Balanced: nothing is lost, nothing happened twice\.\n$/);
  const received = Number(/^(\d+) deliveries in /m.exec(stdout)?.[1]);
  assert.ok(received > 0 && received < 329, String(received));

  const second = await play("--directory", directory);
  assert.equal(second.received, 329);
  assertBalanced(second);
  assert.equal(second.groups[0]?.expected, 329 + received, "the ledger covers both runs");
});

test("a temporary directory is removed; lines are plain where output is piped", async (t) => {
  const folder = temporary(t);
  const running = startCli(["demo", "webhooks"], undefined, { TMPDIR: folder });
  const { code, stdout, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
  assert.equal(stdout.includes("\u001B"), false);
  assert.match(stdout, /received \d+ of 329; waiting: audit \d+, read-model \d+/);
  assert.match(stdout, /chat service is down/);
  assert.match(
    stdout,
    /^group +sent +recorded +dead +expired +dropped +lost +doubled +redelivered +retries$/m,
  );
  assert.deepEqual(readdirSync(folder), []);
});

test("a journal that is not the demo's is refused and left alone", async (t) => {
  const directory = temporary(t);
  const words = ["publish", "-d", directory, "-c", "orders", "-t", "com.acme.order.placed"];
  await runCli(words, '{"cents":1}\n');
  const { code, stderr } = await runCli(["demo", "webhooks", "--directory", directory]);
  assert.equal(code, 1);
  assert.match(stderr, /INVALID_ARGUMENT: .* holds a journal that is not the demo's/);
});

test("an unknown demo is wrong usage", async () => {
  const { code, stderr } = await runCli(["demo", "webhoks"]);
  assert.equal(code, 2);
  assert.match(stderr, /there is no demo 'webhoks': did you mean 'webhooks'\?/);
});
