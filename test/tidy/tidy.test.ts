/**
 * Plants a violation of every tidy rule and sees it found, then checks this repository.
 */
import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkRepository, checkSource } from "../../scripts/tidy/check-repository.ts";
import { checkDocstrings } from "../../scripts/tidy/docstring-rules.ts";
import { sourceOf, type Finding } from "../../scripts/tidy/finding.ts";
import { checkHosts, checkPlace, checkTitles } from "../../scripts/tidy/repository-rules.ts";
import { checkMedian } from "../../scripts/tidy/size-rules.ts";
import { checkMarks } from "../../scripts/tidy/style-rules.ts";

const [todo, fixme] = ["TO", "FIX"].map((start, index) => start + ["DO", "ME"][index]);
const root = fileURLToPath(new URL("../..", import.meta.url));
const rules = (findings: readonly Finding[]): string[] => findings.map((finding) => finding.rule);
const check = (path: string, text: string): string[] => rules(checkSource(sourceOf(path, text)));
const lines = (count: number): string => "\n".repeat(count);
const longFunction = (count: number): string => `function long() {${lines(count - 1)}}\n`;

describe("size", () => {
  test("a product file has at most 300 lines, a test file 600", () => {
    assert.deepEqual(check("src/bus/bus.ts", lines(300)), []);
    assert.deepEqual(check("src/bus/bus.ts", lines(301)), ["file-length"]);
    assert.deepEqual(check("src/bus/bus.test.ts", lines(600)), []);
    assert.deepEqual(check("src/bus/bus.test.ts", lines(601)), ["file-length"]);
  });

  test("a function has at most 60 lines, in whatever form it is written", () => {
    assert.deepEqual(check("src/bus/bus.ts", longFunction(60)), []);
    assert.deepEqual(check("src/bus/bus.ts", longFunction(61)), ["function-length"]);
    assert.deepEqual(check("src/bus/bus.ts", `const long = () => {${lines(61)}};`), [
      "function-length",
    ]);
    assert.deepEqual(check("src/bus/bus.ts", `class Long { get size() {${lines(61)}} }`), [
      "function-length",
    ]);
  });

  test("a line has at most 100 columns, unless it holds an address", () => {
    assert.deepEqual(check("src/bus/bus.ts", `// ${"x".repeat(97)}`), []);
    assert.deepEqual(check("src/bus/bus.ts", `// ${"x".repeat(98)}`), ["columns"]);
    assert.deepEqual(check("src/bus/bus.ts", `// https://example.com/${"x".repeat(98)}`), []);
  });

  test("the median product file has at most 130 lines", () => {
    const file = (name: string, count: number): ReturnType<typeof sourceOf> =>
      sourceOf(`src/bus/${name}.ts`, lines(count));
    assert.deepEqual(checkMedian([file("a", 10), file("b", 130), file("c", 290)]), []);
    assert.deepEqual(rules(checkMedian([file("a", 10), file("b", 131), file("c", 290)])), [
      "median-file",
    ]);
  });
});

describe("style", () => {
  const planted: readonly (readonly [string, string, string])[] = [
    ["src/bus/string-utils.ts", "", "banned-name"],
    ["src/bus/types.ts", "", "banned-name"],
    ["src/helpers/clock.ts", "", "banned-name"],
    ["src/bus/createBus.ts", "", "kebab-case"],
    ["src/bus/bus.ts", `// ${todo} later`, "unfinished"],
    ["src/bus/bus.ts", `// ${fixme} later`, "unfinished"],
    ["src/bus/bus.ts", "let value: any;", "no-any"],
    ["src/bus/bus.ts", "export default function bus() {}", "no-default-export"],
    ["src/bus/bus.ts", "const bus = 1;\nexport default bus;", "no-default-export"],
    ["src/bus/bus.ts", "const bus = 1;\nexport { bus as default };", "no-default-export"],
    ["src/bus/bus.ts", "enum Colour { Red }", "no-enum"],
    ["src/bus/bus.ts", "export namespace Bus { export const size = 1 }", "no-namespace"],
  ];
  for (const [path, text, rule] of planted) {
    test(`${rule}: ${text || path}`, () => assert.deepEqual(check(path, text), [rule]));
  }

  test("names that only contain a banned word pass", () => {
    assert.deepEqual(check("src/bus/uncommon-types-of-order.ts", "switch (1) { default: }"), []);
  });

  test("an unfinished mark is found in documents too", () => {
    assert.deepEqual(rules(checkMarks("docs/guide.md", `Fine.\n${todo}: write`)), ["unfinished"]);
  });
});

describe("determinism", () => {
  const planted = [
    "const now = Date.now();",
    "const now = new Date();",
    "let at: Date;",
    "setTimeout(() => {}, 1);",
    "setInterval(() => {}, 1);",
    "globalThis.setImmediate(() => {});",
    "performance.now();",
    "Math.random();",
    'import { randomUUID } from "node:crypto";',
    "crypto.randomUUID();",
    "AbortSignal.timeout(5);",
    'import { setTimeout as sleep } from "node:timers/promises";',
    'await import("node:timers");',
    "process.hrtime.bigint();",
  ];
  for (const text of planted) {
    test(`found: ${text}`, () => {
      assert.ok(check("src/bus/bus.ts", text).includes("determinism"));
      assert.ok(check("src/adapters/memory/log.ts", text).includes("determinism"));
      assert.deepEqual(check("src/kernel/clock.ts", text), []);
      assert.deepEqual(check("src/bus/bus.test.ts", text), []);
    });
  }

  test("members of that name and queueMicrotask pass", () => {
    const text = "clock.setTimeout(1); const table = { Date: 1 }; queueMicrotask(() => {});";
    assert.deepEqual(check("src/bus/bus.ts", text), []);
  });
});

describe("disk", () => {
  const journal = "src/adapters/embedded/journal/open-database.ts";
  const command = "src/cli/commands/look.ts";

  test("only four folders may use the file system", () => {
    const text = 'import { mkdirSync } from "node:fs";';
    assert.deepEqual(check("src/bus/bus.ts", text), ["disk"]);
    assert.deepEqual(check("src/adapters/memory/log.ts", 'await import("fs/promises");'), ["disk"]);
    for (const path of [journal, "src/cli/main.ts", "src/demo/run.ts", "src/testing/disk.ts"]) {
      assert.deepEqual(check(path, text), []);
    }
  });

  const opening = [
    'import { readFileSync } from "node:fs";',
    'import { writeFileSync } from "node:fs";',
    'import { appendFileSync } from "node:fs";',
    'import { copyFileSync } from "node:fs";',
    'import { copyFile } from "node:fs/promises";',
    'import { cpSync, statSync } from "node:fs";',
    'import { truncateSync } from "node:fs";',
    'import { openSync } from "node:fs";',
    'import { open } from "fs/promises";',
    'import { promises } from "node:fs";',
    'import { createWriteStream } from "node:fs";',
    'import { openAsBlob } from "node:fs";',
    'import { existsSync, openSync as open } from "node:fs";',
    'import { createReadStream } from "node:fs";',
    'import { readFile } from "node:fs/promises";',
    'import * as fs from "node:fs";',
    'import fs from "node:fs";',
    'const fs = await import("node:fs");',
    'export { readFileSync } from "node:fs";',
    'const fs = process.getBuiltinModule("node:fs");',
    'const fs = createRequire(import.meta.url)("node:fs");',
    "const fs = await import(`node:fs`);",
  ];
  for (const text of opening) {
    test(`whoever may have a journal open may not: ${text}`, () => {
      for (const path of [journal, command, "src/demo/run.ts", "src/testing/disk.ts"]) {
        assert.deepEqual(check(path, text), ["disk"], path);
      }
    });
  }

  test("what a file is allowed holds for that file and that function", () => {
    const reading = 'import { readFileSync } from "node:fs";';
    assert.deepEqual(check("src/cli/program.ts", reading), []);
    assert.deepEqual(check("src/cli/command.ts", reading), ["disk"]);
    const writing = 'import { writeFileSync } from "node:fs";';
    assert.deepEqual(check("src/cli/program.ts", writing), ["disk"]);
  });

  test("looking, and making folders, is allowed", () => {
    const text = `import { existsSync, mkdirSync, statSync } from "node:fs";
      import type { Stats } from "node:fs";
      import { type StatsFs, statfsSync } from "node:fs";`;
    assert.deepEqual(check(journal, text), []);
    assert.deepEqual(check(command, text), []);
  });
});

describe("docstrings", () => {
  test("a public name without a docstring is found through re-exports", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "spillway-tidy-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(join(folder, "src"));
    writeFileSync(join(folder, "tsconfig.json"), '{ "compilerOptions": { "types": [] } }');
    writeFileSync(join(folder, "src/index.ts"), 'export { open, shut, Door } from "./door.js";');
    writeFileSync(
      join(folder, "src/door.ts"),
      `/** Opens it. */
export function open() {}
export function shut() {}
export interface Door {}
`,
    );
    const findings = checkDocstrings(folder, { door: "src/index.ts" });
    assert.deepEqual(
      findings.map(({ path, line, message }) => `${path}:${line} ${message.split(",")[0]}`),
      ["src/door.ts:3 shut", "src/door.ts:4 Door"],
    );
  });
});

describe("repository", () => {
  test("a loose file in the root is found", () => {
    assert.deepEqual(rules(checkPlace("notes.md")), ["loose-file"]);
    assert.deepEqual(rules(checkPlace("fix.patch")), ["loose-file"]);
    assert.deepEqual(checkPlace("docs/notes.md"), []);
    assert.deepEqual(checkPlace("README.md"), []);
  });

  test("a second title is found, a comment in a fenced block is not one", () => {
    assert.deepEqual(rules(checkTitles("docs/a.md", "# One\n\n# Two\n")), ["one-title"]);
    assert.deepEqual(checkTitles("docs/a.md", "# One\n```sh\n# Two\n```\n## Three\n"), []);
  });

  test("the host of a package registry is found", () => {
    const host = ["registry", "npmjs", "org"].join(".");
    const mirror = ["repo1", "maven", "org"].join(".");
    assert.deepEqual(rules(checkHosts("package-lock.json", `"https://${host}/x"`)), [
      "registry-host",
    ]);
    assert.deepEqual(rules(checkHosts("scripts/fetch.ts", mirror)), ["registry-host"]);
    assert.deepEqual(checkHosts("src/a.ts", "registry.schemas.get(name)"), []);
  });

  test("this repository breaks no rule", () => {
    const findings = checkRepository(root);
    assert.deepEqual(
      findings.map(({ path, line, rule, message }) => `${path}:${line} ${rule}: ${message}`),
      [],
    );
  });
});
