// Gathers messages into batches and appends them, a few at a time. It counts what became of each
// message and knows the input line it came from. Always true: at most `appendsMax` batches are
// under way, and drain() resolves only when every message added before is stored or refused; a
// journal that takes nothing is waited for a bounded time, and not after the user wants to stop.
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import type { Priority } from "../../message/envelope.ts";
import { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { Transport } from "../../ports/transport.ts";
import { counted } from "../terminal/number-format.ts";
import type { PublishableMessage } from "./record-message.ts";

/** Appends under way at once; more would only wait in the journal's own queue. */
export const appendsMax = 4;
/** How long a journal that takes nothing, because its disk fails or is gone, is waited for. */
export const readyWaitMsMax = 30_000;

/** What a queue works with. */
export interface AppendQueueParts {
  readonly transport: Transport;
  readonly channel: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Fires when the user wants to stop. */
  readonly signal: AbortSignal;
}

/** A message that the journal refused. */
export type Refusal = (line: number, error: SpillwayError) => void;

/** Appends messages to one channel in the order of add(), for each priority. */
export class AppendQueue {
  /** Messages newly stored. */
  stored = 0;
  /** Messages that were stored before, under the same id. */
  repeated = 0;
  readonly #parts: AppendQueueParts;
  readonly #onRefused: Refusal;
  readonly #open = new Map<Priority, { readonly batch: OutgoingBatch; readonly lines: number[] }>();
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: AppendQueueParts, onRefused: Refusal) {
    this.#parts = parts;
    this.#onRefused = onRefused;
  }

  /** Adds one message; waits while too much is under way. Rejects when an append failed. */
  async add(message: PublishableMessage, line: number): Promise<void> {
    const { priority } = message;
    let open = this.#open.get(priority);
    if (open !== undefined && !open.batch.hasRoom(message.payload.length)) {
      await this.#append(priority);
      open = undefined;
    }
    if (open === undefined) {
      const { channel, random } = this.#parts;
      open = { batch: new OutgoingBatch(channel, priority, random), lines: [] };
      this.#open.set(priority, open);
    }
    const { template, payload, timeMs, key, attributes, id } = message;
    open.batch.add(template, payload, timeMs, key, attributes, id);
    open.lines.push(line);
  }

  /** Appends what was gathered, without waiting for it to be durable. */
  async flush(): Promise<void> {
    // Each append takes its batch out of the map, which iterating over it allows.
    for (const priority of this.#open.keys()) await this.#append(priority);
  }

  /** Appends what was gathered and waits until all of it is durable. */
  async drain(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await Promise.all(this.#underWay);
    }
    this.#assertWorking();
  }

  async #append(priority: Priority): Promise<void> {
    const open = this.#open.get(priority);
    if (open === undefined) return;
    while (this.#underWay.size >= appendsMax) await Promise.race(this.#underWay);
    this.#assertWorking();
    await this.#ready();
    this.#assertWorking();
    this.#open.delete(priority);
    const work = this.#store(open.batch, open.lines).catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#underWay.add(work);
    void work.then(() => this.#underWay.delete(work));
  }

  /** Waits until the journal takes messages. */
  async #ready(): Promise<void> {
    const { transport, clock, signal } = this.#parts;
    if (transport.isReady) return;
    const stop = new AbortController();
    const give = (why: string): void => stop.abort(this.#notReady(why));
    const onAbort = (): void => give("it was interrupted while it waited");
    const cancel = clock.after(readyWaitMsMax, () =>
      give(`nothing was taken for ${readyWaitMsMax / 1_000} s`),
    );
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await transport.ready(stop.signal);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      cancel();
      signal.removeEventListener("abort", onAbort);
    }
  }

  #notReady(why: string): SpillwayError {
    const { transport, channel } = this.#parts;
    const reasons = transport.health().reasons.join("; ");
    return new SpillwayError(
      "TRANSPORT_FAILED",
      `the journal takes no messages${reasons === "" ? "" : ` (${reasons})`}: ${why}; ` +
        `${counted(this.stored, "message")} for '${channel}' had been stored: mend it, then ` +
        "publish the rest, or all of it where the records have ids",
      { certainty: "definite", details: { channel, stored: this.stored } },
    );
  }

  async #store(batch: OutgoingBatch, lines: readonly number[]): Promise<void> {
    const [result] = await this.#parts.transport.append([batch]);
    let exceptions = 0;
    for (const [index, exception] of result?.exceptions ?? []) {
      exceptions++;
      if ("offset" in exception) this.repeated++;
      else this.#onRefused(lines[index] ?? 0, exception);
    }
    this.stored += batch.count - exceptions;
  }

  #assertWorking(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
