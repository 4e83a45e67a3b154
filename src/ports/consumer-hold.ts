// What holds a consumer back whose handlers published into full channels (docs/adr/0019): it gets
// nothing more until they have room again, but one message a second, so that rings of full channels
// go on moving. Always true: a channel that the consumer reads itself does not hold it.
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { holdMsMax } from "./channel-limits.ts";

/** What a hold works with. */
export interface HoldEnvironment {
  readonly clock: Clock;
  /** Resolves when there is room in a full channel; rejects when `signal` aborts. */
  room(channel: string, signal: AbortSignal): Promise<number>;
}

/** See the head of this file. */
export class ConsumerHold {
  readonly #channel: string;
  readonly #environment: HoldEnvironment;
  readonly #release: () => void;
  readonly #ended = new AbortController();
  readonly #full = new Set<string>();
  /** Whether one message may pass although a channel is full. */
  #isTrickling = false;
  #cancelTrickle: CancelTimer | undefined;

  /** Of a consumer of `channel`; `release` is called whenever it may look for messages again. */
  constructor(channel: string, environment: HoldEnvironment, release: () => void) {
    this.#channel = channel;
    this.#environment = environment;
    this.#release = release;
  }

  /** Whether nothing may be taken now. */
  get isHeld(): boolean {
    return this.#full.size > 0 && !this.#isTrickling;
  }

  /** How many messages may be taken, of so many that are wanted. */
  most(wanted: number): number {
    return this.#full.size === 0 ? wanted : 1;
  }

  /** Some were taken. */
  taken(): void {
    if (!this.#isTrickling) return;
    this.#isTrickling = false;
    this.#trickleLater();
  }

  /** A unit of the consumer took these channels above their limits. */
  over(channels: readonly string[]): void {
    for (const channel of channels) {
      if (channel === this.#channel || this.#full.has(channel)) continue;
      this.#full.add(channel);
      void this.#until(channel);
    }
    if (this.#full.size > 0 && this.#cancelTrickle === undefined) this.#trickleLater();
  }

  async #until(channel: string): Promise<void> {
    const { signal } = this.#ended;
    await this.#environment.room(channel, signal).catch(() => undefined);
    this.#full.delete(channel);
    if (this.#full.size > 0 || signal.aborted) return;
    this.#cancelTrickle?.();
    this.#cancelTrickle = undefined;
    this.#isTrickling = false;
    this.#release();
  }

  #trickleLater(): void {
    const pass = (): void => {
      this.#isTrickling = this.#full.size > 0;
      this.#release();
    };
    this.#cancelTrickle = this.#environment.clock.after(holdMsMax, pass, { background: true });
  }

  /** The consumer is at its end: nobody is held any more. */
  close(): void {
    this.#ended.abort();
    this.#cancelTrickle?.();
    this.#full.clear();
  }
}
