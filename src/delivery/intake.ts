// How messages come in: fetches new ones while the window has room, and reads open ones again when
// they are due. Knows nothing of handlers. Always true: one fetch and one reload are under way at a
// time; between fetched batches the event loop turns, so that timers and I/O live.
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import { backoffMs } from "../kernel/backoff.ts";
import { delay } from "../kernel/clock.ts";
import { priorities } from "../message/envelope.ts";
import type { DeliveryBatch, OpenEntry } from "../ports/delivery-batch.ts";
import { type DeliverDiagnostics, diagnostics } from "../telemetry/channels.ts";
import type { OpenMessage, OpenPlace } from "./key-lines.ts";
import type { DeliveryParts } from "./delivery-parts.ts";
import { WindowBatch } from "./window.ts";

/** How long to wait after the transport failed in a way that may pass. */
export const transportBackoff = { delayMsMin: 100, delayMsMax: 10_000 } as const;

/** A fetch that takes longer found nothing. */
const fetchMsMax = 100;

/** What the intake asks and tells. */
export interface IntakeHost {
  /** Whether new messages may be fetched now. */
  mayFetch(): boolean;
  /** Whether due messages may be read again now. */
  mayReload(): boolean;
  /** A fetched batch is in the window. */
  received(batch: WindowBatch): void;
  /** A reload ended. */
  reloaded(): void;
  /** The transport failed for good. */
  failed(error: unknown): void;
}

/** Fetches for one subscription. */
export class Intake {
  isReloading = false;
  /** What the transport cannot do at the moment, for people. */
  trouble: string | undefined;
  readonly #parts: DeliveryParts;
  readonly #host: IntakeHost;
  readonly #stop = new AbortController();
  #failures = 0;
  #wake: (() => void) | undefined;
  /** Since when the transport has had nothing new; monotonic ms. */
  #emptySinceMs = Number.POSITIVE_INFINITY;

  constructor(parts: DeliveryParts, host: IntakeHost) {
    this.#parts = parts;
    this.#host = host;
  }

  /** Starts fetching. */
  start(): void {
    void this.#fetch();
  }

  /** Fetches and reads nothing more. */
  stop(): void {
    this.#stop.abort(new ClosedError("the subscription stops fetching"));
    this.progressed();
  }

  /** Something changed that may have made room. */
  progressed(): void {
    this.#wake?.();
    this.#wake = undefined;
    if (this.#mayReload) void this.#reload();
  }

  /** Whether everything that is stored was fetched, and handed to somebody. */
  get isAtEnd(): boolean {
    const nowMs = this.#parts.environment.clock.monotonicMs();
    return nowMs - this.#emptySinceMs >= fetchMsMax && !this.#parts.window.hasFresh;
  }

  get #mayReload(): boolean {
    const { open, window, limits } = this.#parts;
    if (this.isReloading || this.#stop.signal.aborted || !open.hasReleased) return false;
    // Apart from the window's bounds: messages held in it may wait for those to be read again.
    return window.reloaded < limits.reloadMessagesMax && this.#host.mayReload();
  }

  async #fetch(): Promise<void> {
    const { environment, limits, window } = this.#parts;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const room = Math.min(limits.fetchMessagesMax, limits.windowMessagesMax - window.messages);
      if (room < 1 || window.bytes >= limits.windowBytesMax || !this.#host.mayFetch()) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      try {
        const first = this.#parts.options.flow?.fetchFirst;
        this.#emptySinceMs = environment.clock.monotonicMs();
        const delivery = await environment.consumer.next(room, signal, first);
        this.#emptySinceMs = Number.POSITIVE_INFINITY;
        this.trouble = undefined;
        this.#failures = 0;
        if (signal.aborted) return;
        if (delivery === undefined) throw new ClosedError("the transport closed the consumer");
        this.#receive(delivery);
      } catch (error) {
        this.#emptySinceMs = Number.POSITIVE_INFINITY;
        if (!(await this.#pause(error))) return;
      }
      await new Promise<void>((resolve) => environment.clock.soon(resolve));
    }
  }

  #receive(delivery: DeliveryBatch): void {
    const { environment, options, window } = this.#parts;
    const { ownershipVersion } = environment.consumer;
    const batch = new WindowBatch(delivery, this.#recovered(delivery), false, ownershipVersion);
    const count = batch.size;
    environment.counters.delivered += count;
    if (diagnostics.deliver.hasSubscribers) {
      const { channel, group } = options;
      diagnostics.deliver.publish({ channel, group, count } satisfies DeliverDiagnostics);
    }
    if (count === 0) return;
    window.add(batch);
    this.#host.received(batch);
  }

  /** The open entries of a delivery, by position. */
  #recovered({ stored, records, open }: DeliveryBatch): Map<number, OpenMessage> | undefined {
    const { options } = this.#parts;
    if (open === undefined || options.delivery === "at-most-once") return undefined;
    const lane = priorities.indexOf(stored.priority);
    const messages = new Map<number, OpenMessage>();
    for (const [position, record] of records.entries()) {
      const entry = open.get(record);
      if (entry === undefined) continue;
      const key = options.order === "key" ? stored.keyAt(record) : undefined;
      const place = { lane, offset: stored.offsetAt(record), key };
      messages.set(position, this.#recover(place, entry));
    }
    return messages;
  }

  #recover(place: OpenPlace, entry: OpenEntry): OpenMessage {
    const { open, sequences } = this.#parts;
    const known = open.at(place.lane, place.offset);
    if (known !== undefined) sequences?.forget(known);
    return open.recover(place, entry);
  }

  async #reload(): Promise<void> {
    const { environment, limits, open } = this.#parts;
    this.isReloading = true;
    // The turn in which messages became due may release more of them.
    await new Promise<void>((resolve) => environment.clock.soon(resolve));
    const messages = open.takeReleased(limits.reloadMessagesMax);
    try {
      const priority = priorities[messages[0]?.lane ?? 0] ?? "normal";
      const offsets = messages.map((message) => message.offset);
      const isWanted = offsets.length > 0 && !this.#stop.signal.aborted;
      const found = isWanted ? await environment.consumer.reload(priority, offsets) : [];
      if (isWanted) this.#reloaded(messages, found);
    } catch (error) {
      open.releaseAgain(messages);
      await this.#pause(error);
    } finally {
      this.isReloading = false;
      this.#host.reloaded();
    }
  }

  #reloaded(messages: readonly OpenMessage[], found: readonly DeliveryBatch[]): void {
    const { window, dispatcher, open } = this.#parts;
    const byOffset = new Map(messages.map((message) => [message.offset, message]));
    for (const delivery of found) {
      const entries = new Map<number, OpenMessage>();
      for (const [position, record] of delivery.records.entries()) {
        const offset = delivery.stored.offsetAt(record);
        const message = byOffset.get(offset);
        if (message !== undefined) entries.set(position, message);
        byOffset.delete(offset);
      }
      const batch = new WindowBatch(delivery, entries, true);
      window.add(batch);
      dispatcher.addUrgent(batch);
    }
    for (const message of byOffset.values()) {
      open.lost(message);
      this.#parts.sequences?.lost(message);
    }
  }

  /** Waits where the failure may pass; false: it does not, or nothing is wanted any more. */
  async #pause(error: unknown): Promise<boolean> {
    const { clock, random } = this.#parts.environment;
    const { signal } = this.#stop;
    if (signal.aborted) return false;
    const mayPass = error instanceof SpillwayError && error.retryable;
    if (!mayPass || error.code === "TRANSPORT_INTERRUPTED") {
      this.#host.failed(error);
      return false;
    }
    this.trouble = error.message;
    this.#failures++;
    try {
      await delay(clock, backoffMs(this.#failures, transportBackoff, random), signal);
    } catch {
      return false;
    }
    return true;
  }
}
