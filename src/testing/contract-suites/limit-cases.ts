// The contract of full channels (docs/adr/0019): what waits, what is refused, who is woken, and
// what handlers may do about it.
import assert from "node:assert/strict";
import { BackPressureError } from "../../errors/spillway-error.ts";
import type { AppendResult, Limits, Transport } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { acked, numbered, type Taken } from "./contract-words.ts";

const requires = ["channelLimits"] as const;
const refusal = "declare() refuses limits";

/** Indexes of the messages that a full channel refused. */
export function refusedIn(result: AppendResult): number[] {
  const refused: number[] = [];
  for (const [index, exception] of result.exceptions ?? []) {
    if (exception instanceof BackPressureError) refused.push(index);
  }
  return refused;
}

/** Declares a channel with limits. */
export async function limited(run: ContractRun, limits: Limits, name = "one"): Promise<void> {
  await run.declare(name, { limits });
}

/** How many messages count towards the limits of a channel. */
export async function waitingIn(run: ContractRun, channel = "one"): Promise<number | undefined> {
  const { waiting } = await run.statsOf(channel);
  return waiting?.depth;
}

/** What full channels promise. */
export const limitCases: readonly ContractCase[] = [
  {
    name: "limits: a batch is cut where the room ends, and the rest is refused one by one",
    requires,
    refusal,
    async run(run) {
      await limited(run, { depthMax: 3 });
      await run.join("one", "group");
      const result = await run.publish("one", numbered("m", 5));
      assert.equal(result.firstOffset, 0);
      assert.deepEqual(refusedIn(result), [3, 4]);
      assert.deepEqual(await run.stored("one"), numbered("m", 3));
      assert.deepEqual(refusedIn(await run.publish("one", ["later"])), [0]);
    },
  },
  {
    name: "limits: a refusal says how full the channel is and when to try again",
    requires,
    refusal,
    async run(run) {
      await limited(run, { depthMax: 1 });
      const result = await run.publish("one", ["a", "b"]);
      const error = result.exceptions?.get(1);
      assert.ok(error instanceof BackPressureError);
      assert.ok(error.retryAfterMs !== undefined && error.retryAfterMs >= 1);
      assert.equal(error.certainty, "definite");
      const { channel, depth, depthMax } = error.details;
      assert.deepEqual({ channel, depth, depthMax }, { channel: "one", depth: 1, depthMax: 1 });
    },
  },
  {
    name: "limits: what is settled makes room, and whoever waits for it is woken",
    requires,
    refusal,
    async run(run) {
      await limited(run, { depthMax: 2 });
      const consumer = await run.join("one", "group");
      assert.deepEqual(refusedIn(await run.publish("one", numbered("m", 3))), [2]);
      const taken = await run.take(consumer, 2);
      const room = run.transport.room("one");
      await run.ack(consumer, taken.slice(0, 1));
      assert.equal(await run.within("room", room), 1);
      assert.deepEqual(refusedIn(await run.publish("one", ["more", "too many"])), [1]);
    },
  },
  {
    name: "limits: whoever waits for room stops when its signal aborts",
    requires,
    refusal,
    async run(run) {
      await limited(run, { depthMax: 1 });
      await run.publish("one", ["a", "b"]);
      const controller = new AbortController();
      const room = run.transport.room("one", controller.signal);
      controller.abort(new Error("enough"));
      await assert.rejects(room, /enough/);
    },
  },
  {
    name: "limits: the slowest group counts",
    requires,
    refusal,
    async run(run) {
      await limited(run, { depthMax: 2 });
      const fast = await run.join("one", "fast");
      const slow = await run.join("one", "slow");
      await run.publish("one", numbered("m", 2));
      await run.ack(fast, await run.take(fast, 2));
      assert.deepEqual(refusedIn(await run.publish("one", ["x"])), [0]);
      await run.ack(slow, await run.take(slow, 2));
      assert.deepEqual(refusedIn(await run.publish("one", ["y"])), []);
    },
  },
  {
    name: "limits: messages that wait for another try count, whatever was settled behind them",
    requires: ["channelLimits", "individualSettlement"],
    refusal,
    async run(run) {
      await limited(run, { depthMax: 3 });
      const consumer = await run.join("one", "group");
      await run.publish("one", numbered("m", 3));
      const [first, ...others] = (await run.take(consumer, 3)) as [Taken, Taken, Taken];
      const dueAtMs = run.clock.wallMs() + 3_600_000;
      const again = { kind: "open", attempt: 1, dueAtMs, reason: "retry" } as const;
      const settle = [[first, again], ...others.map((one) => [one, acked] as const)] as const;
      await run.commitAll(consumer, { settle });
      assert.equal(await waitingIn(run), 1);
      assert.deepEqual(refusedIn(await run.publish("one", numbered("n", 3))), [2]);
    },
  },
  {
    name: "limits: depth is exact where ranges of a group stand at different offsets",
    requires,
    refusal,
    async run(run) {
      await run.declare("one", { partitions: 4, limits: { depthMax: 8 } });
      const consumer = await run.join("one", "group");
      const keyed = numbered("m", 8).map((payload) => ({ payload, key: payload }));
      await run.publish("one", keyed);
      const taken = await run.take(consumer, 8);
      const odd = taken.filter((_, index) => index % 2 === 1);
      await run.ack(consumer, odd);
      assert.equal(await waitingIn(run), 4);
      assert.deepEqual(refusedIn(await run.publish("one", keyed)), [4, 5, 6, 7]);
    },
  },
  {
    name: "limits: delayed messages count from their acceptance",
    requires: ["channelLimits", "delayedDelivery"],
    refusal,
    async run(run) {
      await limited(run, { depthMax: 3 });
      const consumer = await run.join("one", "group");
      const dueAtMs = [0, 1, 2, 3].map(() => run.clock.wallMs() + 200);
      const delayed = await run.publish("one", numbered("later", 4), { dueAtMs });
      assert.deepEqual(refusedIn(delayed), [3]);
      assert.deepEqual(refusedIn(await run.publish("one", ["now"])), [0]);
      await run.ack(consumer, await run.take(consumer, 3));
      assert.deepEqual(refusedIn(await run.publish("one", ["now"])), []);
    },
  },
  {
    name: "limits: while nobody reads a channel, everything stored counts",
    requires,
    refusal,
    async run(run) {
      await limited(run, { depthMax: 2 });
      assert.deepEqual(refusedIn(await run.publish("one", numbered("m", 3))), [2]);
      const consumer = await run.join("one", "group");
      await run.ack(consumer, await run.take(consumer, 2));
      assert.deepEqual(refusedIn(await run.publish("one", ["x"])), []);
    },
  },
  {
    name: "limits: a repeat needs no room, and is answered behind what was refused",
    requires: ["channelLimits", "deduplication"],
    refusal,
    async run(run) {
      await limited(run, { depthMax: 2 });
      const known = { payload: "x", id: "id-1" };
      await run.publish("one", [known]);
      const result = await run.publish("one", [
        { payload: "y", id: "id-2" },
        { payload: "z", id: "id-3" },
        known,
      ]);
      assert.deepEqual(refusedIn(result), [1]);
      assert.deepEqual(result.exceptions?.get(2), { offset: 0 });
      // What was refused is not remembered: it is new once there is room.
      const consumer = await run.join("one", "group");
      await run.ack(consumer, await run.take(consumer, 2));
      const again = await run.publish("one", [{ payload: "z", id: "id-3" }]);
      assert.equal(again.exceptions, undefined);
    },
  },
  {
    name: "limits: nothing of a call overtakes what it was refused; other channels are not touched",
    requires,
    refusal,
    async run(run) {
      await limited(run, { depthMax: 2 });
      await run.declare("two");
      const batches = [
        run.batch("one", numbered("m", 3)),
        run.batch("two", ["free"]),
        run.batch("one", ["high"], { priority: "high" }),
      ];
      const results = await run.within("append", run.transport.append(batches));
      assert.deepEqual(results.map(refusedIn), [[2], [], [0]]);
      // Nor does a small one that would fit slip past a large one that did not.
      await run.declare("three", { limits: { bytesMax: 10_000 } });
      await run.publish("three", ["first"]);
      const sizes = [run.batch("three", ["x".repeat(20_000)]), run.batch("three", ["small"])];
      const sized = await run.within("append", run.transport.append(sizes));
      assert.deepEqual(sized.map(refusedIn), [[0], [0]]);
    },
  },
  {
    name: "limits: bytes are bounded, and one message of any size fits where nothing waits",
    requires,
    refusal,
    async run(run) {
      await limited(run, { bytesMax: 10_000 });
      const consumer = await run.join("one", "group");
      const text = "x".repeat(2_000);
      let stored = 0;
      while (refusedIn(await run.publish("one", [text])).length === 0) stored++;
      assert.ok(stored >= 3 && stored <= 5, `${stored} messages of 2,000 bytes in 10,000`);
      await run.ack(consumer, await run.take(consumer, stored));
      const huge = await run.publish("one", ["x".repeat(50_000)]);
      assert.deepEqual(refusedIn(huge), []);
      assert.deepEqual(refusedIn(await run.publish("one", ["small"])), [0]);
    },
  },
  {
    name: "limits: where a channel sheds, lower priorities are refused first, and alone",
    requires: ["channelLimits", "priority"],
    refusal,
    async run(run) {
      await limited(run, { depthMax: 8, isShedding: true });
      await run.join("one", "group");
      const low = await run.publish("one", numbered("low", 8), { priority: "low" });
      assert.deepEqual(refusedIn(low), [6, 7]);
      assert.deepEqual(refusedIn(await run.publish("one", ["a", "b"])), [1]);
      const high = await run.publish("one", ["c", "d"], { priority: "high" });
      assert.deepEqual(refusedIn(high), [1]);
      const error = low.exceptions?.get(6);
      assert.ok(error instanceof BackPressureError);
      assert.equal(error.details["shed"], true);
      assert.doesNotMatch(error.message, /bytes/);
      await run.declare("two", { limits: { depthMax: 8, isShedding: true } });
      const batches = [
        run.batch("two", numbered("low", 7), { priority: "low" }),
        run.batch("two", ["e", "f"]),
        run.batch("two", ["g"], { priority: "high" }),
        run.batch("two", ["h"]),
      ];
      const results = await run.within("append", run.transport.append(batches));
      assert.deepEqual(results.map(refusedIn), [[6], [1], [], [0]]);
    },
  },
  {
    name: "limits: they can be changed, and stats() tells them and what waits",
    requires,
    refusal,
    async run(run) {
      await limited(run, { depthMax: 1 });
      await run.join("one", "group");
      assert.deepEqual(refusedIn(await run.publish("one", ["a", "b"])), [1]);
      assert.equal((await run.statsOf("one")).limits?.depthMax, 1);
      await limited(run, { depthMax: 3 });
      assert.deepEqual(refusedIn(await run.publish("one", numbered("m", 3))), [2]);
      assert.equal(await waitingIn(run), 3);
      await run.declare("one");
      assert.deepEqual(refusedIn(await run.publish("one", numbered("m", 3))), []);
      assert.equal((await run.statsOf("one")).limits, undefined);
    },
  },
  {
    name: "limits: they hold for all processes, and one is woken by what another settles",
    requires: ["channelLimits", "multiProcess"],
    refusal: "opening the store a second time is refused",
    async run(run) {
      const second: Transport = await run.share();
      await limited(run, { depthMax: 2 });
      const consumer = await run.join("one", "group", { transport: second });
      await run.publish("one", ["a"]);
      const [result] = await second.append([run.batch("one", ["b", "c"])]);
      assert.deepEqual(refusedIn(result as AppendResult), [1]);
      assert.deepEqual(refusedIn(await run.publish("one", ["d"])), [0]);
      const room = run.transport.room("one");
      await run.ack(consumer, await run.take(consumer, 2));
      assert.equal(await run.within("room made by another process", room), 2);
    },
  },
  {
    name: "limits: they survive a restart",
    requires: ["channelLimits", "durable"],
    refusal: "nothing durable can be opened again",
    async run(run) {
      await limited(run, { depthMax: 1 });
      await run.publish("one", ["a"]);
      await run.restart();
      assert.deepEqual(refusedIn(await run.publish("one", ["b"])), [0]);
    },
  },
];
