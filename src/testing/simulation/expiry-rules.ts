// Which messages of a simulated run may go unhandled because their time has passed, and which may
// not. Owns the times as publishers gave them. Always true: a message counts as expired only where
// its time has passed by the clock of somebody who may have looked.

/** See the head of this file. */
export class ExpiryRules {
  /** The earliest time at which each message can have expired, in virtual ms. */
  readonly #expiresAtMs = new Map<string, number>();

  /** A message is published that expires. */
  published(id: string, expiresAtMs: number): void {
    if (!this.#expiresAtMs.has(id)) this.#expiresAtMs.set(id, expiresAtMs);
  }

  /** Whether it has a time at all. */
  has(id: string): boolean {
    return this.#expiresAtMs.has(id);
  }

  /** Whether its time may have passed by now; `isJumped`: clocks were wrong. */
  mayHavePassed(id: string, nowMs: number, isJumped: boolean): boolean {
    const expiresAtMs = this.#expiresAtMs.get(id);
    return expiresAtMs !== undefined && (isJumped || expiresAtMs <= nowMs);
  }
}

/** What is wrong with a call for a message that says when it expires; wall times of one process. */
export function judgeExpiry(
  { id, group }: { readonly id: string; readonly group: string },
  expiresAtMs: number,
  wallMs: number,
): string | undefined {
  if (wallMs < expiresAtMs) return undefined;
  return `group ${group}: ${id} is handled ${wallMs - expiresAtMs} ms after its time`;
}
