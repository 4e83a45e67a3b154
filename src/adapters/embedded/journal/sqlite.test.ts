// That SQLite is loaded quietly, and nothing else is kept quiet.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { withoutSqliteWarning } from "./sqlite.ts";

const experimental = "SQLite is an experimental feature and might change at any time";

test("only the warning about SQLite is dropped, and only while it loads", async () => {
  const heard: string[] = [];
  const listen = (warning: Error): number => heard.push(`${warning.name}: ${warning.message}`);
  process.on("warning", listen);
  try {
    const result = withoutSqliteWarning(() => {
      process.emitWarning(experimental, "ExperimentalWarning");
      process.emitWarning("Other is an experimental feature", "ExperimentalWarning");
      process.emitWarning(experimental, { type: "TestWarning" });
      process.emitWarning(new Error("an error as a warning"));
      return 7;
    });
    assert.equal(result, 7);
    process.emitWarning(experimental, "ExperimentalWarning");
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("warning", listen);
  }
  assert.deepEqual(heard, [
    "ExperimentalWarning: Other is an experimental feature",
    `TestWarning: ${experimental}`,
    "Error: an error as a warning",
    `ExperimentalWarning: ${experimental}`,
  ]);
});

test("process.emitWarning is itself again, also when loading fails", () => {
  const before = process.emitWarning;
  const fail = (): never => {
    throw new Error("no such module");
  };
  assert.throws(() => withoutSqliteWarning(fail), /no such module/);
  assert.equal(process.emitWarning, before);
});

test("a process that opens the journal hears nothing about SQLite", async () => {
  const module = JSON.stringify(import.meta.resolve("./sqlite.ts"));
  const script = `const { DatabaseSync } = await import(${module});
    new DatabaseSync(":memory:").close();`;
  const words = ["--input-type=module", "--eval", script];
  const { stderr } = await promisify(execFile)(process.execPath, words);
  assert.doesNotMatch(stderr, /SQLite/);
});
