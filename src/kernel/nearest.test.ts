import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance, nearest } from "./nearest.ts";

test("the nearest word is one that could have been meant", () => {
  assert.equal(editDistance("chanel", "channel"), 1);
  assert.equal(editDistance("tial", "tail"), 1);
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(nearest("chan", ["channels", "groups"]), "channels");
  assert.equal(nearest("group", ["channels", "groups"]), "groups");
  assert.equal(nearest("zzzz", ["channels", "groups"]), undefined);
});
