// The registry: where a contract goes, and every way two definitions can contradict each other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory } from "../adapters/memory/index.ts";
import { defineChannel } from "../contracts/channel.ts";
import { defineEvent } from "../contracts/event.ts";
import type { StandardSchema } from "../contracts/standard-schema.ts";
import { SpillwayError, UnsupportedError } from "../errors/spillway-error.ts";
import type { ChannelDeclaration, Transport } from "../ports/transport.ts";
import { type ChannelEntry, ChannelRegistry } from "./channel-registry.ts";
import { selectionOf } from "./selection.ts";

const anything: StandardSchema = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
};
const Placed = defineEvent("order.placed", { data: anything });
const PlacedLater = defineEvent("order.placed", { data: anything, version: 2 });
const Cancelled = defineEvent("order.cancelled", { data: anything });
const Noted = defineEvent("order.noted", { data: anything });
const orders = defineChannel("orders", { messages: [Placed, Cancelled], partitions: 4 });

/** A transport that records what is declared and can fail to. */
class RecordingTransport {
  readonly name = "recording";
  readonly capabilities = memory().capabilities;
  readonly declared: ChannelDeclaration[] = [];
  failsNext = false;

  async declare(channel: ChannelDeclaration): Promise<void> {
    if (this.failsNext) {
      this.failsNext = false;
      throw new SpillwayError("CHANNEL_CONFLICT", "other partitions");
    }
    this.declared.push(channel);
  }
}

function registryOf(transport = new RecordingTransport()): ChannelRegistry {
  return new ChannelRegistry(transport as unknown as Transport);
}

function entryOf(registry: ChannelRegistry, name: string): ChannelEntry | undefined {
  return [...registry.entries].find((entry) => entry.name === name);
}

function throwsCode(action: () => unknown, code: string, text: RegExp): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof SpillwayError);
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  });
}

test("a contract goes to the channel that lists it, else to one of its own name", () => {
  const registry = registryOf();
  registry.register(orders);
  assert.equal(registry.channelOf(Placed).name, "orders");
  assert.equal(registry.channelOf(Noted).name, "order.noted");
  assert.deepEqual(
    [...registry.entries].map((entry) => entry.name),
    ["orders", "order.noted"],
  );
  assert.equal(entryOf(registry, "orders")?.route.channel, "orders");
});

test("a version that its channel does not list is not stored where nobody looks for it", () => {
  const registry = registryOf();
  registry.register(orders);
  throwsCode(
    () => registry.channelOf(PlacedLater),
    "CONTRACT_CONFLICT",
    /order\.placed version 2 is not listed in channel 'orders', which holds version 1/,
  );
  assert.equal(entryOf(registry, "order.placed"), undefined);
});

test("versions of one contract share its own channel", () => {
  const registry = registryOf();
  const entry = registry.channelOf(Placed);
  assert.equal(registry.channelOf(PlacedLater), entry);
  assert.deepEqual(entry.contracts, [Placed, PlacedLater]);
});

test("a channel with the same content may be defined twice, with other content not", () => {
  const registry = registryOf();
  const entry = registry.register(orders);
  assert.equal(registry.register(orders), entry);
  const same = defineChannel("orders", { messages: [Cancelled, Placed], partitions: 4 });
  assert.equal(registry.register(same), entry);
  const others = [
    defineChannel("orders", { messages: [Placed, Cancelled], partitions: 5 }),
    defineChannel("orders", { messages: [Placed], partitions: 4 }),
    defineChannel("orders", {
      messages: [Placed, Cancelled],
      partitions: 4,
      retention: { days: 1 },
    }),
    defineChannel("orders", { messages: [Placed, Cancelled], partitions: 4, overflow: "reject" }),
  ];
  for (const other of others) {
    throwsCode(() => registry.register(other), "CHANNEL_CONFLICT", /named 'orders'/);
  }
});

test("a contract in two channels is refused, and nothing of the second is kept", () => {
  const registry = registryOf();
  registry.register(orders);
  const archive = defineChannel("archive", { messages: [Noted, Placed] });
  throwsCode(() => registry.register(archive), "CONTRACT_CONFLICT", /two channels, 'orders' and/);
  assert.equal(entryOf(registry, "archive"), undefined);
  assert.equal(registry.channelOf(Noted).name, "order.noted");
});

test("a contract used before its channel is registered is refused at registration", () => {
  const registry = registryOf();
  registry.channelOf(Placed);
  throwsCode(() => registry.register(orders), "CONTRACT_CONFLICT", /createBus\(\{ channels/);
});

test("two definitions of one contract are noticed", () => {
  const registry = registryOf();
  registry.register(orders);
  const twin = defineEvent("order.placed", { data: anything });
  throwsCode(() => registry.channelOf(twin), "CONTRACT_CONFLICT", /two different contracts/);
});

test("a contract's own channel and a defined channel cannot share a name", () => {
  const first = registryOf();
  first.channelOf(Placed);
  const named = defineChannel("order.placed", { messages: [Cancelled] });
  throwsCode(() => first.register(named), "CHANNEL_CONFLICT", /contract's own channel/);
  const second = registryOf();
  second.register(named);
  throwsCode(() => second.channelOf(Placed), "CONTRACT_CONFLICT", /channel of the same name/);
});

test("a contract cannot have a companion channel as its own", () => {
  const Odd = defineEvent("orders.invalid", { data: anything });
  throwsCode(() => registryOf().channelOf(Odd), "INVALID_NAME", /companion/);
});

test("what the transport cannot give is refused with what it has", () => {
  const registry = registryOf();
  const limited = defineChannel("limited", { messages: [Placed], limits: { depthMax: 10 } });
  const packed = defineChannel("packed", { messages: [Placed], compression: "zstd" });
  const unlimited = new RecordingTransport();
  Object.assign(unlimited, {
    capabilities: { ...unlimited.capabilities, channelLimits: "no" },
  });
  const weaker = registryOf(unlimited);
  for (const [where, channel] of [
    [weaker, limited],
    [registry, packed],
  ] as const) {
    assert.throws(
      () => where.register(channel),
      (error) => {
        assert.ok(error instanceof UnsupportedError);
        assert.match(error.message, /transport 'recording' does not have; it has: .*atomicUnit/);
        return true;
      },
    );
  }
});

test("a channel is declared once, after a failure again", async () => {
  const transport = new RecordingTransport();
  const entry = registryOf(transport).register(orders);
  transport.failsNext = true;
  await assert.rejects(entry.declare(), { code: "CHANNEL_CONFLICT" });
  assert.equal(entry.isDeclared, false);
  await Promise.all([entry.declare(), entry.declare()]);
  await entry.declareCompanions();
  await entry.declareCompanions();
  assert.equal(entry.isDeclared, true);
  assert.deepEqual(
    transport.declared.map((channel) => [channel.name, channel.partitions]),
    [
      ["orders", 4],
      ["orders.dead-letters", 4],
      ["orders.invalid", 4],
    ],
  );
});

test("a selection is one contract, several of one channel, or a channel", () => {
  const registry = registryOf();
  const whole = selectionOf(registry, orders);
  assert.deepEqual([whole.whole, whole.types, whole.contracts], [true, undefined, orders.messages]);
  const several = selectionOf(registry, [Placed, Cancelled]);
  assert.deepEqual([several.whole, several.types], [false, ["order.cancelled", "order.placed"]]);
  assert.equal(several.entry.name, "orders");
  assert.deepEqual(selectionOf(registry, Noted).types, ["order.noted"]);
  throwsCode(() => selectionOf(registry, []), "INVALID_ARGUMENT", /empty/);
  throwsCode(
    () => selectionOf(registry, [Placed, Noted]),
    "CONTRACT_CONFLICT",
    /is in 'orders' and 'order.noted' in 'order.noted'/,
  );
});
