// Draws lines over a few named places as an SVG. Always true: every coordinate is a number, and the
// same values give the same text.
import { colorOf, text } from "../../trials/plot.ts";

/** One line: a value for each place. */
export interface ChartLine {
  readonly name: string;
  readonly values: readonly number[];
}

/** What is drawn. */
export interface LineChart {
  readonly title: string;
  /** Below the horizontal axis. */
  readonly caption: string;
  readonly places: readonly string[];
  readonly lines: readonly ChartLine[];
  /** "logarithmic" for durations that differ by orders of magnitude. */
  readonly scale: "linear" | "logarithmic";
  /** A value as the vertical axis names it. */
  readonly format: (value: number) => string;
}

const size = { width: 760, height: 420, left: 72, right: 24, top: 56, bottom: 100 } as const;
const grey = "#59636e";
/** What a logarithmic axis begins with, at the latest: it has no zero. */
const smallest = 0.01;

/** The picture. */
export function drawLines(chart: LineChart): string {
  const ticks = ticksOf(chart);
  const top = ticks.at(-1) as number;
  const bottom = ticks[0] as number;
  const shareOf = (value: number): number => {
    if (chart.scale === "linear") return value / top;
    return Math.log(Math.max(value, bottom) / bottom) / Math.log(top / bottom);
  };
  const innerHeight = size.height - size.top - size.bottom;
  const y = (value: number): number => {
    return Math.round(size.height - size.bottom - shareOf(value) * innerHeight);
  };
  const last = Math.max(1, chart.places.length - 1);
  const innerWidth = size.width - size.left - size.right - 40;
  const x = (index: number): number => Math.round(size.left + 20 + (index / last) * innerWidth);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" ` +
      'font-family="system-ui, sans-serif" font-size="12">',
    `<rect width="${size.width}" height="${size.height}" fill="#ffffff"/>`,
    text(chart.title, { x: 24, y: 28, color: "#1f2328", more: 'font-size="15"' }),
    ...ticks.flatMap((tick) => rowAt(y(tick), chart.format(tick))),
    ...chart.places.map((place, index) => {
      const at = { x: x(index), y: size.height - size.bottom + 18, color: grey };
      return text(place, { ...at, more: 'text-anchor="middle"' });
    }),
    text(chart.caption, { x: size.left, y: size.height - size.bottom + 38, color: grey }),
    ...chart.lines.flatMap(({ name, values }, index) => {
      const color = colorOf(index);
      const points = values.map((value, place) => `${x(place)},${y(value)}`).join(" ");
      const place = { x: size.left + (index % 2) * 320, color };
      return [
        `<polyline fill="none" stroke="${color}" stroke-width="2" points="${points}"/>`,
        text(`— ${name}`, { ...place, y: size.height - 36 + 18 * Math.floor(index / 2) }),
      ];
    }),
    "</svg>",
    "",
  ].join("\n");
}

function rowAt(y: number, name: string): readonly string[] {
  const right = size.width - size.right;
  return [
    `<line x1="${size.left}" y1="${y}" x2="${right}" y2="${y}" stroke="#d0d7de"/>`,
    text(name, { x: size.left - 8, y: y + 4, color: grey, more: 'text-anchor="end"' }),
  ];
}

/** Powers of ten around all values, or four equal steps from zero. */
function ticksOf({ lines, scale }: LineChart): readonly number[] {
  const values = lines.flatMap((line) => line.values);
  const most = Math.max(smallest, ...values);
  if (scale === "linear") {
    const power = 10 ** Math.floor(Math.log10(most));
    const top = Math.ceil(most / power) * power;
    return [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);
  }
  const above = values.filter((value) => value >= smallest);
  const first = Math.floor(Math.log10(Math.min(most, ...above)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(most)));
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}
