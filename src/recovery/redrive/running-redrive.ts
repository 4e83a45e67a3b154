// A redrive that this process works on: its report, its end, and how to stop it. Always true: its
// consumer is closed when it ended, whatever ended it; what it moved is noted, so that anybody can
// go on.
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { JobStore } from "./job-store.ts";
import { type RedriveReport, reportOf } from "./redrive-job.ts";
import { cancelled, RedriveRunner, type RunnerParts, type RunnerStart } from "./redrive-runner.ts";

/** A redrive that this process works on. */
export interface Redrive {
  readonly id: string;
  /** How far it came. */
  readonly report: RedriveReport;
  /**
   * Resolves when it finished, stopped, was paused or cancelled: `state` says which. Rejects where
   * it could not go on; then it can be resumed.
   */
  readonly finished: Promise<RedriveReport>;
  /** Moves nothing more; it can be resumed, also by another process. */
  pause(): Promise<RedriveReport>;
  /** Ends it for good; what was moved stays moved. */
  cancel(): Promise<RedriveReport>;
}

/** Who watches a redrive. */
export interface RedriveWatcher {
  readonly onProgress?: ((report: RedriveReport) => void) | undefined;
  /** Pauses it when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/** See the head of this file. */
export class RunningRedrive implements Redrive {
  readonly id: string;
  readonly finished: Promise<RedriveReport>;
  readonly #stop = new AbortController();
  readonly #runner: RedriveRunner;
  readonly #store: JobStore;

  constructor(
    parts: Omit<RunnerParts, "onChange">,
    start: RunnerStart,
    { onProgress, signal }: RedriveWatcher,
  ) {
    this.id = start.job.id;
    this.#store = parts.store;
    const onChange: RunnerParts["onChange"] = (job) => onProgress?.(reportOf(job));
    this.#runner = new RedriveRunner({ ...parts, onChange }, start);
    const onAbort = (): void => this.#stop.abort();
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    this.finished = this.#run().finally(() => signal?.removeEventListener("abort", onAbort));
    // Nobody has to wait for it.
    this.finished.catch(() => undefined);
  }

  get report(): RedriveReport {
    return reportOf(this.#runner.job);
  }

  pause(): Promise<RedriveReport> {
    this.#stop.abort();
    return this.finished;
  }

  cancel(): Promise<RedriveReport> {
    this.#stop.abort(cancelled);
    return this.finished;
  }

  async #run(): Promise<RedriveReport> {
    try {
      await this.#runner.run(this.#stop.signal);
      return this.report;
    } catch (error) {
      const { job } = await this.#store.read(this.id).catch(() => ({ job: undefined }));
      // Somebody else ended it: that is an end like any other.
      const isOver = job?.state === "cancelled" && isTakenOver(error);
      if (isOver) return reportOf(job);
      throw error;
    } finally {
      // Where the transport is gone there is nothing left to leave.
      await this.#store.close().catch(() => undefined);
    }
  }
}

function isTakenOver(error: unknown): boolean {
  return error instanceof SpillwayError && error.code === "REDRIVE_TAKEN_OVER";
}
