// The figures of cases as the rows of a table, for a terminal and for the page alike.
import type { CaseResult, SideResult, StudyCase } from "../study-run.ts";

/** A case in a few words. */
export function caseName({ group, chain, load, fault }: StudyCase): string {
  const services = `${chain} services`;
  if (group === "single") return `one order at a time, ${services}`;
  if (group === "burst") return `bursts, ${services}`;
  return `load ${load}, ${services}${fault === undefined ? "" : `, the last one ${fault}`}`;
}

const columns: readonly (readonly [title: string, of: (side: SideResult) => string])[] = [
  ["orders", ({ offered }) => String(offered)],
  ["answer p50", ({ answerP50Ms }) => msText(answerP50Ms)],
  ["answer p99", ({ answerP99Ms }) => msText(answerP99Ms)],
  ["end p50", ({ completedP50Ms }) => msText(completedP50Ms)],
  ["end p99", ({ completedP99Ms }) => msText(completedP99Ms)],
  ["completed", ({ completed }) => String(completed)],
  ["in time", ({ completedInTime }) => String(completedInTime)],
  ["a second", ({ completedPerSecond }) => String(completedPerSecond)],
  ["refused", ({ refused }) => String(refused)],
  ["timed out", ({ timedOut }) => String(timedOut)],
  ["lost", ({ lost }) => String(lost)],
  ["unknown", ({ unknown }) => String(unknown)],
  ["drain", ({ drainSeconds }) => `${drainSeconds} s`],
  ["CPU an order", ({ processorMsPerOrder }) => msText(processorMsPerOrder)],
];

/** A Markdown table: two rows a case. */
export function resultTable(results: readonly CaseResult[]): readonly string[] {
  const withFaults = results.some((result) => result.case.fault !== undefined);
  const titles = ["case", "side", ...columns.map(([title]) => title)];
  const recovery = (side: SideResult): string =>
    side.recoverySeconds === null ? "not while orders came" : `${side.recoverySeconds} s`;
  const cellsOf = (study: StudyCase, name: string, side: SideResult): string[] => [
    caseName(study),
    name,
    ...columns.map(([, of]) => of(side)),
    ...(withFaults ? [study.fault === undefined ? "" : recovery(side)] : []),
  ];
  const rows = results.flatMap((result) => [
    cellsOf(result.case, "calls", result.sync),
    cellsOf(result.case, "Spillway", result.spillway),
  ]);
  const head = [...titles, ...(withFaults ? ["recovery"] : [])];
  const rule = head.map((_, index) => (index < 2 ? "---" : "---:"));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}

/** A duration for people. */
export function msText(ms: number): string {
  return ms < 1_000
    ? `${Number(ms.toPrecision(3))} ms`
    : `${Number((ms / 1_000).toPrecision(3))} s`;
}
