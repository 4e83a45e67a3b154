// Deliveries on the memory transport under a virtual clock, for the tests of this folder:
// publishes, subscribes with any options, and reads what companion channels hold.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { z } from "zod";
import { embedded } from "../../../src/adapters/embedded/index.ts";
import { memory } from "../../../src/adapters/memory/index.ts";
import type { AnyContract, MessageOptions } from "../../../src/contracts/contract.ts";
import { defineEvent } from "../../../src/contracts/event.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { jsonCodec } from "../../../src/message/codec.ts";
import { type Envelope, envelopeAt } from "../../../src/message/envelope.ts";
import type { StateStore } from "../../../src/ports/state-store.ts";
import type { Consumer, GroupStats, Transport } from "../../../src/ports/transport.ts";
import { ChannelCounters, GroupCounters } from "../../../src/telemetry/counters.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { Delivery } from "../../../src/delivery/delivery.ts";
import {
  type DeliveryOptions,
  type HandlerScope,
  retryDefaults,
} from "../../../src/delivery/delivery-options.ts";
import type { Handler } from "../../../src/delivery/handler-context.ts";
import { OutgoingEncoder } from "../../../src/delivery/outgoing-encoder.ts";
import { OutgoingPacker } from "../../../src/delivery/outgoing-packer.ts";
import { withoutGaps } from "../../../src/ports/gap.ts";

/** A keyed event; most tests need no other. */
export const Placed = defineEvent("order.placed", {
  data: z.object({ key: z.string(), n: z.number() }),
  key: (order) => order.key,
});

/** An event without a key. */
export const Noted = defineEvent("order.noted", { data: z.object({ n: z.number() }) });

const defaults = {
  contracts: [Placed, Noted],
  whole: true,
  order: "key",
  concurrency: 16,
  delivery: "at-least-once",
  retry: retryDefaults,
  timeoutMs: 60_000,
  state: {},
  middleware: [],
} as const;

/** What a started subscription gives a test. */
export interface Started {
  readonly delivery: Delivery;
  readonly counters: GroupCounters;
  readonly consumer: Consumer;
}

/** A clock whose time passes also while the event loop is blocked. */
export class BlockableClock extends VirtualClock {
  #blockedMs = 0;

  /** Lets monotonic time pass without letting anything run. */
  block(durationMs: number): void {
    this.#blockedMs += durationMs;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.#blockedMs;
  }
}

/** The number in the data of Placed and Noted. */
export function numberOf(message: { readonly data: unknown }): number {
  return (message.data as { readonly n: number }).n;
}

/** The key in the data of Placed. */
export function keyOf(message: { readonly data: unknown }): string {
  return (message.data as { readonly key: string }).key;
}

/** The transport, the clock and everything published and subscribed in one test. */
export class World {
  readonly clock = new BlockableClock();
  readonly random = seededRandom(4_711);
  readonly transport: Transport;
  readonly insideHandler = new AsyncLocalStorage<HandlerScope>();
  readonly encoder: OutgoingEncoder;
  readonly #deliveries: Delivery[] = [];
  readonly #ordersContracts = new Set<AnyContract>([Placed, Noted]);

  constructor(transport: Transport) {
    this.transport = transport;
    this.encoder = new OutgoingEncoder({
      clock: this.clock,
      random: this.random,
      source: "test",
      codec: jsonCodec,
      messageBytesMax: 1_048_576,
      routeOf: (contract) => ({
        channel: this.#ordersContracts.has(contract) ? "orders" : contract.type,
        priorityOf: undefined,
      }),
    });
  }

  /** Opens memory() and declares "orders", its companions and further channels. */
  static open(...channels: readonly string[]): Promise<World> {
    return World.on(memory(), ...channels);
  }

  /** The same on any transport. */
  static async on(transport: Transport, ...channels: readonly string[]): Promise<World> {
    const world = new World(transport);
    await world.transport.open({ clock: world.clock, random: world.random, name: "test" });
    for (const name of ["orders", "orders.dead-letters", "orders.invalid", ...channels]) {
      await world.transport.declare({ name, partitions: 8, retention: {}, compression: "none" });
    }
    return world;
  }

  /** Sends these contracts to "orders" too. */
  routed(...contracts: readonly AnyContract[]): this {
    for (const contract of contracts) this.#ordersContracts.add(contract);
    return this;
  }

  /** Stores messages; data for Placed, unless another contract is given. */
  async publish(
    data: readonly unknown[],
    contract: AnyContract = Placed,
    options?: MessageOptions,
  ): Promise<void> {
    const packer = new OutgoingPacker(this.random);
    for (const each of data) {
      const encoded = this.encoder.encode(contract, each, options, undefined);
      packer.add(await encoded);
    }
    await this.transport.append(packer.batches);
  }

  /** Publishes one Placed for each letter of `keys`: n counts from 0. */
  async publishKeys(keys: string): Promise<void> {
    await this.publish(Array.from(keys, (key, n) => ({ key, n })));
  }

  /** Joins group "g" of "orders" and starts. */
  async subscribe(
    handler: Handler,
    options: Partial<DeliveryOptions> = {},
    parts: { readonly state?: StateStore; wrap?(consumer: Consumer): Consumer } = {},
  ): Promise<Started> {
    const group = options.group ?? "g";
    const channel = options.channel ?? "orders";
    const joined = await this.transport.consume({
      channel,
      group,
      from: "earliest",
      types: undefined,
    });
    const consumer = parts.wrap?.(joined) ?? joined;
    const counters = new GroupCounters();
    const { clock, random, encoder, insideHandler } = this;
    const state = parts.state ?? this.transport.state;
    const lent = { clock, random, consumer, state, encoder, codec: jsonCodec };
    const delivery = new Delivery(
      { ...lent, counters, countersOf: () => new ChannelCounters(), insideHandler },
      { ...defaults, channel, group, ...options },
      handler,
    );
    delivery.start();
    this.#deliveries.push(delivery);
    return { delivery, counters, consumer };
  }

  /** Everything a channel holds. */
  async read(channel: string): Promise<Envelope[]> {
    const found: Envelope[] = [];
    for await (const batch of withoutGaps(this.transport.read(channel, { from: "earliest" }))) {
      for (let index = 0; index < batch.count; index++) found.push(envelopeAt(batch, index));
    }
    return found;
  }

  /** How many messages of "orders" a group has not settled, and how many of them are open. */
  async depth(group = "g"): Promise<{ readonly depth: number; readonly open: number }> {
    const { depth, open } = await this.stats(group);
    return { depth, open };
  }

  /** What the transport counts for a group. */
  async stats(group = "g"): Promise<GroupStats> {
    const channels = await this.transport.stats();
    const stats = channels
      .find((each) => each.channel === "orders")
      ?.groups.find((each) => each.group === group);
    return stats ?? assert.fail(`no group ${group}`);
  }

  /** Ends every subscription and the transport. */
  async close(): Promise<void> {
    for (const delivery of this.#deliveries) {
      await delivery.drain(this.clock.monotonicMs()).catch(() => undefined);
    }
    await this.transport.close();
  }
}

/** The embedded journal without its thread, so that a virtual clock drives all of it. */
export function directJournal(test: TestContext): Transport {
  const directory = mkdtempSync(join(tmpdir(), "spillway-delivery-"));
  test.after(() => rmSync(directory, { recursive: true, force: true }));
  return embedded({ directory, engine: "direct", durability: "relaxed" });
}

/** A promise and its two ends, and whether somebody waits. */
export class Gate {
  readonly promise: Promise<void>;
  open: () => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve) => (this.open = resolve));
  }
}
