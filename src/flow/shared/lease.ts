// How processes share a token bucket: the arithmetic of leasing tokens from a row that all of them
// see (docs/adr/0023). Times are wall milliseconds. Always true: tokens that were leased and used
// within `heldMs` of their time are, in any time T, at most burst + perSecond × T, whoever leased
// them, however many wrote the row, and wherever the wall clock jumped but forward.

/** How far ahead of their time tokens are leased at most. */
export const aheadMs = 200;
/** How much time the tokens of one lease are worth at most, where that is more than one. */
export const lotMs = 50;
/** Most tokens of one lease. */
export const lotMax = 10_000;
/** How long a token can be used from its time on, at most. */
export const heldMsMax = 250;
/** And at least: a rate that would leave less is refused, because nobody could use its tokens. */
export const heldMsMin = 5;

/** What is leased of a rate: a part of its burst, or where that is 1 of its pace, is left out. */
export interface LeaseTerms {
  readonly tokenMs: number;
  readonly burstMs: number;
  readonly heldMs: number;
  readonly lotMax: number;
}

/** The terms of a rate. */
export function termsOf(rate: { readonly perSecond: number; readonly burst: number }): LeaseTerms {
  const { burst } = rate;
  const tokenMs = 1_000 / rate.perSecond;
  const most = Math.min(lotMax, Math.max(1, Math.floor(lotMs / tokenMs)));
  if (burst === 1) {
    // Two starts must not be closer than one token: the use of the first may be late by heldMs.
    const heldMs = Math.min(heldMsMax, tokenMs / 8);
    return { tokenMs: tokenMs + heldMs, burstMs: tokenMs + heldMs, heldMs, lotMax: most };
  }
  const heldMs = Math.min(heldMsMax, Math.floor(burst / 2) * tokenMs);
  const left = burst - Math.ceil(heldMs / tokenMs - 1e-9);
  return { tokenMs, burstMs: left * tokenMs, heldMs, lotMax: most };
}

/** What is stored of a bucket; a bucket that is full needs no row. */
export interface BucketRow {
  /** When it is full again. */
  readonly fullAtMs: number;
  /** Of whoever wrote it: how far ahead that can be at most, beside what is leased ahead. */
  readonly burstMs: number;
}

/** Leased tokens, with what is stored then. */
export interface Lease {
  /** When each can be used, ascending; none: there is nothing to lease yet. */
  readonly tokensMs: readonly number[];
  /** To be stored where it is another one, also where nothing was leased. */
  readonly row: BucketRow;
  /** When it makes sense to ask again. */
  readonly againAtMs: number;
}

/** Leases as many of `wanted` tokens as are there now, or soon. */
export function leaseOf(
  { tokenMs, burstMs }: LeaseTerms,
  before: BucketRow | undefined,
  nowMs: number,
  wanted: number,
): Lease {
  const limitMs = Math.max(burstMs, before?.burstMs ?? 0);
  // No clock that only went on has written more: it was set back. Then the bucket is taken for as
  // empty as it can be, so that what was leased before the jump is not leased twice.
  const storedMs = Math.min(before?.fullAtMs ?? nowMs, nowMs + limitMs + aheadMs);
  const tokensMs: number[] = [];
  let fullAtMs = storedMs;
  for (;;) {
    const nextMs = Math.max(fullAtMs, nowMs) + tokenMs;
    const tokenAtMs = Math.max(nowMs, nextMs - burstMs);
    const isEnough = tokensMs.length >= wanted;
    if (isEnough || tokenAtMs > nowMs + aheadMs) {
      const keepsLimit = fullAtMs > nowMs + burstMs + aheadMs;
      const row = { fullAtMs, burstMs: keepsLimit ? limitMs : burstMs };
      return { tokensMs, row, againAtMs: tokenAtMs - aheadMs };
    }
    tokensMs.push(tokenAtMs);
    fullAtMs = nextMs;
  }
}
