// What the shared-rate trial and its processes say to each other. Types and the sizes of the load
// only.

/** The rate that all processes keep together, and how many of them there are. */
export const rate = { perSecond: 100, burst: 50 } as const;
export const processes = 3;

/** What each process is told. */
export interface SharedRateParameters {
  readonly directory: string;
  /** How long it handles messages. */
  readonly seconds: number;
}

/** What each process found; wall clock times, as the processes compare them. */
export interface SharedRateReport {
  /** From its subscription to when it began to close. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** When its handlers started. */
  readonly startsMs: readonly number[];
}
