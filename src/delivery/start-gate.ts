// Whether handlers may start: a port for whatever limits a subscription beyond its concurrency
// (circuits, bulkheads, rates). Knows nothing of messages. Always true: a place that was taken is
// given back once.

/** Asked before every handler call. */
export interface StartGate {
  /** How many may run now; nothing is fetched at 0, nor at 1 while there is something to try. */
  readonly limit: number;
  /** What it keeps the subscription from, for people; empty when all is well. */
  readonly troubles: readonly string[];
  /** Takes a place for one more loop beside `running` others; false: not now, `wake` follows. */
  enter(running: number): boolean;
  /** Whether one of `running` loops may go on with its next message. */
  mayGoOn(running: number): boolean;
  /** A loop ended, or its handler was given up. */
  leave(): void;
  /** Calls `wake` whenever enter() may succeed again; gives the function that ends this. */
  attach(wake: () => void): () => void;
}
