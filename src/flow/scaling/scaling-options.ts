// A pool that scales itself as its user writes it: checked, complete, immutable. Knows nothing of
// running. Always true: settings that came out of scalingOf() are in range, min ≤ initial ≤ max.
import { assertKnownOptions, optionNames } from "../../errors/known-options.ts";
import { assertNumber, assertWhole, invalidFlow } from "../checks.ts";

/** Bounds between which a subscription chooses its concurrency itself. */
export interface ScaledConcurrency {
  /** Fewest handlers that may run at once, from 1. */
  readonly min: number;
  /** Most handlers that run at once, up to 1,000. */
  readonly max: number;
  /**
   * What is aimed at: 99 of 100 messages are handled within so many milliseconds of being stored.
   * The tighter, the more handlers are kept ready. Default 1,000.
   */
  readonly goalMs?: number;
  /** "monitor": it says what it would do, and changes nothing. Default "automatic". */
  readonly mode?: ScalingMode;
  /** Where it begins, and where "monitor" stays. Default: `min`; with "monitor" 16. */
  readonly initial?: number;
  /** How often it decides, in milliseconds. Default 100. */
  readonly tickMs?: number;
  /** How long fewer handlers must have been enough before there are fewer. Default 1,000 ms. */
  readonly holdMs?: number;
}

/** Whether decisions are carried out. */
export type ScalingMode = "automatic" | "monitor";

/** The same, complete. */
export type ScalingSettings = Required<ScaledConcurrency>;

/** Where nothing is said. */
export const scalingDefaults = { goalMs: 1_000, tickMs: 100, holdMs: 1_000 } as const;
/** The concurrency at which a monitored pool stays where nothing is said: that of any other. */
const monitoredDefault = 16;
/** Bounds of the times. */
export const scalingBounds = {
  goalMs: { min: 1, max: 3_600_000 },
  tickMs: { min: 10, max: 60_000 },
  holdMs: { min: 0, max: 3_600_000 },
} as const;

const modes: readonly ScalingMode[] = ["automatic", "monitor"];

const known = optionNames<ScaledConcurrency>({
  min: true,
  max: true,
  goalMs: true,
  mode: true,
  initial: true,
  tickMs: true,
  holdMs: true,
});

/** Checks and completes; throws INVALID_ARGUMENT. `most`: the largest pool there may be. */
export function scalingOf(place: string, given: ScaledConcurrency, most: number): ScalingSettings {
  if (typeof given !== "object" || given === null) {
    throw invalidFlow(`${place} is ${String(given)}: give a whole number, or { min, max }`);
  }
  assertKnownOptions(given, known, place);
  const { min, max, mode = "automatic" } = given;
  assertWhole(`${place}.min`, min, 1, most);
  assertWhole(`${place}.max`, max, min, most);
  if (!modes.includes(mode)) {
    throw invalidFlow(`${place}.mode is ${JSON.stringify(mode)}: give "automatic" or "monitor"`);
  }
  const whereItStays = Math.min(max, Math.max(min, monitoredDefault));
  const { initial = mode === "monitor" ? whereItStays : min } = given;
  assertWhole(`${place}.initial`, initial, min, max);
  const times = { ...scalingDefaults, ...pickTimes(given) };
  for (const [name, bounds] of Object.entries(scalingBounds)) {
    const value = times[name as keyof typeof times];
    assertNumber(`${place}.${name}`, value, bounds.min, bounds.max);
  }
  return Object.freeze({ min, max, mode, initial, ...times });
}

function pickTimes({ goalMs, tickMs, holdMs }: ScaledConcurrency): Partial<ScalingSettings> {
  return {
    ...(goalMs !== undefined && { goalMs }),
    ...(tickMs !== undefined && { tickMs }),
    ...(holdMs !== undefined && { holdMs }),
  };
}
