/**
 * Plants one forbidden import after another in a skeleton of the source tree and sees the
 * dependency check find exactly that one, so that a rule cannot stop working unnoticed.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

interface Cruise {
  readonly summary: {
    readonly violations: readonly { readonly from: string; readonly rule: { name: string } }[];
  };
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const skeleton = mkdtempSync(join(tmpdir(), "spillway-arrows-"));
after(() => rmSync(skeleton, { recursive: true, force: true }));

/** What each planted file imports, and the rule that has to name it. */
const planted: readonly (readonly [file: string, imported: string, rule: string])[] = [
  ["src/kernel/clock.ts", "../errors/leaf.ts", "layer:kernel"],
  ["src/errors/table.ts", "../message/leaf.ts", "layer:errors"],
  ["src/contracts/event.ts", "../ports/leaf.ts", "layer:contracts"],
  ["src/ports/transport.ts", "../bus/leaf.ts", "layer:ports"],
  ["src/delivery/dispatch.ts", "../adapters/memory/leaf.ts", "layer:delivery"],
  ["src/bus/create-bus.ts", "../processes/leaf.ts", "layer:bus"],
  ["src/bus/self.ts", "../index.ts", "layer:bus"],
  ["src/adapters/memory/log.ts", "../../delivery/leaf.ts", "layer:adapters"],
  ["src/adapters/memory/contract.ts", "../../contracts/leaf.ts", "layer:adapters"],
  ["src/adapters/memory/sibling.ts", "../embedded/leaf.ts", "siblings:adapters"],
  ["src/testing/suite.ts", "../cli/leaf.ts", "layer:testing"],
  ["src/testing/demo.ts", "../demo/leaf.ts", "layer:testing"],
  ["src/index.ts", "./adapters/memory/leaf.ts", "public-names"],
  ["src/bus/nats.ts", "@nats-io/jetstream", "vendor:adapters/nats"],
  ["src/adapters/kafka/nats.ts", "@nats-io/jetstream", "vendor:adapters/nats"],
  ["src/message/parse.ts", "left-pad", "no-runtime-dependency"],
  ["src/adapters/embedded/transport/read.ts", "node:sqlite", "sqlite-only-in-journal"],
  ["src/adapters/embedded/inspection/verify.ts", "./salvage/leaf.ts", "raw-pages-only-in-repair"],
  ["src/flow/limit.ts", "./limit.test.ts", "no-import-of-tests"],
  ["src/stuff/thing.ts", "../kernel/leaf.ts", "known-folder"],
  ["src/flow/missing.ts", "./absent.ts", "no-unresolved"],
  ["examples/01-start.ts", "../src/bus/leaf.ts", "examples-see-the-public-surface"],
];

/** Imports that the arrows allow. */
const allowed: readonly (readonly [file: string, imported: string])[] = [
  ["src/bus/allowed.ts", "../delivery/leaf.ts"],
  ["src/delivery/allowed.ts", "../contracts/leaf.ts"],
  ["src/adapters/nats/allowed.ts", "@nats-io/jetstream"],
  ["src/adapters/embedded/journal/open.ts", "node:sqlite"],
  ["src/adapters/embedded/inspection/repair-process.ts", "./salvage/leaf.ts"],
  ["src/testing/allowed.ts", "../adapters/memory/leaf.ts"],
  ["src/bus/allowed.test.ts", "../adapters/memory/leaf.ts"],
  ["src/cli/allowed.ts", "../demo/leaf.ts"],
  ["examples/02-start.ts", "../src/index.ts"],
];

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(skeleton, path)), { recursive: true });
  writeFileSync(join(skeleton, path), text);
};

function plant(): void {
  write("package.json", '{ "type": "module" }');
  write("tsconfig.json", '{ "compilerOptions": { "module": "nodenext" } }');
  for (const name of ["@nats-io/jetstream", "left-pad"]) {
    write(`node_modules/${name}/package.json`, `{ "name": "${name}", "main": "index.js" }`);
    write(`node_modules/${name}/index.js`, "exports.leaf = 1;");
  }
  for (const folder of ["kernel", "errors", "message", "contracts", "ports", "delivery", "bus"]) {
    write(`src/${folder}/leaf.ts`, "export const leaf = 1;");
  }
  for (const folder of ["processes", "adapters/memory", "adapters/embedded", "cli", "demo"]) {
    write(`src/${folder}/leaf.ts`, "export const leaf = 1;");
  }
  write("src/adapters/embedded/inspection/salvage/leaf.ts", "export const leaf = 1;");
  write("src/flow/limit.test.ts", "export const leaf = 1;");
  for (const [file, imported] of [...planted, ...allowed]) {
    write(file, `import { leaf } from "${imported}";\nexport const value = leaf;\n`);
  }
  write("src/message/first.ts", 'import type { Two } from "./second.ts";\nexport type One = Two;');
  write("src/message/second.ts", 'import type { One } from "./first.ts";\nexport type Two = One;');
}

function cruise(): Cruise {
  const config = join(root, ".dependency-cruiser.js");
  const program = join(root, "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs");
  const words = [program, "--config", config, "--output-type", "json", "src", "examples"];
  const options = { cwd: skeleton, encoding: "utf8", maxBuffer: 1 << 26 } as const;
  return JSON.parse(execFileSync(process.execPath, words, options)) as Cruise;
}

plant();
const found = cruise().summary.violations.map(({ from, rule }) => `${from} breaks ${rule.name}`);

for (const [file, imported, rule] of planted) {
  test(`${file} may not import ${imported}`, () => {
    assert.ok(found.includes(`${file} breaks ${rule}`), found.join("\n"));
  });
}

test("a cycle of types alone is found", () => {
  assert.ok(found.some((line) => /src\/message\/(first|second)\.ts breaks no-cycle/.test(line)));
});

test("the imports that the arrows allow are not reported", () => {
  for (const [file] of allowed) {
    assert.deepEqual(
      found.filter((line) => line.startsWith(`${file} `)),
      [],
    );
  }
});
