// The small parts of a bus, each by itself: options, middleware, groups, abort groups, statistics.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory } from "../adapters/memory/index.ts";
import { defineEvent } from "../contracts/event.ts";
import type { OutgoingMessage } from "../contracts/contract.ts";
import type { StandardSchema } from "../contracts/standard-schema.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { ChannelStats, Transport } from "../ports/transport.ts";
import { ChannelCounters, GroupCounters } from "../telemetry/counters.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { AbortGroups } from "./abort-groups.ts";
import { type BusOptions, settingsOf } from "./bus-options.ts";
import { StatsReader } from "./bus-stats.ts";
import { stateViewOf } from "./committed-state.ts";
import { createBus } from "./create-bus.ts";
import { GroupRegistry } from "./group-registry.ts";
import { passThrough } from "./middleware.ts";

const anything: StandardSchema = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
};
const Noted = defineEvent("noted", { data: anything });

/** Lets a wrong value through the types, as a caller without types would. */
const untyped = (value: unknown): never => value as never;

test("every bus option that cannot be used is refused by name", () => {
  const transport = memory();
  const wrong: readonly (readonly [RegExp, Partial<BusOptions>])[] = [
    [/bus name/, { name: "Not Valid" }],
    [/transport is missing/, { transport: undefined as unknown as Transport }],
    [/messageBytesMax is 67108865/, { messageBytesMax: 67_108_865 }],
    [/messageBytesMax is 0/, { messageBytesMax: 0 }],
    [/pendingMax is 1.5/, { pendingMax: 1.5 }],
    [/pendingBytesMax is -1/, { pendingBytesMax: -1 }],
    [/batchDelayMs is -1/, { batchDelayMs: -1 }],
    [/drainTimeoutMs is NaN/, { drainTimeoutMs: Number.NaN }],
    [/source is empty/, { source: "" }],
    [/leave `store` out/, { store: {} as unknown as undefined }],
  ];
  for (const [message, options] of wrong) {
    assert.throws(
      () => settingsOf({ name: "test", transport, ...options }),
      (error) => {
        assert.ok(error instanceof SpillwayError);
        assert.match(error.message, message);
        return true;
      },
    );
  }
  const settings = settingsOf({ name: "test", transport });
  assert.deepEqual(
    [settings.messageBytesMax, settings.pendingMax, settings.pendingBytesMax, settings.source],
    [1_048_576, 10_000, 16_777_216, "test"],
  );
});

test("options that are missing, and a selection that is not there, are named", async (t) => {
  assert.throws(() => settingsOf(untyped(undefined)), {
    code: "INVALID_ARGUMENT",
    message: /^createBus: options are missing/,
  });
  const bus = await createBus({ name: "test", transport: memory() });
  t.after(() => bus.close());
  const nothing = { code: "INVALID_ARGUMENT", message: /^what to read is undefined or empty/ };
  for (const selection of [undefined, [], [undefined]]) {
    await assert.rejects(
      bus.subscribe(untyped(selection), () => {}),
      nothing,
    );
  }
});

test("publish middleware runs in array order and stays synchronous where it can", async () => {
  const append = (text: string) => (message: OutgoingMessage) =>
    message.contract.message(`${String(message.data)}${text}`, message.options);
  const looks = (): void => undefined;
  const message = Noted.message("");
  const direct = passThrough([append("a"), looks, append("b")], message);
  assert.ok(!(direct instanceof Promise));
  assert.equal(direct.data, "ab");
  const slow = async (each: OutgoingMessage) => append("-")(each);
  const later = passThrough([append("a"), slow, append("b")], message);
  assert.ok(later instanceof Promise);
  assert.equal((await later).data, "a-b");
});

test("publish middleware may refuse, and must return messages", () => {
  const refuses = (): never => {
    throw new Error("not today");
  };
  assert.throws(() => passThrough([refuses], Noted.message(1)), /not today/);
  const wrong = () => ({ data: 1 }) as unknown as OutgoingMessage;
  assert.throws(() => passThrough([wrong], Noted.message(1)), { code: "INVALID_ARGUMENT" });
});

test("a group is shared by subscriptions of the same selection only", () => {
  const groups = new GroupRegistry();
  const counters = groups.join("orders", "billing", ["a", "b"]);
  assert.equal(groups.join("orders", "billing", ["a", "b"]), counters);
  assert.notEqual(groups.join("orders", "audit", undefined), counters);
  assert.throws(() => groups.join("orders", "billing", ["a"]), {
    code: "GROUP_CONFLICT",
    message: /reads a, b; a second subscription cannot read a under/,
  });
  assert.throws(() => groups.join("orders", "billing", undefined), { code: "GROUP_CONFLICT" });
  groups.leave("orders", "billing");
  groups.leave("orders", "billing");
  assert.equal(groups.join("orders", "billing", ["a"]), counters);
  assert.equal(groups.countersOf("orders", "billing"), counters);
});

test("one listener serves all members of a signal, and goes with the last", () => {
  const fired: string[][] = [];
  const groups = new AbortGroups<string>((members) => fired.push([...members]));
  const [first, second] = [new AbortController(), new AbortController()];
  for (let index = 0; index < 3; index++) groups.add(first.signal, `m${index}`);
  groups.add(second.signal, "other");
  groups.remove(first.signal, "m1");
  first.abort();
  assert.deepEqual(fired, [["m0", "m2"]]);
  groups.remove(first.signal, "m0");
  groups.remove(second.signal, "other");
  assert.equal(groups.size, 0);
  second.abort();
  assert.equal(fired.length, 1);
});

test("statistics join the transport's numbers, this bus's and elapsed time", async () => {
  const clock = new VirtualClock();
  const counts = { group: "billing", depth: 30, open: 3, lagMs: 1_500, members: 2 };
  const channel: ChannelStats = {
    channel: "orders",
    partitions: 4,
    logs: [{ priority: "normal", startOffset: 10, endOffset: 110, bytes: 5_000 }],
    delayed: 2,
    groups: [{ ...counts, expired: 5, dropped: 6, lost: 7 }],
  };
  const channelCounters = new ChannelCounters();
  const groupCounters = new GroupCounters();
  const transport = { stats: () => Promise.resolve([channel]) } as unknown as Transport;
  const reader = new StatsReader(transport, clock, {
    channelCounters: () => channelCounters,
    groupCounters: () => groupCounters,
  });
  channelCounters.published = 50;
  groupCounters.acked = 20;
  groupCounters.retried = 4;
  for (let ms = 1; ms <= 100; ms++) groupCounters.recordLatency(ms);
  await clock.advance(2_000);
  const [first] = await reader.read();
  assert.deepEqual([first?.depth, first?.delayed, first?.publishedPerSecond], [100, 2, 25]);
  const group = first?.groups[0];
  assert.deepEqual([group?.depth, group?.open, group?.lagMs, group?.retried], [30, 3, 1_500, 4]);
  assert.deepEqual([group?.expired, group?.dropped, group?.expiresAtMs], [5, 6, undefined]);
  assert.deepEqual([group?.latencyMs, group?.ackedPerSecond], [{ p50: 50, p99: 99 }, 10]);
  channelCounters.published = 60;
  assert.equal((await reader.read())[0]?.publishedPerSecond, 0);
  channelCounters.published = 65;
  await clock.advance(500);
  assert.equal((await reader.read())[0]?.publishedPerSecond, 10);
});

test("committed state is decoded and validated", async () => {
  const aNumber: StandardSchema = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) =>
        typeof value === "number" ? { value } : { issues: [{ message: "not a number" }] },
    },
  };
  const rows: Record<string, string> = {
    "\u001facme\u001fa": "7",
    "\u001fother\u001fa": "8",
    a: "1",
    b: '"two"',
  };
  const store = {
    read: (_scope: unknown, _table: string, key: string) => ({ value: rows[key], version: 1 }),
    async *entries() {
      for (const [key, value] of Object.entries(rows)) yield { key, value };
    },
  };
  const scope = { channel: "orders", group: "billing" };
  const { totals } = stateViewOf(store, scope, { totals: aNumber });
  assert.equal(await totals.get("a"), 1);
  assert.equal(await totals.get("none"), undefined);
  assert.equal(await totals.get("a", { tenant: "acme" }), 7);
  const ofTenant: unknown[] = [];
  for await (const entry of totals.entries({ tenant: "acme" })) ofTenant.push(entry);
  assert.deepEqual(ofTenant, [["a", 7]]);
  await assert.rejects(totals.get("b"), { code: "VALIDATION_FAILED", message: /'b' of table/ });
  const seen: unknown[] = [];
  await assert.rejects(async () => {
    for await (const entry of totals.entries()) seen.push(entry);
  }, SpillwayError);
  assert.deepEqual(seen, [["a", 1]]);
});
