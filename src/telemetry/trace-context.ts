// W3C Trace Context, level 1: reads a `traceparent` and continues its trace. It starts no traces: a
// message without one stays without. Knows nothing of messages or exporters.
import type { Random } from "../kernel/random.ts";

/** A `traceparent`, taken apart. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** The id of the span that caused this: 16 lower-case hexadecimal digits, not all zero. */
  readonly spanId: string;
  /** Two hexadecimal digits; the lowest bit says "sampled". */
  readonly flags: string;
}

const digit = "[0-9a-f]";
/** Version ff is forbidden, and so are ids of zeros. Written out: counting takes twice the time. */
const grammar = new RegExp(
  `^(?!ff)${digit.repeat(2)}-(?!0{32})${digit.repeat(32)}-(?!0{16})${digit.repeat(16)}-` +
    `${digit.repeat(2)}(?:-|$)`,
);
/** Where the parts of the text begin. */
const traceAt = 3;
const spanAt = 36;
const flagsAt = 53;
const end = 55;

/** Tested before it is taken apart: that costs a quarter of what a match with its parts does. */
function isValid(traceparent: string | undefined): traceparent is string {
  if (traceparent === undefined || !grammar.test(traceparent)) return false;
  // Version 00 has exactly four parts, later ones may have more.
  return traceparent.length === end || !traceparent.startsWith("00");
}

/** Takes a `traceparent` apart; undefined where it does not follow the specification. */
export function parseTraceparent(traceparent: string | undefined): TraceContext | undefined {
  if (!isValid(traceparent)) return undefined;
  return {
    traceId: traceparent.slice(traceAt, spanAt - 1),
    spanId: traceparent.slice(spanAt, flagsAt - 1),
    flags: traceparent.slice(flagsAt, end),
  };
}

/** The header text of a trace context. */
export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.flags}`;
}

/**
 * The `traceparent` for what is caused by work under `traceparent`: the same trace and flags, a new
 * span id. Undefined where there is none, or where it does not follow the specification.
 */
export function continueTraceparent(
  traceparent: string | undefined,
  random: Random,
): string | undefined {
  if (!isValid(traceparent)) return undefined;
  const flags = traceparent.slice(flagsAt, end);
  return `00-${traceparent.slice(traceAt, spanAt)}${newSpanId(random)}-${flags}`;
}

/** A new span id: 16 hexadecimal digits, not all zero. */
export function newSpanId(random: Random): string {
  const high = random.uint32();
  const low = random.uint32();
  // All zero is forbidden; the last bit is the cheapest way out of one in 2^64.
  const lowest = high === 0 && low === 0 ? 1 : low;
  return hexOf(high) + hexOf(lowest);
}

/** Two digits of each byte: four look-ups take a third of the time of toString() and padStart(). */
const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hexOf(word: number): string {
  const upper = (digits[word >>> 24] as string) + (digits[(word >>> 16) & 255] as string);
  return upper + (digits[(word >>> 8) & 255] as string) + (digits[word & 255] as string);
}
