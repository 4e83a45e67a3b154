// The live view of `spillway demo webhooks`: a few tables of numbers and the last things that
// happened, as lines of text. Pure; who draws them, and when, is decided elsewhere.
import type { DemoPhase, DemoView } from "../../demo/webhooks/webhooks-demo.ts";
import type { Style } from "../terminal/ansi.ts";
import { counted, formatCount, formatDuration, formatRate } from "../terminal/number-format.ts";
import { renderBar } from "../terminal/progress-bar.ts";
import { renderTable } from "../terminal/table.ts";
import { renderEvents, renderTime, type TimedEvent } from "./event-lines.ts";

/** Columns below which the bar is left out. */
const columnsForBar = 70;
const barWidth = 28;

const phases: Readonly<Record<DemoPhase, string>> = {
  starting: "starting services",
  receiving: "receiving",
  draining: "settling",
  ledger: "comparing records",
};

/** One frame. */
export function renderDemo(
  view: DemoView,
  events: readonly TimedEvent[],
  columns: number,
  style: Style,
): readonly string[] {
  return [
    `${style.bold("spillway demo webhooks")}  ${style.dim(phases[view.phase])}`,
    "",
    ...receiverLines(view, columns, style),
    "",
    ...groupLines(view, style),
    "",
    ...renderEvents(events, columns, style),
  ];
}

function receiverLines(view: DemoView, columns: number, style: Style): readonly string[] {
  const share = view.total === 0 ? 0 : view.received / view.total;
  const bar = columns < columnsForBar ? "" : `${renderBar(share, barWidth, style)}  `;
  const rate = view.channels.reduce((sum, channel) => sum + channel.perSecond, 0);
  const total = formatCount(view.total);
  const what = view.total === 1 ? "delivery" : "deliveries";
  const count = `${formatCount(view.received).padStart(total.length)} of ${total}`;
  const time = formatDuration(view.elapsedMs);
  const channels = view.channels.map(({ channel, stored }) => {
    return `${style.cyan(channel)} ${formatCount(stored).padStart(3)}`;
  });
  return [
    `${bar}${count} ${what}  ${formatRate(rate).padStart(6)}  ${style.dim(time)}`,
    `${style.dim("channels")}  ${channels.join("   ")}`,
  ];
}

function groupLines(view: DemoView, style: Style): readonly string[] {
  const some = (count: number, paint: (text: string) => string): string => {
    return count === 0 ? style.dim("0") : paint(formatCount(count));
  };
  const rows = view.groups.map((group) => [
    group.group,
    formatCount(group.settled),
    formatRate(group.perSecond),
    some(group.depth, style.bold),
    group.depth === 0 ? style.dim("–") : formatDuration(group.lagMs),
    some(group.retries, style.yellow),
    some(group.redelivered, style.yellow),
    some(group.deadLetters, style.red),
  ]);
  return renderTable(groupColumns, rows, { styleHeader: style.dim });
}

const groupColumns = [
  { title: "group", widthMin: 10 },
  { title: "settled", align: "right", widthMin: 7 },
  { title: "rate", align: "right", widthMin: 8 },
  { title: "depth", align: "right", widthMin: 6 },
  { title: "lag", align: "right", widthMin: 8 },
  { title: "retries", align: "right" },
  { title: "redelivered", align: "right" },
  { title: "dead", align: "right", widthMin: 5 },
] as const;

/** The numbers as one plain line, for output that is not a terminal. */
export function renderPlain(view: DemoView): string {
  const time = renderTime(view.elapsedMs);
  const groups = view.groups.map(({ group, depth, retries, deadLetters }) => {
    const extra = [
      ...(retries > 0 ? [counted(retries, "retry", "retries")] : []),
      ...(deadLetters > 0 ? [counted(deadLetters, "dead letter")] : []),
    ];
    return `${group} ${depth}${extra.length === 0 ? "" : ` (${extra.join(", ")})`}`;
  });
  return `${time}  received ${view.received} of ${view.total}; waiting: ${groups.join(", ")}`;
}
