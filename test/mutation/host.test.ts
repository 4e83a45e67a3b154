// The process that runs tests against mutants judges a test as node:test does, as often as it is
// asked, and one that fails leaves the others alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HostProcess } from "../../scripts/mutation/host-process.ts";

const file = "test/mutation/example-tests.ts";
const request = { tests: undefined, bail: false, mutant: undefined, hitLimit: undefined };
const longMs = (): number => 120_000;

const expected = {
  "with its own hooks": "passed",
  "a group > within": "passed",
  "skipped by its options": "skipped",
  "skipped by itself": "skipped",
  "fails at once": "failed",
  "fails later": "failed",
  "fails in a subtest": "failed",
  "leaves an error that nobody awaits": "failed",
  "throws where nobody is": "failed",
  "waits for what cannot come": "failed",
  "takes longer than it may": "failed",
  "everything was said in the order of node:test": "passed",
};

test("tests come to the same, run for run", async (t) => {
  const host = new HostProcess();
  t.after(() => host.end());
  await host.load([file]);
  for (let run = 1; run <= 3; run++) {
    const answer = await host.run(request, longMs);
    assert.ok(answer.kind === "ran");
    const found = answer.outcomes.map(({ name, status }) => [name, status]);
    assert.deepEqual(Object.fromEntries(found), expected);
  }
});

test("a run ends with the first test that fails, and keeps to the tests it is given", async (t) => {
  const host = new HostProcess();
  t.after(() => host.end());
  await host.load([file]);
  const tests = ["fails later", "fails at once"].map((name) => `${file} > ${name}`);
  const answer = await host.run({ ...request, tests, bail: true }, longMs);
  assert.ok(answer.kind === "ran");
  assert.deepEqual(
    answer.outcomes.map(({ id }) => id),
    tests.slice(0, 1),
  );
});

test("a test that takes too long ends the process, and the answer names it", async (t) => {
  const host = new HostProcess();
  t.after(() => host.end());
  await host.load([file]);
  const id = `${file} > takes longer than it may`;
  // The process is stopped by its limit here, which is shorter than the test's own.
  const answer = await host.run({ ...request, tests: [id] }, () => 0);
  assert.deepEqual(answer, { kind: "late", test: id });
});
