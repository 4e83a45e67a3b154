import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "./clock.ts";
import { pauseThread } from "./pause.ts";

test("a pause lets the monotonic clock pass", () => {
  const before = systemClock.monotonicMs();
  pauseThread(2);
  assert.ok(systemClock.monotonicMs() - before >= 1.5);
});
