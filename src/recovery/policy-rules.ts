// An error policy at work for one subscription: turns its actions into verdicts, and keeps the
// circuits of its pauses. Knows nothing of storage. Always true: an error that another try cannot
// help is neither retried nor paused for; the strictest circuit decides how much may run.
import type { FailedCall, FailureRules, FinalVerdict, Verdict } from "../delivery/failure-rules.ts";
import type { Failure } from "../delivery/failure.ts";
import type { StartGate } from "../delivery/start-gate.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import { type CircuitDiagnostics, diagnostics } from "../telemetry/channels.ts";
import type {
  EndAction,
  ErrorAction,
  FallbackAction,
  PauseAction,
  RetryAction,
} from "./actions.ts";
import { Circuit, type CircuitStatus } from "./circuit.ts";
import type { ErrorPolicy } from "./error-policy.ts";

/** How the circuit of a rule stands. */
export interface CircuitOfRule extends CircuitStatus {
  /** What the rule is for: the class or code of its errors, "otherwise" … */
  readonly rule: string;
}

/** How troubles of an open circuit begin. */
export const circuitOpenText = "a circuit is open";

/** The subscription for which a policy works. */
export interface PolicyScope {
  readonly channel: string;
  readonly group: string;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** See the head of this file. */
export class PolicyRules implements FailureRules, StartGate {
  readonly #policy: ErrorPolicy;
  readonly #scope: PolicyScope;
  readonly #circuits = new Map<PauseAction, Circuit>();
  #wake: (() => void) | undefined;
  /** Undefined where no circuit listens. */
  readonly succeeded: (() => void) | undefined;

  constructor(policy: ErrorPolicy, scope: PolicyScope) {
    this.#policy = policy;
    this.#scope = scope;
    const { clock, random, concurrency } = scope;
    const onChange = (status: CircuitStatus): void => this.#changed(status);
    for (const action of policy.actions) {
      if (action.kind !== "pause" || this.#circuits.has(action)) continue;
      const { options } = action;
      this.#circuits.set(action, new Circuit({ options, clock, random, concurrency, onChange }));
    }
    const circuits = [...this.#circuits.values()];
    if (circuits.length === 0) return;
    this.succeeded = () => {
      for (const circuit of circuits) circuit.succeeded();
    };
  }

  /** How its circuits stand, in the order of the rules. */
  get circuits(): readonly CircuitOfRule[] {
    return Array.from(this.#circuits, ([action, circuit]) => {
      return { rule: this.#policy.ruleOf(action), ...circuit.status };
    });
  }

  decide(call: FailedCall): Verdict {
    return this.#verdict(this.#policy.actionFor(call.failure.error), call);
  }

  get limit(): number {
    let limit = Number.POSITIVE_INFINITY;
    for (const circuit of this.#circuits.values()) limit = Math.min(limit, circuit.limit);
    return limit;
  }

  get troubles(): readonly string[] {
    const open = this.circuits.filter(({ state }) => state === "open");
    return open.map(({ probeInMs }) => {
      return `${circuitOpenText}: nothing is handled but a probe in ${probeInMs} ms`;
    });
  }

  enter(running: number): boolean {
    return running < this.limit;
  }

  mayGoOn(running: number): boolean {
    return running <= this.limit;
  }

  leave(): void {
    // Only the number that runs counts.
  }

  attach(wake: () => void): () => void {
    this.#wake = wake;
    for (const circuit of this.#circuits.values()) circuit.start();
    return () => {
      this.#wake = undefined;
      for (const circuit of this.#circuits.values()) circuit.stop();
    };
  }

  #changed(status: CircuitStatus): void {
    if (diagnostics.circuit.hasSubscribers) {
      const { channel, group } = this.#scope;
      diagnostics.circuit.publish({ channel, group, ...status } satisfies CircuitDiagnostics);
    }
    if (status.state !== "open") this.#wake?.();
  }

  #verdict(action: ErrorAction, call: FailedCall): Verdict {
    const { failure } = call;
    if (action.kind === "retry") {
      const afterMs = this.#retryAfterMs(action, call);
      return afterMs === undefined ? this.#verdict(action.next, call) : { kind: "retry", afterMs };
    }
    if (action.kind === "fallback") return fallbackOf(action);
    if (action.kind !== "pause") return finalOf(action, failure);
    if (!failure.isRetryable) return { kind: "dead-letter", reason: failure.reason };
    return { kind: "wait", afterMs: this.#circuits.get(action)?.failed() ?? 0 };
  }

  #retryAfterMs(action: RetryAction, { failure, attempt, ageMs }: FailedCall): number | undefined {
    if (!failure.isRetryable || attempt >= action.attempts) return undefined;
    const afterMs = failure.afterMs ?? action.schedule.waitMs(attempt, this.#scope.random);
    return ageMs + afterMs > action.ageMsMax ? undefined : afterMs;
  }
}

function fallbackOf({ handle, next }: FallbackAction): Verdict {
  return { kind: "fallback", handle, after: (failure) => finalOf(next, failure) };
}

function finalOf({ kind, reason }: EndAction, failure: Failure): FinalVerdict {
  const text = reason === undefined ? failure.reason : `${reason}: ${failure.reason}`;
  return { kind: kind === "park" ? "hold" : kind, reason: text };
}
