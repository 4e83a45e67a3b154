// Channels with limits whose publishes wait for room (docs/adr/0019): which of them may be sent to
// now, and how much. Always true: one append of such a channel is under way at a time, so nothing
// overtakes what was refused; a channel that refused is sent nothing until it has room.
import type { BackPressureError } from "../errors/spillway-error.ts";

/** What full channels work with. */
export interface FullChannelsEnvironment {
  /** Whether publishes to this channel wait where it is full. */
  readonly waitsFor: (channel: string) => boolean;
  /** Resolves when the channel has room again; rejects when `signal` aborts. */
  readonly room: (channel: string, signal: AbortSignal) => Promise<number>;
  /** Called when something may be sent again. */
  readonly changed: () => void;
}

/** See the head of this file. */
export class FullChannels {
  readonly #environment: FullChannelsEnvironment;
  readonly #signal: AbortSignal;
  readonly #underWay = new Set<string>();
  readonly #full = new Map<string, BackPressureError>();
  /** How much may be sent, where room was announced. */
  readonly #rooms = new Map<string, number>();

  constructor(environment: FullChannelsEnvironment, signal: AbortSignal) {
    this.#environment = environment;
    this.#signal = signal;
  }

  /** How many messages may be sent to a channel now. */
  readonly roomIn = (channel: string): number => {
    if (!this.#environment.waitsFor(channel)) return Number.POSITIVE_INFINITY;
    if (this.#underWay.has(channel) || this.#full.has(channel)) return 0;
    return this.#rooms.get(channel) ?? Number.POSITIVE_INFINITY;
  };

  /** What the channel said when it refused something last, while it is full. */
  refusalOf(channel: string): BackPressureError | undefined {
    return this.#full.size === 0 ? undefined : this.#full.get(channel);
  }

  /** The channels that are full now. */
  get names(): IterableIterator<string> {
    return this.#full.keys();
  }

  waitsFor(channel: string): boolean {
    return this.#environment.waitsFor(channel);
  }

  /** Messages for these channels are on their way. */
  sent(channels: Iterable<string>): void {
    for (const channel of channels) {
      if (this.#environment.waitsFor(channel)) this.#underWay.add(channel);
    }
  }

  /** They were answered. */
  answered(channels: Iterable<string>): void {
    for (const channel of channels) {
      this.#underWay.delete(channel);
      if (!this.#full.has(channel)) this.#rooms.delete(channel);
    }
  }

  /** The channel refused something that waits now. */
  refused(channel: string, error: BackPressureError): void {
    const isKnown = this.#full.has(channel);
    this.#full.set(channel, error);
    if (!isKnown) void this.#until(channel);
  }

  async #until(channel: string): Promise<void> {
    const { room } = this.#environment;
    const messages = await room(channel, this.#signal).catch(() => 1);
    this.#full.delete(channel);
    this.#rooms.set(channel, Math.max(1, messages));
    if (!this.#signal.aborted) this.#environment.changed();
  }
}
