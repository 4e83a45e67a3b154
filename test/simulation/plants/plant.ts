// What a planted bug is. Knows none.
import type { Change } from "../../planted-copy.ts";

/** One bug. */
export interface Plant {
  readonly bug: string;
  /** What it is like: a row of the list of bugs in well-known systems, or one fixed here. */
  readonly like: string;
  readonly changes: readonly Change[];
  /** The first seed, from 1 on, that catches it: a short run begins there. */
  readonly caughtBy: number;
  /** What the run must say. */
  readonly finds: RegExp;
}
