/**
 * Judges pools that scale themselves against fixed ones, in virtual time through the real bus: the
 * goal with fewer worker-seconds, a downstream that becomes ten times slower, and one that gets
 * slower the more it is called. A long run tries every fixed size and writes the evidence.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Arrival } from "../../../src/cli/simulate/arrival.ts";
import type { DownstreamModel } from "../../../src/cli/simulate/simulated-downstream.ts";
import { readTrace } from "../../../src/cli/simulate/trace-text.ts";
import {
  playTrace,
  type VirtualOutcome,
  type VirtualSample,
  within,
} from "../../../src/cli/simulate/virtual-run.ts";
import type { FlowOptions } from "../../../src/flow/flow-control.ts";
import { isLongRun, recordEvidence } from "../../evidence.ts";
import { burstyTrace, burstyTraceFile, burstyTraceSeed } from "./bursty-trace.ts";

/** 99 of 100 messages of the bursty trace are to be handled within this time. */
const goalMs = 250;
/** The smallest fixed pool that meets the goal, found by the long run, which tries them all. */
const smallestFixed = 14;
const sizeMax = 24;
const counts: Record<string, number> = { goalMs };

function play(
  trace: readonly Arrival[],
  concurrency: FlowOptions["concurrency"] & {},
  downstream: DownstreamModel,
  drainMsMax = 60_000,
): Promise<VirtualOutcome> {
  const flow = { concurrency };
  return playTrace(trace, { flow, downstream, sampleMs: 100, drainMsMax, seed: 1 });
}

function steady(perSecond: number, forMs: number): readonly Arrival[] {
  return Array.from({ length: (perSecond * forMs) / 1_000 }, (_, n) => ({
    atMs: Math.floor((n * 50) / perSecond) * 20,
    key: undefined,
    tenant: undefined,
    priority: "normal" as const,
    bytes: 0,
  }));
}

const ioBound: DownstreamModel = { workMs: () => 20 };

test("the checked-in trace is the one that its seed makes", () => {
  assert.equal(readFileSync(burstyTraceFile, "utf8"), burstyTrace(burstyTraceSeed));
});

test("bursts: the goal with 0.8 of the smallest fixed pool's worker-seconds", async (context) => {
  const trace = readTrace("bursty", readFileSync(burstyTraceFile, "utf8"));
  const sizes = isLongRun
    ? Array.from({ length: sizeMax }, (_, index) => index + 1)
    : [smallestFixed - 1, smallestFixed];
  let found: VirtualOutcome | undefined;
  for (const size of sizes) {
    const outcome = await play(trace, size, ioBound, 400_000);
    const p99Ms = within(outcome.latenciesMs, 0.99);
    context.diagnostic(`${size}: p99 ${p99Ms} ms, ${outcome.workerSeconds} worker-seconds`);
    assert.equal(outcome.left, 0);
    if (p99Ms <= goalMs && found === undefined) {
      assert.equal(size, smallestFixed, "another size is the smallest now: change it above");
      found = outcome;
    }
  }
  assert.ok(found !== undefined);
  const scaled = await play(trace, { min: 1, max: 64, goalMs }, ioBound);
  const p99Ms = within(scaled.latenciesMs, 0.99);
  const share = scaled.workerSeconds / found.workerSeconds;
  context.diagnostic(`scaled: p99 ${p99Ms} ms, ${scaled.workerSeconds} (${share.toFixed(3)})`);
  assert.equal(scaled.handled, trace.length);
  assert.ok(p99Ms <= goalMs, `p99 ${p99Ms} ms`);
  assert.ok(share <= 0.8, `${share} of the worker-seconds`);
  Object.assign(counts, {
    messages: trace.length,
    sizesTried: sizes.length,
    smallestFixed,
    fixedWorkerSeconds: found.workerSeconds,
    fixedP99Ms: within(found.latenciesMs, 0.99),
    scaledWorkerSeconds: Math.round(scaled.workerSeconds * 10) / 10,
    scaledP99Ms: p99Ms,
    shareInPercent: Math.round(share * 100),
  });
});

/** Servers that take 20 ms, and 200 ms from the tenth second on. */
const tenfold = (servers: number): DownstreamModel => ({
  servers,
  workMs: ({ atMs }) => (atMs < 10_000 ? 20 : 200),
});

for (const servers of isLongRun ? [4, 10, 20] : [10]) {
  test(`${servers} servers become ten times slower: in-flight settles`, async (context) => {
    const trace = steady(servers * 30, 90_000);
    const concurrency = { min: 1, max: 100, goalMs: 500 };
    const { samples, inFlightMax } = await play(trace, concurrency, tenfold(servers), 0);
    const settled = samples.filter(({ atMs }) => atMs > 45_000);
    const inFlight = settled.map((sample) => sample.inFlight);
    const mean = meanOf(inFlight);
    const [least, most] = [Math.min(...inFlight), Math.max(...inFlight)];
    const perSecond = handledPerSecond(settled);
    context.diagnostic(
      `in flight ${least} to ${most}, mean ${mean}, ever ${inFlightMax}; ${perSecond}/s`,
    );
    assert.ok(least >= mean * 0.75 && most <= mean * 1.25, `${least} to ${most}, mean ${mean}`);
    assert.ok(most < 2 * servers, `${most} in flight for ${servers} servers`);
    assert.ok(perSecond >= servers * 5 * 0.95, `${perSecond} of ${servers * 5} a second`);
    Object.assign(counts, {
      [`tenfold${servers}Mean`]: Math.round(mean * 10) / 10,
      [`tenfold${servers}Least`]: least,
      [`tenfold${servers}Most`]: most,
    });
  });
}

/** Latency by the universal scalability law: contention, and crosstalk with the square. */
const crowded = (contention: number, crosstalk: number) => (inFlight: number) =>
  20 * (1 + contention * (inFlight - 1) + crosstalk * inFlight * (inFlight - 1));

const crowds = [
  [0, 0.01],
  [0.05, 0.005],
  [0.02, 0.02],
] as const;

for (const [contention, crosstalk] of isLongRun ? crowds : crowds.slice(0, 1)) {
  test(`crowded by ${contention}, ${crosstalk}: a better, smaller pool`, async (context) => {
    const latencyMs = crowded(contention, crosstalk);
    const downstream = { workMs: ({ inFlight }: { inFlight: number }) => latencyMs(inFlight) };
    const trace = steady(400, 60_000);
    const scaled = await play(trace, { min: 1, max: 64, goalMs: 500 }, downstream, 0);
    const largest = await play(trace, 64, downstream, 0);
    const sizes = Array.from({ length: 64 }, (_, index) => index + 1);
    const best = sizes.reduce((found, size) =>
      size / latencyMs(size) > found / latencyMs(found) ? size : found,
    );
    const settled = scaled.samples.filter(({ atMs }) => atMs > 30_000);
    const perSecond = handledPerSecond(settled);
    const pool = meanOf(settled.map((sample) => sample.pool));
    const bestPerSecond = (1_000 * best) / latencyMs(best);
    context.diagnostic(
      `pool ${pool} (best ${best}): ${perSecond}/s of ${bestPerSecond}; ` +
        `64 got ${largest.handled / 60}`,
    );
    assert.ok(perSecond >= 0.9 * bestPerSecond, `${perSecond} of ${bestPerSecond} a second`);
    assert.ok(pool <= 1.3 * best, `${pool} handlers, ${best} are best`);
    assert.ok(scaled.handled >= 1.5 * largest.handled, "better than the largest pool by far");
    const name = `crowded${contention * 100}And${crosstalk * 1_000}`;
    counts[`${name}Pool`] = Math.round(pool * 10) / 10;
    counts[`${name}BestFixed`] = best;
  });
}

test("the evidence is written by a long run", async () => {
  await recordEvidence("scaling", { seed: burstyTraceSeed, counts, violations: [] });
});

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function handledPerSecond(samples: readonly VirtualSample[]): number {
  return meanOf(samples.map(({ handled }) => handled)) * 10;
}
