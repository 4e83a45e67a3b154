// What is known of one message: who published it, what came of that, and whether it was read. Owns
// nothing else. Always true: a message that was only read exists here too, as not published.
import type { PublishInvoke, ReadMessage } from "./history-event.ts";

/** One message id within one log. */
export interface Published {
  readonly id: string;
  key: string | undefined;
  value: string | undefined;
  idempotencyId: string;
  isPublished: boolean;
  isSkippable: boolean;
  isDelayed: boolean;
  isCancelled: boolean;
  /** Operations by how they ended; `open` have not. */
  oks: number;
  failures: number;
  unknowns: number;
  open: number;
  /** Highest offset of its key that was acknowledged before it was first published. */
  floor: number | undefined;
  /** Whose calls it stands among, and its place there: the first that may have stored it. */
  publisher: string | undefined;
  call: number;
  /** From when on it must go on: stored, and due. */
  readyAtMs: number;
  /** Where an acknowledgement said it is. */
  offset: number | undefined;
  /** Who read it first, and where. */
  readBy: string | undefined;
  readOffset: number;
}

/** A message that nobody published so far. */
export function unpublished(id: string): Published {
  return {
    id,
    key: undefined,
    value: undefined,
    idempotencyId: id,
    isPublished: false,
    isSkippable: false,
    isDelayed: false,
    isCancelled: false,
    oks: 0,
    failures: 0,
    unknowns: 0,
    open: 0,
    floor: undefined,
    publisher: undefined,
    call: 0,
    readyAtMs: 0,
    offset: undefined,
    readBy: undefined,
    readOffset: -1,
  };
}

/** Notes that call number `call` publishes it; `floor` counts for the first one. */
export function notePublish(
  message: Published,
  event: PublishInvoke,
  floor: number | undefined,
  call: number,
): void {
  if (message.oks + message.unknowns + message.open === 0) {
    message.publisher = event.dueAtMs === undefined ? event.publisher : undefined;
    message.call = call;
  }
  message.open++;
  if (message.isPublished) return;
  message.isPublished = true;
  message.key = event.key;
  message.value = event.value;
  message.idempotencyId = event.idempotencyId ?? event.id;
  message.isSkippable = event.isSkippable === true;
  message.isDelayed = event.dueAtMs !== undefined;
  message.readyAtMs = Math.max(event.atMs, event.dueAtMs ?? 0);
  message.floor = floor;
}

/** Whether every operation that published it has certainly failed. */
export function hasOnlyFailed(message: Published): boolean {
  return message.failures > 0 && message.oks + message.unknowns + message.open === 0;
}

/** Whether a read shows other content than was published. */
export function isOtherContent(message: Published, read: ReadMessage): boolean {
  const { value, isPublished } = message;
  return isPublished && value !== undefined && read.value !== undefined && value !== read.value;
}
