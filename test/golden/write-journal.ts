// Writes a small journal that uses everything its format has: channels, compressed and not,
// priorities, keys, given ids, attributes, bytes, groups with cursors and open messages of each
// kind, state, delayed messages. Uses the transport port only, on a clock of its own, so that the
// same program writes the same journal with the code of any format.
import { embedded } from "../../src/adapters/embedded/index.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import type { MessageAttributes, MessageTemplate, Priority } from "../../src/message/envelope.ts";
import { OutgoingBatch } from "../../src/message/outgoing-batch.ts";
import type { Outcome, StateChange } from "../../src/ports/commit-unit.ts";
import type { Consumer, DeliveryBatch, Transport } from "../../src/ports/transport.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

/** When the journal is written, by its clock: 2026-01-01T00:00:00Z. */
export const writtenAtMs = 1_767_225_600_000;
/** How long after it each delayed message is due. */
export const delaysMs = [60_000, 120_000, 3_600_000] as const;
/** Given ids of which a repeat must be recognised, with the message that had them. */
export const givenIds = ["018f0000-0000-7000-8000-00000000abcd", "order/17 with spaces"] as const;
/** The channel, type and source of the messages with given ids. */
export const given = { channel: "orders", source: "/golden/shop" } as const;

const ordersPerBatch = 40;
const random = seededRandom(2_026);

interface Draft {
  readonly payload: string | Uint8Array;
  readonly key?: string;
  readonly id?: string;
  readonly attributes?: MessageAttributes;
  readonly template?: Partial<MessageTemplate>;
}

/** Writes the journal; everything is closed when it resolves. */
export async function writeJournal(directory: string, seed = 7): Promise<void> {
  const clock = new VirtualClock({ wallMs: writtenAtMs });
  const transport = embedded({ directory, engine: "direct" });
  await transport.open({ clock, random: seededRandom(seed), name: "golden" });
  try {
    const wallMs = (): number => clock.wallMs();
    await declareChannels(transport);
    await appendMessages(transport, clock, wallMs);
    await settleSome(transport, clock);
    await delaySome(transport, wallMs);
  } finally {
    await transport.close();
  }
}

async function declareChannels(transport: Transport): Promise<void> {
  const retention = { days: 3_650, bytes: 1_000_000_000, unread: "keep" } as const;
  await transport.declare({ name: "orders", partitions: 4, retention, compression: "none" });
  await transport.declare({ name: "audit", partitions: 2, retention: {}, compression: "zstd" });
  await transport.declare({ name: "empty", partitions: 1, retention: {}, compression: "none" });
}

async function appendMessages(
  transport: Transport,
  clock: VirtualClock,
  wallMs: () => number,
): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await clock.advance(1_000);
    const drafts = Array.from({ length: ordersPerBatch }, (_, index) => order(round, index));
    await transport.append([batchOf("orders", "normal", drafts, wallMs())]);
    await transport.append([batchOf("audit", "normal", [note(round)], wallMs())]);
  }
  const urgent = [{ payload: '{"urgent":true}' }, { payload: '{"urgent":2}' }];
  await transport.append([
    batchOf("orders", "high", urgent, wallMs()),
    batchOf("orders", "low", [{ payload: '{"whenever":"later"}', key: "customer-3" }], wallMs()),
  ]);
}

function order(round: number, index: number): Draft {
  const number = round * ordersPerBatch + index;
  const payload = JSON.stringify({ order: number, item: `Ærø ${"x".repeat(index)}` });
  const key = `customer-${number % 11}`;
  if (number === 17) return { payload, key, id: givenIds[1] };
  if (number === 41) return { payload, key, id: givenIds[0], attributes: everyAttribute };
  if (number === 50) return { payload, template: { version: 2, dataSchema: "https://acme/2" } };
  if (number === 60) {
    const contentType = "application/octet-stream";
    return { payload: new Uint8Array([0, 255, 1, 254]), key, template: { contentType } };
  }
  return { payload, key };
}

const everyAttribute: MessageAttributes = {
  subject: "order 41",
  time: "2026-01-01T00:00:00.123456Z",
  correlationId: "correlation",
  causationId: "causation",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "vendor=1",
  expiresAtMs: writtenAtMs + 86_400_000,
  replyTo: "audit",
  tenant: "acme",
  sequence: "41",
  extensions: { colour: "green", count: 3, loud: true },
};

function note(round: number): Draft {
  return { payload: JSON.stringify({ note: `round ${round} `.repeat(200) }) };
}

function batchOf(
  channel: string,
  priority: Priority,
  drafts: readonly Draft[],
  wallMs: number,
  dueAtMs?: readonly number[],
): OutgoingBatch {
  const batch = new OutgoingBatch(channel, priority, random, dueAtMs);
  for (const { payload, key, id, attributes, template } of drafts) {
    const { source } = given;
    const plain = { type: "com.acme.golden", version: 1, source, contentType: "application/json" };
    batch.add({ ...plain, ...template }, payload, wallMs, key, attributes, id);
  }
  return batch;
}

/** Three groups: one with open messages of each kind and state, one half-way, one at the end. */
async function settleSome(transport: Transport, clock: VirtualClock): Promise<void> {
  const billing = await join(transport, "orders", "billing", "earliest");
  for (let sequence = 1; ; sequence++) {
    const batch = await nextOf(billing, clock);
    if (batch === undefined) break;
    // Every ninth record is left in flight.
    const records = batch.records.filter((record) => record % 9 !== 8);
    await commit(billing, sequence, batch, records, outcomesOf(records), stateOf(sequence));
  }
  await billing.close();
  const shipping = await join(transport, "orders", "shipping", "earliest");
  const first = await nextOf(shipping, clock);
  const second = await nextOf(shipping, clock);
  for (const [index, batch] of [first, second].entries()) {
    if (batch === undefined) throw new Error("there is nothing to ship");
    const outcomes = batch.records.map((): Outcome => ({ kind: "ack" }));
    await commit(shipping, index + 1, batch, batch.records, outcomes, []);
  }
  await shipping.close();
  const reports = await join(transport, "audit", "reports", "latest");
  await reports.close();
}

function join(
  transport: Transport,
  channel: string,
  group: string,
  from: "earliest" | "latest",
): Promise<Consumer> {
  const types = group === "shipping" ? ["com.acme.golden"] : undefined;
  return transport.consume({ channel, group, from, types });
}

function outcomesOf(records: readonly number[]): Outcome[] {
  return records.map((record): Outcome => {
    if (record === 4) {
      return { kind: "open", attempt: 2, dueAtMs: writtenAtMs + 500_000, reason: "retry" };
    }
    if (record === 15) return { kind: "open", attempt: 0, dueAtMs: 0, reason: "parked" };
    return { kind: "ack" };
  });
}

function stateOf(sequence: number): StateChange[] {
  const row = (table: string, key: string, value: string): StateChange => {
    return { table, key, expected: 0, value };
  };
  return [
    row("accounts", `account-${sequence}`, JSON.stringify({ cents: sequence * 100 })),
    row("accounts", `odd \u0000 key ${sequence}`, '"Ærø"'),
    row("visits", `${sequence}`, "1"),
  ];
}

async function commit(
  consumer: Consumer,
  sequence: number,
  batch: DeliveryBatch,
  records: readonly number[],
  outcomes: readonly Outcome[],
  state: readonly StateChange[],
): Promise<void> {
  const settlements = [{ batch, records, outcomes }];
  const result = await consumer.commit({ sequence, settlements, publishes: [], state });
  if (result.kind !== "committed") throw new Error(`unit ${sequence} was ${result.kind}`);
}

async function delaySome(transport: Transport, wallMs: () => number): Promise<void> {
  const [first, second, third] = delaysMs.map((delayMs) => writtenAtMs + delayMs);
  if (first === undefined || second === undefined || third === undefined) return;
  const later = [
    { payload: '{"later":1}', key: "customer-1" },
    { payload: '{"later":2}', id: "given and delayed" },
  ];
  const last = [{ payload: '{"later":3}', attributes: { tenant: "acme" } }];
  await transport.append([batchOf("orders", "high", later, wallMs(), [first, second])]);
  await transport.append([batchOf("audit", "normal", last, wallMs(), [third])]);
}

/** The next delivery, or undefined when there is none now. */
export async function nextOf(
  consumer: Consumer,
  clock: VirtualClock,
): Promise<DeliveryBatch | undefined> {
  const stop = new AbortController();
  const next = consumer.next(1_000, stop.signal);
  await clock.settle();
  stop.abort();
  return next;
}
