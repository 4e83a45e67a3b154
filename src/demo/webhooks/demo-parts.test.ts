// The small parts of the demo: what counts as a redelivery, when the chat service fails, and the
// share from which a crash proves something.
import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { CallLog } from "./call-log.ts";
import { provesSomething } from "./crash.ts";
import { type CallResult, Downstream } from "./downstream.ts";

test("a call is a first one, a retry after a failure, or a redelivery", () => {
  const log = new CallLog();
  log.called("a", 1);
  log.called("b", 1);
  log.called("a", 2);
  log.called("a", 3);
  log.called("b", 1);
  assert.deepEqual(
    { calls: log.calls, distinct: log.distinct, retries: log.retries, again: log.redelivered },
    { calls: 5, distinct: 2, retries: 2, again: 1 },
  );
});

test("the chat service goes down once, comes back, and never knows some addressees", async () => {
  const clock = new VirtualClock();
  const changes: boolean[] = [];
  const options = { clock, outageAtCall: 3, outageMs: 100, callMs: 0 };
  const onChange = (up: boolean): number => changes.push(up);
  const { signal } = new AbortController();
  const downstream = new Downstream({ ...options, seed: 1, onChange });
  const call = (number: number): Promise<string> => downstream.call(number, signal);
  const steady = new Downstream({ ...options, seed: 1, outageAtCall: 1_000_000, onChange });
  const known = await firstWith("accepted", steady, signal);
  const unknown = await firstWith("unknown-addressee", steady, signal);
  assert.equal(await call(known), "accepted");
  assert.equal(await call(unknown), "unknown-addressee");
  assert.equal(await call(known), "unavailable");
  assert.equal(await call(unknown), "unavailable");
  await clock.advance(100);
  assert.equal(await call(known), "accepted");
  assert.equal(await call(unknown), "unknown-addressee");
  assert.deepEqual(changes, [false, true]);
});

test("a crash proves something from a tenth of the worker's deliveries on", () => {
  assert.equal(provesSomething(0, 0), false);
  assert.equal(provesSomething(0, 5), false);
  assert.equal(provesSomething(1, 11), false);
  assert.equal(provesSomething(1, 10), true);
  assert.equal(provesSomething(8, 80), true);
});

/** The first number that this chat service answers so. */
async function firstWith(
  result: CallResult,
  steady: Downstream,
  signal: AbortSignal,
): Promise<number> {
  for (let number = 1; number < 10_000; number++) {
    if ((await steady.call(number, signal)) === result) return number;
  }
  return assert.fail(`nothing is answered with ${result}`);
}
