// An error policy: its rules in order, checked when it is made. Knows nothing of running; see
// policy-rules.ts. Always true: the last rule is the only `otherwise`; each rule can match.
import type { ErrorAction } from "./actions.ts";
import { invalidPolicy } from "./bounds.ts";
import { hiddenBy, isMatch, nameOf, type OtherwiseRule, type WhenRule } from "./matching.ts";

/** Most rules of one policy. */
export const rulesMax = 100;

/** What to do with messages whose handler failed; made by errorPolicy(). Can be used many times. */
export class ErrorPolicy {
  readonly #rules: readonly WhenRule[];
  readonly #otherwise: ErrorAction;

  /** Made by errorPolicy(). */
  constructor(rules: readonly WhenRule[], last: OtherwiseRule) {
    this.#rules = rules;
    this.#otherwise = last.action;
  }

  /** The action of the first rule that matches. */
  actionFor(error: unknown): ErrorAction {
    for (const { matcher, action } of this.#rules) if (isMatch(matcher, error)) return action;
    return this.#otherwise;
  }

  /** What the rule of an action is for, for people. */
  ruleOf(action: ErrorAction): string {
    const rule = this.#rules.find((each) => withNext(each.action).includes(action));
    return rule === undefined ? "otherwise" : nameOf(rule.matcher);
  }

  /** Every action, those behind a retry included. */
  get actions(): readonly ErrorAction[] {
    return [...this.#rules.map(({ action }) => action), this.#otherwise].flatMap(withNext);
  }
}

/**
 * What becomes of messages whose handler failed, as rules in order: the first that matches decides.
 * `otherwise` is the last one, always. Throws INVALID_ARGUMENT for rules that can never match.
 *
 * @example
 * import {
 *   deadLetter, discard, errorPolicy, exponential, otherwise, pause, retry, when,
 * } from "spillway";
 * class PaymentDownError extends Error {}
 * const errors = errorPolicy(
 *   when(PaymentDownError, pause({ failures: 5, windowMs: 10_000, probeAfterMs: 1_000 })),
 *   when({ code: "CARD_DECLINED" }, discard("declined by the bank")),
 *   otherwise(retry(exponential({ maxMs: 10_000 }), { attempts: 8 }).then(deadLetter())),
 * );
 */
export function errorPolicy(...rules: readonly [...WhenRule[], OtherwiseRule]): ErrorPolicy {
  const last: WhenRule | OtherwiseRule | undefined = rules.at(-1);
  if (last?.kind !== "otherwise") {
    throw invalidPolicy("errorPolicy: the last rule is not otherwise(…): add it at the end");
  }
  if (rules.length > rulesMax) {
    throw invalidPolicy(`errorPolicy: ${rules.length} rules: give at most ${rulesMax}`);
  }
  const before = rules.slice(0, -1) as readonly (WhenRule | OtherwiseRule)[];
  const checked = before.map((rule, index) => checkedRule(rule, index, before));
  return new ErrorPolicy(Object.freeze(checked), last);
}

function checkedRule(
  rule: WhenRule | OtherwiseRule,
  index: number,
  rules: readonly (WhenRule | OtherwiseRule)[],
): WhenRule {
  const place = `errorPolicy: rule ${index + 1}`;
  if (rule?.kind === "otherwise") {
    throw invalidPolicy(`${place} is otherwise(…), and rules stand behind it: move it to the end`);
  }
  if (rule?.kind !== "when") {
    throw invalidPolicy(`${place} is ${String(rule)}: give when(…) rules, then otherwise(…)`);
  }
  for (const [at, earlier] of rules.slice(0, index).entries()) {
    if (earlier.kind !== "when") continue;
    const why = hiddenBy(rule.matcher, earlier.matcher);
    if (why === undefined) continue;
    throw invalidPolicy(
      `${place} (${nameOf(rule.matcher)}) can never match: ${why}, in rule ${at + 1}: put the ` +
        "narrower rule first",
    );
  }
  return rule;
}

function withNext(action: ErrorAction): readonly ErrorAction[] {
  if (action.kind === "retry") return [action, ...withNext(action.next)];
  return action.kind === "fallback" ? [action, action.next] : [action];
}
