// A verification's report as text for people.
import type {
  AcceptedLoss,
  InspectionFinding,
  VerifyReport,
} from "../../adapters/embedded/index.ts";
import { printable, type Style } from "../terminal/ansi.ts";
import { formatBytes, formatCount, formatDuration } from "../terminal/number-format.ts";

/** Most findings that are printed; --json has more. */
export const findingsPrintedMax = 50;

/** The report as lines. */
export function verifyLines(report: VerifyReport, style: Style): string[] {
  const { batches, messages, bytes, rows, elapsedMs } = report;
  const looked =
    `${formatCount(messages)} messages in ${formatCount(batches)} batches ` +
    `(${formatBytes(bytes)}) and ${formatCount(rows)} rows, in ${formatDuration(elapsedMs)}`;
  return [...findingLines(report.findings, style), `${verdict(report, style)}: ${looked}`];
}

/** What was accepted, before the report. */
export function lossLines(loss: AcceptedLoss, style: Style): string[] {
  if (!loss.accepted) return ["nothing is missing at the end: nothing was changed"];
  const { commits, ranges, walCopy } = loss;
  const lost = style.yellow("accepted as lost");
  const lines = ranges.map(({ channel, priority, fromOffset, toOffset }) => {
    const offsets = `offsets ${fromOffset} to ${toOffset - 1}`;
    return `${lost}  channel '${printable(channel)}' (${priority}), ${offsets}`;
  });
  if (commits !== undefined) {
    const range = `${formatCount(commits.from)} to ${formatCount(commits.to)}`;
    lines.push(`${lost}  commits ${range}`);
  }
  if (walCopy !== undefined) lines.push(style.dim(`the write-ahead log was kept as ${walCopy}`));
  return lines;
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
