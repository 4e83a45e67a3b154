// Reduces what happened to the orders of one side in one case to its figures. Pure.
import { capacity, type SideResult, type StudyCase } from "../study-run.ts";
import type { SentOrder } from "./producer.ts";

/** What happened. Times in ms of the epoch. */
export interface SideRecords {
  readonly startedAtMs: number;
  readonly sent: readonly SentOrder[];
  /** When each order passed the last service. */
  readonly completedAtMs: ReadonlyMap<string, number>;
  readonly processorMs: number;
}

const windowMs = 1_000;
/** The share of a window's orders that has to be completed in time for it to be a good one. */
const goodShare = 0.99;

/** The figures. */
export function sideResultOf(records: SideRecords, study: StudyCase): SideResult {
  const { sent, startedAtMs, completedAtMs, processorMs } = records;
  const endAtMs = startedAtMs + study.seconds * 1_000;
  const told = (answer: SentOrder["answer"]) => sent.filter((order) => order.answer === answer);
  const accepted = told("yes");
  const completed = sent.filter(({ id }) => completedAtMs.has(id));
  const completionMs = ({ id, dueAtMs }: SentOrder): number =>
    (completedAtMs.get(id) ?? Number.POSITIVE_INFINITY) - dueAtMs;
  const answerMs = percentilesOf(accepted.map((order) => order.answeredAtMs - order.dueAtMs));
  const endMs = percentilesOf(completed.map(completionMs));
  const isWhileOrdersCame = ({ id }: SentOrder): boolean => {
    return (completedAtMs.get(id) ?? Number.POSITIVE_INFINITY) <= endAtMs;
  };
  const lastDueMs = Math.max(startedAtMs, ...sent.map(({ dueAtMs }) => dueAtMs));
  const lastDoneMs = Math.max(lastDueMs, ...completedAtMs.values());
  return {
    offered: sent.length,
    accepted: accepted.length,
    timedOut: told("none").length,
    refused: told("no").length,
    answerP50Ms: answerMs.p50,
    answerP99Ms: answerMs.p99,
    completed: completed.length,
    completedInTime: sent.filter(isInTime).length,
    completedPerSecond: rounded(sent.filter(isWhileOrdersCame).length / study.seconds),
    completedP50Ms: endMs.p50,
    completedP99Ms: endMs.p99,
    lost: accepted.filter(({ id }) => !completedAtMs.has(id)).length,
    unknown: completed.filter(({ answer }) => answer !== "yes").length,
    drainSeconds: rounded((lastDoneMs - lastDueMs) / 1_000),
    recoverySeconds: study.fault === undefined ? null : recoverySeconds(),
    processorMsPerOrder: completed.length === 0 ? 0 : rounded(processorMs / completed.length),
  };

  function isInTime(order: SentOrder): boolean {
    return completionMs(order) <= capacity.patienceMs;
  }

  /** Until the end of the last window that is not a good one. */
  function recoverySeconds(): number | null {
    const healedAtMs = startedAtMs + faultOf(study).untilMs;
    let badUntilMs = healedAtMs;
    for (let fromMs = healedAtMs; fromMs < endAtMs; fromMs += windowMs) {
      const untilMs = Math.min(endAtMs, fromMs + windowMs);
      const due = sent.filter(({ dueAtMs }) => dueAtMs >= fromMs && dueAtMs < untilMs);
      if (due.filter(isInTime).length < goodShare * due.length) badUntilMs = untilMs;
    }
    return badUntilMs === endAtMs ? null : rounded((badUntilMs - healedAtMs) / 1_000);
  }
}

/** When the last service is not well: the middle third, in ms from the start. */
export function faultOf({ seconds }: StudyCase): {
  readonly fromMs: number;
  readonly untilMs: number;
} {
  return { fromMs: (seconds * 1_000) / 3, untilMs: (seconds * 2_000) / 3 };
}

/** Nearest rank; 0 of nothing. */
function percentilesOf(values: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number): number => rounded(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
  return { p50: at(0.5), p99: at(0.99) };
}

function rounded(value: number): number {
  return Number(value.toFixed(2));
}
