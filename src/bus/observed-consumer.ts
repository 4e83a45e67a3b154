// A consumer that reports its commits, so that bus.messages() can say when a settlement is durable.
// Adds nothing else: every call goes to the consumer behind it.
import type { Priority } from "../message/envelope.ts";
import type { CommitResult, CommitUnit } from "../ports/commit-unit.ts";
import type { DeliveryBatch } from "../ports/delivery-batch.ts";
import type { Consumer } from "../ports/transport.ts";

/** Passes everything on, and calls the observer after each commit that was answered. */
export class ObservedConsumer implements Consumer {
  readonly #inner: Consumer;
  readonly #observer: (unit: CommitUnit, result: CommitResult) => void;

  constructor(inner: Consumer, observer: (unit: CommitUnit, result: CommitResult) => void) {
    this.#inner = inner;
    this.#observer = observer;
  }

  next(messagesMax: number, signal: AbortSignal): Promise<DeliveryBatch | undefined> {
    return this.#inner.next(messagesMax, signal);
  }

  owns(batch: DeliveryBatch, record: number): boolean {
    return this.#inner.owns(batch, record);
  }

  release(batch: DeliveryBatch, record: number): void {
    this.#inner.release(batch, record);
  }

  reload(priority: Priority, offsets: readonly number[]): Promise<readonly DeliveryBatch[]> {
    return this.#inner.reload(priority, offsets);
  }

  async commit(unit: CommitUnit): Promise<CommitResult> {
    const result = await this.#inner.commit(unit);
    this.#observer(unit, result);
    return result;
  }

  resume(): void {
    this.#inner.resume();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
