// The words in which planted histories are written: short for what a client notes, times by place.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkHistory, type HistoryRules } from "../../../src/testing/history/check-history.ts";
import type { GroupSubscribed, HistoryEvent } from "../../../src/testing/history/history-event.ts";
import type { ViolationKind } from "../../../src/testing/history/violation.ts";

/** An event without its time: that is its place in the list. */
export type Untimed<Event = HistoryEvent> = Event extends HistoryEvent
  ? Omit<Event, "atMs"> & { readonly atMs?: number }
  : never;

export const log = "orders";
export const group = "billing";

export function timed(events: readonly Untimed[]): HistoryEvent[] {
  return events.map((event, index) => ({ atMs: index, ...event }));
}

let operations = 0;

/** A message published and acknowledged at this offset. */
export function stored(id: string, offset: number, key?: string): Untimed[] {
  const operation = ++operations;
  return [
    { kind: "invoke", operation, log, id, key, value: `content of ${id}` },
    { kind: "ok", operation, offset },
  ];
}

/** A message of key "k" that its publisher calls for, and how that ends: failed, or its offset. */
export function called(id: string, end: "failed" | "unknown" | number, publisher = "p") {
  const operation = ++operations;
  const invoke: Untimed = { kind: "invoke", operation, log, id, key: "k", publisher };
  const outcome: Untimed =
    typeof end === "number" ? { kind: "ok", operation, offset: end } : { kind: end, operation };
  return { invoke, outcome };
}

/** A message whose publishing ended like this. */
export function tried(id: string, outcome: "failed" | "unknown", key?: string): Untimed[] {
  const operation = ++operations;
  return [
    { kind: "invoke", operation, log, id, key },
    { kind: outcome, operation },
  ];
}

export function full(ids: readonly (string | undefined)[], startOffset = 0): Untimed[] {
  const reads = ids.flatMap((id, index): Untimed[] =>
    id === undefined ? [] : [{ kind: "replay", log, id, offset: startOffset + index }],
  );
  const endOffset = startOffset + ids.length;
  return [...reads, { kind: "replay-end", log, startOffset, endOffset }];
}

export const subscribed: Untimed<GroupSubscribed> = {
  kind: "subscribe",
  group,
  log,
  from: 0,
  attemptsMax: 3,
};

export function delivered(
  id: string,
  offset: number,
  key?: string,
  member = "m",
  attempt = 1,
): Untimed {
  return { kind: "delivery", group, member, log, id, offset, key, attempt };
}

export type Outcome = Extract<HistoryEvent, { kind: "handled" }>["outcome"];

export function handled(offset: number, outcome: Outcome = "done", member = "m"): Untimed {
  return { kind: "handled", group, member, log, offset, outcome };
}

export function tail(id: string, offset: number, reader = "r", value?: string): Untimed {
  return { kind: "tail", reader, log, id, offset, value };
}

export const drained: Untimed = { kind: "drained", group, log };
export const crash: Untimed = { kind: "crash", group, member: "m" };

/** A statement about a history: which kinds are found in it, in the order of their names. */
export interface Planted {
  readonly name: string;
  readonly history: readonly Untimed[];
  readonly finds?: readonly ViolationKind[];
  readonly rules?: HistoryRules;
}

/** One test for each: exactly these kinds are found. */
export function testPlanted(planted: readonly Planted[]): void {
  for (const { name, history, rules, finds = [] } of planted) {
    const verdict = finds.length === 0 ? "sound" : finds.join(", ");
    test(`${verdict}: ${name}`, () => {
      const violations = checkHistory(timed(history), rules);
      const found = [...new Set(violations.map(({ kind }) => kind))].sort();
      assert.deepEqual(found, finds, JSON.stringify(violations, undefined, 1));
    });
  }
}
