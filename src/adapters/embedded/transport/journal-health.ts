// How the journal feels, as the engine last said, and who waits until it takes messages again.
// Always true: while the journal is interrupted everybody waits; after it failed for good, or was
// closed, the status stays "failed" and nobody waits any more.
import { ClosedError, type SpillwayError } from "../../../errors/spillway-error.ts";
import type { Clock } from "../../../kernel/clock.ts";
import type { TransportHealth } from "../../../ports/transport.ts";
import type { EngineNotice } from "../journal/engine.ts";
import { type SpaceShortage, spaceError } from "../journal/space-shortage.ts";

type HealthNotice = Extract<EngineNotice, { readonly kind: "health" }>;

/** How long space is waited for, on which clock. */
export interface Patience {
  readonly clock: Clock;
  readonly spaceWaitMs: number;
}

const well: TransportHealth = Object.freeze({ status: "ok", reasons: [] });

/** The health of one journal. */
export class JournalHealth {
  /** What the engine of now said last. */
  #told: TransportHealth = well;
  #appendsStopped = false;
  /** Why publishers wait for space, where they do. */
  #space: SpaceShortage | undefined;
  #interruption: TransportHealth | undefined;
  #failure: SpillwayError | undefined;
  readonly #waiting = new Set<() => void>();

  /** The health as of now. */
  get now(): TransportHealth {
    const failure = this.#failure;
    if (failure !== undefined) return { status: "failed", reasons: [failure.message] };
    return this.#interruption ?? this.#told;
  }

  /** What ended the journal for good, if something did. */
  get failure(): SpillwayError | undefined {
    return this.#failure;
  }

  /** Whether ready() would resolve at once. */
  get isReady(): boolean {
    return !this.#appendsStopped && this.#interruption === undefined && !this.#failure;
  }

  /** A notice of the engine. */
  told({ status, reasons, appendsStopped, space }: HealthNotice): void {
    this.#told = { status, reasons };
    this.#space = space;
    this.#appendsStopped = appendsStopped;
    this.#wake();
  }

  /** The journal closed itself and is being opened again. */
  interrupted(error: SpillwayError): void {
    const reason = `${error.message}; trying to open the journal again, publishers wait`;
    this.#interruption = { status: "failed", reasons: [reason] };
    this.#told = well;
    this.#appendsStopped = false;
    this.#space = undefined;
    this.#wake();
  }

  /** The journal is open again. */
  resumed(): void {
    this.#interruption = undefined;
    this.#wake();
  }

  /** The journal ended for good. */
  failed(error: SpillwayError): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** The journal was closed. */
  closed(directory: string): void {
    this.failed(new ClosedError(`the journal in ${directory} is closed`));
  }

  /** Throws what ended the journal, if something did. */
  assertAlive(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Resolves once messages are taken; rejects when that will not happen, when `signal` aborts, or
   * when the disk has been short of space for as long as the patience says.
   */
  async ready(signal?: AbortSignal, patience?: Patience): Promise<void> {
    let deadlineMs: number | undefined;
    for (;;) {
      this.assertAlive();
      signal?.throwIfAborted();
      if (this.isReady) return;
      const space = this.#space;
      if (space === undefined || patience === undefined) {
        deadlineMs = undefined;
        await this.change(signal);
        continue;
      }
      const { clock, spaceWaitMs } = patience;
      const nowMs = clock.monotonicMs();
      deadlineMs ??= nowMs + spaceWaitMs;
      if (nowMs >= deadlineMs) throw spaceError(`not stored within ${spaceWaitMs} ms`, space);
      await this.#changeWithin(clock, deadlineMs - nowMs, signal);
    }
  }

  async #changeWithin(clock: Clock, waitMs: number, signal?: AbortSignal): Promise<void> {
    const over = new AbortController();
    const cancel = clock.after(waitMs, () => over.abort());
    const signals = signal === undefined ? [over.signal] : [over.signal, signal];
    try {
      await this.change(AbortSignal.any(signals));
    } finally {
      cancel();
    }
  }

  /** Resolves when anything of this changed, or `signal` aborts. */
  change(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      this.#waiting.add(done);
      signal?.addEventListener("abort", done, { once: true });
    });
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }
}
