// A consumer whose connection ends at times, and which is slow at times. Passes everything else on.
// Always true: once it has ended, every call rejects, as the port says; the inner consumer is
// closed, so that what it had is delivered to whoever joins.
import type { Priority } from "../../message/envelope.ts";
import type { CommitResult, CommitUnit } from "../../ports/commit-unit.ts";
import type { DeliveryBatch } from "../../ports/delivery-batch.ts";
import type { Consumer } from "../../ports/transport.ts";
import { type FaultSource, interrupted } from "./fault-source.ts";

/** See the head of this file. */
export class FaultyConsumer implements Consumer {
  readonly #inner: Consumer;
  readonly #source: FaultSource;
  readonly #over = new AbortController();
  #ending: Promise<void> | undefined;

  constructor(inner: Consumer, source: FaultSource) {
    this.#inner = inner;
    this.#source = source;
  }

  get ownershipVersion(): number | undefined {
    return this.#ending === undefined ? this.#inner.ownershipVersion : undefined;
  }

  async next(
    messagesMax: number,
    signal: AbortSignal,
    first?: Priority,
  ): Promise<DeliveryBatch | undefined> {
    this.#assertAlive();
    if (this.#source.next("fetch") !== undefined) await this.#source.delay();
    this.#assertAlive();
    const either = AbortSignal.any([signal, this.#over.signal]);
    const batch = await this.#inner.next(messagesMax, either, first);
    if (!signal.aborted) this.#assertAlive();
    return batch;
  }

  owns(batch: DeliveryBatch, record: number): boolean {
    return this.#ending === undefined && this.#inner.owns(batch, record);
  }

  release(batch: DeliveryBatch, record: number): void {
    if (this.#ending === undefined) this.#inner.release(batch, record);
  }

  async reload(...of: Parameters<Consumer["reload"]>): Promise<readonly DeliveryBatch[]> {
    this.#assertAlive();
    return this.#inner.reload(...of);
  }

  async commit(unit: CommitUnit): Promise<CommitResult> {
    this.#assertAlive();
    const fault = this.#source.next("commit");
    if (fault === undefined) return this.#inner.commit(unit);
    if (fault === "commit-unanswered") await this.#inner.commit(unit);
    await this.#end();
    throw interrupted("the connection ended while a unit was settled", "indefinite");
  }

  resume(): void {
    if (this.#ending === undefined) this.#inner.resume();
  }

  close(): Promise<void> {
    return this.#ending ?? this.#inner.close();
  }

  #end(): Promise<void> {
    this.#over.abort();
    return (this.#ending ??= this.#inner.close());
  }

  #assertAlive(): void {
    if (this.#ending !== undefined) throw interrupted("the connection has ended", "definite");
  }
}
