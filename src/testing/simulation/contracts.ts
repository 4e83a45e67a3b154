// The contracts and channels of a simulated program. Knows nothing of running. Always true: what
// passes the validators is exactly what was published.
import { defineChannel } from "../../contracts/channel.ts";
import { defineEvent } from "../../contracts/event.ts";
import type { StandardSchema } from "../../contracts/standard-schema.ts";
import { priorities, type Priority } from "../../message/envelope.ts";

/** The data of a message that the program publishes. */
export interface OrderData {
  readonly n: number;
  readonly key: string;
}

/** The data of a message that a handler publishes: for which message, by which group. */
export interface ResultData extends OrderData {
  readonly group: string;
}

/** The data of a message that a schedule publishes. */
export interface TickData {
  readonly dueAtMs: number;
}

function validated<Data>(accepts: (value: unknown) => value is Data): StandardSchema<Data> {
  const validate = (value: unknown) =>
    accepts(value) ? { value } : { issues: [{ message: "not what was published" }] };
  return { "~standard": { version: 1, vendor: "spillway-simulation", validate } };
}

function isOrder(value: unknown): value is OrderData {
  if (typeof value !== "object" || value === null) return false;
  return "n" in value && typeof value.n === "number" && "key" in value;
}

function isResult(value: unknown): value is ResultData {
  return isOrder(value) && "group" in value && typeof value.group === "string";
}

function isTick(value: unknown): value is TickData {
  return typeof value === "object" && value !== null && "dueAtMs" in value;
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((each) => typeof each === "number");
}

/** Messages with a key. */
export const Ordered = defineEvent("simulation.ordered", {
  data: validated(isOrder),
  key: ({ key }) => key,
});
/** Messages without one. */
export const Noted = defineEvent("simulation.noted", { data: validated(isOrder) });
/** What handlers publish. */
export const Resulted = defineEvent("simulation.resulted", {
  data: validated(isResult),
  key: ({ key }) => key,
});
/** What the schedule publishes. */
export const Ticked = defineEvent("simulation.ticked", { data: validated(isTick) });

/** The state of a group: the messages whose effect it holds, in the order of their effects. */
export const appliedSchema = validated(isNumbers);

/** The priority of a key, where a program has keys of several. */
export function priorityOfKey(key: string): Priority {
  return priorities[Number(key.slice(1)) % priorities.length] ?? "normal";
}

/** The channels of a program. */
export function channelsOf(partitions: number, hasPriorities: boolean) {
  return {
    orders: defineChannel("orders", {
      messages: [Ordered],
      partitions,
      ...(hasPriorities && { priorityOf: priorityOfKey }),
    }),
    notes: defineChannel("notes", { messages: [Noted], partitions }),
    results: defineChannel("results", { messages: [Resulted], partitions }),
    ticks: defineChannel("ticks", { messages: [Ticked] }),
  } as const;
}

/** See channelsOf(). */
export type Channels = ReturnType<typeof channelsOf>;
