// Error policies: which rule decides, what each action means, what is refused when it is made.
import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf } from "../delivery/failure.ts";
import type { Verdict } from "../delivery/failure-rules.ts";
import { Reject, RetryLater } from "../errors/handler-outcomes.ts";
import { systemClock } from "../kernel/clock.ts";
import { seededRandom } from "../kernel/random.ts";
import { deadLetter, discard, fallback, park, pause, retry, type ErrorAction } from "./actions.ts";
import { errorPolicy, rulesMax, type ErrorPolicy } from "./error-policy.ts";
import { otherwise, when, type OtherwiseRule } from "./matching.ts";
import { PolicyRules } from "./policy-rules.ts";
import { exponential, immediate, linear } from "./schedules.ts";

class DownstreamError extends Error {}
class PaymentDownError extends DownstreamError {}
class CardError extends Error {
  readonly code = "CARD_DECLINED";
}

function decide(policy: ErrorPolicy, error: unknown, attempt = 1, ageMs = 0): Verdict {
  const scope = { channel: "c", group: "g", concurrency: 16, clock: systemClock };
  const rules = new PolicyRules(policy, { ...scope, random: seededRandom(1) });
  return rules.decide({ failure: failureOf(error), attempt, ageMs });
}

const letter = (reason: string) => ({ kind: "dead-letter", reason });

test("the first rule that matches decides: by class, by code, by predicate, else the last", () => {
  const policy = errorPolicy(
    when(PaymentDownError, deadLetter("payment")),
    when(DownstreamError, deadLetter("downstream")),
    when({ code: "CARD_DECLINED" }, discard("declined")),
    when((error) => String(error).includes("deadlock"), park("deadlock")),
    when(SyntaxError, discard("syntax")),
    otherwise(deadLetter()),
  );
  assert.deepEqual(decide(policy, new PaymentDownError("x")), letter("payment: x"));
  assert.deepEqual(decide(policy, new DownstreamError("x")), letter("downstream: x"));
  const declined = { kind: "discard", reason: "declined: x" };
  assert.deepEqual(decide(policy, new CardError("x")), declined);
  assert.equal(decide(policy, { code: "CARD_DECLINED" }).kind, "discard");
  assert.equal(decide(policy, new Error("deadlock found")).kind, "hold");
  assert.equal(decide(policy, new SyntaxError("x")).kind, "discard");
  for (const thrown of [new TypeError("x"), "x"])
    assert.deepEqual(decide(policy, thrown), letter("x"));
  for (const thrown of [undefined, null, 5]) {
    assert.deepEqual(decide(policy, thrown), letter(String(thrown)));
  }
});

test("a predicate that throws does not match; a constructor function is a class", () => {
  function OldError(this: Error): void {}
  OldError.prototype = Object.create(Error.prototype) as Error;
  const policy = errorPolicy(
    when(() => {
      throw new Error("in the predicate");
    }, discard("never")),
    when(OldError as never, discard("old")),
    otherwise(deadLetter()),
  );
  assert.deepEqual(decide(policy, new Error("x")), letter("x"));
  const old: unknown = Reflect.construct(OldError, []);
  assert.equal(decide(policy, old).kind, "discard");
});

test("a retry ends by count, by age, and where another try cannot help", () => {
  const schedule = linear({ stepMs: 10 });
  const bounds = { attempts: 3, ageMsMax: 1_000 };
  const policy = errorPolicy(otherwise(retry(schedule, bounds).then(deadLetter("gave up"))));
  assert.deepEqual(decide(policy, new Error("x"), 1), { kind: "retry", afterMs: 10 });
  assert.deepEqual(decide(policy, new Error("x"), 2), { kind: "retry", afterMs: 20 });
  assert.deepEqual(decide(policy, new Error("x"), 3), letter("gave up: x"));
  assert.deepEqual(decide(policy, new Error("x"), 2, 980), { kind: "retry", afterMs: 20 });
  assert.deepEqual(decide(policy, new Error("x"), 2, 981), letter("gave up: x"));
  const rejected = letter("gave up: the handler rejected the message: no");
  assert.deepEqual(decide(policy, new Reject("no")), rejected);
  const later = new RetryLater({ afterMs: 77 });
  assert.deepEqual(decide(policy, later), { kind: "retry", afterMs: 77 });
});

test("what follows a retry may be any end, a pause, or a fallback with an end", () => {
  const once = retry(immediate(), { attempts: 1 });
  const follow = (action: Parameters<typeof once.then>[0]): Verdict => {
    // oxlint-disable-next-line promise/no-callback-in-promise -- it is no promise
    return decide(errorPolicy(otherwise(once.then(action))), new Error("x"));
  };
  assert.deepEqual(follow(discard("why")), { kind: "discard", reason: "why: x" });
  assert.deepEqual(follow(park()), { kind: "hold", reason: "x" });
  const verdict = follow(fallback(() => undefined).then(deadLetter("also failed")));
  assert.ok(verdict.kind === "fallback");
  assert.deepEqual(verdict.after(failureOf(new Error("y"))), letter("also failed: y"));
});

test("all actions are listed, those behind a retry included", () => {
  const whole = retry().then(fallback(() => undefined).then(park()));
  const policy = errorPolicy(when(Error, pause()), otherwise(whole));
  const kinds = policy.actions.map(({ kind }) => kind);
  assert.deepEqual(kinds, ["pause", "retry", "fallback", "park"]);
});

test("a rule that can never match is refused, with both places", () => {
  const end = deadLetter();
  const define = (...matchers: Parameters<typeof when>[0][]): ErrorPolicy =>
    errorPolicy(...matchers.map((each) => when(each, end)), otherwise(end));
  assert.throws(
    () => define(DownstreamError, { code: "A" }, PaymentDownError),
    /rule 3 \(PaymentDownError\) can never match: each PaymentDownError is a Down.*, in rule 1/,
  );
  assert.throws(() => define(Error, TypeError), /each TypeError is a Error, in rule 1/);
  assert.throws(() => define(CardError, CardError), /CardError stands there before, in rule 1/);
  assert.throws(() => define({ code: "A" }, { code: "A" }), /code 'A' stands there before/);
  const isOdd = (): boolean => true;
  assert.throws(() => define(isOdd, isOdd), /isOdd stands there before/);
  define(PaymentDownError, DownstreamError, Error, { code: "A" }, { code: "B" });
});

test("what does not compile is refused at run time too", () => {
  const end = deadLetter();
  const rule = when(Error, end);
  const last = otherwise(end);
  const define = errorPolicy as (...rules: unknown[]) => ErrorPolicy;
  assert.throws(() => define(), /the last rule is not otherwise/);
  assert.throws(() => define(rule), /the last rule is not otherwise/);
  assert.throws(() => define(last, rule), /the last rule is not otherwise/);
  assert.throws(() => define(last, rule, last), /rule 1 is otherwise\(…\), and rules stand behind/);
  assert.throws(() => define({}, last), /rule 1 is \[object Object\]/);
  assert.throws(() => define(undefined, last), /rule 1 is undefined/);
  const unfinished = retry() as unknown as ErrorAction;
  assert.throws(() => otherwise(unfinished), /otherwise was given a retry\(\) or/);
  assert.throws(() => when(Error, undefined as never), /when was given undefined: give one of/);
  assert.throws(() => retry().then(unfinished as never), /retry\(\).then was given a retry/);
  assert.throws(() => retry().then(retry().then(end) as never), /then was given retry: give one/);
  const step = fallback(() => undefined);
  assert.throws(() => step.then(pause() as never), /fallback\(\).then was given pause/);
  assert.throws(() => when({} as never, end), /when: {} matches nothing/);
  assert.throws(() => when("X" as never, end), /when: "X" matches nothing/);
});

test("numbers and texts out of range are refused with place and value", () => {
  assert.throws(() => retry(immediate(), { attempts: 0 }), /attempts is 0: give a whole number/);
  assert.throws(() => retry(immediate(), { attempts: 1_001 }), /attempts is 1001/);
  assert.throws(() => retry(immediate(), { ageMsMax: 0 }), /ageMsMax is 0/);
  assert.throws(() => retry({} as never), /the schedule has no waitMs/);
  assert.throws(() => pause({ failures: 0 }), /pause: failures is 0/);
  assert.throws(() => pause({ windowMs: 0 }), /pause: windowMs is 0/);
  assert.throws(() => pause({ probeAfterMs: 0 }), /pause: probeAfterMs is 0/);
  assert.throws(() => pause({ probeMsMax: 10 }), /pause: probeMsMax is 10: give mill/);
  assert.throws(() => discard(undefined as never), /discard: the reason is undefined/);
  assert.throws(() => deadLetter("x".repeat(501)), /deadLetter: the reason is "xxx/);
  assert.throws(() => fallback(undefined as never), /fallback: undefined is no function/);
});

test("a policy has at most rulesMax rules", () => {
  const rules = (count: number): [...ReturnType<typeof when>[], OtherwiseRule] => [
    ...Array.from({ length: count - 1 }, (_, n) => when({ code: `C${n}` }, discard("x"))),
    otherwise(retry(exponential()).then(deadLetter())),
  ];
  assert.equal(errorPolicy(...rules(rulesMax)).actions.length, rulesMax + 1);
  assert.throws(() => errorPolicy(...rules(rulesMax + 1)), /101 rules: give at most 100/);
});
