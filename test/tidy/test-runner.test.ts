/**
 * The test runner tells the truth: its closing line counts what ran, a file that hangs or dies
 * is a named failure, and no process outlives the run.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

interface Run {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly last: string | undefined;
}

const scripts = fileURLToPath(new URL("../../scripts", import.meta.url));
const imports = 'import { test, describe } from "node:test";\n';
const hanging = `${imports}import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
test("hangs", async () => {
  const child = spawn("sleep", ["600"]);
  writeFileSync("child.pid", String(child.pid));
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});
`;

/** A project that has only the runner and the given files. */
function project(context: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "spillway-runner-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(scripts, "test.ts"), join(folder, "scripts/test.ts"));
  cpSync(join(scripts, "test-runner"), join(folder, "scripts/test-runner"), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function start(folder: string, words: readonly string[]): { done: Promise<Run>; pid: number } {
  const child = spawn(process.execPath, ["scripts/test.ts", ...words], { cwd: folder });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const done = new Promise<Run>((resolve) => {
    child.once("close", (code) => {
      const lines = output.trimEnd().split("\n");
      resolve({ code, lines, last: lines.at(-1) });
    });
  });
  return { done, pid: child.pid ?? 0 };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await sleep(20);
  assert.ok(condition(), "waited for 10 seconds in vain");
}

const pidOf = (folder: string): number => Number(readFileSync(join(folder, "child.pid"), "utf8"));

describe("the closing line", () => {
  test("counts passed tests, and only when there are any, skipped ones", async (t) => {
    const folder = project(t, {
      "src/a.test.ts": `${imports}describe("suite", () => { test("one"); test("two"); });\n`,
      "test/contract/b.test.ts": `${imports}test("three"); test("four", { skip: true });\n`,
    });
    const all = await start(folder, []).done;
    assert.deepEqual([all.code, all.last], [0, "3 passed, 0 failed, 1 skipped"]);
    const unit = await start(folder, ["unit"]).done;
    assert.deepEqual([unit.code, unit.last], [0, "2 passed, 0 failed"]);
  });

  test("counts a failing subtest once and prints its error", async (t) => {
    const folder = project(t, {
      "src/a.test.ts": `${imports}test("outer", async (t) => {
        await t.test("inner", () => { throw new Error("planted"); });
      });\n`,
    });
    const run = await start(folder, []).done;
    assert.deepEqual([run.code, run.last], [1, "0 passed, 1 failed"]);
    assert.match(run.lines.join("\n"), /Error: planted/);
  });

  test("is a failure when no test ran", async (t) => {
    const run = await start(project(t, {}), []).done;
    assert.deepEqual([run.code, run.last], [1, "0 passed, 0 failed"]);
  });
});

describe("a file that breaks", () => {
  const broken: readonly (readonly [string, string, RegExp])[] = [
    ["dies while it loads", "throw new Error('planted');", /exited with code/],
    ["kills itself", `process.kill(process.pid, "SIGKILL");`, /ended by SIGKILL/],
    ["holds no test", "export {};", /ran no test/],
  ];
  for (const [name, text, reason] of broken) {
    test(`is a named failure: it ${name}`, async (t) => {
      const folder = project(t, {
        "src/a.test.ts": `${text}\n`,
        "src/b.test.ts": `${imports}test("fine");\n`,
      });
      const run = await start(folder, []).done;
      assert.equal(run.code, 1);
      assert.match(run.lines.join("\n"), new RegExp(`src/a\\.test\\.ts: .*${reason.source}`));
      assert.match(run.last ?? "", /^\d passed, 1 failed$/);
    });
  }

  test("is stopped after its limit, with the processes it started", async (t) => {
    const folder = project(t, { "src/slow.test.ts": hanging });
    const run = await start(folder, ["--timeout=2"]).done;
    assert.deepEqual([run.code, run.last], [1, "0 passed, 1 failed"]);
    assert.match(run.lines.join("\n"), /src\/slow\.test\.ts: stopped after its limit of 2 s/);
    assert.equal(isAlive(pidOf(folder)), false);
  });
});

test("an interrupt stops everything and leaves no process", async (t) => {
  const folder = project(t, { "src/slow.test.ts": hanging });
  const { done, pid } = start(folder, []);
  await until(() => existsSync(join(folder, "child.pid")) && pidOf(folder) > 0);
  process.kill(pid, "SIGINT");
  assert.equal((await done).code, 130);
  await until(() => !isAlive(pidOf(folder)));
});

test("an unknown switch is refused", async (t) => {
  const run = await start(project(t, {}), ["--fast"]).done;
  assert.equal(run.code, 2);
});
