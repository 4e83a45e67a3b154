// Who waits for room in a full channel, over all lives of the journal. Told by answers of the
// engine that a channel is full, and by its notices that there is room. Always true: an answer and
// a notice may arrive in either order, and nobody waits who was already told; nothing is polled.

/** See the head of this file. */
export class ChannelRooms {
  /** Full ones, with who waits for them. */
  readonly #full = new Map<string, Set<() => void>>();
  /** Of channels that were full: the last notice's number, and how many messages it said fit. */
  readonly #told = new Map<string, { readonly number: number; readonly messages: number }>();

  /** An answer said that the channel was full when so many notices had been given. */
  refused(channel: string, told: number): void {
    if ((this.#told.get(channel)?.number ?? 0) > told) return;
    if (!this.#full.has(channel)) this.#full.set(channel, new Set());
  }

  /** A notice: the channel has room for about so many messages. */
  hasRoom(channel: string, messages: number, number: number): void {
    this.#told.set(channel, { number, messages });
    this.#wake(channel);
  }

  /** The engine is gone: whoever waits finds out by trying again what is full now. */
  forget(): void {
    this.#told.clear();
    for (const channel of this.#full.keys()) this.#wake(channel);
  }

  #wake(channel: string): void {
    const waiting = this.#full.get(channel);
    this.#full.delete(channel);
    for (const resolve of waiting ?? []) resolve();
  }

  /** Whether the channel is known to be full. */
  isFull(channel: string): boolean {
    return this.#full.has(channel);
  }

  /** Resolves with how many messages are likely to fit, once there is room. */
  async wait(channel: string, signal: AbortSignal | undefined): Promise<number> {
    signal?.throwIfAborted();
    const waiting = this.#full.get(channel);
    if (waiting !== undefined) {
      await new Promise<void>((resolve, reject) => {
        const end = (): void => {
          signal?.removeEventListener("abort", abort);
          waiting.delete(end);
          resolve();
        };
        const abort = (): void => {
          waiting.delete(end);
          reject(signal?.reason as Error);
        };
        waiting.add(end);
        signal?.addEventListener("abort", abort, { once: true });
      });
    }
    return this.#told.get(channel)?.messages ?? 1;
  }
}
