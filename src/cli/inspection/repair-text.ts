// A repair's report as text for people.
import type { RepairReport } from "../../adapters/embedded/index.ts";
import { printable, type Style } from "../terminal/ansi.ts";
import { counted, formatBytes, formatCount, formatDuration } from "../terminal/number-format.ts";
import { findingLines } from "./verify-text.ts";

/** Most notes that are printed; --json has more. */
export const notesPrintedMax = 50;

/** The report as lines. */
export function repairLines(report: RepairReport, style: Style): string[] {
  const { logs, notes, noteCounts, messages, messagesLost, rows, to, elapsedMs } = report;
  const lines = notes.slice(0, notesPrintedMax).map(({ kind, message }) => {
    return `${style.yellow(kind.padEnd(16))}  ${printable(message)}`;
  });
  const looked = Object.values(noteCounts).reduce((sum, count) => sum + count, 0);
  const more = looked - lines.length;
  if (more > 0) lines.push(style.dim(`and ${formatCount(more)} more: see --json`));
  const damage = report.findings.filter(({ severity }) => severity === "damage");
  lines.push(...findingLines(damage, style));
  const bytes = logs.reduce((sum, log) => sum + log.bytes, 0);
  const kept = `${counted(messages, "message")} (${formatBytes(bytes)})`;
  lines.push(`${kept} and ${counted(rows, "row")} in '${to}', in ${formatDuration(elapsedMs)}`);
  const gone = counted(messagesLost, "message is", "messages are");
  const lost = `${gone} lost: readers are told of the gaps`;
  lines.push(messagesLost === 0 ? style.green("no message is lost") : style.red(lost));
  if (!report.sound) lines.push(style.red("the new journal is not sound yet: see above"));
  lines.push(style.dim("→ the old directory was not changed; start the services with the new one"));
  return lines;
}
