// The contract of everything around messages: declaring, counters, health, closing, opening again.
import assert from "node:assert/strict";
import type { Support } from "../../ports/capabilities.ts";
import { capabilityNames } from "./capability-names.ts";
import type { ContractCase } from "./contract-case.ts";
import { acked, numbered, payloadsOf, type Taken } from "./contract-words.ts";

/** What holds for a transport as a whole. */
export const lifecycleCases: readonly ContractCase[] = [
  {
    name: "declare: repeating a declaration changes nothing",
    requires: [],
    async run(run) {
      await run.declare("one", { partitions: 4 });
      await run.publish("one", ["kept"]);
      await run.declare("one", { partitions: 4 });
      assert.deepEqual(await run.stored("one"), ["kept"]);
      assert.equal((await run.statsOf("one")).partitions, 4);
    },
  },
  {
    name: "declare: other partitions than it was created with reject CHANNEL_CONFLICT",
    requires: [],
    async run(run) {
      await run.declare("one", { partitions: 4 });
      const other = async (): Promise<void> => run.declare("one", { partitions: 5 });
      await assert.rejects(other, { code: "CHANNEL_CONFLICT" });
      assert.equal((await run.statsOf("one")).partitions, 4);
    },
  },
  {
    name: "declare: channels survive a restart, and still conflict",
    requires: ["durable"],
    refusal: "nothing durable can be opened again",
    async run(run) {
      await run.declare("one", { partitions: 4 });
      await run.publish("one", ["kept"]);
      await run.restart();
      const other = async (): Promise<void> => run.declare("one", { partitions: 5 });
      await assert.rejects(other, { code: "CHANNEL_CONFLICT" });
      await run.declare("one", { partitions: 4 });
      assert.deepEqual(await run.stored("one"), ["kept"]);
      assert.equal((await run.publish("one", ["next"])).firstOffset, 1);
    },
  },
  {
    name: "stats: depth, open messages, members and lag follow what happens",
    requires: ["individualSettlement"],
    refusal: "commit() refuses the outcome open",
    async run(run) {
      await run.declare("one");
      const consumer = await run.join("one", "group");
      const { expiresAtMs, idleSinceMs, ...counts } = await run.groupStatsOf("one", "group");
      const none = { depth: 0, open: 0, lagMs: 0, expired: 0, dropped: 0, lost: 0 };
      assert.deepEqual(counts, { ...none, group: "group", members: 1 });
      assert.equal(expiresAtMs, undefined, "a group with members does not expire");
      assert.equal(idleSinceMs, undefined, "a group with members is not idle");
      await run.publish("one", numbered("m", 4));
      await run.pass(40);
      const waiting = await run.groupStatsOf("one", "group");
      assert.deepEqual([waiting.depth, waiting.open], [4, 0]);
      assert.ok(waiting.lagMs >= 30 && waiting.lagMs < 600_000, `lagMs is ${waiting.lagMs}`);
      const [first, second, third, fourth] = await run.take(consumer, 4);
      const open = { kind: "open", attempt: 1, dueAtMs: 0 } as const;
      await run.commitAll(consumer, {
        settle: [
          [first as Taken, { ...open, reason: "retry" }],
          [second as Taken, { ...open, reason: "parked" }],
          [third as Taken, acked],
        ],
      });
      const failing = await run.groupStatsOf("one", "group");
      assert.deepEqual([failing.depth, failing.open], [3, 2]);
      await run.ack(consumer, [first, second, fourth] as Taken[]);
      const done = await run.groupStatsOf("one", "group");
      assert.deepEqual([done.depth, done.open, done.lagMs], [0, 0, 0]);
      await consumer.close();
      await run.eventually("the member is gone", async () => {
        return (await run.groupStatsOf("one", "group")).members === 0;
      });
    },
  },
  {
    name: "stats: a group without members says since when",
    requires: [],
    async run(run) {
      await run.declare("one");
      const joinedAtMs = run.clock.wallMs();
      const [first, second] = [await run.join("one", "group"), await run.join("one", "group")];
      await run.pass(40);
      const idleSinceMs = async (members: number): Promise<number | undefined> => {
        await run.eventually(`${members} members are left`, async () => {
          return (await run.groupStatsOf("one", "group")).members === members;
        });
        return (await run.groupStatsOf("one", "group")).idleSinceMs;
      };
      await first.close();
      assert.equal(await idleSinceMs(1), undefined, "it has a member yet");
      const leftAtMs = run.clock.wallMs();
      await second.close();
      const sinceMs = (await idleSinceMs(0)) ?? Number.NaN;
      assert.ok(sinceMs >= leftAtMs && sinceMs <= run.clock.wallMs(), `since ${sinceMs}`);
      await run.pass(40);
      assert.equal(await idleSinceMs(0), sinceMs, "the time of the last one's leaving stays");
      await run.join("one", "group");
      assert.equal(await idleSinceMs(1), undefined, "it has a member again");
      assert.ok(joinedAtMs < sinceMs);
    },
  },
  {
    name: "stats: logs, bytes and groups are listed for each channel",
    requires: ["priority"],
    refusal: "append() refuses a batch whose priority is not normal",
    async run(run) {
      await run.declare("one", { partitions: 3 });
      await run.declare("two");
      await run.publish("one", ["x".repeat(500)]);
      await run.publish("one", numbered("h", 2), { priority: "high" });
      await run.join("one", "group");
      const { partitions, delayed, logs, groups } = await run.statsOf("one");
      assert.deepEqual([partitions, delayed], [3, 0]);
      const ends = logs.filter(({ endOffset }) => endOffset > 0);
      assert.deepEqual(
        new Map(ends.map(({ priority, endOffset }) => [priority, endOffset])),
        new Map([
          ["high", 2],
          ["normal", 1],
        ]),
      );
      assert.ok((ends.find(({ priority }) => priority === "normal")?.bytes ?? 0) >= 500);
      assert.equal(groups[0]?.depth, 3);
      assert.deepEqual((await run.statsOf("two")).groups, []);
    },
  },
  {
    name: "close: is idempotent, and calls after it reject CLOSED",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["m"]);
      const consumer = await run.join("one", "group");
      const waitingConsumer = await run.join("one", "other");
      await run.take(waitingConsumer, 1);
      const waiting = waitingConsumer.next(1, new AbortController().signal);
      const { transport } = run;
      await Promise.all([transport.close(), transport.close()]);
      await transport.close();
      assert.equal(await run.within("next()", waiting), undefined);
      const channel = { partitions: 1, retention: {}, compression: "none", name: "two" } as const;
      const join = { channel: "one", group: "g", from: "earliest", types: undefined } as const;
      const unit = { sequence: 1, settlements: [], publishes: [], state: [] };
      const calls: Record<string, () => Promise<unknown>> = {
        append: () => transport.append([run.batch("one", ["x"])]),
        declare: () => transport.declare(channel),
        consume: () => transport.consume(join),
        stats: () => transport.stats(),
        commit: () => consumer.commit(unit),
        read: () => run.stored("one"),
      };
      for (const [name, call] of Object.entries(calls)) {
        // Some calls may throw at once instead of giving a promise that rejects.
        await assert.rejects(async () => call(), { code: "CLOSED" }, `${name}() after close()`);
      }
      await consumer.close();
      assert.notEqual(transport.health().status, "ok");
    },
  },
  {
    name: "close: what was appended before is kept, awaited or not",
    requires: ["durable"],
    refusal: "nothing durable can be opened again",
    async run(run) {
      await run.declare("one");
      const appends = numbered("m", 50).map((payload) => run.publish("one", [payload]));
      await run.restart();
      await Promise.all(appends);
      await run.declare("one");
      assert.deepEqual(await run.stored("one"), numbered("m", 50));
    },
  },
  {
    name: "health: an open transport is well, and ready",
    requires: [],
    async run(run) {
      await run.within("ready", run.transport.ready());
      assert.deepEqual(run.transport.health(), { status: "ok", reasons: [] });
    },
  },
  {
    name: "compression: a compressed channel gives back what was stored",
    requires: ["compression"],
    refusal: "declare() refuses a compression other than none",
    async run(run) {
      await run.declare("one", { compression: "zstd" });
      const payloads = [...numbered("m", 200), "ü".repeat(10_000)];
      await run.publish("one", payloads);
      assert.deepEqual(await run.stored("one"), payloads);
      const [log] = (await run.statsOf("one")).logs;
      assert.ok((log?.bytes ?? Infinity) < 15_000, `${log?.bytes} bytes are stored`);
      const consumer = await run.join("one", "group");
      assert.deepEqual(payloadsOf(await run.take(consumer, 201)), payloads);
    },
  },
  {
    name: "capabilities: every capability says how it is given, and state belongs to atomic units",
    requires: [],
    async run(run) {
      const { capabilities, state } = run.transport;
      const support: readonly Support[] = ["native", "emulated", "no"];
      for (const name of capabilityNames) {
        assert.ok(support.includes(capabilities[name]), `${name}: ${capabilities[name]}`);
      }
      assert.equal(Object.keys(capabilities).length, capabilityNames.length);
      assert.ok(capabilities.atomicUnit === "no" || state !== undefined);
    },
  },
];
