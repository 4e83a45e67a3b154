// How letters, causes and redrives look: tables and pages for people, plain objects for scripts.
// Pure. Always true: what comes from messages is printed without control characters.
import { formatTime } from "../../kernel/timestamp.ts";
import { isTextContent } from "../../message/envelope.ts";
import type { DeadLetter } from "../../recovery/dead-letters/letter.ts";
import type { LetterGroup } from "../../recovery/dead-letters/letter-groups.ts";
import type { StoredNote } from "../../recovery/dead-letters/redrive-notes.ts";
import type { CommandOutput } from "../command.ts";
import { clip, printable } from "../terminal/ansi.ts";
import { formatCount, formatDuration } from "../terminal/number-format.ts";
import { type Column, renderTable } from "../terminal/table.ts";

const reasonWidth = 60;

/** A letter of one channel. */
export interface ChannelLetter {
  readonly channel: string;
  readonly letter: DeadLetter;
}

/** A cause of one channel. */
export type ChannelCause = LetterGroup & { readonly channel: string };

const letterColumns: readonly Column[] = [
  { title: "OFFSET", align: "right" },
  { title: "CHANNEL" },
  { title: "SET ASIDE" },
  { title: "GROUP" },
  { title: "ERROR" },
  { title: "TRIES", align: "right" },
  { title: "KEY" },
  { title: "STANDING" },
  { title: "REASON" },
];

/** One line a letter. */
export function letterTable(rows: readonly ChannelLetter[], { style }: CommandOutput): string {
  const cells = rows.map(({ channel, letter }) => [
    String(letter.offset),
    channel,
    formatTime(letter.failedAtMs),
    letter.group,
    letter.fingerprint,
    formatCount(letter.attempts),
    clip(printable(letter.envelope.key ?? "–"), 30),
    letter.standing + (letter.redrives > 0 ? ` (${letter.redrives}×)` : ""),
    clip(printable(letter.reason), reasonWidth),
  ]);
  return `${renderTable(letterColumns, cells, { styleHeader: style.dim }).join("\n")}\n`;
}

const causeColumns: readonly Column[] = [
  { title: "LETTERS", align: "right" },
  { title: "CHANNEL" },
  { title: "GROUP" },
  { title: "ERROR" },
  { title: "CODE" },
  { title: "FIRST" },
  { title: "LAST" },
  { title: "REASON OF THE LAST ONE" },
];

/** One line a cause; times are ages. */
export function causeTable(
  causes: readonly ChannelCause[],
  nowMs: number,
  { style }: CommandOutput,
): string {
  const ago = (timeMs: number): string => `${formatDuration(Math.max(0, nowMs - timeMs))} ago`;
  const cells = causes.map((cause) => [
    formatCount(cause.count),
    cause.channel,
    cause.group,
    cause.fingerprint,
    cause.errorName === undefined || cause.errorName === "Error" ? cause.code : cause.errorName,
    ago(cause.firstAtMs),
    ago(cause.lastAtMs),
    clip(printable(cause.reason), reasonWidth),
  ]);
  return `${renderTable(causeColumns, cells, { styleHeader: style.dim }).join("\n")}\n`;
}

/** Everything about one letter, for people. */
export function letterPage(
  letter: DeadLetter,
  history: readonly StoredNote[],
  { style }: CommandOutput,
): string {
  const { envelope, origin } = letter;
  const by =
    letter.handlerVersion === undefined ? "" : ` (contract version ${letter.handlerVersion})`;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["message", `${envelope.id}, ${envelope.type} version ${envelope.version}`],
    ["from", `${envelope.source}, ${formatTime(envelope.timeMs)}`],
    ["key", envelope.key],
    ["correlation", letter.correlationId],
    ["causation", letter.causationId],
    ["stood in", `${origin.channel}, ${origin.priority} priority, offset ${origin.offset}`],
    [
      "failed for",
      `${letter.group}${by}, ${letter.attempts} tries, ${formatTime(letter.failedAtMs)}`,
    ],
    ["error", `${letter.fingerprint} ${letter.code} ${letter.errorName ?? ""}`.trimEnd()],
    ["reason", letter.reason],
    ["standing", letter.standing],
    ["redriven", letter.redrives > 0 ? `${letter.redrives} times before` : undefined],
  ];
  const lines = facts
    .filter(([, value]) => value !== undefined)
    .map(([name, value = ""]) => `${style.dim(name.padEnd(12))}${printable(value)}`);
  const tries = letter.failures.map(
    ({ attempt, atMs, code, reason }) => `  ${attempt}  ${formatTime(atMs)}  ${code}: ${reason}`,
  );
  if (tries.length > 0) lines.push(style.dim("tries"), ...tries.map(printable));
  if (letter.stack !== undefined) {
    lines.push(style.dim("stack"), ...letter.stack.split("\n").map(printable));
  }
  const notes = history.map(({ kind, atMs, job, reason, to, edit }) => {
    const where = to === undefined ? "" : ` to ${to}`;
    const by = edit === undefined ? "" : `, edited by ${edit.author}`;
    const why = reason === undefined ? "" : `: ${reason}`;
    return `  ${formatTime(atMs)}  ${kind} by redrive ${job}${where}${by}${why}`;
  });
  if (notes.length > 0) lines.push(style.dim("history"), ...notes.map(printable));
  const { payload, contentType } = envelope;
  const data =
    typeof payload === "string" && isTextContent(contentType)
      ? printable(payload)
      : `${payload.length} bytes of ${contentType}`;
  return `${[...lines, style.dim("data"), data].join("\n")}\n`;
}

/** A letter for scripts: everything that is known of it. */
export function letterJson(channel: string, letter: DeadLetter): object {
  const { envelope, channel: letters, ...rest } = letter;
  const { id, source, type, version, key, timeMs, contentType, payload } = envelope;
  const message = { id, source, type, version, key, timeMs, contentType };
  const text = typeof payload === "string" ? payload : Buffer.from(payload).toString("base64");
  return { channel, letters, ...rest, message: { ...message, payload: text } };
}
