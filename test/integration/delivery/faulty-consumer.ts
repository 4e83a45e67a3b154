// A consumer around another one, for tests: answers commits as a test says, notes what was asked.
import type { Priority } from "../../../src/message/envelope.ts";
import type { CommitResult, CommitUnit } from "../../../src/ports/commit-unit.ts";
import type { DeliveryBatch } from "../../../src/ports/delivery-batch.ts";
import type { Consumer } from "../../../src/ports/transport.ts";

/** What becomes of one commit: passed on, or answered (or thrown) instead. */
export type Verdict = "pass" | CommitResult | Error;

/** Passes everything on, apart from what its members say. */
export class FaultyConsumer implements Consumer {
  readonly commits: CommitUnit[] = [];
  readonly released: number[] = [];
  resumed = 0;
  /** Whether a record is still owned, where the inner consumer says so. */
  isOwned: (batch: DeliveryBatch, record: number) => boolean = () => true;
  readonly #inner: Consumer;
  readonly #verdict: (unit: CommitUnit, self: FaultyConsumer) => Verdict | Promise<Verdict>;
  #isPoisoned = false;

  /** `verdict` decides about each commit; it may wait. */
  constructor(
    inner: Consumer,
    verdict: (unit: CommitUnit, self: FaultyConsumer) => Verdict | Promise<Verdict>,
  ) {
    this.#inner = inner;
    this.#verdict = verdict;
  }

  next(
    messagesMax: number,
    signal: AbortSignal,
    first?: Priority,
  ): Promise<DeliveryBatch | undefined> {
    return this.#inner.next(messagesMax, signal, first);
  }

  owns(batch: DeliveryBatch, record: number): boolean {
    return this.isOwned(batch, record) && this.#inner.owns(batch, record);
  }

  release(batch: DeliveryBatch, record: number): void {
    this.released.push(batch.stored.offsetAt(record));
    this.#inner.release(batch, record);
  }

  reload(...of: Parameters<Consumer["reload"]>): Promise<readonly DeliveryBatch[]> {
    return this.#inner.reload(...of);
  }

  async commit(unit: CommitUnit): Promise<CommitResult> {
    this.commits.push(unit);
    const verdict = await this.#verdict(unit, this);
    if (this.#isPoisoned) return { kind: "poisoned" };
    if (verdict instanceof Error) throw verdict;
    const result = verdict === "pass" ? await this.#inner.commit(unit) : verdict;
    this.#isPoisoned = result.kind !== "committed";
    return result;
  }

  resume(): void {
    this.resumed++;
    this.#isPoisoned = false;
    this.#inner.resume();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
