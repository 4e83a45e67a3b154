// Everything a journal delivers, as plain data: stored messages, what each group gets next and how
// it is open, state, what a repeat of a given id is told, and what delayed messages become. Opens
// the journal with the code of today and changes it: give it a copy.
import { embedded } from "../../src/adapters/embedded/index.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import { type Envelope, envelopeAt, priorities } from "../../src/message/envelope.ts";
import { OutgoingBatch } from "../../src/message/outgoing-batch.ts";
import type { OpenEntry, Transport } from "../../src/ports/transport.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { delaysMs, given, givenIds, nextOf, writtenAtMs } from "./write-journal.ts";
import { withoutGaps } from "../../src/ports/gap.ts";

/** A stored message. */
export interface DescribedMessage {
  readonly offset: number;
  readonly storedAtMs: number;
  readonly slot: number;
  readonly idGiven: boolean;
  /** With bytes as base64. */
  readonly envelope: Omit<Envelope, "payload"> & { readonly payload: unknown };
}

/** What a group is given, in order. */
export interface DescribedDelivery {
  readonly priority: string;
  readonly offset: number;
  readonly open: OpenEntry | null;
}

/** What the record of a golden directory holds. */
export interface JournalDescription {
  readonly channels: readonly unknown[];
  /** By "channel/priority". */
  readonly messages: Readonly<Record<string, readonly DescribedMessage[]>>;
  /** By "channel/group". */
  readonly deliveries: Readonly<Record<string, readonly DescribedDelivery[]>>;
  /** By "channel/group/table": key, value, version. */
  readonly state: Readonly<Record<string, readonly (readonly [string, string, number])[]>>;
  /** Offset of the first storing, by given id. */
  readonly repeats: Readonly<Record<string, number | null>>;
  /** What was stored when everything delayed was due. */
  readonly delayed: Readonly<Record<string, readonly DescribedMessage[]>>;
}

const stateTables = [["orders", "billing", ["accounts", "visits"]]] as const;

/** Opens the journal and reads all of it. */
export async function describeJournal(
  directory: string,
  onOpened: (transport: Transport) => void = () => undefined,
): Promise<JournalDescription> {
  const clock = new VirtualClock({ wallMs: writtenAtMs + 10_000 });
  const transport = embedded({ directory, engine: "direct" });
  await transport.open({ clock, random: seededRandom(9), name: "golden" });
  try {
    onOpened(transport);
    const channels = await describeChannels(transport);
    const messages = await describeMessages(transport);
    const deliveries: Record<string, DescribedDelivery[]> = {};
    for (const { channel, groups } of await transport.stats()) {
      for (const { group } of groups) {
        deliveries[`${channel}/${group}`] = await deliveriesOf(transport, clock, channel, group);
      }
    }
    const state = await describeState(transport);
    const repeats = await describeRepeats(transport, clock);
    clock.jumpWall(Math.max(...delaysMs));
    await clock.advance(2_000);
    const delayed: Record<string, DescribedMessage[]> = {};
    for (const [log, all] of Object.entries(await describeMessages(transport))) {
      const more = all.slice(messages[log]?.length ?? 0);
      if (more.length > 0) delayed[log] = more;
    }
    return { channels, messages, deliveries, state, repeats, delayed };
  } finally {
    await transport.close();
  }
}

async function describeChannels(transport: Transport): Promise<unknown[]> {
  // Only what format 1 knew: later formats count more.
  return (await transport.stats()).map(({ channel, partitions, logs, delayed, groups }) => ({
    channel,
    partitions,
    logs: logs.map(({ priority, startOffset, endOffset, bytes }) => {
      return { priority, startOffset, endOffset, bytes };
    }),
    delayed,
    groups: groups.map(({ group, depth, open, lagMs, members }) => {
      return { group, depth, open, lagMs, members };
    }),
  }));
}

async function describeMessages(transport: Transport): Promise<Record<string, DescribedMessage[]>> {
  const messages: Record<string, DescribedMessage[]> = {};
  for (const { channel } of await transport.stats()) {
    for (const priority of priorities) {
      const log: DescribedMessage[] = [];
      for await (const stored of withoutGaps(
        transport.read(channel, { from: "earliest", priority }),
      )) {
        for (let index = 0; index < stored.count; index++) {
          const envelope = envelopeAt(stored, index);
          const { payload } = envelope;
          const bytes = typeof payload === "string" ? undefined : Buffer.from(payload);
          log.push({
            offset: stored.offsetAt(index),
            storedAtMs: stored.appendedAtMs,
            slot: stored.slotAt(index),
            idGiven: stored.idGivenAt(index),
            envelope: {
              ...envelope,
              payload: bytes ? { base64: bytes.toString("base64") } : payload,
            },
          });
        }
      }
      if (log.length > 0) messages[`${channel}/${priority}`] = log;
    }
  }
  return messages;
}

async function deliveriesOf(
  transport: Transport,
  clock: VirtualClock,
  channel: string,
  group: string,
): Promise<DescribedDelivery[]> {
  const types = group === "shipping" ? ["com.acme.golden"] : undefined;
  const consumer = await transport.consume({ channel, group, from: "earliest", types });
  const deliveries: DescribedDelivery[] = [];
  for (;;) {
    const batch = await nextOf(consumer, clock);
    if (batch === undefined) break;
    for (const record of batch.records) {
      const offset = batch.stored.offsetAt(record);
      const open = batch.open?.get(record) ?? null;
      deliveries.push({ priority: batch.stored.priority, offset, open });
    }
  }
  await consumer.close();
  return deliveries;
}

async function describeState(
  transport: Transport,
): Promise<Record<string, [string, string, number][]>> {
  const state: Record<string, [string, string, number][]> = {};
  for (const [channel, group, tables] of stateTables) {
    for (const table of tables) {
      const rows: [string, string, number][] = [];
      for await (const { key, value } of transport.state?.entries({ channel, group }, table) ??
        []) {
        const { version } = (await transport.state?.read({ channel, group }, table, key)) ?? {};
        rows.push([key, value, version ?? -1]);
      }
      state[`${channel}/${group}/${table}`] = rows;
    }
  }
  return state;
}

/** Publishes given ids again, with the content they had. */
async function describeRepeats(
  transport: Transport,
  clock: VirtualClock,
): Promise<Record<string, number | null>> {
  const repeats: Record<string, number | null> = {};
  const { channel } = given;
  const wanted = new Set<string>(givenIds);
  for await (const stored of withoutGaps(transport.read(channel, { from: "earliest" }))) {
    for (let index = 0; index < stored.count; index++) {
      const id = stored.idAt(index);
      if (!wanted.delete(id)) continue;
      const batch = new OutgoingBatch(channel, "normal", seededRandom(3));
      const payload = stored.payloadTextAt(index);
      const { id: _id, ...attributes } = stored.attributesAt(index);
      const key = stored.keyAt(index);
      batch.add(stored.templateAt(index), payload, clock.wallMs(), key, attributes, id);
      const [result] = await transport.append([batch]);
      const exception = result?.exceptions?.get(0);
      repeats[id] = exception !== undefined && "offset" in exception ? exception.offset : null;
    }
  }
  return repeats;
}
