// What the requests of one bus came to, counted. Plain numbers; whoever reads them twice computes
// rates. Always true: every request is counted once under `sent`, and once more when it is over.

/** The requests of one bus, part of bus.stats(). */
export interface RequestStats {
  /** Waiting for their outcome now. */
  readonly pending: number;
  /** Requests made, whatever became of them. */
  readonly sent: number;
  /** Ended with a reply. */
  readonly answered: number;
  readonly timedOut: number;
  readonly failed: number;
  readonly expired: number;
  readonly unhandled: number;
  /** Rejected: aborted, refused, or the transport failed. */
  readonly rejected: number;
  /** Answers to requests that nobody waited for any more. */
  readonly late: number;
  /** Further answers to requests that had been answered. */
  readonly duplicates: number;
  /** Aggregates of bus.aggregate() whose handler failed for good at their end. */
  readonly aggregatesFailed: number;
}

/** The same while it grows. */
export class RequestCounters {
  sent = 0;
  answered = 0;
  timedOut = 0;
  failed = 0;
  expired = 0;
  unhandled = 0;
  rejected = 0;
  late = 0;
  duplicates = 0;
  aggregatesFailed = 0;

  /** Counts the end of a request to many; with any part it counts as answered. */
  countScatter(type: "all" | "quorum" | "deadline" | "unhandled", parts: number): void {
    if (type === "unhandled") this.unhandled++;
    else if (parts === 0) this.timedOut++;
    else this.answered++;
  }

  /** Counts an outcome. */
  count(type: string): void {
    if (type === "timeout") this.timedOut++;
    else if (type === "failed") this.failed++;
    else if (type === "expired") this.expired++;
    else if (type === "unhandled") this.unhandled++;
    else this.answered++;
  }
}
