// What the demo can be told, and how fast it goes: slowly enough to be watched, or as fast as it
// can. Values only.
import type { Clock } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import type { DemoEvent } from "../stage/demo-event.ts";
import type { ForkProcess } from "../stage/process-pool.ts";
import type { NotifierRetry } from "./services.ts";

/** Most times that the recorded deliveries are replayed: the ledger holds every id in memory. */
export const loopsMax = 1_000;
/** How long a run without a rate takes to receive everything when somebody watches. */
const watchedMs = 14_000;

/** How long things take in the imagined world around the services. */
export interface DemoPace {
  readonly outageMs: number;
  readonly chatCallMs: number;
  readonly lookupMsMax: number;
  readonly retry: NotifierRetry;
  /** With a crash: from this call on a worker's look-ups hang, so that it dies with full hands. */
  readonly hangFromCall: number;
  /** How often the numbers are read. */
  readonly sampleMs: number;
}

/** A pace that eyes can follow. */
export const watchedPace: DemoPace = {
  outageMs: 4_000,
  chatCallMs: 15,
  lookupMsMax: 80,
  retry: { attempts: 7, initialMs: 200, maxMs: 3_000 },
  hangFromCall: 80,
  sampleMs: 250,
};

/** A pace for scripts. */
export const quickPace: DemoPace = {
  outageMs: 300,
  chatCallMs: 0,
  lookupMsMax: 2,
  retry: { attempts: 6, initialMs: 50, maxMs: 400 },
  hangFromCall: 12,
  sampleMs: 50,
};

/** Deliveries a second that make a watched run last long enough to be seen. */
export function watchedRate(deliveries: number): number {
  return Math.max(1, deliveries / (watchedMs / 1_000));
}

/** Everything that a run needs. */
export interface DemoOptions {
  readonly directory: string;
  readonly loops: number;
  /** Deliveries a second; undefined: as fast as they are stored. */
  readonly perSecond: number | undefined;
  /** Whether a worker is killed and started again. */
  readonly crash: boolean;
  readonly seed: number;
  readonly pace: DemoPace;
  readonly fork: ForkProcess;
  readonly clock: Clock;
  readonly random: Random;
  /** Fires when the receiver shall stop; what was received is settled nevertheless. */
  readonly signal: AbortSignal;
  onEvent(event: DemoEvent): void;
  /** Called after the numbers of snapshot() changed. */
  onSample(): void;
}
