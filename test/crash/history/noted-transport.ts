// Notes what a group's member has settled: no handler can know that. Knows nothing of handlers;
// changes nothing. Always true: a message is noted as settled after the unit that settled it was
// committed, and never where that was refused.
import type { Transport } from "spillway";
import type { CommitUnit } from "../../../src/ports/commit-unit.ts";
import type { HistoryNotes } from "./history-notes.ts";

/** The same transport; a channel is one log: what is published goes to one priority. */
export function noted(transport: Transport, notes: HistoryNotes, member: string): Transport {
  const consume = transport.consume.bind(transport);
  transport.consume = async (asked) => {
    const consumer = await consume(asked);
    const { channel: log, group } = asked;
    const commit = consumer.commit.bind(consumer);
    consumer.commit = async (unit) => {
      const result = await commit(unit);
      if (result.kind !== "committed") return result;
      for (const offset of settledIn(unit)) {
        notes.note({ kind: "settled", group, member, log, offset });
      }
      return result;
    };
    return consumer;
  };
  return transport;
}

function* settledIn({ settlements }: CommitUnit): Generator<number> {
  for (const { batch, records, outcomes } of settlements) {
    for (const [at, record] of records.entries()) {
      const outcome = outcomes?.[at];
      if (outcome === undefined || outcome.kind === "ack") yield batch.stored.offsetAt(record);
    }
  }
}
