// Judges one message when everything was seen: whether it is where it was acknowledged, and whether
// those who read it could. Knows nothing of groups and tails.
import type { LogRecord } from "./log-record.ts";
import { hasOnlyFailed, type Published } from "./published.ts";
import type { Violation } from "./violation.ts";

/** `logs`: the log it was published to, or its partitions. `patienceMs`: for what is delayed. */
export function* judgeMessage(
  message: Published,
  logs: readonly LogRecord[],
  patienceMs: number,
): Generator<Violation> {
  const wrongRead = message.readBy === undefined ? undefined : judgeRead(message, logs);
  if (wrongRead !== undefined) yield wrongRead;
  const { id, log, offset, oks, replayedAt, isCancelled } = message;
  const where = log === undefined ? logs : logs.filter(({ name }) => name === log);
  const lastEnd = where.map(({ replayEnd }) => replayEnd).findLast((end) => end !== undefined);
  const isUnread = where.some(({ replayEnd }) => replayEnd === undefined);
  if (oks === 0 || replayedAt !== undefined || isCancelled) return;
  if (isUnread || lastEnd === undefined) return;
  const isKnownGone = where.some((each) => offset !== undefined && isGone(each, offset));
  if (isKnownGone) return;
  if (message.isDelayed && lastEnd.atMs - message.readyAtMs < patienceMs) return;
  const at = offset === undefined ? "" : ` at offset ${offset}`;
  const text = `${id} was acknowledged${at}, and the full read has not got it`;
  yield { kind: "lost", message: text, log: lastEnd.log, id, offset };
}

function isGone(log: LogRecord, offset: number): boolean {
  const startOffset = log.replayEnd?.startOffset ?? 0;
  return offset < startOffset || log.gone.has(offset) || log.isSealed(offset);
}

function judgeRead(message: Published, logs: readonly LogRecord[]): Violation | undefined {
  const { id, readBy, readLog: log, readOffset: offset } = message;
  const place = { log, id, offset };
  if (!message.isPublished) {
    return { kind: "phantom", message: `${id} was never sent, and ${readBy} read it`, ...place };
  }
  if (hasOnlyFailed(message)) {
    const text = `publishing ${id} has failed, and ${readBy} read it`;
    return { kind: "aborted-read", message: text, ...place };
  }
  const readFrom = logs.find(({ name }) => name === log);
  const isCovered = offset !== undefined && readFrom?.covers(offset) === true;
  if (message.oks > 0 || message.replayedAt !== undefined || !isCovered) return undefined;
  return { kind: "phantom", message: `${readBy} read ${id}, and it is not stored`, ...place };
}
