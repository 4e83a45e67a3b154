// Fingerprints: what is one cause, what are two; that odd errors and long texts do no harm.
import assert from "node:assert/strict";
import { test } from "node:test";
import { causeOf, framesOf, rememberedMax, stackLengthMax, wordingOf } from "./fingerprint.ts";

const print = (reason: string, error?: unknown, code = "HANDLER_FAILED"): string =>
  causeOf(code, reason, error).fingerprint;

test("ids, numbers, times, paths, addresses and quoted texts do not count", () => {
  const same: readonly (readonly [string, string])[] = [
    ["order 17 has 3 lines", "order 4711 has 12 lines"],
    ["order-17 is unknown", "order-9b is unknown"],
    ['customer "Ann" is blocked', 'customer "Bob Miller" is blocked'],
    ["sku 'a b' not found", "sku 'c' not found"],
    ["no row 0198c1de-7a30-7000-8000-000000000001", "no row 0198c1de-7a30-7000-8000-0000000000ff"],
    ["ENOENT: /srv/a/one.json", "ENOENT: /var/data/b/two.json"],
    ["connect to https://one.example/a?b=1 failed", "connect to http://two.example failed"],
    ["mail to ann@example.com bounced", "mail to bob.m@mail.example bounced"],
    ["due 2030-01-31T12:00:00Z", "due 2031-12-01T00:00:00.123+02:00"],
    ["took 12.5 of 30", "took 7 of 1,000"],
    ["a  b\n c", "a b c"],
  ];
  for (const [left, right] of same) assert.equal(wordingOf(left), wordingOf(right));
  const different = ["order is unknown", "order is closed", "customer don't pay, can't ship"];
  assert.equal(new Set(different.map(wordingOf)).size, different.length);
});

test("code, class and wording tell causes apart", () => {
  assert.match(print("x"), /^[0-9a-f]{16}$/);
  assert.equal(print("order 1", undefined), print("order 2", undefined));
  const all = [print("a"), print("b"), print("a", undefined, "REJECTED"), print("a", new Error())];
  assert.equal(new Set(all).size, all.length);
});

test("functions and files of the top frames count; lines, columns and folders do not", () => {
  const stack = (line: number, folder: string, caller = "charge"): string =>
    [
      `    at ${caller} (file:///${folder}/src/billing/charge.ts?v=1:${line}:9)`,
      `    at async Object.handle (/${folder}/src/billing/handler.ts:${line + 4}:3)`,
      "    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)",
      `    at /${folder}/src/start.ts:${line}:1`,
    ].join("\n");
  assert.equal(framesOf(stack(1, "srv/a")), framesOf(stack(99, "home/b/c")));
  assert.equal(
    framesOf(stack(1, "srv/a")),
    "charge billing/charge.ts\nObject.handle billing/handler.ts\n src/start.ts",
  );
  assert.notEqual(framesOf(stack(1, "srv/a")), framesOf(stack(1, "srv/a", "refund")));
});

test("frames of this library do not count", () => {
  const cause = causeOf("X", "x", new Error("x"));
  assert.ok(cause.stack?.includes("fingerprint.test.ts"));
  assert.equal(framesOf(cause.stack ?? "").includes("fingerprint.test.ts"), false);
});

test("whatever was thrown has a fingerprint, in bounded time and memory", () => {
  const odd = new Error("odd");
  Object.defineProperty(odd, "stack", {
    get: () => {
      throw new Error("no stack");
    },
  });
  Object.defineProperty(odd, "name", { value: Symbol("name") });
  const long = new Error("long");
  long.stack = `Error: long\n${"    at f (/a/b.ts:1:1)\n".repeat(1_000)}`;
  for (const error of [odd, long, undefined, null, 7, "text", { stack: 7 }]) {
    assert.match(print("x", error), /^[0-9a-f]{16}$/);
  }
  assert.equal(causeOf("X", "x", long).stack?.length, stackLengthMax);
  assert.equal(wordingOf("a-".repeat(1_000_000)).length <= 500, true);
  for (let index = 0; index < 1_000; index++) framesOf(`    at f${index} (/a/b.ts:1:1)`);
});

test("what is remembered of a failure is what would be found anew", () => {
  const errors = ["a", "b"].map((name) => {
    const error = new TypeError("x");
    error.stack = `TypeError: x\n    at ${name} (/srv/${name}.ts:1:1)`;
    return error;
  });
  const seen = new Map<string, string>();
  const all = (): void => {
    for (const error of [...errors, undefined]) {
      for (const [code, reason] of [
        ["X", "order 1 failed"],
        ["X", "order failed"],
        ["Y", "order failed"],
      ]) {
        const name = `${code} ${reason} ${String(error?.stack)}`;
        const fingerprint = print(reason as string, error, code);
        assert.equal(seen.get(name) ?? fingerprint, fingerprint);
        seen.set(name, fingerprint);
      }
    }
  };
  all();
  all();
  // More causes than are remembered: the first are found anew.
  for (let index = 0; index < 2 * rememberedMax; index++) print(`cause ${"x".repeat(index % 400)}`);
  all();
  assert.equal(new Set(seen.values()).size, seen.size);
});
