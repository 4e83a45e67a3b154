import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../kernel/random.ts";
import { aheadMs, type BucketRow, leaseOf, type LeaseTerms, lotMax, termsOf } from "./lease.ts";

const rates = [
  { perSecond: 100, burst: 10 },
  { perSecond: 40, burst: 60 },
  { perSecond: 5, burst: 1 },
  { perSecond: 0.5, burst: 2 },
  { perSecond: 3_000, burst: 300 },
];

/** Asserts that in any time T at most burst + perSecond × T happened. */
function assertKept(
  usedMs: number[],
  { perSecond, burst }: { perSecond: number; burst: number },
): void {
  usedMs.sort((left, right) => left - right);
  // As a bucket of that rate sees it: it is never asked for more than it has.
  let tokens = burst;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const [index, atMs] of usedMs.entries()) {
    tokens = Math.min(burst, tokens + ((atMs - lastMs) * perSecond) / 1_000) - 1;
    lastMs = atMs;
    assert.ok(tokens > -1e-6, `use ${index} at ${atMs} ms of ${perSecond} a second, ${burst}`);
  }
}

/** Many processes ask at random, and use their tokens as late as they may; when they used them. */
function leasedBy(
  terms: LeaseTerms,
  count: number,
  jumpMs: number,
): { usedMs: number[]; realMs: number } {
  const random = seededRandom(count);
  const usedMs: number[] = [];
  let row: BucketRow | undefined;
  let realMs = 0;
  let offsetMs = 0;
  let jumpAtMs = 0;
  while (usedMs.length < count) {
    // Mostly at once, now and then after a rest.
    realMs += random.float() * terms.tokenMs * (random.float() < 0.02 ? 200 : 0.5);
    if (realMs >= jumpAtMs) {
      offsetMs += jumpMs;
      jumpAtMs = realMs + 3 * (terms.burstMs + aheadMs);
    }
    const nowMs = realMs + offsetMs;
    const lease = leaseOf(terms, row, nowMs, 1 + Math.floor(random.float() * terms.lotMax));
    row = lease.row;
    for (const atMs of lease.tokensMs) {
      assert.ok(atMs >= nowMs && atMs <= nowMs + aheadMs);
      if (random.float() < 0.1) continue;
      const late = random.float() < 0.5 ? terms.heldMs : random.float() * terms.heldMs;
      usedMs.push(atMs - offsetMs + late);
    }
  }
  return { usedMs, realMs };
}

for (const rate of rates) {
  const name = `${rate.perSecond} a second, burst ${rate.burst}`;

  test(`whoever leases, no more than the rate is used in any time: ${name}`, () => {
    const { usedMs } = leasedBy(termsOf(rate), 5_000, 0);
    assertKept(usedMs, rate);
  });

  test(`a wall clock that is set back leases nothing twice, and waits for nothing: ${name}`, () => {
    const terms = termsOf(rate);
    const { usedMs, realMs } = leasedBy(terms, 5_000, -3_600_000);
    assertKept(usedMs, rate);
    assert.ok(realMs < 3 * leasedBy(terms, 5_000, 0).realMs, "although it goes back and back");
  });

  test(`asked without a pause, most of the rate is leased: ${name}`, () => {
    const terms = termsOf(rate);
    let row: BucketRow | undefined;
    let count = 0;
    for (let nowMs = 0; nowMs < 1_000_000; ) {
      const lease = leaseOf(terms, row, nowMs, 1_000_000);
      row = lease.row;
      count += lease.tokensMs.length;
      nowMs = Math.max(nowMs + 1, lease.againAtMs);
    }
    assert.ok(count >= 0.88 * 1_000 * rate.perSecond, `${count} tokens`);
  });
}

test("processes with other numbers of one name: each keeps to its own, none forgets others", () => {
  const slow = termsOf({ perSecond: 1, burst: 20 });
  const fast = termsOf({ perSecond: 100, burst: 10 });
  let row: BucketRow | undefined;
  let slowly = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 50) {
    for (const terms of [slow, fast, fast]) {
      const lease = leaseOf(terms, row, nowMs, 10);
      row = lease.row;
      if (terms === slow) slowly += lease.tokensMs.length;
    }
  }
  assert.ok(slowly <= 30, `${slowly} tokens of the slow one`);
});

test("a lease has a bound, whatever the rate", () => {
  assert.equal(termsOf({ perSecond: 1_000_000, burst: 1_000_000 }).lotMax, lotMax);
});
