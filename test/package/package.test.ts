/**
 * The package as users get it: what is inside, that every import path works on each
 * supported Node.js, that its types are right, and that the command starts.
 */
import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { entryPoints } from "../../scripts/public-surface.ts";
import {
  createConsumer,
  missingSource,
  root,
  run,
  silentRegistry,
  type Consumer,
  type Printed,
} from "./consumer.ts";
import { blocksOf } from "../docs/examples.ts";
import { beginningOf, projectOf, runCommand, writeFiles } from "./guide-project.ts";

const oldestNode = "22.23.3";
const paths = [...Object.keys(entryPoints), "spillway/package.json"];

const importsEverything = `
for (const path of ${JSON.stringify(Object.keys(entryPoints))}) {
  const names = Object.keys(await import(path));
  if (names.length === 0) throw new Error(path + " exports nothing");
}
const refused = await import("spillway/internal/kernel").catch((error) => error.code);
if (refused !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw new Error("internals can be imported");
console.log("imported on", process.version);
`;

const consumerConfig = {
  compilerOptions: {
    target: "ES2024",
    lib: ["ES2024", "ESNext.Disposable"],
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
  },
  files: ["consumer.ts", "program.mts"],
};

/** What each test runner says of how many tests have passed. */
const runners = [
  { name: "node:test", runner: undefined, passed: /^\S+ pass (\d+)$/m },
  { name: "vitest", runner: "vitest", passed: /^ *Tests +(\d+) passed \(\1\)$/m },
  { name: "jest", runner: "jest", passed: /^Tests: +(\d+) passed, \1 total$/m },
] as const;

/** A failed assertion of the kit, as every runner shows it. */
const failure =
  /to be published 2 times, it was so once[^]*what happened:[^]*attempt 2: Error: out of paper/;

const flags =
  "--noEmit --strict --skipLibCheck --allowImportingTsExtensions --target esnext " +
  "--module nodenext --types node --typeRoots";
const compile = [
  join(root, "node_modules/typescript/bin/tsc"),
  ...flags.split(" "),
  join(root, "node_modules/@types"),
];
const isOldNode = Number.parseInt(process.versions.node, 10) < 24;
const isChecked = (word: string): boolean => !word.endsWith(".js");

const programPrints = `orders com.acme.invoice.issued 990.00 990
VALIDATION_FAILED
`.repeat(2);

function runOnOldest(folder: string, script: string): Promise<Printed> {
  return run(folder, "npx", ["-y", "-p", `node@${oldestNode}`, "node", script]);
}

test("the manifest exports exactly the entry points that the checks know", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>;
  };
  const exported = Object.keys(manifest.exports).filter((path) => path !== "./internal/*");
  assert.deepEqual(exported.map((path) => path.replace(/^\./, "spillway")).sort(), paths.sort());
});

describe("the packed package", { skip: missingSource() }, () => {
  let consumer: Consumer;
  before(async () => {
    consumer = await createConsumer();
  });
  after(() => consumer?.remove());

  test("holds the build, the sources for its maps, and nothing else", () => {
    const expected =
      /^(dist\/.+|src\/.+\.(ts|sql)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
    assert.deepEqual(
      consumer.files.filter((path) => !expected.test(path) || /\.test\./.test(path)),
      [],
    );
    const pom = "dist/testing/brokers/servers/kafka/pom.xml";
    for (const path of ["LICENSE", "README.md", "CHANGELOG.md", "dist/cli/main.js", pom]) {
      assert.ok(consumer.files.includes(path), `${path} is missing`);
    }
  });

  test("has no runtime dependency", () => {
    const manifest = readFileSync(join(consumer.folder, "node_modules/spillway/package.json"));
    const { dependencies = {} } = JSON.parse(manifest.toString()) as { dependencies?: object };
    assert.deepEqual(dependencies, {});
  });

  test("every import path works on this Node.js", async () => {
    writeFileSync(join(consumer.folder, "consumer.mjs"), importsEverything);
    const { stdout } = await run(consumer.folder, process.execPath, ["consumer.mjs"]);
    assert.equal(stdout, `imported on ${process.version}\n`);
  });

  test(`every import path works on Node.js ${oldestNode}`, async () => {
    writeFileSync(join(consumer.folder, "consumer.mjs"), importsEverything);
    const { stdout } = await runOnOldest(consumer.folder, "consumer.mjs");
    assert.equal(stdout, `imported on v${oldestNode}\n`);
  });

  test("its types are complete for a strict user who also checks libraries", async () => {
    const imports = Object.keys(entryPoints).flatMap((path, index) => [
      `import * as entry${index} from "${path}";`,
      `export const keep${index}: object = entry${index};`,
    ]);
    writeFileSync(join(consumer.folder, "consumer.ts"), imports.join("\n"));
    writeFileSync(join(consumer.folder, "tsconfig.json"), JSON.stringify(consumerConfig));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    symlinkSync(join(root, "node_modules/zod"), join(consumer.folder, "node_modules/zod"));
    copyFileSync(join(root, "test/package/user-program.ts"), join(consumer.folder, "program.mts"));
    await run(consumer.folder, process.execPath, [compiler, "--project", "tsconfig.json"]);
  });

  test("a program that was compiled against it runs quietly on this Node.js", async () => {
    const { stdout, stderr } = await run(consumer.folder, process.execPath, ["program.mjs"]);
    assert.deepEqual({ stdout, stderr }, { stdout: programPrints, stderr: "" });
  });

  test(`a program that was compiled against it runs quietly on Node.js ${oldestNode}`, async () => {
    const { stdout, stderr } = await runOnOldest(consumer.folder, "program.mjs");
    assert.equal(stdout, programPrints);
    // What npx itself says does not count.
    assert.doesNotMatch(stderr, /Warning|node:/);
  });

  test("its command starts from the project that installed it", async () => {
    const { stdout } = await run(consumer.folder, "npx", ["spillway", "--help"]);
    assert.match(stdout, /spillway/);
  });

  test("publint finds nothing to improve", async () => {
    const program = join(root, "node_modules/publint/src/cli.js");
    await run(root, process.execPath, [program, consumer.tarball, "--strict"]);
  });

  test("its types resolve from every kind of ES module project", async () => {
    const program = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    const words = [program, consumer.tarball, "--profile", "esm-only", "--format", "ascii"];
    await run(root, process.execPath, words);
  });

  const guide = "docs/guides/testing-with-spillway.md";
  const blocks = blocksOf(guide, readFileSync(join(root, guide), "utf8"));

  const skip = isOldNode ? "its programs use `await using`, which needs Node.js 24" : false;
  describe(`projects made of the text of ${guide}`, { skip, concurrency: 2 }, () => {
    let folder: string;
    let silence: string | undefined;
    before(async () => {
      silence = await silentRegistry();
      if (silence !== undefined) return;
      folder = join(dirname(consumer.folder), "guide");
      mkdirSync(folder);
      for (const code of beginningOf(blocks)) await runCommand(folder, code, consumer.tarball);
    });

    for (const { name, runner, passed } of runners) {
      test(`under ${name} all tests pass, and one that fails says why`, async (context) => {
        if (silence !== undefined) {
          context.skip(`${silence}: zod and ${name} are not installed, and nothing was run`);
          return;
        }
        const project = projectOf(blocks, runner);
        const at = `${folder}-${runner ?? "node"}`;
        cpSync(folder, at, { recursive: true });
        for (const code of project.setup) await runCommand(at, code, consumer.tarball);
        writeFiles(at, project);
        const { stdout, stderr } = await runCommand(at, project.test, consumer.tarball);
        const [, count] = passed.exec(stripVTControlCharacters(stdout + stderr)) ?? [];
        assert.equal(Number(count), project.tests, `${stdout}\n${stderr}`);
        await run(at, process.execPath, [...compile, ...project.files.keys()].filter(isChecked));

        const text = project.files.get("billing.test.ts") ?? "";
        writeFileSync(join(at, "billing.test.ts"), text.replace("times: 1,", "times: 2,"));
        await assert.rejects(runCommand(at, project.test, consumer.tarball), failure);
      });
    }
  });
});
