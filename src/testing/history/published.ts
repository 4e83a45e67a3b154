// What is known of one message: who published it, what came of that, and whether it was read. Owns
// nothing else but how two messages follow each other. Always true: a message that was only read
// exists here too, as not published.
import type { LogName, PublishInvoke, ReadMessage } from "./history-event.ts";

/** Where a message is. */
export interface Spot {
  readonly log: LogName;
  readonly offset: number;
}

/** One message id within one log, or within all partitions of one. */
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
  /** Where the last of its key was that was acknowledged before it was first published. */
  floor: Spot | undefined;
  /** Whose calls it stands among, and its place there: the first that may have stored it. */
  publisher: string | undefined;
  call: number;
  /** When it was first acknowledged, in the count of calls and acknowledgements; 0: never. */
  acknowledgedAt: number;
  /** Its place within its key, where that is not the order of the log. */
  sequence: number | undefined;
  /** From when on it must go on: stored, and due. */
  readyAtMs: number;
  /** The log, or partition, it went to, and where it is there, as far as anybody said. */
  log: LogName | undefined;
  offset: number | undefined;
  /** Who read it first, and where. */
  readBy: string | undefined;
  readLog: LogName | undefined;
  readOffset: number | undefined;
  /** Where the full read showed it first. */
  replayedAt: Spot | undefined;
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
    acknowledgedAt: 0,
    sequence: undefined,
    readyAtMs: 0,
    log: undefined,
    offset: undefined,
    readBy: undefined,
    readLog: undefined,
    readOffset: undefined,
    replayedAt: undefined,
  };
}

/** Notes that call number `call` publishes it; `floor` counts for the first one. */
export function notePublish(
  message: Published,
  event: PublishInvoke,
  floor: Spot | undefined,
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
  message.sequence = event.sequence;
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

/** Whether, where no offset tells, one message was to come before another one of its key. */
export function wasCalledBefore(one: Published, other: Published): boolean {
  if (!one.isPublished || one.isDelayed || other.isDelayed) return false;
  if (one.acknowledgedAt > 0 && one.acknowledgedAt < callOf(other)) return true;
  return one.publisher !== undefined && one.publisher === other.publisher && one.call < other.call;
}

/** Its place among the calls so far: what was read before it was sent comes behind all of them. */
export function callOf({ isPublished, call }: Published): number {
  return isPublished ? call : Number.POSITIVE_INFINITY;
}
