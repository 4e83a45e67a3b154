// What embedded() takes: defaults, limits and their check. Knows nothing of SQLite or threads.
// Always true: resolved options are complete and valid; a bad set is refused with all of its
// faults at once.
import { resolve } from "node:path";
import { unknownOption } from "../../errors/known-options.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { freeBytesMinDefault } from "./journal/disk-space.ts";
import type { EngineOptions } from "./journal/engine.ts";

/** Options of the embedded transport; only `directory` is required. */
export interface EmbeddedOptions {
  /** Where the journal lies: a local directory, made when it does not exist. */
  readonly directory: string;
  /**
   * "fsync" (default): what was acknowledged survives a power cut.
   * "relaxed": it survives the process, but a power cut may lose the last moments.
   */
  readonly durability?: "fsync" | "relaxed";
  /** How long a process may be silent before others take over its work. Default 3,000. */
  readonly leaseMs?: number;
  /** How long the event loop may stand still before others take over its work. Default 60,000. */
  readonly maxBlockedMs?: number;
  /** How long to wait for another process's write transaction. Default 5,000. */
  readonly busyTimeoutMs?: number;
  /** Size of the write-ahead log above which publishers are slowed down. Default 64 MiB. */
  readonly walBytesMax?: number;
  /** How long a given message id is remembered, to store a repeat only once. Default 10 minutes. */
  readonly dedupeWindowMs?: number;
  /** How many given ids are remembered per channel at most. Default 1,000,000. */
  readonly dedupeCountMax?: number;
  /**
   * Publishers wait while fewer bytes than this are free on the journal's disk; handlers and
   * settlements go on. Default 64 MiB, on a file system below 640 MiB a tenth of it; 0: no floor.
   */
  readonly freeBytesMin?: number;
  /** How long a publish waits for free space before it rejects as JOURNAL_FULL. Default 30,000. */
  readonly spaceWaitMs?: number;
  /** Memory for batches that several groups read at about the same time. Default 8 MiB. */
  readonly cacheBytesMax?: number;
  /** "thread" (default): a writer thread. "direct": in place, for simulation and unit tests. */
  readonly engine?: "thread" | "direct";
}

/** Options with every default filled in. */
export interface ResolvedOptions extends Required<Omit<EmbeddedOptions, "freeBytesMin">> {
  /** Undefined: the default, which depends on the file system's size. */
  readonly freeBytesMin: number | undefined;
}

/** Default of `leaseMs`. */
export const leaseMsDefault = 3_000;
/** Default of `maxBlockedMs`: a handler that blocks for ten leases keeps its lease. */
export const maxBlockedMsDefault = 60_000;
/** Default of `busyTimeoutMs`. */
export const busyTimeoutMsDefault = 5_000;
/** Default of `walBytesMax`: 64 MiB. */
export const walBytesMaxDefault = 67_108_864;
/** Default of `dedupeWindowMs`: 10 minutes. */
export const dedupeWindowMsDefault = 600_000;
/** Default of `dedupeCountMax`. */
export const dedupeCountMaxDefault = 1_000_000;
/** Default of `spaceWaitMs`. */
export const spaceWaitMsDefault = 30_000;
/** Default of `cacheBytesMax`: 8 MiB. */
export const cacheBytesMaxDefault = 8_388_608;

/** Whole-number options: default, smallest and largest value. */
const numbers = {
  leaseMs: [leaseMsDefault, 50, 3_600_000],
  maxBlockedMs: [maxBlockedMsDefault, 50, 86_400_000],
  busyTimeoutMs: [busyTimeoutMsDefault, 0, 600_000],
  walBytesMax: [walBytesMaxDefault, 1_048_576, 1_099_511_627_776],
  dedupeWindowMs: [dedupeWindowMsDefault, 0, 604_800_000],
  dedupeCountMax: [dedupeCountMaxDefault, 0, 16_777_216],
  freeBytesMin: [freeBytesMinDefault, 0, 1_125_899_906_842_624],
  spaceWaitMs: [spaceWaitMsDefault, 0, 3_600_000],
  cacheBytesMax: [cacheBytesMaxDefault, 0, 1_073_741_824],
} as const satisfies Record<string, readonly [number, number, number]>;

const choices = {
  durability: ["fsync", "relaxed"],
  engine: ["thread", "direct"],
} as const;

type NumberName = keyof typeof numbers;

/** Fills in defaults. Throws INVALID_ARGUMENT with every fault, named with its value. */
export function resolveOptions(options: EmbeddedOptions): ResolvedOptions {
  const faults: string[] = [];
  if (typeof options !== "object" || options === null) {
    throw refused(["options are missing: give at least { directory }"]);
  }
  const { directory, durability = "fsync", engine = "thread" } = options;
  if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
    faults.push(`directory is ${JSON.stringify(directory)}: give the path of a local directory`);
  }
  for (const [name, value] of Object.entries({ durability, engine })) {
    const allowed: readonly string[] = choices[name as keyof typeof choices];
    if (allowed.includes(value)) continue;
    faults.push(`${name} is ${JSON.stringify(value)}: give "${allowed.join('" or "')}"`);
  }
  const known = new Set(["directory", ...Object.keys(numbers), ...Object.keys(choices)]);
  for (const name of Object.keys(options)) {
    if (!known.has(name)) faults.push(unknownOption(name, known));
  }
  const number = (name: NumberName): number => {
    const [normal, min, max] = numbers[name];
    const value = options[name] ?? normal;
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    faults.push(`${name} is ${String(value)}: give a whole number from ${min} to ${max}`);
    return normal;
  };
  const resolved: ResolvedOptions = {
    directory: typeof directory === "string" ? resolve(directory) : "",
    durability,
    leaseMs: number("leaseMs"),
    maxBlockedMs: number("maxBlockedMs"),
    busyTimeoutMs: number("busyTimeoutMs"),
    walBytesMax: number("walBytesMax"),
    dedupeWindowMs: number("dedupeWindowMs"),
    dedupeCountMax: number("dedupeCountMax"),
    freeBytesMin: options.freeBytesMin === undefined ? undefined : number("freeBytesMin"),
    spaceWaitMs: number("spaceWaitMs"),
    cacheBytesMax: number("cacheBytesMax"),
    engine,
  };
  if (faults.length > 0) throw refused(faults);
  return resolved;
}

/** The part of the options that the journal's engine needs. */
export function engineOptionsOf(options: ResolvedOptions): EngineOptions {
  const { cacheBytesMax: _cache, spaceWaitMs: _wait, engine: _engine, ...rest } = options;
  return rest;
}

function refused(faults: readonly string[]): SpillwayError {
  return new SpillwayError("INVALID_ARGUMENT", `embedded(): ${faults.join("; ")}`, {
    details: { faults },
  });
}
