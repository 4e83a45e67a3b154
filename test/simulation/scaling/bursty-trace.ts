// The bursty arrival trace by which pools that scale themselves are judged: a shop's quiet flow
// with bursts of seconds, made from a seed. Run it to write the file anew. Always true: the same
// seed gives the same file.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Random, seededRandom } from "../../../src/kernel/random.ts";

/** Where it is checked in. */
export const burstyTraceFile = fileURLToPath(new URL("./bursty-trace.csv", import.meta.url));
/** What it was made from. */
export const burstyTraceSeed = 20_261_122;

const stepMs = 100;
const durationMs = 90_000;
/** Arrivals a second while it is quiet. */
const quietPerSecond = 60;

interface Burst {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly perSecond: number;
}

/** The file's text: how many messages arrive in each tenth of a second that has any. */
export function burstyTrace(seed: number): string {
  const random = seededRandom(seed);
  const bursts = burstsOf(random);
  const lines = ["atMs,count"];
  for (let atMs = 0; atMs < durationMs; atMs += stepMs) {
    const count = poisson(random, (perSecondAt(bursts, atMs) * stepMs) / 1_000);
    if (count > 0) lines.push(`${atMs},${count}`);
  }
  return `${lines.join("\n")}\n`;
}

function burstsOf(random: Random): readonly Burst[] {
  const bursts: Burst[] = [];
  for (let fromMs = 6_000; fromMs < durationMs - 6_000; ) {
    const untilMs = fromMs + 1_500 + random.float() * 2_500;
    bursts.push({ fromMs, untilMs, perSecond: 350 + random.float() * 350 });
    fromMs = untilMs + 6_000 + random.float() * 8_000;
  }
  return bursts;
}

/** A burst comes and goes within a fifth of a second each. */
function perSecondAt(bursts: readonly Burst[], atMs: number): number {
  const edgeMs = 200;
  const extra = bursts.map(({ fromMs, untilMs, perSecond }) => {
    const inside = Math.min(atMs - fromMs, untilMs - atMs) / edgeMs;
    return perSecond * Math.min(1, Math.max(0, inside));
  });
  return quietPerSecond + Math.max(0, ...extra);
}

/** A random count of this mean (Knuth's method). */
function poisson(random: Random, mean: number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random.float(); product > limit; product *= random.float()) count++;
  return count;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(burstyTraceFile, burstyTrace(burstyTraceSeed));
}
