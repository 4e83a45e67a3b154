// Gives free pages back to the file system (docs/adr/0008): SQLite moves the last pages of the file
// into free ones and cuts it, a few pages a transaction. Retention leaves free pages that appends
// use again; only where far more are free than that, the file is made smaller. Always true: a step
// is sized by what the last one took, so that no commit waits long for it; steps take a small share
// of the time, the smaller the busier publishers are, and none while the log is too long.
import { statSync } from "node:fs";
import type { Clock } from "../../../kernel/clock.ts";
import { walPath } from "./directory.ts";
import type { EngineOptions } from "./engine.ts";
import type { Health } from "./health.ts";
import type { Processes } from "./processes.ts";
import type { Writer } from "./writer.ts";

/** Giving back starts above this share of free pages, and ends below the other. */
const freeShare = { start: 0.25, end: 0.2 } as const;
/** Fewer free pages than this are left alone. */
export const freePagesMin = 256;
/** The same while the disk is short of space. */
const freePagesShort = 16;
/** How long one step should take, without its commit. */
const stepMsTarget = 2;
/**
 * Pages of a first step, and of any: 4 MiB of the write-ahead log if all have to be moved. While
 * the disk is short of space no step is larger than the first: the log may have no room to grow.
 */
const pagesAtOnce = { first: 32, max: 256 } as const;
/**
 * Share of the time that steps take: with nobody else at work, beside publishers, and when they are
 * at work most of the time. Not none at all: on a slow disk a few commits a second are that, and
 * space would never come back.
 */
const timeShare = { idle: 0.25, shared: 0.1, busy: 0.04 } as const;
/** Above this share of the time, requests count as work beside which steps are fewer. */
const sharedFrom = 0.02;
/** Above this share publishers are busy. */
const busyFrom = 0.5;
/** How often the counts are looked at while there is nothing to give back, or the log is long. */
const lookMs = { calm: 1_000, held: 50 } as const;
/** What a commit of another process counts for, whose duration nobody here knows. */
const foreignCommitMs = 1;
/** Above this share of walBytesMax steps wait until what they wrote was copied. */
const walShareMax = 0.25;

/** See the head of this file. */
export class GiveBack {
  readonly #options: EngineOptions;
  readonly #health: Health;
  readonly #processes: Processes;
  readonly #writer: Writer;
  readonly #clock: Clock;
  #pages: number = pagesAtOnce.first;
  #isGiving = false;
  #dueAtMs: number;
  #workedMs = 0;
  #since: { readonly atMs: number; readonly commits: number; readonly ownCommits: number };

  constructor(parts: {
    readonly options: EngineOptions;
    readonly health: Health;
    readonly processes: Processes;
    readonly writer: Writer;
    readonly clock: Clock;
  }) {
    this.#options = parts.options;
    this.#health = parts.health;
    this.#processes = parts.processes;
    this.#writer = parts.writer;
    this.#clock = parts.clock;
    this.#since = this.#now();
    this.#dueAtMs = this.#since.atMs + lookMs.calm;
  }

  #now(): { readonly atMs: number; readonly commits: number; readonly ownCommits: number } {
    return {
      atMs: this.#clock.monotonicMs(),
      commits: Number(this.#writer.meta("commit")),
      ownCommits: this.#writer.commits,
    };
  }

  /** When step() wants to be called again, on the monotonic clock. */
  get dueAtMs(): number {
    return this.#dueAtMs;
  }

  /** A request took so long: what others wait for comes first. */
  worked(durationMs: number): void {
    this.#workedMs += durationMs;
  }

  /** One step, if there is anything to give back and room to do it. */
  step(): void {
    const startedAtMs = this.#clock.monotonicMs();
    this.#dueAtMs = startedAtMs + lookMs.calm;
    // One process is enough; another one becomes the eldest when this one ends.
    if (!this.#shouldGive() || !this.#processes.isEldest()) return;
    const busyShare = this.#busyShare();
    this.#dueAtMs = startedAtMs + lookMs.held;
    if (this.#isLogLong()) return;
    const workMs = this.#writer.transaction("giving pages back", () => this.#vacuum());
    const nowMs = this.#clock.monotonicMs();
    const { idle, shared, busy } = timeShare;
    const share = busyShare > busyFrom ? busy : busyShare > sharedFrom ? shared : idle;
    this.#dueAtMs = nowMs + Math.max(1, (nowMs - startedAtMs) * (1 / share - 1));
    const fitting = Math.floor((this.#pages * stepMsTarget) / Math.max(workMs, 0.01));
    const { first, max } = pagesAtOnce;
    const most = this.#health.isShortOfSpace ? first : max;
    this.#pages = Math.max(1, Math.min(fitting, this.#pages * 2, most));
  }

  /** Frees the last pages of the file; the milliseconds it took. */
  #vacuum(): number {
    const startedAtMs = this.#clock.monotonicMs();
    // A prepared statement would free one page only.
    this.#writer.connection.exec(`PRAGMA incremental_vacuum(${this.#pages})`);
    return this.#clock.monotonicMs() - startedAtMs;
  }

  #shouldGive(): boolean {
    const free = this.#pragma("freelist_count");
    const share = free / Math.max(1, this.#pragma("page_count"));
    // Nobody appends meanwhile who could use these pages; everybody waits for them.
    if (this.#health.isShortOfSpace) return (this.#isGiving = free >= freePagesShort);
    this.#isGiving =
      free >= freePagesMin && share > (this.#isGiving ? freeShare.end : freeShare.start);
    return this.#isGiving;
  }

  /** Share of the time since the last call that requests took, of all processes. */
  #busyShare(): number {
    const now = this.#now();
    const { atMs, commits, ownCommits } = this.#since;
    const foreign = now.commits - commits - (now.ownCommits - ownCommits);
    const busyMs = this.#workedMs + foreign * foreignCommitMs;
    this.#workedMs = 0;
    this.#since = now;
    return busyMs / Math.max(1, now.atMs - atMs);
  }

  /** Whether pages that were moved wait in the write-ahead log for a reader or the disk. */
  #isLogLong(): boolean {
    const { directory, walBytesMax } = this.#options;
    const bytesMax = walBytesMax * walShareMax;
    const bytes = statSync(walPath(directory), { throwIfNoEntry: false })?.size ?? 0;
    if (bytes <= bytesMax) return false;
    // The file keeps its size after it was copied; SQLite knows how much of it still counts.
    const state = this.#writer.one<{ log: number; checkpointed: number }>(
      "PRAGMA wal_checkpoint(PASSIVE)",
    );
    const waiting = (state?.log ?? 0) - (state?.checkpointed ?? 0);
    return waiting * this.#pragma("page_size") > bytesMax;
  }

  #pragma(name: "freelist_count" | "page_count" | "page_size"): number {
    return Object.values(this.#writer.one<Record<string, number>>(`PRAGMA ${name}`) ?? {})[0] ?? 0;
  }
}
