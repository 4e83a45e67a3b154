// Reads a trace from a file's text: counts of a time ("atMs,count"), or a JSON object a line for
// each message. Always true: arrivals come out in order of time, from 0 on; what cannot be read is
// refused with its line.
import { SpillwayError } from "../../errors/spillway-error.ts";
import { type Priority, priorities } from "../../message/envelope.ts";
import { type Arrival, arrivalsMax } from "./arrival.ts";

/** The first line of a trace of counts. */
export const countsHeader = "atMs,count";

/** Reads; throws INVALID_ARGUMENT. `name` is the file, for errors. */
export function readTrace(name: string, text: string): readonly Arrival[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const isCounts = lines[0] === countsHeader;
  const arrivals = isCounts ? fromCounts(name, lines) : fromMessages(name, lines);
  if (arrivals.length === 0) throw invalid(name, "holds no arrivals: give one that has some");
  const sorted = arrivals.toSorted((left, right) => left.atMs - right.atMs);
  const firstMs = isCounts ? 0 : (sorted[0]?.atMs ?? 0);
  return sorted.map((arrival) => ({ ...arrival, atMs: arrival.atMs - firstMs }));
}

/** In so many steps the messages of one line come. */
const stepsPerLine = 10;

/** Messages of one line come evenly until the next line can be: the shortest time between two. */
function fromCounts(name: string, lines: readonly string[]): Arrival[] {
  const rows = lines.flatMap((line, index) => {
    if (index === 0 || line === "") return [];
    const [atMs = Number.NaN, count = Number.NaN, ...more] = line.split(",").map(Number);
    const isRight = atMs >= 0 && Number.isInteger(count) && count >= 0 && more.length === 0;
    if (!isRight) throw invalidLine(name, index, line, `give "${countsHeader}" as numbers`);
    return [{ atMs, count }];
  });
  const gaps = rows.slice(1).map(({ atMs }, index) => atMs - (rows[index]?.atMs ?? 0));
  const stepMs = gaps.filter((gap) => gap > 0).reduce((least, gap) => Math.min(least, gap), 1_000);
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  assertNotTooMany(name, total);
  return rows.flatMap(({ atMs, count }) =>
    Array.from({ length: count }, (_, at) => ({
      atMs: atMs + (Math.floor((at * stepsPerLine) / count) * stepMs) / stepsPerLine,
      key: undefined,
      tenant: undefined,
      priority: "normal" as const,
      bytes: 0,
    })),
  );
}

function fromMessages(name: string, lines: readonly string[]): Arrival[] {
  const arrivals: Arrival[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === "") continue;
    arrivals.push(messageOf(name, index, line));
    assertNotTooMany(name, arrivals.length);
  }
  return arrivals;
}

function messageOf(name: string, index: number, line: string): Arrival {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    const how = `give one object a line, or "${countsHeader}" as the first line`;
    throw invalidLine(name, index, line, how);
  }
  const given = (typeof value === "object" && value !== null ? value : {}) as {
    readonly [Name in keyof Arrival]?: unknown;
  };
  const { atMs, key, tenant, bytes = 0, priority = "normal" } = given;
  if (typeof atMs !== "number" || !Number.isFinite(atMs)) {
    throw invalidLine(name, index, line, "give atMs as a number of milliseconds");
  }
  const found = priorities.find((each): each is Priority => each === priority);
  if (found === undefined) {
    throw invalidLine(name, index, line, `give priority as one of ${priorities.join(", ")}`);
  }
  return {
    atMs,
    key: typeof key === "string" ? key : undefined,
    tenant: typeof tenant === "string" ? tenant : undefined,
    priority: found,
    bytes: typeof bytes === "number" && bytes >= 0 ? bytes : 0,
  };
}

function assertNotTooMany(name: string, count: number): void {
  if (count <= arrivalsMax) return;
  throw invalid(name, `holds more than ${arrivalsMax} arrivals: give a shorter one`);
}

function invalidLine(name: string, index: number, line: string, how: string): SpillwayError {
  const shown = line.length > 60 ? `${line.slice(0, 60)}…` : line;
  return invalid(name, `line ${index + 1} is ${JSON.stringify(shown)}: ${how}`);
}

function invalid(name: string, what: string): SpillwayError {
  return new SpillwayError("INVALID_ARGUMENT", `trace ${name}: ${what}`);
}
