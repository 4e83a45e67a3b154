// What the overload trial and its process say to each other. Types and the sizes of the load only.
import type { Histogram } from "./trial.ts";

/** Messages that the handlers can work off in a second, about. */
export const capacityPerSecond = 800;
/** Handlers at once, and how long each takes. */
export const handlers = { concurrency: 4, durationMs: 5 } as const;
/** How much is offered, in capacities. */
export const overloadFactor = 10;
/** High-priority messages a second, in every phase. */
export const highPerSecond = 50;

/** What the process is told. */
export interface OverloadParameters {
  readonly directory: string;
  /** How long the overload is; the phases before it take half of that each. */
  readonly seconds: number;
}

/** What one phase found. */
export interface PhaseReport {
  readonly handledPerSecond: number;
  readonly stored: number;
  readonly refused: number;
  /** Of these: of high priority. */
  readonly highRefused: number;
  /** From when a message of high priority was due to the end of its handler. */
  readonly high: Histogram;
  /** Most messages that waited when it was looked at. */
  readonly deepest: number;
}

/** What the process found. */
export interface OverloadReport {
  /** High-priority messages only. */
  readonly unloaded: PhaseReport;
  /** As much as the handlers can do. */
  readonly peak: PhaseReport;
  /** Ten times as much. */
  readonly overload: PhaseReport;
  /** From the end of the overload until nothing waits. */
  readonly recoveryMs: number;
  readonly residentBytesMax: number;
}
