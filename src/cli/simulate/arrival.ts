// One message of a recorded trace, as far as flow control can tell messages apart. Plain data.
import type { Priority } from "../../message/envelope.ts";

/** A message of a trace. */
export interface Arrival {
  /** When it was stored, ms from the begin of the trace. */
  readonly atMs: number;
  readonly key: string | undefined;
  readonly tenant: string | undefined;
  readonly priority: Priority;
  /** Size of its encoded data. */
  readonly bytes: number;
}

/** Most messages of a trace: all of them are in memory. */
export const arrivalsMax = 1_000_000;
