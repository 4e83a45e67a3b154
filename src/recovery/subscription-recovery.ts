// What recovery gives one subscription: its rules for failures, and what its handlers must pass
// before they start. Owns the choice only. Always true: a subscription that asked for nothing of it
// pays nothing for it.
import type { FailureRules } from "../delivery/failure-rules.ts";
import type { StartGate } from "../delivery/start-gate.ts";
import { allGates } from "./all-gates.ts";
import { type Bulkhead, BulkheadGate } from "./bulkhead.ts";
import type { ErrorPolicy } from "./error-policy.ts";
import { type CircuitOfRule, PolicyRules, type PolicyScope } from "./policy-rules.ts";

/** See the head of this file. */
export interface SubscriptionRecovery {
  readonly rules: FailureRules | undefined;
  readonly gate: StartGate | undefined;
  /** How the circuits of the subscription stand now. */
  circuits(): readonly CircuitOfRule[];
}

/** Recovery for a subscription with these options. */
export function recoveryFor(
  options: { readonly errors?: ErrorPolicy | undefined; readonly bulkhead?: Bulkhead | undefined },
  scope: PolicyScope,
): SubscriptionRecovery {
  const { errors, bulkhead } = options;
  const rules = errors && new PolicyRules(errors, scope);
  const gates: StartGate[] = [];
  // Circuits first: what they hold up must not queue for a place.
  if (rules !== undefined && rules.circuits.length > 0) gates.push(rules);
  if (bulkhead !== undefined) gates.push(new BulkheadGate(bulkhead));
  return { rules, gate: allGates(gates), circuits: () => rules?.circuits ?? [] };
}
