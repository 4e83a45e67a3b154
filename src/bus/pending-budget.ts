// How much may wait to be published: messages and bytes that are held, and those who wait for room.
// Knows nothing of what is published. Always true: count and bytes are what was taken and not
// freed.

/** The bounds of a budget. */
export interface PendingLimits {
  readonly pendingMax: number;
  readonly pendingBytesMax: number;
}

/** The messages and bytes held by publishes that have no answer yet. */
export class PendingBudget {
  readonly limits: PendingLimits;
  #count = 0;
  #bytes = 0;
  #waiters: (() => void)[] = [];

  constructor(limits: PendingLimits) {
    this.limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether nothing more may be taken. */
  get isFull(): boolean {
    return this.#count >= this.limits.pendingMax || this.#bytes >= this.limits.pendingBytesMax;
  }

  /** Whether a bulk publisher may take more: it leaves half of the room to everybody else. */
  get hasBulkRoom(): boolean {
    const { pendingMax, pendingBytesMax } = this.limits;
    return this.#count < Math.ceil(pendingMax / 2) && this.#bytes < pendingBytesMax / 2;
  }

  /** Whether so many bytes fit; where none are held, any number does. */
  fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.limits.pendingBytesMax;
  }

  /** Takes one message; its bytes follow when they are known. */
  takeMessage(): void {
    this.#count++;
  }

  /** Takes the bytes of a message that was taken. */
  takeBytes(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Gives back what was taken, and wakes everybody who waits for room. */
  free(count: number, bytes: number): void {
    this.#count -= count;
    this.#bytes -= bytes;
    this.wake();
  }

  /** Resolves when something was given back; then ask again. */
  room(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Lets everybody who waits look again. */
  wake(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
