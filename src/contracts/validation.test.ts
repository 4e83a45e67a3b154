// Validation with three validators, synchronous and not, and with validators that misbehave.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import type { StandardIssue, StandardSchema } from "./standard-schema.ts";
import { toValidationIssues, validate } from "./validation.ts";

const line = { sku: "string", count: "number" } as const;
const validators: Readonly<Record<string, StandardSchema>> = {
  zod: z.object({
    orderId: z.string(),
    lines: z.array(z.object({ sku: z.string(), count: z.number() })),
  }),
  valibot: v.object({
    orderId: v.string(),
    lines: v.array(v.object({ sku: v.string(), count: v.number() })),
  }),
  arktype: type({ orderId: "string", lines: type(line).array() }),
};
const asynchronous: Readonly<Record<string, StandardSchema>> = {
  zod: z.object({
    orderId: z.string().refine(async (id) => Promise.resolve(id !== "unknown"), "no such order"),
  }),
  valibot: v.objectAsync({
    orderId: v.pipeAsync(
      v.string(),
      v.checkAsync(async (id) => Promise.resolve(id !== "unknown"), "no such order"),
    ),
  }),
};

for (const [name, schema] of Object.entries(validators)) {
  test(`${name}: valid data is answered at once, with the value`, () => {
    const data = { orderId: "7", lines: [{ sku: "a", count: 1 }] };
    const result = validate(schema, data);
    assert.ok(!(result instanceof Promise));
    assert.ok(result.issues === undefined);
    assert.deepEqual(result.value, data);
  });

  test(`${name}: every faulty path is listed`, () => {
    const lines = [{ sku: "a", count: 1 }, { sku: 2, count: 2 }, { sku: "c" }];
    const result = validate(schema, { orderId: 7, lines });
    assert.ok(!(result instanceof Promise) && result.issues !== undefined);
    const issues = toValidationIssues(result.issues);
    assert.deepEqual(issues.map((issue) => issue.path).sort(), [
      "lines.1.sku",
      "lines.2.count",
      "orderId",
    ]);
    for (const issue of issues) assert.notEqual(issue.message, "");
  });

  test(`${name}: data of another kind is one fault at the root`, () => {
    for (const value of [undefined, null, 3, "text"]) {
      const result = validate(schema, value);
      assert.ok(!(result instanceof Promise) && result.issues !== undefined);
      assert.deepEqual(
        toValidationIssues(result.issues).map((issue) => issue.path),
        [""],
      );
    }
  });
}

for (const [name, schema] of Object.entries(asynchronous)) {
  test(`${name}: an asynchronous validator is awaited`, async () => {
    const pending = validate(schema, { orderId: "7" });
    assert.ok(pending instanceof Promise);
    const accepted = await pending;
    assert.ok(accepted.issues === undefined);
    assert.deepEqual(accepted.value, { orderId: "7" });
    const refused = await validate(schema, { orderId: "unknown" });
    assert.ok(refused.issues !== undefined);
    assert.deepEqual(toValidationIssues(refused.issues), [
      { path: "orderId", message: "no such order" },
    ]);
  });
}

const schemaOf = (answer: () => unknown): StandardSchema =>
  ({ "~standard": { version: 1, vendor: "test", validate: answer } }) as unknown as StandardSchema;

test("a path may hold symbols, numbers and objects with a key", () => {
  const path = ["lines", 3, { key: "sku" }, Symbol("s")];
  assert.deepEqual(toValidationIssues([{ message: "m", path }, { message: "n" }]), [
    { path: "lines.3.sku.Symbol(s)", message: "m" },
    { path: "", message: "n" },
  ]);
});

test("a validator that throws or rejects is a fault of the data, with its words", async () => {
  const thrower = schemaOf(() => {
    throw new Error("boom");
  });
  const rejecter = schemaOf(() => Promise.reject(new Error("boom")));
  const expected = { issues: [{ message: "the validator threw: boom" }] };
  assert.deepEqual(validate(thrower, 1), expected);
  assert.deepEqual(await validate(rejecter, 1), expected);
});

test("an answer that is no result does not pass for valid data", async () => {
  const answers = [undefined, null, 3, {}, { issues: "no list" }, { issues: null, value: 1 }];
  for (const answer of answers) {
    for (const given of [() => answer, () => Promise.resolve(answer)]) {
      const result = await validate(schemaOf(given), 1);
      assert.match(result.issues?.[0]?.message ?? "", /neither a value nor a list of issues/);
    }
  }
});

test("issues that are none are told all the same", () => {
  const odd = [null, 7, { message: 3, path: [null, { key: "a" }] }] as unknown as StandardIssue[];
  const message = "the validator gave no reason";
  assert.deepEqual(toValidationIssues(odd), [
    { path: "", message },
    { path: "", message },
    { path: "undefined.a", message },
  ]);
});

test("a promise of another make is awaited too", async () => {
  // oxlint-disable-next-line unicorn/no-thenable
  const foreign = { then: (done: (result: unknown) => void) => done({ value: 5 }) };
  assert.deepEqual(
    await validate(
      schemaOf(() => foreign),
      1,
    ),
    { value: 5 },
  );
});

test("undefined can be a valid value", () => {
  assert.deepEqual(validate(z.undefined(), undefined), { value: undefined });
});
