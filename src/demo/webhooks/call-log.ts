// Notes which deliveries a service's handlers were called for, so that the ledger can tell a
// redelivery from a retry. Always true: redelivered = calls − distinct deliveries − retries.

/** The calls of one service. */
export class CallLog {
  /** Calls of a handler. */
  calls = 0;
  /** Calls that followed a failure of the handler itself. */
  retries = 0;
  readonly #seen = new Set<string>();

  /** Notes a call; `attempt` counts the failures before it, plus one. */
  called(id: string, attempt: number): void {
    this.calls++;
    if (this.#seen.has(id) && attempt > 1) this.retries++;
    this.#seen.add(id);
  }

  /** Deliveries that a handler was called for. */
  get distinct(): number {
    return this.#seen.size;
  }

  /** Calls that neither were the first of their delivery nor followed a failure. */
  get redelivered(): number {
    return this.calls - this.#seen.size - this.retries;
  }
}
