// The score of mutation testing, and a reason for each survivor. A long run makes the record anew,
// for every file of every area; a short one looks at the record.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { explainSurvivors, idleReasons } from "../../scripts/mutation/reasons.ts";
import { readRecord } from "../../scripts/mutation/record.ts";
import { isLongRun } from "../evidence.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const scoreMin = 85;

if (isLongRun) {
  const words = ["--conditions=spillway:source", "--no-warnings", "scripts/mutation.ts"];
  const { status } = spawnSync(process.execPath, words, { cwd: root, stdio: "inherit" });
  assert.equal(status, 0, "the mutants could not be run");
}

const record = readRecord(root);

test("each area scores at least 85 per cent where it was run", () => {
  for (const [name, { counts }] of Object.entries(record?.areas ?? {})) {
    if (counts === undefined) continue;
    assert.ok(counts.score >= scoreMin, `${name}: ${counts.score}`);
  }
});

test("a long run leaves no file out", { skip: !isLongRun }, () => {
  assert.ok(record !== undefined);
  for (const { notRun } of Object.values(record.areas)) assert.deepEqual(notRun, []);
});

test("each survivor has a reason, and each reason a survivor", () => {
  assert.ok(record !== undefined, "nothing was recorded");
  const unexplained = explainSurvivors(record).filter(({ reason }) => reason === undefined);
  assert.deepEqual(unexplained, [], "see scripts/mutation/survivor-reasons.ts");
  assert.deepEqual(idleReasons(record), [], "these survivors are gone");
});

test("what cannot be meant is refused, and nothing is run", () => {
  for (const [word, named] of [
    ["delivry", /'delivry' is neither an area \(delivery, recovery, journal\) nor part/],
    ["--concurency=2", /unknown switch --concurency=2/],
    ["--concurrency=0", /unknown switch --concurrency=0/],
  ] as const) {
    const words = ["--conditions=spillway:source", "--no-warnings", "scripts/mutation.ts", word];
    const { status, stderr } = spawnSync(process.execPath, words, { cwd: root, encoding: "utf8" });
    assert.equal(status, 2);
    assert.match(stderr, named);
  }
});
