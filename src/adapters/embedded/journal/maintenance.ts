// What an open journal does by itself: beats, observes the others, takes over, moves due timers,
// looks for other processes' commits, deletes old messages, gives space back, watches the
// write-ahead log. Each step has its own interval on the monotonic clock. Always true: a step that
// fails is reported and tried again, and stops no other one.
import { copyMs } from "./cursor-copies.ts";
import type { Journal } from "./journal.ts";
import { assembleBatch, damaged } from "./format.ts";
import { compressedFor } from "./append.ts";
import { GiveBack } from "./give-back.ts";
import { isFullFailure } from "./sqlite-errors.ts";
import { WalWatch, walRetryMs } from "./wal-watch.ts";

/** Longest time between two looks at other processes' commits. */
export const pollMsMax = 200;
/** A group counts as living this often while it has members. */
const seenIntervalMs = 3_600_000;
/** How often old messages are looked for. */
const retentionMs = 1_000;
/** The same while there is something to delete: others get a turn in between. */
const retentionBusyMs = 20;

/** See the head of this file. */
export class Maintenance {
  readonly #journal: Journal;
  readonly #beatMs: number;
  readonly #pollMs: number;
  readonly #wal: WalWatch;
  readonly #giveBack: GiveBack;
  #beatAtMs: number;
  #pollAtMs: number;
  #retentionAtMs: number;
  #seenAtMs: number;
  #copyAtMs: number;
  #progress: number;
  #progressAtMs: number;
  #failed = false;

  constructor(journal: Journal) {
    this.#journal = journal;
    const { options, health, processes, writer } = journal;
    const { leaseMs } = options;
    const { clock } = journal.environment;
    this.#wal = new WalWatch({ options, health, writer, clock });
    this.#giveBack = new GiveBack({ options, health, processes, writer, clock });
    const nowMs = clock.monotonicMs();
    this.#beatMs = leaseMs / 3;
    this.#pollMs = Math.min(pollMsMax, leaseMs / 6);
    this.#beatAtMs = nowMs + this.#beatMs;
    this.#pollAtMs = nowMs;
    this.#retentionAtMs = nowMs + retentionMs;
    this.#seenAtMs = nowMs + seenIntervalMs;
    this.#copyAtMs = nowMs + copyMs;
    this.#progress = journal.environment.progress();
    this.#progressAtMs = nowMs;
  }

  /** The next tick() looks at other processes' commits, whenever it was due. */
  rung(): void {
    this.#pollAtMs = this.#journal.environment.clock.monotonicMs();
  }

  /** Does what is due; returns the milliseconds until something is due again. */
  tick(): number {
    const journal = this.#journal;
    const { clock } = journal.environment;
    const nowMs = clock.monotonicMs();
    if (journal.writer.failure !== undefined) return pollMsMax;
    this.#failed = false;
    this.#watchWal();
    if (nowMs >= this.#beatAtMs) {
      this.#beatAtMs = nowMs + this.#beatMs;
      this.#attempt(() => this.#beat(nowMs));
    }
    if (nowMs >= this.#pollAtMs) {
      this.#pollAtMs = nowMs + this.#pollMs;
      this.#attempt(() => this.#lookForFiles());
      this.#attempt(() => this.#lookAtCommits());
      this.#attempt(() => journal.payOwed());
      this.#attempt(() => journal.reviewIfChanged());
      this.#attempt(() => this.#lookForDead());
    }
    if (!journal.health.appendsStopped) this.#attempt(() => this.#fireTimers());
    if (nowMs >= this.#retentionAtMs) {
      this.#retentionAtMs = nowMs + retentionMs;
      this.#attempt(() => {
        const isBusy = journal.retention.step();
        const isRemoving = journal.removals.step();
        if (isRemoving) journal.timers.forget();
        if (isRemoving || isBusy) this.#retentionAtMs = nowMs + retentionBusyMs;
      });
    }
    if (journal.limits.isLookDue) this.#attempt(() => journal.limits.look());
    if (nowMs >= journal.space.dueAtMs) this.#attempt(() => journal.space.look());
    if (nowMs >= journal.expiry.dueAtMs) this.#attempt(() => journal.expiry.step());
    if (nowMs >= this.#giveBack.dueAtMs) this.#attempt(() => this.#giveBack.step());
    if (!this.#failed) journal.health.clear("busy");
    return this.waitMs();
  }

  /** Milliseconds until tick() has something to do. */
  waitMs(): number {
    const { environment, expiry, health, limits, space } = this.#journal;
    if (limits.isLookDue && !this.#failed) return 0;
    const nowMs = environment.clock.monotonicMs();
    const ownAtMs = Math.min(this.#beatAtMs, this.#pollAtMs, this.#retentionAtMs, space.dueAtMs);
    const waits = [Math.min(ownAtMs, this.#giveBack.dueAtMs, expiry.dueAtMs) - nowMs];
    if (health.isLogTooLong) waits.push(walRetryMs);
    // Delayed messages are appends too: they wait with the publishers.
    const idle = this.#failed || health.appendsStopped;
    const dueAtMs = idle ? undefined : this.#nextTimerAtMs();
    if (dueAtMs !== undefined) waits.push(dueAtMs - environment.clock.wallMs());
    return Math.max(0, Math.min(...waits));
  }

  /** After each commit of units: looks at the write-ahead log; counts the time for give-back. */
  committed(durationMs: number): void {
    this.#giveBack.worked(durationMs);
    this.#watchWal();
  }

  #watchWal(): void {
    this.#attempt(() => this.#wal.look());
  }

  #beat(nowMs: number): void {
    const journal = this.#journal;
    const { copies, environment, groups, members, options, processes, writer } = journal;
    const progress = environment.progress();
    if (progress !== this.#progress) {
      this.#progress = progress;
      this.#progressAtMs = nowMs;
    }
    // Main hangs: whoever waits for its work gets it.
    if (nowMs - this.#progressAtMs >= options.maxBlockedMs) return;
    const back = writer.transaction("beating", () => {
      if (nowMs >= this.#copyAtMs) {
        copies.refresh();
        this.#copyAtMs = nowMs + copyMs;
      }
      if (nowMs >= this.#seenAtMs) {
        groups.seen(members.localGroups(), environment.clock.wallMs());
        this.#seenAtMs = nowMs + seenIntervalMs;
      }
      return !processes.beat() && journal.comeBack();
    });
    if (!back) return;
    members.loseAll();
    journal.reviewIfChanged();
  }

  /** What is written into files that were deleted or replaced is lost with this process. */
  #lookForFiles(): void {
    const { files, writer } = this.#journal;
    const wrong = files.look();
    if (wrong !== undefined) throw writer.fail("looking for the journal's files", new Error(wrong));
  }

  #lookAtCommits(): void {
    const { catalog, ends, limits, removals, timers, writer } = this.#journal;
    if (!writer.othersCommitted()) return;
    catalog.forget();
    timers.forget();
    limits.foreignCommitted();
    removals.tellIfChanged();
    ends.lookAtAll();
  }

  #lookForDead(): void {
    const dead = this.#journal.processes.observe();
    if (dead.length === 0) return;
    this.#takeOver(dead);
    this.#journal.reviewIfChanged();
  }

  #takeOver(dead: ReturnType<Journal["processes"]["observe"]>): void {
    const { members, processes, writer } = this.#journal;
    writer.transaction("removing dead processes", () => {
      for (const process of dead) {
        if (processes.remove(process)) members.removeProcess(process.id);
      }
    });
  }

  #nextTimerAtMs(): number | undefined {
    const { timers, writer } = this.#journal;
    let dueAtMs: number | undefined;
    if (writer.failure === undefined) this.#attempt(() => (dueAtMs = timers.nextDueAtMs()));
    return dueAtMs;
  }

  #fireTimers(): void {
    const { appender, catalog, ends, environment, timers, writer } = this.#journal;
    const wallMs = environment.clock.wallMs();
    const dueAtMs = timers.nextDueAtMs();
    if (dueAtMs === undefined || dueAtMs > wallMs) return;
    writer.transaction("moving delayed messages", () => {
      const channels = new Map(catalog.channels().map((channel) => [channel.id, channel]));
      for (const { channel: id, lane, records, given } of timers.takeDue(wallMs)) {
        const channel = channels.get(id);
        if (channel === undefined) throw damaged(`a timer names channel ${id}, which is not there`);
        const blob = compressedFor(channel, assembleBatch(records));
        appender.store(catalog.head(channel, lane), blob, records.length, given, wallMs);
      }
    });
    ends.tell(catalog.moved);
  }

  /** A failure is for the health notice; the step runs again at its next turn. */
  #attempt(step: () => void): void {
    const { health, space, writer } = this.#journal;
    try {
      step();
    } catch (error) {
      const failure = writer.failed("the journal's own work", error);
      this.#failed = true;
      // With what the reserve gives the step's next turn goes well.
      if (isFullFailure(failure)) return void space.met(failure);
      if (writer.failure !== undefined) health.report("io", failure.message);
      else if (failure.code === "JOURNAL_BUSY") health.report("busy", failure.message);
      else health.report("damage", failure.message);
    }
  }
}
