// The messages of one key in one group: how far it has come, and which of them are not finished.
// Owns no rule but the search for what a delivery passes.

/** Somebody has it; `hasFailed` until it is delivered again. */
export interface OpenDelivery {
  readonly member: string;
  hasFailed: boolean;
}

/** One key. */
export interface KeyLine {
  readonly key: string;
  /** Highest offset delivered; −1 before the first. */
  last: number;
  readonly open: Map<number, OpenDelivery>;
  /** A line that is out of order is told once. */
  isReported: boolean;
}

/** Most unfinished messages of a key that are looked at; in order there is one. */
const openLookedAt = 64;

/** A key of which nothing was delivered. */
export function startLine(key: string): KeyLine {
  return { key, last: -1, open: new Map(), isReported: false };
}

/**
 * An unfinished message that a delivery to `member` passes: the member itself has not finished it,
 * or it has failed and nobody has had it since. What another member is at may be finished.
 */
export function openBefore(line: KeyLine, offset: number, member: string): number | undefined {
  let lookedAt = 0;
  for (const [earlier, open] of line.open) {
    if (++lookedAt > openLookedAt) return undefined;
    if (earlier < offset && (open.hasFailed || open.member === member)) return earlier;
  }
  return undefined;
}
