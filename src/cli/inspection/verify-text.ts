// A verification's report as text for people.
import type {
  AcceptedLoss,
  InspectionFinding,
  VerifyReport,
} from "../../adapters/embedded/index.ts";
import { printable, type Style } from "../terminal/ansi.ts";
import { counted, formatBytes, formatCount, formatDuration } from "../terminal/number-format.ts";

/** Most findings that are printed; --json has more. */
export const findingsPrintedMax = 50;

/** The report as lines. */
export function verifyLines(report: VerifyReport, style: Style): string[] {
  const { batches, messages, bytes, rows, elapsedMs } = report;
  const looked =
    `${counted(messages, "message")} in ${counted(batches, "batch", "batches")} ` +
    `(${formatBytes(bytes)}) and ${counted(rows, "row")}, in ${formatDuration(elapsedMs)}`;
  return [...findingLines(report.findings, style), `${verdict(report, style)}: ${looked}`];
}

/** What was accepted, before the report. */
export function lossLines(loss: AcceptedLoss, style: Style): string[] {
  if (!loss.accepted) return ["nothing is missing at the end: nothing was changed"];
  const { commits, ranges, walCopy } = loss;
  const lost = style.yellow("accepted as lost");
  const lines = ranges.map(({ channel, priority, fromOffset, toOffset }) => {
    const offsets = rangeOf("offset", fromOffset, toOffset - 1);
    return `${lost}  channel '${printable(channel)}' (${priority}), ${offsets}`;
  });
  if (commits !== undefined) {
    lines.push(`${lost}  ${rangeOf("commit", commits.from, commits.to)}`);
  }
  if (walCopy !== undefined) lines.push(style.dim(`the write-ahead log was kept as ${walCopy}`));
  return lines;
}

/** "offset 7", "offsets 7 to 9". */
function rangeOf(what: string, from: number, to: number): string {
  if (from === to) return `${what} ${formatCount(from)}`;
  return `${what}s ${formatCount(from)} to ${formatCount(to)}`;
}

function verdict({ sound, complete }: VerifyReport, style: Style): string {
  if (!sound) return style.red(complete ? "damaged" : "damaged, and not looked at as a whole");
  return complete ? style.green("sound") : style.yellow("stopped before the end, sound so far");
}

/** One line a finding, and below each kind what to do. */
export function findingLines(findings: readonly InspectionFinding[], style: Style): string[] {
  const shown = findings.slice(0, findingsPrintedMax);
  const lines = shown.map(({ kind, severity, message }) => {
    const paint = severity === "damage" ? style.red : style.yellow;
    return `${paint(kind.padEnd(16))}  ${printable(message)}`;
  });
  const more = findings.length - shown.length;
  if (more > 0) lines.push(style.dim(`and ${formatCount(more)} more: see --json`));
  const remedies = new Set(findings.map(({ remedy }) => remedy));
  return [...lines, ...[...remedies].map((remedy) => style.dim(`→ ${remedy}`))];
}
