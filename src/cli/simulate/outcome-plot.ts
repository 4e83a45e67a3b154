// Draws simulated runs as an SVG: what arrived, the depth, and the pool, over time. Always true:
// the same runs give the same text.
import type { VirtualOutcome, VirtualSample } from "./virtual-run.ts";

/** A run and what it is called. */
export interface NamedOutcome {
  readonly name: string;
  readonly outcome: VirtualOutcome;
}

const size = { width: 760, panel: 150, gap: 34, left: 64, right: 16, top: 48 } as const;
const colors = ["#1f6feb", "#bf3989", "#1a7f37", "#9a6700", "#8250df", "#cf222e"] as const;
/** Points of one line; more of them are joined, the largest stays. */
const pointsMax = 360;

interface Panel {
  readonly title: string;
  readonly valueOf: (sample: VirtualSample, stepMs: number) => number;
  /** The same for all runs. */
  readonly isShared: boolean;
}

const panels: readonly Panel[] = [
  {
    title: "arrivals a second",
    valueOf: ({ arrived }, stepMs) => (arrived * 1_000) / stepMs,
    isShared: true,
  },
  { title: "messages not handled", valueOf: ({ depth }) => depth, isShared: false },
  { title: "handlers that may run at once", valueOf: ({ pool }) => pool, isShared: false },
];

/** The picture. */
export function plotOutcomes(title: string, runs: readonly NamedOutcome[]): string {
  const height = size.top + panels.length * (size.panel + size.gap) + 18 * runs.length + 12;
  const lastMs = Math.max(1, ...runs.map(({ outcome }) => outcome.durationMs));
  const legendAt = size.top + panels.length * (size.panel + size.gap) + 12;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" ` +
      'font-family="system-ui, sans-serif" font-size="12">',
    `<rect width="${size.width}" height="${height}" fill="#ffffff"/>`,
    text(title, size.left, 24, "#1f2328"),
    ...panels.flatMap((panel, index) => drawPanel(panel, index, runs, lastMs)),
    ...runs.map(({ name }, index) =>
      text(`— ${name}`, size.left, legendAt + index * 18, colorOf(index)),
    ),
    "</svg>",
    "",
  ].join("\n");
}

function drawPanel(
  { title, valueOf, isShared }: Panel,
  index: number,
  runs: readonly NamedOutcome[],
  lastMs: number,
): string[] {
  const top = size.top + index * (size.panel + size.gap);
  const bottom = top + size.panel;
  const right = size.width - size.right;
  const shown = isShared ? runs.slice(0, 1) : runs;
  const lines = shown.map(({ outcome: { samples } }) => thinned(samples, valueOf));
  const most = Math.max(1, ...lines.flat().map(({ value }) => value));
  const x = (atMs: number): number => Math.round(size.left + (atMs / lastMs) * (right - size.left));
  const y = (value: number): number => Math.round(bottom - (value / most) * size.panel);
  return [
    text(title, size.left, top - 6, "#59636e"),
    line(size.left, bottom, right, bottom),
    line(size.left, top, right, top),
    text(String(Math.round(most)), size.left - 8, top + 4, "#59636e", "end"),
    text("0", size.left - 8, bottom + 4, "#59636e", "end"),
    text(`${Math.round(lastMs / 1_000)} s`, right, bottom + 14, "#59636e", "end"),
    ...lines.map((points, at) => {
      const path = points.map(({ atMs, value }) => `${x(atMs)},${y(value)}`).join(" ");
      const color = isShared ? "#59636e" : colorOf(at);
      return `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${path}"/>`;
    }),
  ];
}

function thinned(
  samples: readonly VirtualSample[],
  valueOf: Panel["valueOf"],
): { readonly atMs: number; readonly value: number }[] {
  const stepMs = samples[0]?.atMs ?? 1;
  const join = Math.max(1, Math.ceil(samples.length / pointsMax));
  return Array.from({ length: Math.ceil(samples.length / join) }, (_, at) => {
    const part = samples.slice(at * join, (at + 1) * join);
    const value = Math.max(...part.map((sample) => valueOf(sample, stepMs)));
    return { atMs: part[0]?.atMs ?? 0, value };
  });
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#d0d7de"/>`;
}

function text(content: string, x: number, y: number, color: string, anchor = "start"): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" fill="${color}" text-anchor="${anchor}">${escaped}</text>`;
}

function colorOf(index: number): string {
  return colors[index % colors.length] ?? colors[0];
}
