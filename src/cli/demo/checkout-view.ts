// The live view of `spillway demo checkout`: both sides next to each other, and the last things
// that happened, as lines of text. Pure; who draws them, and when, is decided elsewhere.
import type { CheckoutPhase, CheckoutView } from "../../demo/checkout/checkout-demo.ts";
import type { SideName } from "../../demo/checkout/side-name.ts";
import type { SideView } from "../../demo/checkout/side-snapshot.ts";
import type { Style } from "../terminal/ansi.ts";
import { counted, formatCount, formatDuration, formatRate } from "../terminal/number-format.ts";
import { renderBar } from "../terminal/progress-bar.ts";
import { renderTable } from "../terminal/table.ts";
import { renderEvents, renderTime, type TimedEvent } from "./event-lines.ts";

const phases: Readonly<Record<CheckoutPhase, string>> = {
  starting: "starting services",
  open: "open",
  settling: "settling",
  ledger: "comparing records",
};

/** What the sides are called. */
export const sideTitles: Readonly<Record<SideName, string>> = {
  sync: "services call over HTTP",
  spillway: "services on Spillway",
};

const barWidth = 20;
/** Width of a side's column: a series has one character for each second. */
const sideWidth = 28;

const keysText = "k kill a process   d bank dead   s bank slow   f flood   q quit";

/** What a frame needs besides the numbers. */
export interface CheckoutFrame {
  /** How long the shop is open. */
  readonly seconds: number;
  /** Whether keys are read. */
  readonly keys: boolean;
  /** Whether there is chaos to be ended by a key. */
  readonly chaos: boolean;
}

/** One frame: 22 lines of 77 columns, so that it fits the smallest usual terminal. */
export function renderCheckout(
  view: CheckoutView,
  { seconds, keys, chaos }: CheckoutFrame,
  events: readonly TimedEvent[],
  columns: number,
  style: Style,
): readonly string[] {
  const openSeconds = Math.min(seconds, view.openMs / 1_000);
  const clock = `second ${Math.floor(openSeconds)} of ${formatCount(seconds)}`;
  const bar = renderBar(openSeconds / seconds, barWidth, style);
  return [
    `${style.bold("spillway demo")}  ${style.dim("a shop's busiest day, twice at once")}`,
    `${bar}  ${clock}  ${counted(view.sent, "order")}  ${style.dim(phases[view.phase])}`,
    "",
    ...sideLines(view.sides, style),
    "",
    ...renderEvents(events, columns, style),
    ...(keys ? [style.dim(chaos ? `${keysText}   c end chaos` : keysText)] : []),
  ];
}

function sideLines(sides: readonly SideView[], style: Style): readonly string[] {
  const fault = (count: number): string =>
    count === 0 ? style.green("0") : style.red(style.bold(formatCount(count)));
  const bad = (count: number): string =>
    count === 0 ? style.dim("0") : style.yellow(formatCount(count));
  const rows: readonly (readonly [string, (side: SideView) => string])[] = [
    [
      "accepted in",
      ({ accept }) => `${latency(accept.p50)} ${style.dim("p99")} ${latency(accept.p99)}`,
    ],
    ["accepted", ({ answers }) => formatCount(answers.yes)],
    ["refused", ({ answers }) => bad(answers.refused)],
    ["not answered", ({ answers }) => bad(answers.unanswered)],
    ["carried out", ({ carriedOut }) => formatCount(carriedOut)],
    ["goodput", ({ goodputPerSecond }) => style.bold(formatRate(goodputPerSecond))],
    ["", ({ goodputSeries }) => style.cyan(sparkline(goodputSeries, sideWidth))],
    ["time-outs", ({ timeouts }) => bad(timeouts)],
    ["waiting in queues", ({ queueDepth }) => formatCount(queueDepth)],
    ["lost", ({ lost }) => fault(lost)],
    ["doubled", ({ doubled }) => fault(doubled)],
  ];
  const columns = [
    { title: "", widthMin: 17 },
    ...sides.map(({ side }) => ({ title: sideTitles[side], widthMin: sideWidth })),
  ];
  return renderTable(
    columns,
    rows.map(([title, cell]) => [style.dim(title), ...sides.map((side) => cell(side))]),
    { styleHeader: style.bold },
  );
}

function latency(ms: number): string {
  if (ms === 0) return "–";
  return ms < 9.95 ? `${ms.toFixed(1)} ms` : formatDuration(ms);
}

const blocks = "▁▂▃▄▅▆▇█";

/** Numbers as a row of blocks; the highest one is full. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const highest = Math.max(1, ...shown);
  return shown
    .map((value) => blocks[Math.min(blocks.length - 1, Math.floor((value / highest) * 8))] ?? "")
    .join("");
}

/** The numbers as one plain line, for output that is not a terminal. */
export function renderCheckoutLine(view: CheckoutView): string {
  const sides = view.sides.map(
    ({ side, accept, answers, carriedOut, queueDepth, timeouts }) =>
      `${side}: ${answers.yes} accepted (p99 ${latency(accept.p99)}), ${carriedOut} carried out, ` +
      `${queueDepth} waiting, ${counted(timeouts, "time-out")}`,
  );
  return [`${renderTime(view.elapsedMs)}  ${counted(view.sent, "order")}`, ...sides].join(" | ");
}
