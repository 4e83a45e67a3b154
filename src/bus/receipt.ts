// What publishing a message gives back. A receipt holds 16 bytes of a shared block of ids and turns
// them into text only when asked; it keeps neither the data nor the batch alive.
import { formatId, idBytes } from "../kernel/id.ts";
import type { Priority } from "../message/envelope.ts";

/** Proof that a message is stored: which one, and where. */
export class Receipt {
  /** The channel that stores it. */
  readonly channel: string;
  /** The log of that channel; offsets count within it. */
  readonly priority: Priority;
  /** Position in the log; undefined for a delayed message, which gets one when it is due. */
  readonly offset: number | undefined;
  /** Whether a message with this id was stored before: nothing was stored now. */
  readonly duplicate: boolean;
  readonly #id: string | Uint8Array;
  readonly #index: number;

  /** When a delayed message becomes visible, wall ms; undefined for all others. */
  get dueAtMs(): number | undefined {
    return undefined;
  }

  /** Made by the bus; `id` is the text, or a block of ids and the index of this one. */
  constructor(
    channel: string,
    priority: Priority,
    offset: number | undefined,
    duplicate: boolean,
    id: string | Uint8Array,
    index: number,
  ) {
    this.channel = channel;
    this.priority = priority;
    this.offset = offset;
    this.duplicate = duplicate;
    this.#id = id;
    this.#index = index;
  }

  /** The message's id. */
  get id(): string {
    return typeof this.#id === "string" ? this.#id : formatId(this.#id, this.#index * idBytes);
  }

  /** The receipt as plain data, for logs. */
  toJSON(): Readonly<Record<string, unknown>> {
    return {
      id: this.id,
      channel: this.channel,
      priority: this.priority,
      offset: this.offset,
      duplicate: this.duplicate,
    };
  }
}

/** The receipt of a message that is stored and not visible yet. */
export class DelayedReceipt extends Receipt {
  readonly #dueAtMs: number;

  /** Made by the bus. */
  constructor(
    channel: string,
    priority: Priority,
    dueAtMs: number,
    id: string | Uint8Array,
    index: number,
  ) {
    super(channel, priority, undefined, false, id, index);
    this.#dueAtMs = dueAtMs;
  }

  override get dueAtMs(): number {
    return this.#dueAtMs;
  }

  override toJSON(): Readonly<Record<string, unknown>> {
    return { ...super.toJSON(), dueAtMs: this.#dueAtMs };
  }
}

type Resolve = (receipt: Receipt) => void;
type Reject = (error: unknown) => void;

/** Where the one executor below leaves the functions of the promise that is being made. */
const made: { resolve: Resolve; reject: Reject } = {
  resolve: () => undefined,
  reject: () => undefined,
};

/** Shared by all promises: a closure for each would be most of what a waiting publish holds. */
function keepFunctions(resolve: Resolve, reject: Reject): void {
  made.resolve = resolve;
  made.reject = reject;
}

/** A promise of a receipt together with the functions that settle it. */
export class ReceiptWaiter {
  readonly promise: Promise<Receipt> = new Promise(keepFunctions);
  readonly resolve: Resolve = made.resolve;
  readonly reject: Reject = made.reject;
}
