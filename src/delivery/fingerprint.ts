// The fingerprint of a failure: failures of one cause have one, whatever ids, numbers and lines
// they carry. Knows nothing of messages or storage. Always true: the same code, class, wording and
// frames give the same fingerprint in every process and release; work and memory are bounded,
// whatever was thrown.
import { hash } from "node:crypto";

/** Characters of a message that count. */
export const wordingLengthMax = 500;
/** Frames that count, from the top. */
export const framesMax = 5;
/** Most characters of a stack that are looked at and kept. */
export const stackLengthMax = 2_048;
/** Failures whose fingerprint, and stacks whose normal form, are remembered. */
export const rememberedMax = 256;

/** What a failure was, beside its code and reason. */
export interface Cause {
  /** 16 hexadecimal digits. */
  readonly fingerprint: string;
  /** The class of what was thrown; undefined where it was no error. */
  readonly errorName: string | undefined;
  /** The frames of its stack, from the top, as they were; undefined where there is none. */
  readonly stack: string | undefined;
}

/** Reads what was thrown; never throws. */
export function causeOf(code: string, reason: string, error: unknown): Cause {
  const errorName = nameOf(error);
  const stack = stackOf(error);
  // What fails often fails in the same words: they are searched for what does not count once.
  const same = JSON.stringify([code, errorName, reason.slice(0, wordingLengthMax), stack]);
  let fingerprint = fingerprints.get(same);
  if (fingerprint === undefined) {
    const frames = stack === undefined ? "" : framesOf(stack);
    fingerprint = fingerprintOf([code, errorName ?? "", wordingOf(reason), frames]);
    remember(fingerprints, same, fingerprint);
  }
  return { fingerprint, errorName, stack };
}

const fingerprints = new Map<string, string>();

function fingerprintOf(parts: readonly string[]): string {
  return hash("sha256", JSON.stringify(parts), "hex").slice(0, 16);
}

function remember(known: Map<string, string>, text: string, result: string): void {
  if (known.size === rememberedMax) known.clear();
  known.set(text, result);
}

/** What counts of a text, in the order of replacement. */
const replacements: readonly (readonly [RegExp, string])[] = [
  [/"[^"]*"|`[^`]*`|(?<!\w)'[^']*'(?!\w)/g, "<text>"],
  [/\b[a-z][a-z0-9+.-]{0,20}:\/\/\S+/gi, "<address>"],
  [/[\w.+-]{1,64}@[\w.-]+/g, "<address>"],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, "<id>"],
  [/(?:\b[a-z]:|\.{1,2})?(?:[\\/][\w.@-]+){2,}/gi, "<path>"],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)?/g, "<time>"],
  [/\b[\w-]*\d[\w-]*(?:[.,:]\d+)*/g, "<number>"],
  [/\s+/g, " "],
];

/** The message without what differs from case to case. */
export function wordingOf(message: string): string {
  let text = message.slice(0, wordingLengthMax);
  for (const [pattern, replacement] of replacements) text = text.replace(pattern, replacement);
  return text.trim();
}

const knownFrames = new Map<string, string>();

/** Functions and files of the top frames; lines, columns and outer folders do not count. */
export function framesOf(stack: string): string {
  const known = knownFrames.get(stack);
  if (known !== undefined) return known;
  const frames: string[] = [];
  for (const line of stack.split("\n")) {
    const frame = frameOf(line);
    if (frame !== undefined && frames.push(frame) === framesMax) break;
  }
  const text = frames.join("\n");
  remember(knownFrames, stack, text);
  return text;
}

const place = /^(?:file:\/\/)?(.*?)(?:\?[^:]*)?:\d+:\d+$/;

function frameOf(line: string): string | undefined {
  const [, words] = /^\s+at (?:async )?(.+)$/.exec(line) ?? [];
  if (words === undefined || words.includes("node:internal") || isOwn(words)) return undefined;
  const [, caller = "", where = words] = /^(.*) \((.*)\)$/.exec(words) ?? [];
  const [, path] = place.exec(where) ?? [];
  if (path === undefined || path.startsWith("node:")) return undefined;
  return `${caller} ${path.split(/[\\/]/).slice(-2).join("/")}`;
}

/** Folders of this library between a handler and whoever calls it, or that make errors. */
const own = ["bus", "delivery", "errors", "kernel"].map(
  (folder) => new URL(`../${folder}/`, import.meta.url).pathname,
);

function isOwn(words: string): boolean {
  return own.some((folder) => words.includes(folder));
}

function nameOf(error: unknown): string | undefined {
  try {
    return error instanceof Error ? error.name.slice(0, 100) : undefined;
  } catch {
    return undefined;
  }
}

/** The frames alone: the message before them may be anything, and has its own place. */
function stackOf(error: unknown): string | undefined {
  try {
    const stack = error instanceof Error ? error.stack : undefined;
    if (typeof stack !== "string") return undefined;
    const from = stack.indexOf("\n    at ");
    return from < 0 ? undefined : stack.slice(from + 1, from + 1 + stackLengthMax);
  } catch {
    return undefined;
  }
}
