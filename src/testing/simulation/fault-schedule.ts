// Which fault strikes at which step of a run, and what struck so far. Knows nothing of what a fault
// does. Always true: each fault strikes once; none after end().
import { Coverage, type Fault, type FaultKind, type StepKind, stepsOf } from "./faults.ts";

/** Faults that have not struck by then, strike at the next step that they fit. */
export const faultsBehindMs = 4_500;

/** Faults that a run has at the least, and kinds of them. */
export const faultsMin = 4;
/** See faultsMin. */
export const faultKindsMin = 3;

/** See the head of this file. */
export class FaultSchedule {
  readonly coverage = new Coverage();
  /** How many faults struck, by kind. */
  readonly struck = new Map<FaultKind, number>();
  /** When the last one struck, virtual time. */
  struckAtMs = 0;
  readonly #waiting: Fault[];
  readonly #passed = new Map<StepKind, number>();

  constructor(faults: readonly Fault[]) {
    this.#waiting = [...faults];
  }

  /**
   * Whether to wait for faults that have not struck. Late ones are not worth it where only the
   * journals' own work goes on, which has commits, and doorbells if there are any, and no other
   * steps; but a run has its least number of them.
   */
  isAwaited(nowMs: number, rings: boolean): boolean {
    if (this.#waiting.length === 0) return false;
    const count = Array.from(this.struck.values()).reduce((sum, each) => sum + each, 0);
    if (nowMs <= faultsBehindMs || count < faultsMin || this.struck.size < faultKindsMin)
      return true;
    return this.#waiting.some(({ kind }) => {
      const steps = stepsOf(kind);
      return steps.includes("commit") || (rings && steps.includes("ring"));
    });
  }

  /** A step is reached: the fault that strikes there, or none. */
  at(step: StepKind, nowMs: number): Fault | undefined {
    const count = (this.#passed.get(step) ?? 0) + 1;
    this.#passed.set(step, count);
    const isLate = nowMs > faultsBehindMs;
    const index = this.#waiting.findIndex(({ at, nth, kind }) =>
      isLate ? stepsOf(kind).includes(step) : at === step && nth <= count,
    );
    if (index < 0) return undefined;
    const [fault] = this.#waiting.splice(index, 1);
    if (fault !== undefined) {
      this.#count(fault.kind, step);
      this.struckAtMs = nowMs;
    }
    return fault;
  }

  #count(kind: FaultKind, step: StepKind): void {
    this.coverage.add(kind, step);
    this.struck.set(kind, (this.struck.get(kind) ?? 0) + 1);
  }

  /** No fault strikes any more. */
  end(): void {
    this.#waiting.length = 0;
  }
}
