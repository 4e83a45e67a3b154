// Tests that the runner of mutants runs for host.test.ts: they say what they do, and some fail.
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

const said: string[] = [];
const say = (word: string): void => void said.push(word);

before(() => {
  said.length = 0;
  say("file before");
});
after(() => say("file after"));
beforeEach(() => say("file beforeEach"));
afterEach(() => say("file afterEach"));

test("with its own hooks", async (t) => {
  t.after(() => say("first own after"));
  t.after(() => say("second own after"));
  await t.test("a subtest", () => say("subtest"));
  say("body");
});

describe("a group", () => {
  before(() => say("group before"));
  after(() => say("group after"));
  beforeEach(() => say("group beforeEach"));
  afterEach(() => say("group afterEach"));
  test("within", () => say("within"));
});

test("skipped by its options", { skip: "no reason" }, () => say("must not run"));
test("skipped by itself", (t) => t.skip("no reason"));

test("fails at once", () => assert.fail("at once"));
test("fails later", async () => {
  await wait(1);
  assert.fail("later");
});
test("fails in a subtest", async (t) => {
  await t.test("inner", () => assert.fail("inner"));
});
test("leaves an error that nobody awaits", async () => {
  void Promise.reject(new Error("nobody awaits"));
  await wait(20);
});
test("throws where nobody is", async () => {
  setImmediate(() => {
    throw new Error("outside");
  });
  await wait(20);
});
test("waits for what cannot come", async () => {
  await new Promise(() => undefined);
});
test("takes longer than it may", { timeout: 5 }, async () => {
  await wait(300);
});

const each = (name: string): string[] => ["file beforeEach", name, "file afterEach"];

test("everything was said in the order of node:test", () => {
  assert.deepEqual(said.splice(0, said.indexOf("group after") + 1), [
    "file before",
    "file beforeEach",
    ...each("subtest"),
    "body",
    "file afterEach",
    "first own after",
    "second own after",
    "group before",
    "file beforeEach",
    "group beforeEach",
    "within",
    "group afterEach",
    "file afterEach",
    "group after",
  ]);
});
