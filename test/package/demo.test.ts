/**
 * `npx spillway demo webhooks` works from the packed package, in a folder that holds
 * nothing else.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createConsumer, missingSource, run, type Consumer } from "./consumer.ts";

const missing = missingSource("src/demo/webhooks");
let consumer: Consumer;
before(async () => {
  if (!missing) consumer = await createConsumer();
});
after(() => consumer?.remove());

test("the packed demo runs to its end and reports as JSON", { skip: missing }, async () => {
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
