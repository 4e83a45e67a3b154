/**
 * Draws what a terminal showed as one animated SVG. A row that stays the same over several frames
 * is drawn once, with the time for which it is visible; who cannot animate sees the last frame.
 */
import type { Cell } from "./terminal-screen.ts";

/** What the screen looked like from a moment on. */
export interface Frame {
  readonly atSeconds: number;
  readonly rows: readonly (readonly Cell[])[];
}

/** How it is drawn. */
export interface Picture {
  readonly columns: number;
  readonly rowsMax: number;
  /** How long the whole lasts before it begins again. */
  readonly seconds: number;
  /** For those who cannot see it. */
  readonly title: string;
}

const cell = { width: 8.4, height: 18 } as const;
const margin = 16;
const colours = {
  background: "#10151d",
  text: "#d7dde6",
  31: "#ff7b72",
  32: "#56d364",
  33: "#e3b341",
  36: "#56c8d8",
} as const;

/** A row as long as it stays the same. */
interface Span {
  readonly row: number;
  readonly cells: readonly Cell[];
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** The picture. */
export function renderSvg(frames: readonly Frame[], picture: Picture): string {
  const width = Math.ceil(picture.columns * cell.width + 2 * margin);
  const height = Math.ceil(picture.rowsMax * cell.height + 2 * margin);
  const spans = spansOf(frames, picture);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}"` +
      ` height="${height}" role="img" font-size="14"` +
      ` font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace">`,
    `<title>${escaped(picture.title)}</title>`,
    `<rect width="100%" height="100%" rx="8" fill="${colours.background}"/>`,
    ...spans.map((span) => renderSpan(span, picture.seconds)),
    "</svg>",
  ].join("\n")}\n`;
}

function spansOf(frames: readonly Frame[], picture: Picture): readonly Span[] {
  const spans: Span[] = [];
  for (let row = 0; row < picture.rowsMax; row++) {
    let text = "";
    let from = 0;
    for (const [index, frame] of [...frames, undefined].entries()) {
      const cells = frame?.rows[row] ?? [];
      const now = frame === undefined ? "end" : JSON.stringify(cells);
      if (index > 0 && now === text) continue;
      const before = frames[index - 1]?.rows[row] ?? [];
      const toSeconds = frame?.atSeconds ?? picture.seconds;
      if (before.length > 0) spans.push({ row, cells: before, fromSeconds: from, toSeconds });
      text = now;
      from = toSeconds;
    }
  }
  return spans;
}

function renderSpan({ row, cells, fromSeconds, toSeconds }: Span, seconds: number): string {
  const y = margin + (row + 0.75) * cell.height;
  const isLast = toSeconds === seconds;
  const visibility = isLast ? "" : ' visibility="hidden"';
  const always = isLast && fromSeconds === 0;
  return (
    `<text y="${y.toFixed(1)}" xml:space="preserve"${visibility}>` +
    (always ? "" : animation(fromSeconds / seconds, toSeconds / seconds, seconds)) +
    `${runsOf(cells).map(renderRun).join("")}</text>`
  );
}

function animation(from: number, to: number, seconds: number): string {
  const steps: readonly (readonly [number, string])[] = [
    ...(from > 0 ? [[0, "hidden"] as const] : []),
    [from, "visible"],
    ...(to < 1 ? [[to, "hidden"] as const] : []),
  ];
  const values = steps.map(([, value]) => value).join(";");
  const times = steps.map(([time]) => Number(time.toFixed(4))).join(";");
  return (
    `<animate attributeName="visibility" calcMode="discrete" dur="${seconds}s"` +
    ` repeatCount="indefinite" values="${values}" keyTimes="${times}"/>`
  );
}

interface Run {
  readonly column: number;
  readonly text: string;
  readonly codes: readonly number[];
}

/** Neighbours of one style together; blanks at the ends of a run are left out. */
function runsOf(cells: readonly Cell[]): readonly Run[] {
  const runs: Run[] = [];
  for (const [column, { character, codes }] of cells.entries()) {
    const last = runs.at(-1);
    const isSame = last !== undefined && last.codes.join() === codes.join();
    if (isSame) runs[runs.length - 1] = { ...last, text: last.text + character };
    else runs.push({ column, text: character, codes });
  }
  return runs.flatMap(({ column, text, codes }) => {
    const start = text.length - text.trimStart().length;
    return text.trim() === "" ? [] : [{ column: column + start, text: text.trim(), codes }];
  });
}

function renderRun({ column, text, codes }: Run): string {
  const colour = ([31, 32, 33, 36] as const).find((code) => codes.includes(code));
  const x = (margin + column * cell.width).toFixed(1);
  // The same width with whatever font: columns stand below each other.
  const length = ([...text].length * cell.width).toFixed(1);
  return (
    `<tspan x="${x}" textLength="${length}" fill="${colours[colour ?? "text"]}"` +
    (codes.includes(1) ? ' font-weight="bold"' : "") +
    `${codes.includes(2) ? ' fill-opacity="0.6"' : ""}>${escaped(text)}</tspan>`
  );
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
