// Errors: every class takes its facts from the one table, and a message stays readable.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, type ErrorCodeEntry, errorCodes } from "./error-codes.ts";
import { Reject, RetryLater } from "./handler-outcomes.ts";
import {
  BackPressureError,
  ClosedError,
  LeaseLostError,
  SpillwayError,
  UnsupportedError,
  ValidationError,
} from "./spillway-error.ts";

const rows = Object.entries(errorCodes) as [ErrorCode, ErrorCodeEntry][];

test("every row of the table says what happened and what to do, in whole sentences", () => {
  for (const [code, { cause, remedy }] of rows) {
    assert.match(code, /^[A-Z]+(_[A-Z]+)*$/);
    for (const sentence of [cause, remedy]) {
      assert.match(sentence, /^[A-Z`].{15,}[.]$/, `${code}: ${sentence}`);
    }
  }
});

test("an error of every code carries its row, and what it was given", () => {
  for (const [code, row] of rows) {
    const cause = new Error("inner");
    const error = new SpillwayError(code, "what failed", { details: { value: 1 }, cause });
    assert.ok(error instanceof Error);
    assert.equal(error.name, "SpillwayError");
    assert.deepEqual(
      [error.code, error.message, error.retryable, error.certainty, error.details, error.cause],
      [code, "what failed", row.retryable, row.certainty, { value: 1 }, cause],
    );
  }
});

test("without options there are no details and no cause, not even an undefined one", () => {
  const error = new SpillwayError("ABORTED", "m");
  assert.deepEqual(error.details, {});
  assert.ok(!("cause" in error));
  assert.equal(error.certainty, "indefinite");
  assert.equal(new SpillwayError("ABORTED", "m", { certainty: "definite" }).certainty, "definite");
});

test("each class has its code and its name", () => {
  const classes = [
    [new BackPressureError("m"), "BACK_PRESSURE", "BackPressureError"],
    [new UnsupportedError("m"), "UNSUPPORTED", "UnsupportedError"],
    [new ClosedError("m"), "CLOSED", "ClosedError"],
    [new LeaseLostError("m"), "LEASE_LOST", "LeaseLostError"],
    [new ValidationError("m", []), "VALIDATION_FAILED", "ValidationError"],
    [new Reject("why"), "REJECTED", "Reject"],
    [new RetryLater({ afterMs: 5 }), "RETRY_LATER", "RetryLater"],
  ] as const;
  for (const [error, code, name] of classes) {
    assert.ok(error instanceof SpillwayError);
    assert.deepEqual([error.code, error.name], [code, name]);
    assert.match(String(error), new RegExp(`^${name}: `));
  }
});

test("a ValidationError lists every faulty path", () => {
  const issues = [
    { path: "orderId", message: "is missing" },
    { path: "", message: "is no object" },
  ];
  const error = new ValidationError("data of 'a' version 1", issues, { details: { type: "a" } });
  assert.equal(
    error.message,
    "data of 'a' version 1 does not fit its schema: orderId: is missing; (data): is no object",
  );
  assert.equal(error.issues, issues);
  assert.deepEqual(error.details, { type: "a", issues });
});

test("ten thousand faults stay in `issues`; the message repeats fifty", () => {
  const issues = Array.from({ length: 10_000 }, (_, at) => ({ path: `${at}`, message: "bad" }));
  const error = new ValidationError("data", issues);
  assert.equal(error.issues.length, 10_000);
  assert.match(error.message, /; 49: bad; and 9950 more$/);
});

test("what a handler throws on purpose", () => {
  const cause = new Error("inner");
  const later = new RetryLater({ afterMs: 0, cause });
  assert.deepEqual([later.afterMs, later.details, later.cause], [0, { afterMs: 0 }, cause]);
  for (const afterMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => new RetryLater({ afterMs }), { code: "INVALID_ARGUMENT" });
  }
  const rejected = new Reject("gone", { cause });
  assert.deepEqual(
    [rejected.reason, rejected.details, rejected.cause, rejected.message],
    ["gone", { reason: "gone" }, cause, "the handler rejected the message: gone"],
  );
});
