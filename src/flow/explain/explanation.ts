// Why a message waits: what an explanation holds, and its words for people. Knows nothing of how it
// was found out. Always true: the first reason is the one that decides; what cannot be known from
// where the question was asked is listed, and not guessed.
import { formatTime } from "../../kernel/timestamp.ts";
import type { Priority } from "../../message/envelope.ts";

/** Which message is meant. A bare number is an offset of normal priority, a bare text an id. */
export type MessageReference =
  | number
  | string
  | { readonly offset: number; readonly priority?: Priority }
  | { readonly id: string }
  /** The first message of the key that the group has not settled. */
  | { readonly key: string }
  /** The oldest message that the group has not settled, high priority first. */
  | { readonly oldest: true };

/** The message that was found. */
export interface ExplainedMessage {
  readonly priority: Priority;
  readonly offset: number;
  readonly id: string;
  readonly type: string;
  readonly key: string | undefined;
  readonly storedAtMs: number;
}

/** One reason; times are wall milliseconds. */
export type Reason =
  | { readonly kind: "settled" }
  | {
      readonly kind: "dead-lettered" | "invalid";
      readonly channel: string;
      readonly offset: number;
      readonly code: string;
      readonly reason: string;
      readonly atMs: number;
    }
  | { readonly kind: "running"; readonly attempt: number; readonly forMs: number | undefined }
  | { readonly kind: "settling" }
  | { readonly kind: "retry"; readonly attempt: number; readonly dueAtMs: number }
  /** Kept by an error policy until it is released. */
  | { readonly kind: "parked"; readonly attempt: number }
  | {
      readonly kind: "behind-key";
      readonly key: string | undefined;
      readonly offset: number;
      readonly attempt: number;
      /** When the message before it is due; undefined: it is not, or was not looked for. */
      readonly dueAtMs: number | undefined;
    }
  /** It came early: its key's messages are handled in the order of their numbers. */
  | {
      readonly kind: "sequence";
      readonly key: string;
      readonly number: number;
      /** The number that its key waits for; undefined: where it begins is not known here. */
      readonly expected: number | undefined;
      /** Until when: then its gap is given up, where nothing of the key fails. */
      readonly dueAtMs: number;
    }
  | {
      readonly kind: "rate-limit";
      readonly rate: string;
      /** The name by which all processes of the journal share the rate; undefined: it is local. */
      readonly shared: string | undefined;
      readonly bucket: string | undefined;
      /** When its bucket has a token; undefined: not known. */
      readonly atMs: number | undefined;
      readonly waiting: number;
    }
  | { readonly kind: "coalescing"; readonly dueAtMs: number }
  | {
      readonly kind: "concurrency";
      readonly concurrency: number;
      readonly ahead: number | undefined;
    }
  /** The pool scales itself: between which bounds, and why it is as large as it is. */
  | { readonly kind: "scaling"; readonly text: string }
  | { readonly kind: "paused" }
  /** The circuit of a `pause` rule is not closed. */
  | {
      readonly kind: "circuit";
      /** What the rule is for: the class or code of its errors, "otherwise" … */
      readonly rule: string;
      readonly state: "open" | "half-open";
      readonly sinceAtMs: number | undefined;
      /** When a message is tried next; undefined while that may be done now. */
      readonly probeAtMs: number | undefined;
      /** Handlers that may run at once; 0 while it is open. */
      readonly limit: number;
    }
  | { readonly kind: "trouble"; readonly text: string }
  | { readonly kind: "window-full"; readonly window: number; readonly windowMax: number }
  | { readonly kind: "too-many-open"; readonly open: number; readonly openMax: number }
  /** Between `position` and the message stand `ahead` others of its log, of all keys. */
  | { readonly kind: "not-fetched"; readonly position: number; readonly ahead: number }
  | { readonly kind: "elsewhere" }
  | { readonly kind: "no-member" }
  | { readonly kind: "delayed"; readonly dueAtMs: number }
  /** Its time has passed: it is settled without a handler when its turn comes, or was. */
  | { readonly kind: "expired"; readonly expiresAtMs: number }
  | { readonly kind: "removed"; readonly startOffset: number }
  | { readonly kind: "not-stored"; readonly endOffset: number }
  | { readonly kind: "not-found"; readonly searched: number; readonly isComplete: boolean };

/** Why a message waits, or what became of it. */
export interface Explanation {
  readonly channel: string;
  readonly group: string;
  /** Undefined where there is none, or it is still delayed. */
  readonly message: ExplainedMessage | undefined;
  /** "done": settled or removed. "unknown": there is no such message. */
  readonly state: "waiting" | "running" | "delayed" | "done" | "unknown";
  /** The first one decides. */
  readonly reasons: readonly Reason[];
  /** What cannot be known here, for people. */
  readonly unknown: readonly string[];
  /** All of it in words. */
  readonly text: string;
}

/** An explanation without its words. */
export type Finding = Omit<Explanation, "text">;

/** Adds the words. */
export function explained(finding: Finding, nowMs: number): Explanation {
  const { message, group, channel } = finding;
  const what = message === undefined ? "this message" : nameOf(message);
  const reasons = finding.reasons.map((reason) => wordsOf(reason, nowMs));
  const head = `${what} and group '${group}' of '${channel}': ${finding.state}`;
  const unknown = finding.unknown.map((each) => `not known here: ${each}`);
  return Object.freeze({ ...finding, text: [head, ...reasons, ...unknown].join("\n  ") });
}

function nameOf({ priority, offset, id, type, key }: ExplainedMessage): string {
  const place = priority === "normal" ? `${offset}` : `${offset} (${priority})`;
  const of = key === undefined ? "" : `, key ${JSON.stringify(key)}`;
  return `message ${place}, '${type}' ${id}${of},`;
}

type WordsByKind = {
  readonly [Kind in Reason["kind"]]: (
    reason: Extract<Reason, { readonly kind: Kind }>,
    nowMs: number,
  ) => string;
};

function wordsOf(reason: Reason, nowMs: number): string {
  // Each entry takes the reasons of its own kind, which the compiler cannot follow.
  return (words[reason.kind] as (reason: Reason, nowMs: number) => string)(reason, nowMs);
}

const copyWords = (
  { channel, offset, atMs, code, reason }: Extract<Reason, { readonly channel: string }>,
  nowMs: number,
): string =>
  `it went to '${channel}' at offset ${offset}, ${when(atMs, nowMs)}: ${code}: ${reason}`;

const words: WordsByKind = {
  settled: () => "it is settled",
  "dead-lettered": copyWords,
  invalid: copyWords,
  running: ({ forMs, attempt }) => {
    const since = forMs === undefined ? "" : ` for ${Math.round(forMs)} ms`;
    return `its handler runs${since}, attempt ${attempt}`;
  },
  settling: () => "it is being handled, or what came of it is being stored",
  retry: ({ attempt, dueAtMs }, nowMs) =>
    `it failed ${times(attempt)} and is tried again ${when(dueAtMs, nowMs)}`,
  parked: ({ attempt }) =>
    attempt === 0
      ? "it waits behind its key"
      : `it failed ${times(attempt)} and is parked until it is released`,
  "behind-key": behindWords,
  sequence: ({ number, expected, dueAtMs }, nowMs) => {
    const others = expected === undefined ? "those before it" : `number ${expected}`;
    const until = when(dueAtMs, nowMs);
    return `it is number ${number} of its key, which waits for ${others} until ${until}`;
  },
  "rate-limit": rateWords,
  coalescing: ({ dueAtMs }, nowMs) =>
    `it waits for later messages of its key, until ${when(dueAtMs, nowMs)}`,
  concurrency: ({ concurrency, ahead }) => {
    const before = ahead === undefined ? "" : `; ${ahead} go first`;
    return `all ${concurrency} handlers are busy, or it is not its turn${before}`;
  },
  scaling: ({ text }) => text,
  paused: () => "the subscription is paused",
  circuit: circuitWords,
  trouble: ({ text }) => text,
  "window-full": ({ window, windowMax }) =>
    `nothing is fetched: ${window} of ${windowMax} messages are in the window`,
  "too-many-open": ({ open, openMax }) =>
    `nothing is fetched: ${open} of ${openMax} messages are open`,
  "not-fetched": ({ position, ahead }) =>
    `it is not settled: its keys stand at offset ${position}, ${ahead} before it`,
  elsewhere: () => "its key belongs to another process",
  "no-member": () => "no member of the group owns its key",
  delayed: ({ dueAtMs }, nowMs) => `it is delayed until ${when(dueAtMs, nowMs)}`,
  expired: ({ expiresAtMs }, nowMs) =>
    `its time passed ${when(expiresAtMs, nowMs)}: it is settled without a handler`,
  removed: ({ startOffset }) => `it is gone: the log begins at ${startOffset}`,
  "not-stored": ({ endOffset }) => `it is not stored yet: the log ends at ${endOffset}`,
  "not-found": ({ searched, isComplete }) => {
    const which = isComplete ? "all" : "the first";
    return `it was not found among ${which} ${searched} messages that were searched`;
  },
};

function behindWords(
  { offset, attempt, dueAtMs }: Extract<Reason, { readonly kind: "behind-key" }>,
  nowMs: number,
): string {
  const failed = attempt === 0 ? "" : `, which failed ${times(attempt)}`;
  const due = dueAtMs === undefined ? "" : ` and is tried again ${when(dueAtMs, nowMs)}`;
  return `it waits behind message ${offset} of its key${failed}${due}`;
}

function circuitWords(
  { rule, state, sinceAtMs, probeAtMs, limit }: Extract<Reason, { readonly kind: "circuit" }>,
  nowMs: number,
): string {
  const since = sinceAtMs === undefined ? "" : `, failing since ${when(sinceAtMs, nowMs)}`;
  const next =
    probeAtMs === undefined ? `${limit} at a time` : `the next probe is ${when(probeAtMs, nowMs)}`;
  return `the circuit of the rule for ${rule} is ${state}${since}: ${next}`;
}

function rateWords(
  { rate, shared, bucket, atMs, waiting }: Extract<Reason, { readonly kind: "rate-limit" }>,
  nowMs: number,
): string {
  const of = bucket === undefined ? "" : ` for ${JSON.stringify(bucket)}`;
  const at = atMs === undefined ? "" : `, next token ${when(atMs, nowMs)}`;
  const together = shared === undefined ? "" : `, which all processes share as '${shared}'`;
  return `it waits for the rate ${rate}${together}${of}: ${waiting} wait there${at}`;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function when(atMs: number, nowMs: number): string {
  const text = formatTime(atMs);
  const ms = Math.round(atMs - nowMs);
  return ms >= 0 ? `in ${ms} ms (${text})` : `${-ms} ms ago (${text})`;
}
