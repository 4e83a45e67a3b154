// What a run of the study is: its cases, and what each side did in each. Plain data, written as
// JSON; the page is made of nothing else. Types only.

/** Which of the two ways. */
export const sideNames = ["sync", "spillway"] as const;
export type SideName = (typeof sideNames)[number];

/** What is wrong with the last service of the chain in the middle third of a case. */
export type Fault = "slow" | "failing" | "dead";

/** One case: both sides go through it, one after the other. */
export interface StudyCase {
  readonly group: "single" | "load" | "chain" | "fault" | "burst";
  /** Services in the chain. */
  readonly chain: number;
  /** Orders a second as a multiple of what the chain can do; 0: one order at a time. */
  readonly load: number;
  readonly fault?: Fault;
  /** How long orders come. */
  readonly seconds: number;
}

/** What one side did in a case. Durations count from the moment an order was due. */
export interface SideResult {
  readonly offered: number;
  /** Orders the producer got a yes for. */
  readonly accepted: number;
  /** Orders the producer got no answer for in time. */
  readonly timedOut: number;
  /** Orders the producer got a no for. */
  readonly refused: number;
  /** From an order to the yes. */
  readonly answerP50Ms: number;
  readonly answerP99Ms: number;
  /** Orders that passed the whole chain, sooner or later. */
  readonly completed: number;
  /** Orders that passed it within the producer's patience, told yes or not. */
  readonly completedInTime: number;
  /** Of those that passed, a second, while orders came. */
  readonly completedPerSecond: number;
  /** From an order to its end at the last service. */
  readonly completedP50Ms: number;
  readonly completedP99Ms: number;
  /** Orders that were told yes and did not pass the chain. */
  readonly lost: number;
  /** Orders that passed the chain although the producer was not told yes. */
  readonly unknown: number;
  /** From the last order to the last one that passed. */
  readonly drainSeconds: number;
  /**
   * From the end of the fault until orders that come are completed within the producer's patience
   * again; null: not while orders came.
   */
  readonly recoverySeconds: number | null;
  /** Of all processes of the chain, for each completed order. */
  readonly processorMsPerOrder: number;
}

/** A case with what came of it. */
export interface CaseResult {
  readonly case: StudyCase;
  readonly sync: SideResult;
  readonly spillway: SideResult;
}

/** A whole run. */
export interface StudyRun {
  readonly study: "sync-vs-async";
  readonly date: string;
  readonly node: string;
  readonly processors: number;
  readonly command: string;
  readonly seed: number;
  readonly capacity: Capacity;
  readonly results: readonly CaseResult[];
}

/** What each service of either side has, and how patient everybody is. */
export interface Capacity {
  /** Orders that a service works on at a time. */
  readonly slots: number;
  /** How long one order takes in one service, on average. */
  readonly serviceMs: number;
  /** Requests that may wait for a slot, on the left. */
  readonly waitingMax: number;
  /** Connections from one process to another. */
  readonly connectionsMax: number;
  /** The producer waits so long for an answer. */
  readonly patienceMs: number;
  /** How much longer work takes while the last service is slow. */
  readonly slowFactor: number;
  /** The share of works that fail while it is failing. */
  readonly failingShare: number;
  /** Attempts at work that fails, on the left. */
  readonly attemptsMax: number;
}

/** The same for both sides. */
export const capacity: Capacity = {
  slots: 4,
  serviceMs: 40,
  // What a line of this length waits for is a sixth of the producer's patience.
  waitingMax: 32,
  connectionsMax: 512,
  patienceMs: 2_000,
  slowFactor: 10,
  failingShare: 0.3,
  attemptsMax: 3,
};

/** Orders a second that a chain can do, whatever its length. */
export function perSecondMax({ slots, serviceMs }: Capacity): number {
  return (slots * 1_000) / serviceMs;
}
