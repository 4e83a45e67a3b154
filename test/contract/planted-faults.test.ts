// The contract must be able to fail: each fault planted around memory() here breaks one promise,
// and the suite must name a case that finds it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory } from "../../src/adapters/memory/index.ts";
import type { Capabilities } from "../../src/ports/capabilities.ts";
import type { CommitUnit } from "../../src/ports/commit-unit.ts";
import type {
  Consumer,
  ConsumerOptions,
  DeliveryBatch,
  Transport,
} from "../../src/ports/transport.ts";
import { runContractCase } from "../../src/testing/contract-suites/contract-case.ts";
import { transportContract } from "../../src/testing/contract-suites/index.ts";
import type { TransportUnderTest } from "../../src/testing/contract-suites/transport-under-test.ts";
import { memorySubject } from "./subjects.ts";

/** Puts other methods in front of an object's own. */
function changed<Value extends object>(value: Value, methods: Partial<Value>): Value {
  return new Proxy(value, {
    get(target, name) {
      const own: unknown = Reflect.get(name in methods ? methods : target, name);
      return typeof own === "function" && !(name in methods) ? (own.bind(target) as unknown) : own;
    },
  });
}

function withConsumer(change: (consumer: Consumer) => Partial<Consumer>) {
  return (transport: Transport): Partial<Transport> => ({
    async consume(options) {
      const consumer = await transport.consume(options);
      return changed(consumer, change(consumer));
    },
  });
}

function withUnit(change: (unit: CommitUnit) => CommitUnit) {
  return withConsumer((consumer) => ({ commit: (unit) => consumer.commit(change(unit)) }));
}

function withDelivery(change: (batch: DeliveryBatch) => DeliveryBatch | undefined) {
  return withConsumer((consumer) => ({
    async next(messagesMax, signal) {
      for (;;) {
        const batch = await consumer.next(messagesMax, signal);
        const kept = batch === undefined ? undefined : change(batch);
        if (batch === undefined || kept !== undefined) return kept;
      }
    },
  }));
}

const faults: Record<string, (transport: Transport) => Partial<Transport>> = {
  "a message of each batch is never delivered": withDelivery((batch) => {
    const records = batch.records.filter((record) => batch.stored.offsetAt(record) !== 1);
    return records.length === 0 ? undefined : { ...batch, records };
  }),
  "a message is delivered twice": withDelivery((batch) => ({
    ...batch,
    records: batch.records.flatMap((record) => (record === 2 ? [record, record] : [record])),
  })),
  "more messages than asked for": withConsumer((consumer) => ({
    next: (messagesMax, signal) => consumer.next(messagesMax + 1, signal),
  })),
  "open entries are forgotten": withDelivery(({ open: _open, ...batch }) => batch),
  "acknowledgements are forgotten": withUnit((unit) => ({ ...unit, settlements: [] })),
  "state is written outside the checks": withUnit((unit) => ({
    ...unit,
    state: unit.state.filter(({ value }) => value !== undefined),
  })),
  "outgoing messages are dropped": withUnit((unit) => ({ ...unit, publishes: [] })),
  "outgoing messages escape the unit": (transport) =>
    withConsumer((consumer) => ({
      async commit(unit) {
        const appended = await transport.append(unit.publishes);
        const result = await consumer.commit({ ...unit, publishes: [] });
        return result.kind === "committed" ? { ...result, appended } : result;
      },
    }))(transport),
  "ids are not looked at in units": withUnit((unit) => ({
    ...unit,
    publishes: unit.publishes.map((batch) => changed(batch, { idGivenAt: () => false })),
  })),
  "a message with a used id is left out, and its unit stands": withConsumer((consumer) => ({
    async commit(unit) {
      const result = await consumer.commit(unit);
      if (result.kind !== "reused") return result;
      consumer.resume();
      return consumer.commit({ ...unit, publishes: [] });
    },
  })),
  "a refused unit does not poison the later ones": withConsumer((consumer) => ({
    async commit(unit) {
      const result = await consumer.commit(unit);
      if (result.kind !== "committed") consumer.resume();
      return result;
    },
  })),
  "resume does nothing": withConsumer(() => ({ resume: () => undefined })),
  "ownership is never given up": withConsumer(() => ({ owns: () => true })),
  "a closed member keeps its keys": withConsumer(() => ({ close: async () => undefined })),
  "a new group always starts earliest": (transport) => ({
    consume: (options: ConsumerOptions) => transport.consume({ ...options, from: "earliest" }),
  }),
  "groups read the same types": (transport) => ({
    consume: (options: ConsumerOptions) => transport.consume({ ...options, types: undefined }),
  }),
  "delayed messages come at once": (transport) => ({
    append: (batches) =>
      transport.append(batches.map((batch) => changed(batch, { dueAtMs: undefined }))),
  }),
  "given ids are not looked at": (transport) => ({
    append: (batches) =>
      transport.append(batches.map((batch) => changed(batch, { idGivenAt: () => false }))),
  }),
  "priorities share a lane": (transport) => ({
    append: (batches) =>
      transport.append(batches.map((batch) => changed(batch, { priority: "normal" }))),
  }),
  "compression is silently ignored": (transport) => ({
    declare: (channel) => transport.declare({ ...channel, compression: "none" }),
  }),
  "reading starts at the beginning": (transport) => ({
    read: (channel, options) => transport.read(channel, { ...options, from: "earliest" }),
  }),
  "retention is not applied": (transport) => ({
    declare: (channel) => transport.declare({ ...channel, retention: {} }),
  }),
};

function subjectOf(fault: (transport: Transport) => Partial<Transport>): TransportUnderTest {
  return {
    ...memorySubject,
    async create(environment) {
      const transport = memory();
      await transport.open(environment);
      return changed(transport, fault(transport));
    },
  };
}

/** The first case that fails on this subject. */
async function firstFailing(subject: TransportUnderTest): Promise<string | undefined> {
  for (const contractCase of transportContract) {
    try {
      await runContractCase(contractCase, subject);
    } catch {
      return contractCase.name;
    }
  }
  return undefined;
}

for (const [name, fault] of Object.entries(faults)) {
  test(`found: ${name}`, async (context) => {
    const found = await firstFailing(subjectOf(fault));
    assert.ok(found !== undefined, "no case of the contract finds it");
    context.diagnostic(found);
  });
}

test("without a fault, no case fails", async () => {
  assert.equal(await firstFailing(subjectOf(() => ({}))), undefined);
});

test("found: a capability is declared that is not there", async () => {
  for (const name of ["durable", "multiProcess", "compression"] as const) {
    const capabilities: Capabilities = { ...memory().capabilities, [name]: "native" };
    const found = await firstFailing({ ...memorySubject, capabilities });
    assert.ok(found !== undefined, `nobody notices that ${name} is missing`);
  }
});

test("found: a capability is declared missing that is not refused", async () => {
  for (const name of ["atomicUnit", "deduplication", "priority", "retention"] as const) {
    const capabilities: Capabilities = { ...memory().capabilities, [name]: "no" };
    const found = await firstFailing({ ...memorySubject, capabilities });
    assert.ok(found !== undefined, `nobody notices that ${name} is not refused`);
  }
});

test("the contract asks enough, under distinct names, and every capability case says how", () => {
  assert.ok(transportContract.length >= 45);
  const names = new Set(transportContract.map(({ name }) => name));
  assert.equal(names.size, transportContract.length);
  for (const { name, requires, refusal } of transportContract) {
    assert.equal(refusal !== undefined, requires.length > 0, name);
  }
});
