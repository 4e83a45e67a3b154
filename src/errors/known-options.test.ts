import assert from "node:assert/strict";
import { test } from "node:test";
import { assertKnownOptions, optionNames, unknownOption } from "./known-options.ts";

const known = optionNames<{ readonly pendingMax?: number; readonly signal?: AbortSignal }>({
  pendingMax: true,
  signal: true,
});

test("known options pass, and so do none", () => {
  assertKnownOptions({ pendingMax: 1, signal: undefined }, known, "createBus");
  assertKnownOptions({}, known, "createBus");
  assertKnownOptions(undefined, known, "createBus");
});

test("an unknown one is named, with the nearest known one, whatever its value", () => {
  const code = "INVALID_ARGUMENT";
  assert.throws(() => assertKnownOptions({ pendngMax: 1 }, known, "createBus"), {
    code,
    message: "createBus: pendngMax is not an option: did you mean pendingMax?",
    details: { option: "pendngMax" },
  });
  assert.throws(() => assertKnownOptions({ colour: undefined }, known, "message", "a.b"), {
    code,
    message: "message 'a.b': colour is not an option: use pendingMax, signal",
  });
});

test("case matters, and what nobody could mean is answered with what there is", () => {
  assert.match(unknownOption("pendingmax", known), /did you mean pendingMax\?/);
  assert.match(unknownOption("zzzz", known), /use pendingMax, signal$/);
});
