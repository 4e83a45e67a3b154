// The few escape sequences that the commands use, and the style that applies them. It knows nothing
// of what is printed. Always true: a plain style adds nothing to the text, so that pipes, files and
// NO_COLOR see text alone.
import { stripVTControlCharacters } from "node:util";

const escape = "\u001B[";

/** Cursor movement and erasing, for a view that is drawn again in place. */
export const cursor = {
  hide: `${escape}?25l`,
  show: `${escape}?25h`,
  eraseToLineEnd: `${escape}K`,
  eraseBelow: `${escape}J`,
  up: (lines: number): string => (lines > 0 ? `${escape}${lines}A` : ""),
} as const;

/** The part of a terminal's stream that presentation needs. */
export interface TerminalOutput {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
}

/** How text is coloured; every member gives text of the same visible width back. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

const wrap =
  (code: number, end: number) =>
  (text: string): string =>
    text === "" ? "" : `${escape}${code}m${text}${escape}${end}m`;

const unchanged = (text: string): string => text;

/** Text as it is. */
export const plainStyle: Style = {
  bold: unchanged,
  dim: unchanged,
  red: unchanged,
  green: unchanged,
  yellow: unchanged,
  cyan: unchanged,
};

/** The terminal's own sixteen colours, so that the user's theme decides. */
export const colourStyle: Style = {
  bold: wrap(1, 22),
  dim: wrap(2, 22),
  red: wrap(31, 39),
  green: wrap(32, 39),
  yellow: wrap(33, 39),
  cyan: wrap(36, 39),
};

/** Colour on a terminal, unless NO_COLOR is set or the terminal is a dumb one. */
export function styleFor(isTerminal: boolean, environment: NodeJS.ProcessEnv): Style {
  const refused = (environment["NO_COLOR"] ?? "") !== "" || environment["TERM"] === "dumb";
  return isTerminal && !refused ? colourStyle : plainStyle;
}

/** Columns that the text takes on screen; every character counts as one. */
export function visibleWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

// Whatever would move the cursor, ring, hide text or turn its direction round.
const controls = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;
const styleSequence = new RegExp(`(${escape.replace("[", "\\[")}[0-9;]*m)`);

/** Foreign text made safe for one line of a terminal: control characters become a blank. */
export function printable(text: string): string {
  return text.replace(controls, " ");
}

/** Plain text cut to `width` columns, with an ellipsis where something is missing. */
export function clip(text: string, width: number): string {
  if (text.length <= width) return text;
  const characters = [...text];
  if (characters.length <= width) return text;
  return width <= 0 ? "" : `${characters.slice(0, width - 1).join("")}…`;
}

/** Styled text cut to `width` columns; its style is ended where it is cut. */
export function clipStyled(text: string, width: number): string {
  if (visibleWidth(text) <= width) return text;
  const parts = text.split(styleSequence);
  let room = Math.max(0, width);
  let cut = "";
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) cut += part;
    else {
      cut += [...part].slice(0, room).join("");
      room -= Math.min(room, [...part].length);
    }
  }
  return cut;
}
