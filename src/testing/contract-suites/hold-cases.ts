// The contract of units that publish into full channels (docs/adr/0019): they are let through, and
// the consumer that caused it is held.
import assert from "node:assert/strict";
import type { ContractCase } from "./contract-case.ts";
import { acked, numbered, payloadsOf, type Taken } from "./contract-words.ts";
import { limited, refusedIn, waitingIn } from "./limit-cases.ts";

const refusal = "declare() refuses limits";

/** What consumers that fill channels may rely on, and must bear. */
export const holdCases: readonly ContractCase[] = [
  {
    name: "limits: what a unit publishes is let through and named, and counts",
    requires: ["channelLimits", "atomicUnit"],
    refusal,
    async run(run) {
      await limited(run, { depthMax: 2 });
      const consumer = await run.join("one", "group");
      await run.publish("one", numbered("m", 2));
      const [first] = (await run.take(consumer, 1)) as [Taken];
      const publishes = [run.batch("one", numbered("n", 3))];
      const result = await run.commitAll(consumer, { settle: [[first, acked]], publishes });
      assert.deepEqual(result.over, ["one"]);
      assert.equal(await waitingIn(run), 4);
      assert.deepEqual(refusedIn(await run.publish("one", ["x"])), [0]);
      // Its own channel does not hold it: nobody else would make room.
      await run.ack(consumer, await run.take(consumer, 4));
      assert.deepEqual(refusedIn(await run.publish("one", ["x"])), []);
    },
  },
  {
    name: "limits: a consumer whose units fill another channel is held until that has room",
    requires: ["channelLimits", "atomicUnit"],
    refusal,
    async run(run) {
      await run.declare("one");
      await limited(run, { depthMax: 1 }, "two");
      const second = await run.join("two", "next");
      const first = await run.join("one", "group");
      await run.publish("one", numbered("m", 4));
      const taken = await run.take(first, 2);
      const settle = taken.map((one) => [one, acked] as const);
      const publishes = [run.batch("two", numbered("n", 2))];
      await run.commitAll(first, { settle, publishes });
      await run.takeNothing(first);
      await run.ack(second, await run.take(second, 2));
      assert.deepEqual(payloadsOf(await run.take(first, 2)), ["m-2", "m-3"]);
    },
  },
  {
    name: "limits: a held consumer gets one message after a while: rings do not stand still",
    requires: ["channelLimits", "atomicUnit"],
    refusal,
    async run(run) {
      await run.declare("one");
      await limited(run, { depthMax: 1 }, "two");
      await run.join("two", "never settles");
      const first = await run.join("one", "group");
      await run.publish("one", numbered("m", 4));
      const settle = (await run.take(first, 1)).map((one) => [one, acked] as const);
      const publishes = [run.batch("two", numbered("n", 2))];
      await run.commitAll(first, { settle, publishes });
      const [passed] = await run.take(first, 1, 3);
      assert.equal(passed?.payload, "m-1");
      await run.takeNothing(first);
    },
  },
];
