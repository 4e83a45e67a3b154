// The child's side of child-task.ts: takes one request, reports progress, answers, ends. Knows
// nothing of what the work is. Always true: a parent that is gone stops the work like a request
// to stop; a Ctrl-C that the terminal sends to both processes is left to the parent.
import { constants, getPriority, setPriority } from "node:os";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Clock } from "../../../kernel/clock.ts";
import { systemClock } from "../../../kernel/clock.ts";
import { systemRandom } from "../../../kernel/random.ts";
import type { Random } from "../../../kernel/random.ts";
import type { TaskFailure, TaskOrder, TaskReport } from "./child-task.ts";

/** Shortest time between two reports of progress. */
const progressMsMin = 50;

/** What a task is lent. */
export interface TaskContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts when the parent asks to stop, or is gone. */
  readonly signal: AbortSignal;
  /** Tells the parent how far it is; most calls are left out. */
  report(progress: unknown): void;
}

/**
 * Runs `work` on the request that the parent sends. Called once, by the module of a task.
 * `niceness`: how far others go first where they want the processor too; default 19, most.
 */
export function serveTask<Request>(
  work: (request: Request, context: TaskContext) => Promise<unknown>,
  niceness: number = constants.priority.PRIORITY_LOW,
): void {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => undefined);
  process.once("disconnect", () => stop.abort());
  process.on("message", (order: TaskOrder) => {
    if (order.kind === "stop") return stop.abort();
    yieldPriority(niceness);
    void answer(() => work(order.request as Request, contextOf(stop.signal)));
  });
}

async function answer(work: () => Promise<unknown>): Promise<void> {
  let report: TaskReport;
  try {
    report = { kind: "answer", answer: await work() };
  } catch (error) {
    report = { kind: "failure", failure: failureOf(error) };
  }
  await new Promise<void>((resolve) => {
    if (!process.connected) return resolve();
    process.send?.(report, undefined, undefined, () => resolve());
  });
  if (process.connected) process.disconnect?.();
}

/** Publishers and handlers go first where both want the processor. */
function yieldPriority(niceness: number): void {
  try {
    if (getPriority() < niceness) setPriority(niceness);
  } catch {
    // Not allowed here: it works at the priority it has.
  }
}

function contextOf(signal: AbortSignal): TaskContext {
  let nextMs = 0;
  return {
    clock: systemClock,
    random: systemRandom,
    signal,
    report(progress) {
      const nowMs = systemClock.monotonicMs();
      if (nowMs < nextMs || !process.connected) return;
      nextMs = nowMs + progressMsMin;
      const report: TaskReport = { kind: "progress", progress };
      process.send?.(report, undefined, undefined, () => undefined);
    },
  };
}

function failureOf(error: unknown): TaskFailure {
  if (error instanceof SpillwayError) {
    const { code, message, details } = error;
    return { code, message, details };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "TASK_STOPPED", message, details: {} };
}
