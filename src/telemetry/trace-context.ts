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

const grammar = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const zeros = /^0+$/;

/** Takes a `traceparent` apart; undefined where it does not follow the specification. */
export function parseTraceparent(traceparent: string | undefined): TraceContext | undefined {
  const parts = traceparent === undefined ? null : grammar.exec(traceparent);
  if (parts === null) return undefined;
  const [, version = "", traceId = "", spanId = "", flags = "", rest] = parts;
  // Version ff is forbidden; version 00 has exactly four parts, later ones may have more.
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (zeros.test(traceId) || zeros.test(spanId)) return undefined;
  return { traceId, spanId, flags };
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
  const context = parseTraceparent(traceparent);
  if (context === undefined) return undefined;
  return formatTraceparent({ ...context, spanId: newSpanId(random) });
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
