// Where a group stands at one key's part of a log, for whoever asks why a message waits. Read only;
// what is here is what is stored, not what other processes hold in memory.
import type { Priority } from "../message/envelope.ts";
import type { OpenEntry } from "./delivery-batch.ts";

/** Which part of a channel is asked about. */
export interface StandingQuery {
  readonly channel: string;
  readonly group: string;
  readonly priority: Priority;
  /** The key slot of the message. */
  readonly slot: number;
}

/** A listed message: unsettled, below the position. */
export interface ListedMessage extends OpenEntry {
  readonly offset: number;
}

/** What is stored about a group and the range of keys that holds a slot. */
export interface RangeStanding {
  /** Every message of the range below is settled, or listed in `open`. */
  readonly position: number;
  /** By offset. */
  readonly open: readonly ListedMessage[];
  /** Whose range it is now; "nobody": no member of the group lives. */
  readonly owner: "here" | "elsewhere" | "nobody";
  /** Living members of the group. */
  readonly members: number;
}
