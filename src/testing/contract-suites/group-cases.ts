// The contract of groups: where they start, that they do not disturb each other, and next().
import assert from "node:assert/strict";
import type { ContractCase } from "./contract-case.ts";
import { numbered, payloadsOf } from "./contract-words.ts";

const fromOffset = "consume() refuses to start at an offset";
const fromTime = "consume() refuses to start at a time";

/** What groups and their consumers promise while one member reads. */
export const groupCases: readonly ContractCase[] = [
  {
    name: "groups: a new group that starts earliest gets everything stored, in order",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("a", 5));
      await run.publish("one", numbered("b", 5));
      const consumer = await run.join("one", "group", { from: "earliest" });
      const taken = await run.take(consumer, 10);
      assert.deepEqual(payloadsOf(taken), [...numbered("a", 5), ...numbered("b", 5)]);
      assert.deepEqual(
        taken.map(({ offset }) => offset),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      );
      await run.takeNothing(consumer);
    },
  },
  {
    name: "groups: a new group that starts latest gets only what comes after",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("old", 5));
      const consumer = await run.join("one", "group", { from: "latest" });
      await run.publish("one", numbered("new", 2));
      assert.deepEqual(payloadsOf(await run.take(consumer, 2)), numbered("new", 2));
      await run.takeNothing(consumer);
    },
  },
  {
    name: "groups: a new group can start at an offset, also in the middle of a batch",
    requires: ["replayFromOffset"],
    refusal: fromOffset,
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 10));
      const consumer = await run.join("one", "group", { from: { offset: 7 } });
      assert.deepEqual(payloadsOf(await run.take(consumer, 3)), ["m-7", "m-8", "m-9"]);
      await run.takeNothing(consumer);
    },
  },
  {
    name: "groups: a start offset means its time in the lanes of other priorities",
    requires: ["replayFromOffset", "priority"],
    refusal: fromOffset,
    async run(run) {
      await run.declare("one");
      for (const payload of numbered("normal", 3)) {
        await run.publish("one", [`high before ${payload}`], { priority: "high" });
        await run.pass(5);
        await run.publish("one", [payload]);
        await run.pass(5);
      }
      const middle = await run.join("one", "middle", { from: { offset: 1 } });
      const expected = ["high before normal-2", "normal-1", "normal-2"];
      assert.deepEqual(payloadsOf(await run.take(middle, 3)), expected);
      await run.takeNothing(middle);
      const start = await run.join("one", "start", { from: { offset: 0 } });
      assert.equal((await run.take(start, 6)).length, 6);
      const end = await run.join("one", "end", { from: { offset: 3 } });
      await run.takeNothing(end);
    },
  },
  {
    name: "groups: a new group can start at a time",
    requires: ["replayFromTime"],
    refusal: fromTime,
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("old", 3));
      await run.pass(30);
      const timeMs = run.clock.wallMs();
      await run.pass(30);
      await run.publish("one", numbered("new", 3));
      const consumer = await run.join("one", "group", { from: { timeMs } });
      assert.deepEqual(payloadsOf(await run.take(consumer, 3)), numbered("new", 3));
      await run.takeNothing(consumer);
    },
  },
  {
    name: "groups: a start time after everything means: only what comes after",
    requires: ["replayFromTime"],
    refusal: fromTime,
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["old"]);
      await run.pass(30);
      const consumer = await run.join("one", "group", { from: { timeMs: run.clock.wallMs() } });
      await run.publish("one", ["new"]);
      assert.deepEqual(payloadsOf(await run.take(consumer, 1)), ["new"]);
      await run.takeNothing(consumer);
    },
  },
  {
    name: "groups: where to start counts only when the group is created",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 4));
      const first = await run.join("one", "group", { from: "earliest" });
      await run.ack(first, await run.take(first, 1));
      await first.close();
      const second = await run.join("one", "group", { from: "latest" });
      assert.deepEqual(payloadsOf(await run.take(second, 3)), ["m-1", "m-2", "m-3"]);
    },
  },
  {
    name: "groups: a group created later reads everything from the start by itself",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 4));
      const early = await run.join("one", "early");
      await run.ack(early, await run.take(early, 4));
      const late = await run.join("one", "late");
      assert.deepEqual(payloadsOf(await run.take(late, 4)), numbered("m", 4));
    },
  },
  {
    name: "groups: every group gets every message, whatever the others settle",
    requires: [],
    async run(run) {
      await run.declare("one");
      const groups = numbered("group", 5);
      const consumers = await Promise.all(groups.map((group) => run.join("one", group)));
      await run.publish("one", numbered("m", 3));
      for (const consumer of consumers) {
        const taken = await run.take(consumer, 3);
        assert.deepEqual(payloadsOf(taken), numbered("m", 3));
        await run.ack(consumer, taken);
      }
      for (const group of groups) assert.equal((await run.groupStatsOf("one", group)).depth, 0);
    },
  },
  {
    name: "groups: one name on two channels is two groups",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.declare("two");
      await run.publish("one", ["a"]);
      await run.publish("two", ["b"]);
      const first = await run.join("one", "group");
      const second = await run.join("two", "group");
      await run.ack(first, await run.take(first, 1));
      assert.deepEqual(payloadsOf(await run.take(second, 1)), ["b"]);
    },
  },
  {
    name: "groups: a channel that does not exist rejects UNKNOWN_CHANNEL",
    requires: [],
    async run(run) {
      const join = async (): Promise<unknown> => run.join("nowhere", "group");
      await assert.rejects(join, { code: "UNKNOWN_CHANNEL" });
    },
  },
  {
    name: "groups: a living member that reads other types makes a second one fail: GROUP_CONFLICT",
    requires: [],
    async run(run) {
      await run.declare("one");
      const types = ["com.example.a", "com.example.b"];
      const first = await run.join("one", "group", { types });
      const other = async (): Promise<unknown> => run.join("one", "group", { types: ["other"] });
      await assert.rejects(other, { code: "GROUP_CONFLICT" });
      const everything = async (): Promise<unknown> => run.join("one", "group");
      await assert.rejects(everything, { code: "GROUP_CONFLICT" });
      const second = await run.join("one", "group", { types: [...types] });
      await second.close();
      await run.publish("one", ["still works"]);
      assert.deepEqual(payloadsOf(await run.take(first, 1)), ["still works"]);
    },
  },
  {
    name: "groups: when no member lives, other types may be read, from where the group stood",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 2));
      const first = await run.join("one", "group", { types: ["com.example.a"] });
      await run.ack(first, await run.take(first, 1));
      await first.close();
      const second = await run.join("one", "group", { types: ["com.example.b"] });
      assert.deepEqual(payloadsOf(await run.take(second, 1)), ["m-1"]);
    },
  },
  {
    name: "next: waits for what is appended later",
    requires: [],
    async run(run) {
      await run.declare("one");
      const consumer = await run.join("one", "group");
      const waiting = consumer.next(10, new AbortController().signal);
      await run.pass(20);
      await run.publish("one", ["later"]);
      const batch = await run.within("next()", waiting);
      assert.equal(batch?.stored.payloadTextAt(batch.records[0] as number), "later");
    },
  },
  {
    name: "next: gives at most as many as asked for, of one log, offsets ascending, none twice",
    requires: [],
    async run(run) {
      await run.declare("one", { partitions: 4 });
      const drafts = numbered("m", 60).map((payload) => ({ payload, key: payload }));
      await run.publish("one", drafts.slice(0, 25));
      await run.publish("one", drafts.slice(25));
      const consumer = await run.join("one", "group");
      const taken = await run.take(consumer, 60, 7);
      const offsets = taken.map(({ offset }) => offset);
      assert.deepEqual(
        offsets.toSorted((left, right) => left - right),
        drafts.map((_, index) => index),
      );
      for (const { batch } of taken) {
        assert.ok(batch.records.length <= 7);
        assert.deepEqual(
          [...batch.records],
          [...batch.records].sort((left, right) => left - right),
        );
      }
    },
  },
  {
    name: "next: urgent messages come before others that were stored earlier",
    requires: ["priority"],
    refusal: "append() refuses a batch whose priority is not normal",
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("low", 2), { priority: "low" });
      await run.publish("one", numbered("normal", 2));
      await run.publish("one", numbered("high", 2), { priority: "high" });
      const consumer = await run.join("one", "group");
      const taken = await run.take(consumer, 6, 2);
      assert.deepEqual(payloadsOf(taken), [
        ...numbered("high", 2),
        ...numbered("normal", 2),
        ...numbered("low", 2),
      ]);
      await run.publish("one", ["normal-2"]);
      await run.publish("one", ["high-2"], { priority: "high" });
      assert.deepEqual(payloadsOf(await run.take(consumer, 2, 1)), ["high-2", "normal-2"]);
    },
  },
  {
    name: "next: ends with undefined when its signal aborts, and loses nothing by it",
    requires: [],
    async run(run) {
      await run.declare("one");
      const consumer = await run.join("one", "group");
      const controller = new AbortController();
      const waiting = consumer.next(10, controller.signal);
      controller.abort();
      assert.equal(await run.within("next()", waiting), undefined);
      assert.equal(await run.within("next()", consumer.next(10, controller.signal)), undefined);
      await run.publish("one", ["kept"]);
      assert.deepEqual(payloadsOf(await run.take(consumer, 1)), ["kept"]);
    },
  },
  {
    name: "next: ends with undefined when its consumer closes, and afterwards",
    requires: [],
    async run(run) {
      await run.declare("one");
      const consumer = await run.join("one", "group");
      const { signal } = new AbortController();
      const waiting = consumer.next(10, signal);
      await run.within("close()", consumer.close());
      assert.equal(await run.within("next()", waiting), undefined);
      await run.publish("one", ["m"]);
      assert.equal(await run.within("next()", consumer.next(10, signal)), undefined);
    },
  },
];
