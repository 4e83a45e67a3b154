// What a simulated run does, as plain data drawn from a seed: processes, groups with their
// settings, messages, faults. Knows nothing of running. Always true: the same seed gives the same
// scenario; leaving parts out of one gives a scenario that is smaller and otherwise the same.
import { type Random, seededRandom } from "../../kernel/random.ts";
import { priorities, type Priority } from "../../message/envelope.ts";
import { priorityOfKey } from "./contracts.ts";
import { drawFaults, drawOne, type Fault } from "./faults.ts";

/** Channels that groups read; "results" holds what handlers publish. */
export type ChannelName = "orders" | "notes" | "results";

/** What becomes of a message whose handler keeps failing. */
export type Ending = "dead-letter" | "park" | "discard";

/** One group with its settings. */
export interface GroupPlan {
  readonly name: string;
  readonly channel: ChannelName;
  /** Processes that take part, by their numbers. */
  readonly members: readonly number[];
  readonly order: "key" | "none";
  readonly delivery: "at-least-once" | "effectively-once";
  readonly ending: Ending;
  readonly attempts: number;
  /** Whether failures of the outage open a circuit. */
  readonly pauses: boolean;
  readonly concurrency: number;
  readonly perSecond: number | undefined;
  readonly ages: boolean;
  /** How long a handler works at most. */
  readonly workMsMax: number;
  /** Whether its handler publishes a result for each message. */
  readonly publishes: "returned" | "in context" | "nothing";
}

/** Whether calls of a group can collide at a row of state: then they are repeated at once. */
export function isContended({ delivery, order }: GroupPlan): boolean {
  return delivery === "effectively-once" && order === "none";
}

/** One message. */
export interface MessagePlan {
  readonly n: number;
  readonly channel: "orders" | "notes";
  readonly key: string;
  readonly priority: Priority;
  readonly atMs: number;
  readonly process: number;
  readonly delayMs: number | undefined;
  /** Whether it is given an id, and published again until it is surely stored. */
  readonly hasId: boolean;
  /** After which time it needs not be handled any more. */
  readonly expiresInMs: number | undefined;
}

/** See the head of this file. */
export interface Scenario {
  readonly seed: number;
  readonly processes: number;
  readonly partitions: number;
  readonly leaseMs: number;
  /** Whether keys have priorities. */
  readonly hasPriorities: boolean;
  /** The process that follows a log without a group. */
  readonly followedBy: number;
  /** Whether there is a schedule. */
  readonly hasBeat: boolean;
  /** Whether somebody lets go of parked messages now and then. */
  readonly releases: boolean;
  /** Whether processes ring each other; without doorbells they look every 200 ms. */
  readonly rings: boolean;
  readonly groups: readonly GroupPlan[];
  readonly messages: readonly MessagePlan[];
  readonly faults: readonly Fault[];
}

/** Messages of a run, without those that handlers publish. */
export const messagesOfRun = 200;
/** Groups of a run. */
export const groupsOfRun = 3;
/** Publishes of so many milliseconds happen at once. */
const slotMs = 50;
/** What expires so late does not expire within a run. */
const farMs = 3_600_000;
/** How long messages are published, in virtual milliseconds. */
export const publishingMs = 3_000;

/** The scenario of a seed. */
export function scenarioOf(seed: number): Scenario {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1));
  const processes = random.float() < 0.7 ? 2 : 3;
  const hasPriorities = random.float() < 0.3;
  return {
    seed,
    processes,
    partitions: drawOne([1, 2, 4], random),
    leaseMs: drawOne([900, 1_500], random),
    hasPriorities,
    followedBy: Math.floor(besides(seed, 0x1b873593).float() * processes),
    hasBeat: besides(seed, 0x3c6ef372).float() < 0.4,
    releases: besides(seed, 0x2545f491).float() < 0.5,
    rings: random.float() < 0.7,
    groups: drawGroups(processes, random),
    messages: drawExpiry(seed, drawMessages(processes, hasPriorities, random)),
    faults: drawFaults(random),
  };
}

/** Randomness for one part of a scenario, which leaves the other parts as they are. */
function besides(seed: number, part: number): Random {
  return seededRandom(Math.imul(seed, 0x27d4eb2f) ^ part);
}

function drawGroups(processes: number, random: Random): GroupPlan[] {
  const all = Array.from({ length: processes }, (_, process) => process);
  const some = (): number[] => {
    const chosen = all.filter(() => random.float() < 0.7);
    return chosen.length > 0 ? chosen : [drawOne(all, random)];
  };
  const settings = () => ({
    members: some(),
    ending: drawOne(["dead-letter", "dead-letter", "park", "discard"] as const, random),
    attempts: 3 + Math.floor(random.float() * 3),
    pauses: random.float() < 0.4,
    concurrency: drawOne([1, 4, 16], random),
    perSecond: random.float() < 0.3 ? 60 : undefined,
    ages: random.float() < 0.3,
    workMsMax: drawOne([0, 10, 30], random),
  });
  const first: GroupPlan = {
    ...settings(),
    name: "ledger",
    channel: "orders",
    members: all,
    order: "key",
    delivery: "effectively-once",
    publishes: drawOne(["returned", "in context"], random),
  };
  const second: GroupPlan = {
    ...settings(),
    name: "audit",
    channel: "orders",
    order: drawOne(["key", "none"], random),
    delivery: drawOne(["at-least-once", "effectively-once"], random),
    publishes: "nothing",
  };
  const channel = drawOne(["orders", "notes", "results"] as const, random);
  const third: GroupPlan = {
    ...settings(),
    name: "reports",
    channel,
    order: channel === "notes" ? "none" : drawOne(["key", "none"], random),
    delivery: drawOne(["at-least-once", "effectively-once"], random),
    publishes: "nothing",
  };
  return [first, second, third];
}

function drawMessages(processes: number, hasPriorities: boolean, random: Random): MessagePlan[] {
  const keys = drawOne([3, 8, 30], random);
  const bursts = random.float() < 0.5;
  const delayed = random.float() < 0.5 ? 0.1 : 0;
  return Array.from({ length: messagesOfRun }, (_, n): MessagePlan => {
    const atMs = Math.floor(random.float() * (publishingMs / slotMs)) * slotMs;
    const channel = random.float() < 0.9 ? "orders" : "notes";
    const key = `k${Math.floor(random.float() * keys)}`;
    const ofNote = drawOne(priorities, random);
    const ofOrder = hasPriorities ? priorityOfKey(key) : "normal";
    return {
      n,
      channel,
      key,
      priority: channel === "notes" ? ofNote : ofOrder,
      atMs: bursts ? atMs - (atMs % 400) : atMs,
      process: Math.floor(random.float() * processes),
      delayMs: random.float() < delayed ? Math.floor(random.float() * 1_500) : undefined,
      hasId: random.float() < 0.5,
      expiresInMs: undefined,
    };
  }).sort((left, right) => left.atMs - right.atMs || left.n - right.n);
}

/** In half of the seeds some messages expire, most of them before the last groups come to them. */
function drawExpiry(seed: number, messages: readonly MessagePlan[]): MessagePlan[] {
  const random = besides(seed, 0x165667b1);
  const share = random.float() < 0.5 ? 0.1 : 0;
  return messages.map((message) => {
    if (random.float() >= share) return message;
    const isShort = random.float() < 0.7;
    const expiresInMs = isShort ? 30 + Math.floor(random.float() * 400) : farMs;
    return { ...message, expiresInMs: (message.delayMs ?? 0) + expiresInMs };
  });
}

/** What a message does to the handler of a group, the first times or always. */
export type Fate =
  | { readonly kind: "fine" }
  /** Throws so many times, before or after its work, and then goes well. */
  | { readonly kind: "fails"; readonly times: number; readonly late: boolean }
  /** Says that no try can help. */
  | { readonly kind: "rejected" }
  /** Throws always. */
  | { readonly kind: "poison" }
  /** Does not come back, once, until its time is up. */
  | { readonly kind: "hangs" };

/** The fate of a message in a group: fixed by the seed. */
export function fateOf(seed: number, group: string, n: number): Fate {
  const mixed = Math.imul(seed ^ 0x5bd1e995, 0x85ebca6b) ^ Math.imul(n + 1, 0xc2b2ae35);
  const random = seededRandom(mixed ^ group.charCodeAt(0) ^ (group.length << 8));
  const drawn = random.float();
  if (drawn < 0.86) return { kind: "fine" };
  if (drawn < 0.94) {
    return { kind: "fails", times: 1 + Math.floor(random.float() * 2), late: drawn < 0.9 };
  }
  if (drawn < 0.965) return { kind: "rejected" };
  return { kind: drawn < 0.985 ? "poison" : "hangs" };
}
