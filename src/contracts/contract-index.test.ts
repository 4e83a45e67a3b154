// How stored messages are matched to contracts: directly, through upcasts, or not at all.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { ContractIndex } from "./contract-index.ts";
import { defineEvent } from "./event.ts";
import { upcastFrom } from "./upcasting.ts";

const type = "com.acme.customer.moved";
const first = defineEvent(type, { data: z.object({ address: z.string() }) });
const second = defineEvent(type, {
  version: 2,
  data: z.object({ street: z.string() }),
  upcasts: [upcastFrom(first, (old) => ({ street: old.address }))],
});
const third = defineEvent(type, {
  version: 3,
  data: z.object({ streets: z.array(z.string()) }),
  upcasts: [upcastFrom(second, (old) => ({ streets: [old.street] }))],
});
const other = defineEvent("com.acme.customer.left", { data: z.object({}) });

test("a version that is subscribed to is read directly", () => {
  const index = new ContractIndex([first, third, other], false);
  assert.deepEqual(index.resolve(type, 1), { kind: "direct", contract: first });
  assert.deepEqual(index.resolve(type, 3), { kind: "direct", contract: third });
  assert.equal(index.resolve(type, 3), index.resolve(type, 3), "resolved once");
});

test("an older version is brought along the whole chain", () => {
  const resolution = new ContractIndex([third], false).resolve(type, 1);
  assert.ok(resolution.kind === "upcast");
  assert.equal(resolution.contract, third);
  assert.equal(resolution.from, first);
  assert.deepEqual(
    resolution.steps.map((step) => step.from.version),
    [1, 2],
  );
});

test("the fewest steps win, then the highest version", () => {
  const near = new ContractIndex([second, third], false).resolve(type, 1);
  assert.ok(near.kind === "upcast");
  assert.equal(near.contract, second, "one step to version 2, two to version 3");

  const direct = defineEvent(type, {
    version: 4,
    data: z.object({}),
    upcasts: [upcastFrom(first, () => ({}))],
  });
  for (const contracts of [
    [second, direct],
    [direct, second],
  ]) {
    const tied = new ContractIndex(contracts, false).resolve(type, 1);
    assert.ok(tied.kind === "upcast");
    assert.equal(tied.contract, direct);
  }
});

test("a type nobody asked for is skipped by a subscription to contracts", () => {
  const index = new ContractIndex([third], false);
  assert.deepEqual(index.resolve(other.type, 1), { kind: "skip" });
});

test("a type that a whole channel does not know is unknown, and the reason says what is", () => {
  const resolution = new ContractIndex([third, other], true).resolve("com.acme.new", 1);
  assert.ok(resolution.kind === "unknown");
  assert.match(resolution.reason, /'com\.acme\.new'.*com\.acme\.customer\.moved.*left/);
});

test("an unknown version of a known type is unknown in both kinds of subscription", () => {
  for (const whole of [true, false]) {
    const resolution = new ContractIndex([third], whole).resolve(type, 9);
    assert.ok(resolution.kind === "unknown");
    assert.match(resolution.reason, /version 9 of 'com\.acme\.customer\.moved'.*only 1, 2, 3/);
  }
});

test("stored text cannot make a reason long, nor the index fall for a built-in name", () => {
  const index = new ContractIndex([third], true);
  const long = index.resolve("x".repeat(100_000), 1);
  assert.ok(long.kind === "unknown" && long.reason.length < 1_000);
  for (const name of ["__proto__", "constructor", "toString"]) {
    assert.equal(index.resolve(name, 1).kind, "unknown");
  }
});

test("two different contracts of one type and version are refused; one listed twice is not", () => {
  const twin = defineEvent(type, { data: z.object({}) });
  assert.throws(() => new ContractIndex([first, twin], false), { code: "CONTRACT_CONFLICT" });
  assert.equal(new ContractIndex([first, first], false).resolve(type, 1).kind, "direct");
});
