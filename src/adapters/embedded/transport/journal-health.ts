// How the journal feels, as the engine last said, and who waits until it takes messages again.
// Always true: after a failure or close the status stays "failed", and nobody waits any more.
import { ClosedError, type SpillwayError } from "../../../errors/spillway-error.ts";
import type { TransportHealth } from "../../../ports/transport.ts";
import type { EngineNotice } from "../journal/engine.ts";

type HealthNotice = Extract<EngineNotice, { readonly kind: "health" }>;

/** The health of one journal. */
export class JournalHealth {
  #now: TransportHealth = { status: "ok", reasons: [] };
  #appendsStopped = false;
  #failure: SpillwayError | undefined;
  readonly #waiting = new Set<() => void>();

  /** The health as of now. */
  get now(): TransportHealth {
    return this.#now;
  }

  /** What ended the journal, if something did. */
  get failure(): SpillwayError | undefined {
    return this.#failure;
  }

  /** Whether messages are taken now. */
  get isReady(): boolean {
    return this.#failure === undefined && !this.#appendsStopped;
  }

  /** A notice of the engine. */
  told({ status, reasons, appendsStopped }: HealthNotice): void {
    if (this.#failure !== undefined) return;
    this.#now = { status, reasons };
    this.#appendsStopped = appendsStopped;
    this.#wake();
  }

  /** The journal ended by itself. */
  failed(error: SpillwayError): void {
    this.#failure ??= error;
    this.#now = { status: "failed", reasons: [error.message] };
    this.#wake();
  }

  /** The journal was closed. */
  closed(): void {
    this.failed(new ClosedError("the journal is closed"));
  }

  /** Throws what ended the journal, if something did. */
  assertAlive(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves once messages are taken; rejects when that will not happen, or `signal` aborts. */
  async ready(signal?: AbortSignal): Promise<void> {
    for (;;) {
      this.assertAlive();
      signal?.throwIfAborted();
      if (!this.#appendsStopped) return;
      await this.#change(signal);
    }
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
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
