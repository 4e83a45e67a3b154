// Draws distributions of durations: bars of text for a terminal, an SVG for the documents. Both on
// a logarithmic axis of time.
import { type Distribution, type Histogram, percentile, upperMs } from "./trial.ts";

const barWidth = 48;
/** Classes of a histogram that one bar joins: one bar a factor of two. */
const classesPerBar = 10;

/** Bars of text: one a factor of two, with the share of all below its end. */
export function plotText({ name, histogram }: Distribution): string[] {
  const bars = barsOf(histogram);
  const most = Math.max(...bars.map(({ count }) => count));
  let below = 0;
  const lines = bars.map(({ endMs, count }) => {
    below += count;
    const bar = "█".repeat(Math.max(count > 0 ? 1 : 0, Math.round((count / most) * barWidth)));
    const share = ((100 * below) / histogram.count).toFixed(3).padStart(7);
    return `  ≤ ${textOf(endMs).padStart(8)}  ${share} %  ${bar}`;
  });
  return [`${name} (${histogram.count.toLocaleString("en-US")})`, ...lines];
}

function barsOf({ classes }: Histogram): { readonly endMs: number; readonly count: number }[] {
  const first = Math.floor(classes.findIndex((count) => count > 0) / classesPerBar);
  const last = Math.floor((classes.length - 1) / classesPerBar);
  return Array.from({ length: last - first + 1 }, (_, at) => {
    const from = (first + at) * classesPerBar;
    const joined = classes.slice(from, from + classesPerBar);
    const count = joined.reduce((sum, each) => sum + each, 0);
    return { endMs: upperMs(from + classesPerBar - 1), count };
  });
}

const size = { width: 760, height: 420, left: 64, right: 24, top: 56, bottom: 52 } as const;
const colors = ["#1f6feb", "#bf3989", "#1a7f37", "#9a6700"] as const;
/** Shares that the vertical axis names: how many are slower. */
const tails = [1, 0.1, 0.01, 0.001, 0.0001, 0.00001] as const;
const boundsMs = { first: 0.05, last: 1_000 } as const;

/** The share of what is slower than each duration, on two logarithmic axes. */
export function plotSvg(title: string, distributions: readonly Distribution[]): string {
  const { width, height, left } = size;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      'font-family="system-ui, sans-serif" font-size="12">',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(title, { x: left, y: 28, color: "#1f2328", more: 'font-size="15" font-weight="600"' }),
    ...grid(),
    ...distributions.map(({ histogram }, index) => {
      const points = tailOf(histogram).map(([ms, share]) => `${x(ms)},${y(share)}`);
      const stroke = `stroke="${colorOf(index)}" stroke-width="2"`;
      return `<polyline fill="none" ${stroke} points="${points.join(" ")}"/>`;
    }),
    ...distributions.map(({ name, histogram }, index) => {
      const shares = [0.5, 0.99, 0.999].map((share) => textOf(percentile(histogram, share)));
      const [p50, p99, p999] = shares;
      return text(
        `${name}: p50 ${p50}, p99 ${p99}, p99.9 ${p999}, longest ${textOf(histogram.maxMs)}`,
        {
          x: width - size.right - 8,
          y: size.top + 16 + index * 18,
          color: colorOf(index),
          more: 'text-anchor="end"',
        },
      );
    }),
    "</svg>",
    "",
  ].join("\n");
}

/** Where a text is, and in which color. */
export interface TextPlace {
  readonly x: number;
  readonly y: number;
  readonly color: string;
  readonly more?: string;
}

/** A text of an SVG. */
export function text(content: string, { x: left, y: top, color, more = "" }: TextPlace): string {
  return `<text x="${left}" y="${top}" fill="${color}" ${more}>${content}</text>`;
}

/** The color of a line, by its place among the lines. */
export function colorOf(index: number): string {
  return colors[index % colors.length] as string;
}

function grid(): string[] {
  const bottom = size.height - size.bottom;
  const right = size.width - size.right;
  const line = (x1: number, y1: number, x2: number, y2: number): string =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#d0d7de"/>`;
  const color = "#59636e";
  const columns = [0.1, 1, 10, 100, 1_000].flatMap((ms) => [
    line(x(ms), size.top, x(ms), bottom),
    text(textOf(ms), { x: x(ms), y: bottom + 18, color, more: 'text-anchor="middle"' }),
  ]);
  const rows = tails.flatMap((share) => [
    line(size.left, y(share), right, y(share)),
    text(`${Number((share * 100).toPrecision(1))} %`, {
      x: size.left - 8,
      y: y(share) + 4,
      color,
      more: 'text-anchor="end"',
    }),
  ]);
  const caption = "share of publishes that took longer than this";
  return [...columns, ...rows, text(caption, { x: size.left, y: size.height - 12, color })];
}

function tailOf({ classes, count }: Histogram): (readonly [number, number])[] {
  let left = count;
  const points: (readonly [number, number])[] = [];
  for (const [index, each] of classes.entries()) {
    left -= each;
    if (each > 0) points.push([upperMs(index), left / count]);
  }
  return points;
}

function x(ms: number): number {
  const { first, last } = boundsMs;
  const share = Math.log(Math.min(last, Math.max(first, ms)) / first) / Math.log(last / first);
  return Math.round(size.left + share * (size.width - size.left - size.right));
}

function y(share: number): number {
  const least = tails.at(-1) as number;
  const part = Math.log(Math.max(least, share)) / Math.log(least);
  return Math.round(size.top + part * (size.height - size.top - size.bottom));
}

function textOf(ms: number): string {
  if (ms < 1) return `${Number((ms * 1_000).toPrecision(2))} µs`;
  return ms < 1_000
    ? `${Number(ms.toPrecision(2))} ms`
    : `${Number((ms / 1_000).toPrecision(2))} s`;
}
