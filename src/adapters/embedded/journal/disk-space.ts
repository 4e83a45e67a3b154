// The space on a journal's disk (docs/adr/0013): below a floor publishers wait; on a full disk the
// reserve is given up, so that settlements, leases and retention go on, and is made again before
// anything is published. Always true: while space is short health says so; nothing here fails
// because the disk is full.
import { statfsSync } from "node:fs";
import type { EngineUnit } from "./engine.ts";
import type { Health } from "./health.ts";
import {
  growReserve,
  isNoSpace,
  releaseReserve,
  reserveBytesMax,
  reserveSize,
} from "./reserve-file.ts";
import { describeShortage, type SpaceShortage } from "./space-shortage.ts";
import { isFullFailure } from "./sqlite-errors.ts";

/** Default of `freeBytesMin`: 64 MiB, the largest write-ahead log that may still be copied. */
export const freeBytesMinDefault = 67_108_864;
/** On a small file system the default is this share of it. */
const floorShareMax = 0.1;
/** On a very small file system the reserve is this share of it. */
const reserveShareMax = 1 / 8;
/** Publishes go on when so much more than the floor is free. */
const resumeFactor = 9 / 8;
/** Below this share of the reserve the disk counts as full. */
const fullShare = 1 / 8;
/** State may grow on a full disk while so much of what the reserve was is left. */
const stateShare = 1 / 2;
/** How often space is looked at, whatever was written; and while the reserve is being made. */
const lookMs = { calm: 200, making: 20 } as const;
/** The first part of the reserve is written so long after opening. */
const makingAfterMs = 1_000;
/** After the reserve could not be made: until the next try. */
const retryMs = { first: 1_000, most: 60_000 } as const;
/** The least that may be written between two looks. */
const writtenBytesMin = 1_048_576;

/** What a file system says of itself, in bytes. */
export interface Space {
  readonly free: number;
  readonly total: number;
}

/** Space as users who are not root see it. */
export function measureSpace(directory: string): Space {
  const { bavail, blocks, bsize } = statfsSync(directory);
  return { free: bavail * bsize, total: blocks * bsize };
}

/** What the journal lends it. */
export interface DiskSpaceParts {
  readonly directory: string;
  /** Undefined: the default. 0: no floor. */
  readonly freeBytesMin?: number | undefined;
  readonly health: Health;
  readonly nowMs: () => number;
  /** Whether it is this process that makes the reserve. */
  readonly isMaker: () => boolean;
  readonly measure?: (directory: string) => Space;
}

/** See the head of this file. */
export class DiskSpace {
  readonly #parts: DiskSpaceParts;
  readonly #measure: (directory: string) => Space;
  readonly #floor: number;
  readonly #reserve: number;
  #level: "ample" | "low" | "full" = "ample";
  #free = 0;
  /** What may be written before the next look. */
  #writable = 0;
  #makeAtMs: number;
  #retryMs: number = retryMs.first;
  /** When look() wants to be called again, on the monotonic clock. */
  dueAtMs: number;

  constructor(parts: DiskSpaceParts) {
    const { freeBytesMin, nowMs, measure = measureSpace } = parts;
    this.#parts = parts;
    this.#measure = measure;
    const { total } = this.#measured() ?? { total: Number.POSITIVE_INFINITY };
    this.#floor = freeBytesMin ?? Math.floor(Math.min(freeBytesMinDefault, total * floorShareMax));
    this.#reserve = Math.floor(Math.min(reserveBytesMax, total * reserveShareMax));
    this.dueAtMs = nowMs();
    this.#makeAtMs = this.dueAtMs + makingAfterMs;
    this.look();
  }

  /** Whether publishers wait for space. */
  get isShort(): boolean {
    return this.#level !== "ample";
  }

  /** What is said to whoever is refused. */
  get shortage(): SpaceShortage {
    const isFull = this.#level === "full";
    return describeShortage({
      directory: this.#parts.directory,
      freeBytes: this.#free,
      freeBytesMin: this.#floor,
      freeBytesToGoOn: isFull ? this.#missing() + this.#toMake : this.#toGoOn,
      isFull,
    });
  }

  get #toGoOn(): number {
    return Math.ceil(this.#floor * resumeFactor);
  }

  /** What must be free besides the reserve for it to be made: else it would be needed at once. */
  get #toMake(): number {
    return Math.max(this.#toGoOn, this.#reserve);
  }

  #isReserveGivenUp(): boolean {
    return reserveSize(this.#parts.directory) === 0;
  }

  /** How much of the reserve is missing. */
  #missing(): number {
    return Math.max(0, this.#reserve - (reserveSize(this.#parts.directory) ?? 0));
  }

  /** So much was written: looks again when that may have made a difference. */
  wrote(bytes: number): void {
    // Once into the write-ahead log and once into the database.
    this.#writable -= 2 * bytes;
    if (this.#writable < 0) this.look();
  }

  /** Measures, stops or restarts publishers, and makes a part of a reserve that is missing. */
  look(): void {
    const nowMs = this.#parts.nowMs();
    this.dueAtMs = nowMs + lookMs.calm;
    const measured = this.#measured();
    if (measured === undefined) return;
    this.#free = measured.free;
    this.#writable = Math.max(writtenBytesMin, (this.#free - this.#floor) / 4);
    const missing = this.#missing();
    if (this.#level === "full") {
      if (missing === 0) this.#level = this.#free < this.#toGoOn ? "low" : "ample";
    } else if (this.#free < this.#reserve * fullShare) {
      this.#becomeFull();
    } else if (this.#isReserveGivenUp()) {
      // Another process met a full disk.
      this.#level = "full";
    } else if (this.#free < this.#floor) this.#level = "low";
    else if (this.#free >= this.#toGoOn) this.#level = "ample";
    if (missing > 0) this.#make(missing, nowMs);
    this.#tell();
  }

  /** A part of the reserve, where there is room for it and this process is to make it. */
  #make(missing: number, nowMs: number): void {
    const { directory, isMaker } = this.#parts;
    if (this.#free < missing + this.#toMake || nowMs < this.#makeAtMs || !isMaker()) return;
    try {
      growReserve(directory, this.#reserve);
      this.#retryMs = retryMs.first;
      this.dueAtMs = nowMs + lookMs.making;
    } catch (error) {
      // A quota, for instance, of which the file system says nothing; else the next try tells.
      if (isNoSpace(error) && this.#level === "full") releaseReserve(directory);
      this.#makeAtMs = nowMs + this.#retryMs;
      this.#retryMs = Math.min(this.#retryMs * 2, retryMs.most);
    }
  }

  /**
   * What to make of a failure: where the disk was full, everything that can wait is stopped and the
   * reserve is given up. Whether that gave space, so that the same may go well now.
   */
  met(error: unknown): boolean {
    if (!isFullFailure(error)) return false;
    this.#free = this.#measured()?.free ?? 0;
    const gave = this.#becomeFull();
    this.#tell();
    return gave;
  }

  /** Does something once more where the disk was full and the reserve gave some space. */
  withReserve<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      if (!this.met(error)) throw error;
      return action();
    }
  }

  #becomeFull(): boolean {
    this.#level = "full";
    return releaseReserve(this.#parts.directory);
  }

  /**
   * Whether a unit must wait for space. Only on a full disk: then nothing is appended, and state is
   * written while half of what the reserve gave is left; what only settles always goes on.
   */
  refuses({ appends, state }: Pick<EngineUnit, "appends" | "state">): boolean {
    if (this.#level !== "full") return false;
    return appends.length > 0 || (state !== undefined && this.#free < this.#reserve * stateShare);
  }

  #tell(): void {
    const { health } = this.#parts;
    if (this.#level === "ample") return health.clearSpace();
    health.reportSpace(this.shortage, this.#reserve * fullShare);
  }

  /** Undefined where the file system does not say, as on a disk that fails. */
  #measured(): Space | undefined {
    try {
      return this.#measure(this.#parts.directory);
    } catch {
      return undefined;
    }
  }
}
