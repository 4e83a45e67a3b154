// Bare publishing: object → JSON.stringify → batch → writer thread commits → promise per message.
// The batch carries as many envelope bytes a message as Spillway's format does (id, columns, key),
// so both sides move the same bytes. No validation, no ids drawn, no times, no options.
import { batchCount, makeOrder } from "../payloads.ts";
import type { BareWriter } from "./writer.ts";

/** Envelope bytes a message in Spillway's batch format: id 16, columns 21, key about 12. */
export const envelopeBytes = 49;

interface Pending {
  readonly texts: string[];
  readonly resolves: ((offset: number) => void)[];
}

export class BarePublisher {
  readonly #writer: BareWriter;
  readonly #batchMax: number;
  #pending: Pending = { texts: [], resolves: [] };
  #inFlight = 0;
  #base = 0;
  #scheduled = false;

  constructor(writer: BareWriter, bytes: number) {
    this.#writer = writer;
    this.#batchMax = batchCount(bytes);
  }

  publish(data: unknown): Promise<number> {
    this.#pending.texts.push(JSON.stringify(data));
    const promise = new Promise<number>((resolve) => this.#pending.resolves.push(resolve));
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    }
    return promise;
  }

  #flush(): void {
    this.#scheduled = false;
    while (this.#inFlight < 2 && this.#pending.texts.length > 0) {
      const texts = this.#pending.texts.splice(0, this.#batchMax);
      const resolves = this.#pending.resolves.splice(0, this.#batchMax);
      void this.#commit(texts, resolves);
    }
  }

  async #commit(texts: string[], resolves: ((offset: number) => void)[]): Promise<void> {
    this.#inFlight++;
    const base = this.#base;
    this.#base += texts.length;
    const text = texts.join(",");
    const data = new Uint8Array(new ArrayBuffer(text.length + 1 + texts.length * envelopeBytes));
    Buffer.from(data.buffer).write(text, texts.length * envelopeBytes, "latin1");
    await this.#writer.send({ kind: "insert", base, count: texts.length, data }, [data.buffer]);
    this.#inFlight--;
    this.#flush();
    for (let index = 0; index < resolves.length; index++) {
      (resolves[index] as (offset: number) => void)(base + index);
    }
  }
}

/** Publishes `count` orders, at most `window` un-awaited; resolves when all are durable. */
export async function publishWindowed(
  publish: (index: number) => Promise<unknown>,
  count: number,
  window: number,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await publish(next++);
  };
  await Promise.all(Array.from({ length: Math.min(window, count) }, lane));
}

/** One bare publishing run. */
export async function barePublish(
  writer: BareWriter,
  count: number,
  bytes: number,
  window: number,
): Promise<void> {
  const publisher = new BarePublisher(writer, bytes);
  await publishWindowed((index) => publisher.publish(makeOrder(index, bytes)), count, window);
}
