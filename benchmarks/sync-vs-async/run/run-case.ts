// Runs a case: both sides go through it one after the other, with the same moments of orders.
import { delay, systemClock } from "../../../src/kernel/clock.ts";
import { Chain } from "../chain/chain.ts";
import { capacity, type CaseResult, type SideName, type SideResult } from "../study-run.ts";
import type { StudyCase } from "../study-run.ts";
import { momentsOf } from "./moments.ts";
import { nowMs, Producer } from "./producer.ts";
import { faultOf, sideResultOf } from "./side-result.ts";

const pollMs = 5;
/** After the last order that was told yes: whether others still pass that were not. */
const quietMs = 500;
/** What has not passed by then, for each second in which orders came, counts as lost. */
const drainFactorMax = 10;
/** And at least so long. */
const drainMsMin = 30_000;

/** Runs it. Rejects when a service of a chain fails. */
export async function runCase(study: StudyCase, seed: number): Promise<CaseResult> {
  const sync = await runSideOf("sync", study, seed);
  const spillway = await runSideOf("spillway", study, seed);
  return { case: study, sync, spillway };
}

async function runSideOf(side: SideName, study: StudyCase, seed: number): Promise<SideResult> {
  const completedAtMs = new Map<string, number>();
  const chain = await Chain.start(side, study.chain, ([id, atMs]) => {
    // The first passage counts: that is when its customer was served.
    if (!completedAtMs.has(id)) completedAtMs.set(id, atMs);
  });
  const producer = new Producer(chain.port);
  const stopped = new AbortController();
  const startedAtMs = nowMs();
  try {
    const hurt = hurtInTheMiddle(chain, study, stopped.signal);
    const work = async (): Promise<void> => {
      if (study.load === 0) await sendOneByOne(producer, completedAtMs, study.seconds);
      else await producer.sendAt(momentsOf(study, seed), startedAtMs);
      await hurt;
      await drained(producer, completedAtMs, study.seconds);
    };
    await Promise.race([work(), chain.failed]);
  } finally {
    stopped.abort();
    producer.close();
    await chain.close();
  }
  const { processorMs } = chain;
  return sideResultOf({ startedAtMs, sent: producer.sent, completedAtMs, processorMs }, study);
}

async function hurtInTheMiddle(chain: Chain, study: StudyCase, signal: AbortSignal): Promise<void> {
  if (study.fault === undefined) return;
  const { fromMs, untilMs } = faultOf(study);
  try {
    await delay(systemClock, fromMs, signal);
    chain.setMood(study.chain, study.fault);
    await delay(systemClock, untilMs - fromMs, signal);
    chain.setMood(study.chain, "well");
  } catch (error) {
    // The case ended early; whoever ended it says why.
    if (!signal.aborted) throw error;
  }
}

/** The next one only when the one before is through. */
async function sendOneByOne(
  producer: Producer,
  completedAtMs: ReadonlyMap<string, number>,
  seconds: number,
): Promise<void> {
  const endAtMs = nowMs() + seconds * 1_000;
  while (nowMs() < endAtMs) {
    const { id, dueAtMs } = await producer.send(nowMs());
    while (!completedAtMs.has(id) && nowMs() - dueAtMs < capacity.patienceMs) {
      await delay(systemClock, pollMs);
    }
  }
}

async function drained(
  producer: Producer,
  completedAtMs: ReadonlyMap<string, number>,
  seconds: number,
): Promise<void> {
  const limitAtMs = nowMs() + Math.max(drainMsMin, seconds * 1_000 * drainFactorMax);
  const accepted = producer.sent.filter(({ answer }) => answer === "yes");
  while (nowMs() < limitAtMs && accepted.some(({ id }) => !completedAtMs.has(id))) {
    await delay(systemClock, 10 * pollMs);
  }
  for (let seen = -1; seen !== completedAtMs.size && nowMs() < limitAtMs; ) {
    seen = completedAtMs.size;
    await delay(systemClock, quietMs);
  }
}
