// The one door to randomness. Ids, jitter and sampling draw from a Random that was handed in, so
// that a run with a seeded one repeats exactly. Always true: uint32() is uniform over 0 … 2^32 − 1.
import { randomFillSync } from "node:crypto";

/** A source of random numbers. */
export interface Random {
  /** A whole number from 0 to 2^32 − 1. */
  uint32(): number;
  /** A number from 0 (inclusive) to 1 (exclusive). */
  float(): number;
}

const poolWords = 2_048;

function createSystemRandom(): Random {
  const pool = new Uint32Array(poolWords);
  let used = poolWords;
  const uint32 = (): number => {
    if (used === poolWords) {
      randomFillSync(pool);
      used = 0;
    }
    return pool[used++] as number;
  };
  return { uint32, float: () => uint32() / 4_294_967_296 };
}

/** Cryptographically strong numbers from the operating system, drawn in blocks. */
export const systemRandom: Random = createSystemRandom();

/**
 * A repeatable source: the same seed gives the same numbers on every machine.
 * Not for secrets. Algorithm: mulberry32 (a 32-bit state, period 2^32).
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const uint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return { uint32, float: () => uint32() / 4_294_967_296 };
}
