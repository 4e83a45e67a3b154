/**
 * `npx spillway demo` and `npx spillway demo webhooks` work from the packed package, in a folder
 * that holds nothing else.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createConsumer, missingSource, run, type Consumer } from "./consumer.ts";

const missing = missingSource("src/demo/webhooks", "src/demo/checkout");
let consumer: Consumer;
before(async () => {
  if (!missing) consumer = await createConsumer();
});
after(() => consumer?.remove());

test("the packed checkout balances, with a killed process", { skip: missing }, async () => {
  const words = [
    "spillway",
    "demo",
    "--json",
    "--seconds",
    "3",
    "--rate",
    "20",
    "--patience",
    "20",
  ];
  const { stdout } = await run(consumer.folder, "npx", words);
  const { balanced, killed, sync, spillway } = JSON.parse(stdout) as {
    readonly [name: string]: unknown;
  };
  assert.equal(balanced, true);
  assert.equal(killed, 2, "one on each side");
  assert.ok(typeof sync === "object" && typeof spillway === "object");
});

test("the packed webhooks run to their end and report as JSON", { skip: missing }, async () => {
  const words = ["spillway", "demo", "webhooks", "--json", "--loops", "1"];
  const { stdout } = await run(consumer.folder, "npx", words);
  const lines = stdout.trim().split("\n");
  const { received, balanced, lost, duplicated } = JSON.parse(lines.at(-1) ?? "") as {
    readonly [name: string]: unknown;
  };
  assert.deepEqual(
    { received, balanced, lost, duplicated },
    { received: 329, balanced: true, lost: 0, duplicated: 0 },
  );
});
