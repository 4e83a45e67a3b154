// Upcasts: what a definition refuses, and what applying a chain does with good and bad data.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { z } from "zod";
import type { AnyContract, Upcast } from "./contract.ts";
import { defineCommand } from "./command.ts";
import { ContractIndex } from "./contract-index.ts";
import { defineEvent } from "./event.ts";
import { applyUpcasts, upcastFrom } from "./upcasting.ts";

const type = "com.acme.price.set";
/** The oldest one: an amount as text, which its schema turns into a number. */
const first = defineEvent(type, {
  data: v.object({ amount: v.pipe(v.string(), v.transform(Number), v.number()) }),
});
/** Asynchronous, and with a schema whose output differs from its input. */
const second = defineEvent(type, {
  version: 2,
  data: z.object({ cents: z.int().transform(async (cents) => Promise.resolve(cents + 0.5)) }),
  upcasts: [upcastFrom(first, (old) => ({ cents: Math.round(old.amount * 100) }))],
});
const third = defineEvent(type, {
  version: 3,
  data: z.object({ cents: z.number(), currency: z.string().length(3) }),
  upcasts: [upcastFrom(second, (old) => ({ cents: old.cents, currency: "EUR" }))],
});

function stepsFrom(version: number, target: AnyContract): readonly Upcast[] {
  const resolution = new ContractIndex([target], false).resolve(type, version);
  assert.ok(resolution.kind === "upcast");
  return resolution.steps;
}

test("each step gets data that its older contract has validated", async () => {
  assert.deepEqual(applyUpcasts(stepsFrom(1, second), { amount: "12.34" }), {
    value: { cents: 1234 },
  });
  const whole = applyUpcasts(stepsFrom(1, third), { amount: "12.34" });
  assert.ok(whole instanceof Promise, "one of the validators is asynchronous");
  assert.deepEqual(await whole, { value: { cents: 1234.5, currency: "EUR" } });
});

test("stored data that its own version refuses is reported, not upcast", async () => {
  const result = await applyUpcasts(stepsFrom(1, third), { amount: 12 });
  assert.equal(result.issues?.length, 1);
  const later = await applyUpcasts(stepsFrom(2, third), { cents: "12" });
  assert.equal(later.issues?.length, 1);
});

test("a step that throws is UPCAST_FAILED, with version and cause", async () => {
  const broken = defineEvent(type, {
    version: 4,
    data: z.object({}),
    upcasts: [
      upcastFrom(first, (): { readonly [key: string]: never } => {
        throw new RangeError("no rate");
      }),
      upcastFrom(third, (): { readonly [key: string]: never } => {
        throw new RangeError("no currency");
      }),
    ],
  });
  assert.throws(() => applyUpcasts(stepsFrom(1, broken), { amount: "1" }), {
    code: "UPCAST_FAILED",
    message: `the upcast from '${type}' version 1 threw: no rate`,
    cause: new RangeError("no rate"),
  });
  await assert.rejects(async () => applyUpcasts(stepsFrom(2, broken), { cents: 1 }), {
    code: "UPCAST_FAILED",
    details: { type, version: 3 },
  });
});

test("a source must be a lower version, so that no chain ends in itself", () => {
  const data = z.object({});
  for (const version of [1, 2]) {
    const newer = defineEvent("com.acme.loop", { version: 2, data });
    assert.throws(
      () =>
        defineEvent("com.acme.loop", { version, data, upcasts: [upcastFrom(newer, () => ({}))] }),
      { code: "INVALID_ARGUMENT", message: /version 2 as a source: upcast from a lower version/ },
    );
  }
});

test("a source of another type or kind, a second one, or something else is refused", () => {
  const data = z.object({});
  const event = defineEvent("com.acme.one", { data });
  const command = defineCommand("com.acme.two", { data, replies: {} });
  const step = upcastFrom(event, () => ({}));
  const define = (name: string, upcasts: readonly unknown[]) => () =>
    defineEvent(name, { version: 2, data, upcasts: upcasts as readonly Upcast<never>[] });
  const refused = (message: RegExp) => ({ code: "INVALID_ARGUMENT", message });

  assert.throws(define("com.acme.two", [step]), refused(/names event 'com\.acme\.one'/));
  const fromCommand = upcastFrom(command, () => ({}));
  assert.throws(define("com.acme.two", [fromCommand]), refused(/names command 'com\.acme\.two'/));
  assert.throws(define("com.acme.one", [step, step]), refused(/version 1 twice/));
  for (const wrong of [undefined, {}, event, () => ({})]) {
    assert.throws(define("com.acme.one", [wrong]), refused(/not an upcast/));
  }
  assert.equal(define("com.acme.one", [step])().upcasts.length, 1);
});
