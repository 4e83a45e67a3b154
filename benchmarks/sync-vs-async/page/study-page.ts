// The page of the study and its pictures, made of a run and nothing else: which side wins where is
// decided by the figures. Pure.
import type { CaseResult, SideName, SideResult, StudyRun } from "../study-run.ts";
import { perSecondMax } from "../study-run.ts";
import { drawLines, type LineChart } from "./line-chart.ts";
import { caseName, msText, resultTable } from "./result-table.ts";

/** A file of the documents, its path from their folder. */
export interface DocumentFile {
  readonly path: string;
  readonly text: string;
}

/** A difference below this is none. */
const shareMin = 0.05;

/** The page and its pictures. */
export function renderPage(run: StudyRun): readonly DocumentFile[] {
  const pictures = chartsOf(run).map(({ name, chart }) => {
    return { path: `images/sync-vs-async-${name}.svg`, text: drawLines(chart), alt: chart.title };
  });
  const lines = [
    "# Synchronous calls beside messages",
    "",
    ...introduction(run),
    "",
    "## What was measured",
    "",
    ...pictures.flatMap(({ path, alt }) => [`![${alt}](${path})`, ""]),
    ...resultTable(run.results),
    "",
    ...legend,
    "",
    "## The producer's latency",
    "",
    ...claim(run),
    "",
    "## Where the calls win",
    "",
    ...wins(run, "sync"),
    "",
    "## Where the messages win",
    "",
    ...wins(run, "spillway"),
    "",
    "## Limits",
    "",
    ...limits(run),
    "",
  ];
  const files = pictures.map(({ path, text }) => ({ path, text }));
  return [{ path: "sync-vs-async.md", text: lines.join("\n") }, ...files];
}

function introduction({ capacity, command, date, node, processors, seed }: StudyRun): string[] {
  const { slots, serviceMs, waitingMax, patienceMs, attemptsMax } = capacity;
  return [
    "This page is generated: `npm run bench -- sync-vs-async --from FILE` writes it from a run",
    `that was kept. This run: \`${command}\` (seed ${seed}), ${date.slice(0, 10)}, Node ${node},`,
    `${processors} processors.`,
    "",
    "The same chain of services twice, one side after the other, with the same orders at the same",
    "moments. On the left the services call each other over HTTP, and the producer has its answer",
    "when the last one is done. On the right the first one stores the order in the journal and",
    "answers; each service reads its channel and publishes to the next.",
    "",
    `Both sides: a process for each service, ${slots} orders at a time in each, ${serviceMs} ms of`,
    `waiting (0.5 to 1.5 times that) for each, so ${perSecondMax(capacity)} orders a second`,
    `(load 1); at most ${capacity.connectionsMax} connections between two processes; a producer`,
    `that waits ${msText(patienceMs)} and does not try again. On the left at most ${waitingMax}`,
    "requests wait in front of a service and more are refused at once; the producer's deadline",
    `travels with the request; work that failed is tried ${attemptsMax} times while there is`,
    "time. On the right a message is on disk (fsync) before its producer is told, and",
    "work that failed is tried again until it works. Customers come independently of each",
    `other and of the answers. A fault lasts for the middle third of its case:`,
    `slow is ${capacity.slowFactor} times as slow, failing is`,
    `${Math.round(capacity.failingShare * 100)} % of the work, dead is all of it.`,
  ];
}

const legend = [
  "**answer**: from the moment an order was due until its producer was told yes. **end**: until it",
  "passed the last service. **in time**: passed it within the producer's patience. **a second**:",
  "orders that passed it a second, while orders came. **lost**: told yes, and did not pass.",
  "**unknown**: not told yes, and passed. **drain**: from the last order to the last that passed.",
  "**recovery**: from the end of the fault to the end of the last second in which fewer than 99 %",
  "of the orders were completed in time. **CPU an order**: of all services, for a completed order.",
];

function claim({ results }: StudyRun): readonly string[] {
  const shares = results
    .filter(({ sync, spillway }) => sync.accepted > 0 && spillway.accepted > 0)
    .map(({ case: study, sync, spillway }) => {
      return { name: caseName(study), share: 1 - spillway.answerP50Ms / sync.answerP50Ms };
    })
    .toSorted((one, other) => one.share - other.share);
  const [least, most] = [shares[0], shares.at(-1)];
  if (least === undefined || most === undefined) return ["No case has answers on both sides."];
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
  return [
    "The literature claims 40 to 70 % less latency for the producer. Here the median answer came",
    `between ${percent(least.share)} (${least.name}) and ${percent(most.share)} (${most.name})`,
    "sooner; below zero: later. The answers are not the same: on the left the order is done, on",
    "the right it is stored. Who has to wait for the end compares the columns **end** instead.",
  ];
}

interface Measure {
  readonly name: string;
  readonly of: (side: SideResult) => number;
  readonly better: "less" | "more";
  readonly format: (value: number) => string;
  /** Whether a side has it at all: no orders have no latency. */
  readonly isKnown: (side: SideResult) => boolean;
}

const always = (): boolean => true;
const hasAnswers = ({ accepted }: SideResult): boolean => accepted > 0;
const hasEnds = ({ completed }: SideResult): boolean => completed > 0;
const shareOf = (part: number, all: number): number => (all === 0 ? 0 : part / all);
const completedShare = (side: SideResult): number => shareOf(side.completed, side.offered);
const inTimeShare = (side: SideResult): number => shareOf(side.completedInTime, side.offered);
const latency = { better: "less", format: msText } as const;
const count = { format: String, isKnown: always } as const;
const measures: readonly Measure[] = [
  { name: "answer p50", of: (s) => s.answerP50Ms, ...latency, isKnown: hasAnswers },
  { name: "answer p99", of: (s) => s.answerP99Ms, ...latency, isKnown: hasAnswers },
  { name: "end p50", of: (s) => s.completedP50Ms, ...latency, isKnown: hasEnds },
  { name: "end p99", of: (s) => s.completedP99Ms, ...latency, isKnown: hasEnds },
  // Shares: one at a time, each side is asked as often as it answers.
  { name: "completed", of: completedShare, better: "more", ...shareText() },
  { name: "in time", of: inTimeShare, better: "more", ...shareText() },
  { name: "timed out", of: (s) => s.timedOut, better: "less", ...count },
  { name: "lost", of: (s) => s.lost, better: "less", ...count },
  {
    name: "recovery",
    of: (s) => s.recoverySeconds ?? Number.POSITIVE_INFINITY,
    better: "less",
    format: (value) => (Number.isFinite(value) ? `${value} s` : "not while orders came"),
    isKnown: always,
  },
  { name: "CPU an order", of: (s) => s.processorMsPerOrder, ...latency, isKnown: hasEnds },
];

function shareText(): Pick<Measure, "format" | "isKnown"> {
  const format = (value: number): string => `${(value * 100).toFixed(1)} %`;
  return { format, isKnown: ({ offered }) => offered > 0 };
}

/** One line for each case in which this side is better at something. */
function wins({ results }: StudyRun, winner: SideName): readonly string[] {
  const lines = results.flatMap((result) => {
    const won = measures.filter((measure) => winnerOf(measure, result) === winner);
    const loser = winner === "sync" ? "spillway" : "sync";
    const texts = won.map(({ name, of, format }) => {
      return `${name} ${format(of(result[winner]))} (${format(of(result[loser]))})`;
    });
    return texts.length === 0 ? [] : [`- ${caseName(result.case)}: ${texts.join(", ")}`];
  });
  if (lines.length === 0) return ["Nowhere in this run."];
  return [
    `By more than ${shareMin * 100} %, the other side in brackets; one run, no repetition.`,
    "",
    ...lines,
  ];
}

function winnerOf(
  { of, better, isKnown }: Measure,
  { sync, spillway }: CaseResult,
): SideName | undefined {
  if (!isKnown(sync) || !isKnown(spillway)) return undefined;
  const [left, right] = [of(sync), of(spillway)];
  if (left === right) return undefined;
  const [small, large] = left < right ? [left, right] : [right, left];
  if (small >= (1 - shareMin) * large) return undefined;
  return left < right === (better === "less") ? "sync" : "spillway";
}

interface NamedChart {
  readonly name: string;
  readonly chart: LineChart;
}

/** A chart has two places at least. */
function chartsOf({ results }: StudyRun): readonly NamedChart[] {
  const loads = results.filter((result) => result.case.group === "load");
  const chains = results.filter((result) => result.case.group === "chain");
  const over = (chosen: readonly CaseResult[], of: (side: SideResult) => number, name: string) =>
    (["sync", "spillway"] as const).map((side) => ({
      name: `${side === "sync" ? "calls" : "Spillway"}, ${name}`,
      values: chosen.map((result) => of(result[side])),
    }));
  const latencies = (
    chosen: readonly CaseResult[],
    what: string,
    of: readonly [(side: SideResult) => number, (side: SideResult) => number],
  ) => ({
    lines: [...over(chosen, of[0], `${what} p50`), ...over(chosen, of[1], `${what} p99`)],
    scale: "logarithmic" as const,
    format: msText,
  });
  const byLoad = {
    places: loads.map((result) => String(result.case.load)),
    caption: "orders that come, as a multiple of what the chain can do",
  };
  const byChain = {
    places: chains.map((result) => String(result.case.chain)),
    caption: "services in the chain",
  };
  const answer = [(s: SideResult) => s.answerP50Ms, (s: SideResult) => s.answerP99Ms] as const;
  const end = [(s: SideResult) => s.completedP50Ms, (s: SideResult) => s.completedP99Ms] as const;
  const shares = [
    ...over(loads, completedShare, "completed at all"),
    ...over(loads, inTimeShare, "completed in time"),
  ];
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  const all: readonly NamedChart[] = [
    named("load-answer", "Answer by load", { ...byLoad, ...latencies(loads, "answer", answer) }),
    named("load-end", "End by load", { ...byLoad, ...latencies(loads, "end", end) }),
    named("load-completed", "Completed orders by load", {
      ...byLoad,
      lines: shares,
      scale: "linear",
      format: percent,
    }),
    named("chain-answer", "Answer by length of the chain", {
      ...byChain,
      ...latencies(chains, "answer", answer),
    }),
  ];
  return all.filter(({ chart }) => chart.places.length > 1);
}

function named(name: string, title: string, chart: Omit<LineChart, "title">): NamedChart {
  return { name, chart: { title, ...chart } };
}

function limits({ processors, results }: StudyRun): readonly string[] {
  const longest = Math.max(...results.map((result) => result.case.chain));
  return [
    `- One machine: the producer and up to ${longest} services share ${processors} processors, and`,
    "  no network is between them. A network makes every call of the left side slower, and the",
    "  journal's fsync depends on the disk.",
    "- The work is waiting, not computing; what a side costs in CPU is its messaging.",
    "- Latencies of answers count those that were told yes: under overload the left side's are",
    "  those of the few that got in.",
    "- The right side refuses nothing below its limits: under a load that lasts above 1 its queue",
    "  grows, and so does the time to the end, without bound as long as the load lasts.",
    "- Both sides get the same moments of orders; how long each work takes is drawn anew.",
    "- Each case was run once, for the time that the command names.",
  ];
}
