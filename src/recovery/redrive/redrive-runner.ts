// One redrive at work: batch after batch, each judged before the next. Always true: a letter is
// moved in the unit that notes it and writes the job's row; when the row was written by somebody
// else, nothing more is moved; between two calls of this file everything that counts is stored.
import { encodeNote, type RedriveNote } from "../../delivery/redrive-note.ts";
import { OutgoingPacker } from "../../delivery/outgoing-packer.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { type Clock, delay } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import type { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { StateVersion } from "../../ports/state-store.ts";
import type { LetterBox } from "../dead-letters/letter-box.ts";
import { batchBytesMax, batchSize, batchSpanMs, hasFailed } from "./batch-schedule.ts";
import type { JobStore } from "./job-store.ts";
import { OutcomeWatch } from "./outcome-watch.ts";
import { CopyPacker, readLetters } from "./redrive-copy.ts";
import {
  failureShareMaxDefault,
  type RedriveCounts,
  type RedriveJob,
  type RedriveState,
} from "./redrive-job.ts";
import type { PlannedLetter } from "./redrive-plan.ts";

/** How often a redrive that waits looks whether it was cancelled elsewhere. */
export const lookAgainMs = 1_000;

/** The reason of a signal that ends a redrive for good; any other reason pauses it. */
export const cancelled = Symbol("cancelled");

/** What a runner works with. */
export interface RunnerParts {
  readonly box: LetterBox;
  readonly store: JobStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Called after every change. */
  readonly onChange: (job: RedriveJob) => void;
}

/** Where a runner starts. */
export interface RunnerStart {
  readonly job: RedriveJob;
  readonly version: StateVersion;
  readonly letters: readonly PlannedLetter[];
  /** Letters of this job whose outcome is not known yet, with their sequences. */
  readonly underWay: ReadonlyMap<number, string | undefined>;
  /** Sequences of which a letter failed again. */
  readonly failed: ReadonlySet<string>;
  /** The first note that was not read. */
  readonly notesEnd: number;
}

interface Batch {
  readonly moved: readonly PlannedLetter[];
  readonly notes: readonly RedriveNote[];
}

/** See the head of this file. */
export class RedriveRunner {
  job: RedriveJob;
  readonly #parts: RunnerParts;
  readonly #letters: readonly PlannedLetter[];
  readonly #sequences: Map<number, string | undefined>;
  readonly #failed: Set<string>;
  readonly #watch: OutcomeWatch;
  readonly #notesEnd: number;
  #version: StateVersion;
  #at = 0;
  #resolvedOfBatch = 0;
  #failedOfBatch = 0;

  constructor(parts: RunnerParts, start: RunnerStart) {
    this.#parts = parts;
    this.job = start.job;
    this.#version = start.version;
    this.#letters = start.letters;
    this.#sequences = new Map(start.underWay);
    this.#failed = new Set(start.failed);
    this.#notesEnd = start.notesEnd;
    this.#watch = new OutcomeWatch((letter, outcome) => {
      const sequence = this.#sequences.get(letter);
      this.#sequences.delete(letter);
      if (outcome === "resolved") this.#resolvedOfBatch++;
      if (outcome === "failed") this.#failedOfBatch++;
      if (outcome !== "resolved" && sequence !== undefined) this.#failed.add(sequence);
      this.job = counted(this.job, { [outcome]: 1 });
      parts.onChange(this.job);
    });
    this.#watch.expect(start.underWay.keys());
  }

  /** Works until the plan is done, too much failed, or `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { box } = this.#parts;
    this.#watch.follow(box.transport, box.notes, this.job.id, this.#notesEnd);
    try {
      await this.#run(signal);
    } finally {
      this.#watch.close();
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let index = 0; ; ) {
      if (!(await this.#outcomes(signal))) {
        const isCancelled = signal.reason === cancelled;
        return this.#end(isCancelled ? "cancelled" : "paused", "it was asked to stop");
      }
      const { failureShareMax = failureShareMaxDefault } = this.job.rules;
      if (hasFailed(this.#failedOfBatch, this.#resolvedOfBatch, failureShareMax)) {
        const count = this.#failedOfBatch + this.#resolvedOfBatch;
        return this.#end("stopped", `${this.#failedOfBatch} of ${count} in a batch failed again`);
      }
      if (this.#at === this.#letters.length) return this.#end("finished", undefined);
      const startedMs = this.#parts.clock.monotonicMs();
      const moved = await this.#move(batchSize(index, this.job.rules.ratePerSecond));
      if (moved > 0) index++;
      await this.#pace(startedMs, moved, signal);
    }
  }

  /** Waits for the outcomes of the last batch; false: it was asked to stop meanwhile. */
  async #outcomes(signal: AbortSignal): Promise<boolean> {
    const settled = this.#watch.settled();
    settled.catch(() => undefined);
    while (!signal.aborted && this.#watch.size > 0) {
      const waiting = new AbortController();
      const both = AbortSignal.any([signal, waiting.signal]);
      const pause = delay(this.#parts.clock, lookAgainMs, both).catch(() => undefined);
      await Promise.race([settled, pause]).finally(() => waiting.abort());
      if (this.#watch.size > 0) await this.#assertOurs();
    }
    if (this.#watch.size === 0) await settled;
    return !signal.aborted;
  }

  async #assertOurs(): Promise<void> {
    const { job } = await this.#parts.store.read(this.job.id);
    if (job?.runner === this.job.runner && job.state === "running") return;
    if (job !== undefined) this.job = job;
    throw new SpillwayError(
      "REDRIVE_TAKEN_OVER",
      `redrive ${this.job.id} of '${this.job.letters}' is ${job?.state ?? "gone"}: it was ` +
        "resumed or cancelled elsewhere",
      { details: { redrive: this.job.id, letters: this.job.letters } },
    );
  }

  /** Moves the next letters, at most `size`; how many. */
  async #move(size: number): Promise<number> {
    const { moved, notes } = this.#next(size);
    const publishes = await this.#publishes(moved, notes);
    const skipped = notes.length - moved.length;
    const isElsewhere = this.job.rules.to !== undefined;
    this.#resolvedOfBatch = 0;
    this.#failedOfBatch = 0;
    // Before the commit: an outcome may be noted before the commit is told here.
    if (!isElsewhere) {
      for (const { offset, sequence } of moved) this.#sequences.set(offset, sequence);
      this.#watch.expect(moved.map(({ offset }) => offset));
    }
    const resolved = isElsewhere ? moved.length : 0;
    await this.#write({}, { redriven: moved.length, resolved, skipped }, publishes);
    return moved.length;
  }

  /** Chooses the next letters and says what becomes of each. */
  #next(size: number): Batch {
    const moved: PlannedLetter[] = [];
    const notes: RedriveNote[] = [];
    const nowMs = Math.trunc(this.#parts.clock.wallMs());
    const { id: job, rules } = this.job;
    let bytes = 0;
    while (this.#at < this.#letters.length && notes.length < size) {
      const letter = this.#letters[this.#at] as PlannedLetter;
      if (moved.length > 0 && bytes + letter.bytes > batchBytesMax) break;
      this.#at++;
      const reason = this.#reasonToSkip(letter, nowMs);
      const note = { letter: letter.offset, job, atMs: nowMs };
      if (reason !== undefined) {
        notes.push({ kind: "skipped", ...note, reason });
        continue;
      }
      bytes += letter.bytes;
      moved.push(letter);
      notes.push({
        kind: rules.to === undefined ? "redriven" : "resolved",
        ...note,
        ...this.#facts(letter),
      });
    }
    return { moved, notes };
  }

  #reasonToSkip(letter: PlannedLetter, nowMs: number): string | undefined {
    const { sequence, expiresAtMs, horizonMs } = letter;
    if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return "its time had passed";
    if (sequence !== undefined && this.#failed.has(sequence)) {
      return "an earlier letter of its key was not handled";
    }
    if (this.job.rules.allowRepeat === true || horizonMs === undefined) return undefined;
    return horizonMs < nowMs ? "it is older than repeats are remembered" : undefined;
  }

  #facts({ offset, horizonMs }: PlannedLetter): Partial<RedriveNote> {
    const { rules, edit } = this.job;
    const isLate = horizonMs !== undefined && horizonMs < this.#parts.clock.wallMs();
    const { author = "", reason, data = "" } = edit ?? {};
    return {
      ...(rules.to !== undefined && { to: rules.to }),
      ...(isLate && { allowRepeat: true as const }),
      ...(edit?.letter === offset && {
        edit: { author, data, ...(reason !== undefined && { reason }) },
      }),
    };
  }

  async #publishes(
    moved: readonly PlannedLetter[],
    notes: readonly RedriveNote[],
  ): Promise<OutgoingBatch[]> {
    const { box, random } = this.#parts;
    const places = await readLetters(
      box,
      moved.map(({ offset }) => offset),
    );
    const copies = new CopyPacker(box, this.job, random);
    for (const letter of moved) {
      const place = places.get(letter.offset);
      if (place !== undefined) copies.add(place, letter);
    }
    const packer = new OutgoingPacker(random);
    for (const note of notes) packer.add(encodeNote(box.letters, note));
    return [...copies.batches, ...packer.batches];
  }

  /** Waits until the rate allows the next batch. */
  async #pace(startedMs: number, count: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const endMs = startedMs + batchSpanMs(count, this.job.rules.ratePerSecond);
    const waitMs = endMs - clock.monotonicMs();
    if (waitMs > 0) await delay(clock, waitMs, signal).catch(() => undefined);
  }

  #end(state: RedriveState, stopReason: string | undefined): Promise<void> {
    return this.#write({ state, stopReason }, {}, []);
  }

  async #write(
    change: Partial<Pick<RedriveJob, "state" | "stopReason">>,
    more: Partial<RedriveCounts>,
    publishes: readonly OutgoingBatch[],
  ): Promise<void> {
    const updatedAtMs = Math.trunc(this.#parts.clock.wallMs());
    // The note of an edit stays; a row that nobody goes on with need not hold its data, too.
    const isOver = change.state === "finished" || change.state === "cancelled";
    const edit = isOver ? undefined : this.job.edit;
    const changed = (): RedriveJob => counted({ ...this.job, ...change, updatedAtMs, edit }, more);
    this.#version = await this.#parts.store.write(changed(), this.#version, publishes);
    // Outcomes may have been counted while it was written: the row gets them with the next batch.
    this.job = changed();
    this.#parts.onChange(this.job);
  }
}

/** The job with higher counts. */
function counted(job: RedriveJob, more: Partial<RedriveCounts>): RedriveJob {
  return {
    ...job,
    redriven: job.redriven + (more.redriven ?? 0),
    resolved: job.resolved + (more.resolved ?? 0),
    failed: job.failed + (more.failed ?? 0),
    skipped: job.skipped + (more.skipped ?? 0),
  };
}
