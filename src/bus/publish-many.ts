// Publishing many messages of one contract in bounded memory: takes elements only while there is
// room, and answers once. Not atomic: what was stored before a failure stays stored, and the error
// says how many that are.
import type { AnyContract } from "../contracts/contract.ts";
import type { Certainty } from "../errors/error-codes.ts";
import { BackPressureError, SpillwayError } from "../errors/spillway-error.ts";
import type { PublishWaiter } from "./pending-batches.ts";
import { abortError, manyError } from "./publish-errors.ts";
import type { PublishManyOptions } from "./publish-options.ts";
import type { Publisher } from "./publisher.ts";
import type { Receipt } from "./receipt.ts";

/** Collects the answers of one call. */
class Collector {
  readonly receipts: Receipt[] = [];
  /** The failure with the lowest index. */
  failure: { readonly index: number; readonly error: unknown } | undefined;
  certainty: Certainty = "definite";
  /** Elements that may be stored or not: what to repeat, and under which id. */
  readonly unconfirmed: { readonly index: number; readonly id: unknown }[] = [];
  stored = 0;
  /** The element that is being handed over; −1: none. */
  adding = -1;
  /** There was no room for it: it is to be handed over again. */
  isRefused = false;
  #waiting = 0;
  #done: (() => void) | undefined;

  waiter(index: number): PublishWaiter {
    this.#waiting++;
    return new ElementWaiter(this, index);
  }

  store(index: number, receipt: Receipt): void {
    this.receipts[index] = receipt;
    this.stored++;
    this.#answered();
  }

  fail(index: number, error: unknown): void {
    if (index === this.adding && error instanceof BackPressureError) this.isRefused = true;
    else this.#fail(index, error);
    this.#answered();
  }

  #fail(index: number, error: unknown): void {
    if (this.failure === undefined || index < this.failure.index) this.failure = { index, error };
    if (!(error instanceof SpillwayError) || error.certainty === "definite") return;
    this.certainty = "indefinite";
    this.unconfirmed.push({ index, id: error.details["id"] });
  }

  /** Resolves when every element that was handed over has its answer. */
  done(): Promise<void> {
    return new Promise((resolve) => {
      this.#done = resolve;
      if (this.#waiting === 0) resolve();
    });
  }

  #answered(): void {
    this.#waiting--;
    if (this.#waiting === 0) this.#done?.();
  }
}

class ElementWaiter implements PublishWaiter {
  readonly #collector: Collector;
  readonly #index: number;

  constructor(collector: Collector, index: number) {
    this.#collector = collector;
    this.#index = index;
  }

  resolve(receipt: Receipt): void {
    this.#collector.store(this.#index, receipt);
  }

  reject(error: unknown): void {
    this.#collector.fail(this.#index, error);
  }
}

/** Hands elements to the publisher, one after the other, while there is room. */
class Feed {
  readonly collector = new Collector();
  readonly #publisher: Publisher;
  readonly #channel: string;
  readonly #contract: AnyContract;
  readonly #options: PublishManyOptions | undefined;
  /** Elements taken so far. */
  taken = 0;

  constructor(
    publisher: Publisher,
    channel: string,
    contract: AnyContract,
    options: PublishManyOptions | undefined,
  ) {
    this.#publisher = publisher;
    this.#channel = channel;
    this.#contract = contract;
    this.#options = options;
  }

  /**
   * Whether to go on after this element; a promise where it has to wait for room, or is encoded
   * slowly: then none is taken behind it before it is known to be stored with the others.
   */
  add(element: unknown): boolean | Promise<boolean> {
    if (this.isOver) return false;
    if (!this.#publisher.budget.hasBulkRoom) return this.#addLater(element);
    const waiter = this.collector.waiter(this.taken);
    this.collector.adding = this.taken++;
    this.#publisher.publish(this.#channel, this.#contract, element, this.#options, waiter);
    const encoding = this.#publisher.encoding(this.#channel);
    if (encoding === undefined) return this.#added(element);
    return encoding.then(() => this.#added(element));
  }

  #added(element: unknown): boolean | Promise<boolean> {
    const { collector } = this;
    collector.adding = -1;
    if (!collector.isRefused) return true;
    // Its size is known only once it is encoded: with what others hold it was too large.
    collector.isRefused = false;
    this.taken--;
    return this.#addLater(element);
  }

  #addLater(element: unknown): Promise<boolean> {
    return this.#publisher.budget.room().then(() => this.add(element));
  }

  /** Whether an element failed, or the signal fired. */
  get isOver(): boolean {
    return this.collector.failure !== undefined || this.#options?.signal?.aborted === true;
  }

  /** Says that the rest was not taken. */
  stop(error: unknown): void {
    this.collector.waiter(this.taken).reject(error);
  }
}

/** Publishes all elements in order; see Bus.publishMany for what callers may rely on. */
export async function publishMany(
  publisher: Publisher,
  channel: string,
  contract: AnyContract,
  elements: Iterable<unknown> | AsyncIterable<unknown>,
  options: PublishManyOptions | undefined,
): Promise<readonly Receipt[]> {
  const feed = new Feed(publisher, channel, contract, options);
  try {
    await feedAll(feed, elements);
    const signal = options?.signal;
    if (signal?.aborted === true) feed.stop(abortError(contract.type, "definite", signal.reason));
  } catch (error) {
    // The iterable itself failed; what it gave before still counts.
    feed.stop(error);
  }
  await feed.collector.done();
  const { failure, stored, certainty, unconfirmed, receipts } = feed.collector;
  if (failure === undefined) return receipts;
  const counts = { index: failure.index, stored, unconfirmed };
  throw manyError(failure.error, contract.type, counts, certainty);
}

async function feedAll(
  feed: Feed,
  elements: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<void> {
  if (Symbol.asyncIterator in elements) {
    for await (const element of elements) if (!(await feed.add(element))) return;
    return;
  }
  for (const element of elements) {
    const goesOn = feed.add(element);
    // An element that is accepted at once costs no turn of the microtask queue.
    if (goesOn !== true && !(await goesOn)) return;
  }
}
