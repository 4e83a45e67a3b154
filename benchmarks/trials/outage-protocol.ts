// What the outage trial and its process say to each other. Types and the sizes of the load only.

/** Handlers at once, and how long each call of the downstream takes. */
export const calls = { concurrency: 16, durationMs: 5 } as const;
/** How long the downstream works before it fails, and after it is back. */
export const workingSeconds = { before: 8, after: 10 } as const;
/** How often what was handled is noted. */
export const noteMs = 50;

/** What the process is told. */
export interface OutageParameters {
  readonly directory: string;
  /** How long the downstream fails. */
  readonly seconds: number;
}

/** What the process found. */
export interface OutageReport {
  /** Messages handled by then, every `noteMs` or a little later, from the start to the end. */
  readonly notes: readonly { readonly atMs: number; readonly handled: number }[];
  readonly failedAtMs: number;
  readonly backAtMs: number;
  /** Calls that failed before the circuit was open. */
  readonly failedFirst: number;
  /** Calls while it was away, after those. */
  readonly probes: number;
  /** Most of them at once. */
  readonly probesAtOnceMax: number;
  readonly deadLetters: number;
  /** Messages of a key that were handled before an earlier one. */
  readonly outOfOrder: number;
}
