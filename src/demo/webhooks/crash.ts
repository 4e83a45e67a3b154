// The crash: ends one worker process as a power cut would, while it holds deliveries that it has
// not settled, and starts it again. What it held is found out from the records that it left,
// after its end. Always true: the share that is reported was really unsettled at the moment of
// its death.
import type { Bus } from "../../bus/bus.ts";
import { type Clock, delay } from "../../kernel/clock.ts";
import { enriched } from "./effect-contracts.ts";
import type { Worker, WorkerPool } from "./worker-pool.ts";

/** At least this share of its deliveries must be unsettled when a worker is killed. */
export const unsettledShareMin = 0.1;
/** Deliveries in its hands for which a worker's death is delayed a moment. */
const unsettledWanted = 8;
const momentMs = 1_500;
/** How long to wait for as many as prove something, when deliveries come slowly. */
const gatherMsMax = 60_000;
const gatherStepMs = 50;

/** How a worker died. */
export interface CrashReport {
  readonly worker: string;
  readonly pid: number;
  /** Deliveries that it had been given. */
  readonly given: number;
  /** Of these, deliveries whose handling had not been recorded. */
  readonly unsettled: number;
}

/** Whether enough was unsettled for the crash to prove anything. */
export function provesSomething(unsettled: number, given: number): boolean {
  return unsettled >= Math.max(1, given * unsettledShareMin);
}

/**
 * Kills the first worker that hangs; does not start it again. Resolves undefined, and kills nobody,
 * when the signal fires first.
 */
export async function crashOneWorker(
  bus: Bus,
  pool: WorkerPool,
  clock: Clock,
  signal: AbortSignal,
): Promise<CrashReport | undefined> {
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const worker = signal.aborted ? undefined : await Promise.race([pool.firstHanging, aborted]);
  if (worker === undefined) return undefined;
  for (let waitedMs = 0; waitedMs < gatherMsMax; waitedMs += gatherStepMs) {
    const unsettled = await unsettledOf(bus, worker);
    const enough = waitedMs < momentMs ? unsettledWanted : 1;
    if (unsettled >= enough && provesSomething(unsettled, worker.called.size)) break;
    await delay(clock, gatherStepMs);
    if (signal.aborted) return undefined;
  }
  await pool.kill(worker.name);
  const { name, pid, called } = worker;
  return { worker: name, pid, given: called.size, unsettled: await unsettledOf(bus, worker) };
}

/** Deliveries that the worker was called for and has left no record of. */
async function unsettledOf(bus: Bus, worker: Worker): Promise<number> {
  const recorded = new Set<string>();
  for await (const { data } of bus.read(enriched)) {
    if (data.worker === worker.name && worker.called.has(data.delivery))
      recorded.add(data.delivery);
  }
  return worker.called.size - recorded.size;
}
