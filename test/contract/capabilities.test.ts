// docs/capabilities.md says what the adapters declare now and what the contract asks now. That the
// cases hold is shown by the other tests of this folder.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { renderCapabilities } from "../../scripts/capabilities/render-capabilities.ts";
import { memory } from "../../src/adapters/memory/index.ts";
import { transportContract } from "../../src/testing/contract-suites/index.ts";
import { subjects } from "./subjects.ts";

const file = new URL("../../docs/capabilities.md", import.meta.url);

test("docs/capabilities.md matches the declarations and the contract", () => {
  const text = renderCapabilities(subjects, transportContract);
  const hint = "docs/capabilities.md is stale: run node scripts/capabilities.ts";
  assert.equal(readFileSync(file, "utf8"), text, hint);
});

test("another declaration gives another document", () => {
  const { capabilities } = memory();
  const before = renderCapabilities([{ name: "memory", capabilities }], transportContract);
  const durable = { ...capabilities, durable: "emulated" } as const;
  const after = renderCapabilities([{ name: "memory", capabilities: durable }], transportContract);
  assert.notEqual(after, before);
  assert.match(after, /\| `durable` \| emulated \| \d+ \|/);
});
