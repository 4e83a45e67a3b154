// Failures: what counts as what, how long reasons may be, when to try again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Reject, RetryLater } from "../errors/handler-outcomes.ts";
import { BackPressureError, ClosedError, ValidationError } from "../errors/spillway-error.ts";
import { seededRandom } from "../kernel/random.ts";
import {
  boundedReason,
  failureOf,
  reasonBytesMax,
  reasonOf,
  retryAfterMs,
  stateConflict,
} from "./failure.ts";

const retry = { attempts: 3, delayMsMin: 100, delayMsMax: 1_000 };
const random = seededRandom(1);

test("errors of the library say by their code whether another try can help", () => {
  const cases: readonly (readonly [unknown, string, boolean])[] = [
    [new Error("x"), "HANDLER_FAILED", true],
    ["text", "HANDLER_FAILED", true],
    [undefined, "HANDLER_FAILED", true],
    [new Reject("no"), "REJECTED", false],
    [new RetryLater({ afterMs: 5 }), "RETRY_LATER", true],
    [new ValidationError("data", []), "VALIDATION_FAILED", false],
    [new BackPressureError("full"), "BACK_PRESSURE", true],
    [new ClosedError("closing here, not everywhere"), "CLOSED", true],
  ];
  for (const [error, code, isRetryable] of cases) {
    const failure = failureOf(error);
    assert.deepEqual([failure.code, failure.isRetryable], [code, isRetryable]);
    assert.equal(failure.error, error);
  }
});

test("a retry waits as the handler says, else as the back-off says, and ends", () => {
  const later = failureOf(new RetryLater({ afterMs: 5_000 }));
  assert.equal(retryAfterMs(later, 2, retry, random), 5_000);
  assert.equal(retryAfterMs(later, 3, retry, random), undefined);
  const broken = failureOf(new Error("x"));
  const waitMs = retryAfterMs(broken, 1, retry, random);
  assert.ok(waitMs !== undefined && waitMs >= 0 && waitMs < 100);
  assert.equal(retryAfterMs(broken, 3, retry, random), undefined);
  assert.equal(retryAfterMs(failureOf(new Reject("no")), 1, retry, random), undefined);
});

test("a reason is bounded in bytes and cut at a whole character", () => {
  for (const text of [
    "x".repeat(10_000),
    "é".repeat(5_000),
    "漢".repeat(5_000),
    "a😀".repeat(3_000),
    `\uFFFD${"漢".repeat(5_000)}`,
  ]) {
    const reason = boundedReason(text);
    assert.ok(Buffer.byteLength(reason) <= reasonBytesMax);
    assert.ok(Buffer.byteLength(reason) > reasonBytesMax - 8);
    assert.ok(text.startsWith(reason.slice(0, -1)) && reason.endsWith("…"));
  }
  for (const whole of ["short", "x".repeat(reasonBytesMax)]) {
    assert.equal(boundedReason(whole), whole);
  }
});

test("a message to be handled later has the reason of its cause, if there is one", () => {
  const cause = new Error("the shop is closed");
  assert.equal(failureOf(new RetryLater({ afterMs: 5, cause })).reason, "the shop is closed");
  const alone = new RetryLater({ afterMs: 5 });
  assert.equal(failureOf(alone).reason, alone.message);
});

test("a conflict of state says of which message, and in how many calls", () => {
  const failure = failureOf(stateConflict("order-placed", 3));
  assert.equal(failure.code, "STATE_CONFLICT");
  assert.match(failure.reason, /'order-placed'.* 4 calls/);
});

test("anything that was thrown has a reason", () => {
  assert.equal(reasonOf(new RangeError("")), "RangeError");
  assert.equal(reasonOf({ toString: () => "an object" }), "an object");
  assert.match(reasonOf(Object.create(null)), /no text form/);
});
