// A consumer that reports its commits, so that bus.messages() can say when a settlement is durable,
// or that it never will be. Adds nothing else: every call goes to the consumer behind it.
import type { Priority } from "../message/envelope.ts";
import type { CommitResult, CommitUnit } from "../ports/commit-unit.ts";
import type { DeliveryBatch } from "../ports/delivery-batch.ts";
import type { Consumer } from "../ports/transport.ts";

/** Who is told what becomes of the units of one consumer. */
export interface CommitObserver {
  /** The transport answered. */
  answered(unit: CommitUnit, result: CommitResult): void;
  /** The commit was rejected: nobody may know whether it took effect. */
  failed(unit: CommitUnit, error: unknown): void;
  /** Whatever was settled and is not committed is void: it is delivered again. */
  restarted(): void;
}

/** Passes everything on, and tells the observer. */
export class ObservedConsumer implements Consumer {
  readonly #inner: Consumer;
  readonly #observer: CommitObserver;

  constructor(inner: Consumer, observer: CommitObserver) {
    this.#inner = inner;
    this.#observer = observer;
  }

  next(
    messagesMax: number,
    signal: AbortSignal,
    first?: Priority,
  ): Promise<DeliveryBatch | undefined> {
    return this.#inner.next(messagesMax, signal, first);
  }

  owns(batch: DeliveryBatch, record: number): boolean {
    return this.#inner.owns(batch, record);
  }

  get ownershipVersion(): number | undefined {
    return this.#inner.ownershipVersion;
  }

  release(batch: DeliveryBatch, record: number): void {
    this.#inner.release(batch, record);
  }

  reload(priority: Priority, offsets: readonly number[]): Promise<readonly DeliveryBatch[]> {
    return this.#inner.reload(priority, offsets);
  }

  async commit(unit: CommitUnit): Promise<CommitResult> {
    let result: CommitResult;
    try {
      result = await this.#inner.commit(unit);
    } catch (error) {
      this.#observer.failed(unit, error);
      throw error;
    }
    this.#observer.answered(unit, result);
    return result;
  }

  resume(): void {
    this.#inner.resume();
    this.#observer.restarted();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
