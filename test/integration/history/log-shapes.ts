// The same history, as it would have been noted of other brokers: a queue without offsets, which
// nobody can read in full, and a log of partitions with offsets of their own.
import type { HistoryEvent } from "../../../src/testing/history/history-event.ts";

const partitionCount = 3;

/** Which message each event is about that names an offset. */
function idsByOffset(history: readonly HistoryEvent[]): Map<number, string> {
  const ids = new Map<number, string>();
  for (const event of history) {
    const isRead = event.kind === "delivery" || event.kind === "replay" || event.kind === "tail";
    if (isRead && event.offset !== undefined) ids.set(event.offset, event.id);
  }
  return ids;
}

/** As a queue's clients note it: by id, and without a full read. */
export function asQueue(history: readonly HistoryEvent[]): HistoryEvent[] {
  const ids = idsByOffset(history);
  return history.flatMap((event): HistoryEvent[] => {
    const { kind } = event;
    if (kind === "ok" || kind === "delivery") return [{ ...event, offset: undefined }];
    if (kind === "handled" || kind === "settled") {
      return [{ ...event, offset: undefined, id: ids.get(event.offset ?? -1) }];
    }
    return kind.startsWith("replay") || kind.startsWith("tail") ? [] : [event];
  });
}

/** As clients of a partitioned log note it: each key in one partition. */
export function asPartitions(history: readonly HistoryEvent[]): HistoryEvent[] {
  const ids = idsByOffset(history);
  const partitions = new Map<string, string>();
  const names = Array.from({ length: partitionCount }, (_, index) => `orders/${index}`);
  const operations = new Map<number | string, string>();
  for (const event of history) {
    if (event.kind !== "invoke") continue;
    const number = Number(event.key?.slice(1) ?? 0) % partitionCount;
    partitions.set(event.id, names[number] ?? "");
    operations.set(event.operation, event.id);
  }
  const partitionOf = (id: string | undefined): string => partitions.get(id ?? "") ?? "orders/0";
  const made = names.map((log): HistoryEvent => {
    return { kind: "partition", atMs: 0, log, of: "orders" };
  });
  const told = history.flatMap((event): HistoryEvent[] => {
    const { kind } = event;
    if (kind === "ok") return [{ ...event, log: partitionOf(operations.get(event.operation)) }];
    if (kind === "delivery" || kind === "tail" || kind === "replay") {
      return [{ ...event, log: partitionOf(event.id) }];
    }
    if (kind === "handled" || kind === "settled") {
      return [{ ...event, log: partitionOf(ids.get(event.offset ?? -1)) }];
    }
    const isOfAll = kind === "subscribe" || kind === "drained" || kind === "replay-end";
    if (isOfAll || kind === "tail-start" || kind === "tail-end") {
      return names.map((log) => ({ ...event, log }));
    }
    return [event];
  });
  return [...made, ...told];
}
