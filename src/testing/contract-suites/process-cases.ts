// The contract of several owners of one store, as processes are: one log, one set of groups, one
// window of ids.
import assert from "node:assert/strict";
import type { Consumer } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import { numbered, payloadsOf } from "./contract-words.ts";
import { withoutGaps } from "../../ports/gap.ts";

const requires = ["multiProcess"] as const;
const refusal = "opening the store a second time is refused";
const declaration = { partitions: 2, retention: {}, compression: "none" } as const;

/** What several processes on one store promise each other. */
export const processCases: readonly ContractCase[] = [
  {
    name: "processes: what one appends the other reads, and offsets are given once",
    requires,
    refusal,
    async run(run) {
      const second = await run.share();
      await run.declare("one", declaration);
      await second.declare({ name: "one", ...declaration });
      const appends = numbered("m", 40).map((payload, at) => {
        const transport = at % 2 === 0 ? run.transport : second;
        return transport.append([run.batch("one", [payload])]);
      });
      const results = await run.within("40 appends", Promise.all(appends));
      const offsets = results.flat().map(({ firstOffset }) => firstOffset);
      assert.equal(new Set(offsets).size, 40);
      assert.deepEqual([Math.min(...offsets), Math.max(...offsets)], [0, 39]);
      const found: string[] = [];
      for await (const batch of withoutGaps(second.read("one", { from: "earliest" }))) {
        for (let at = 0; at < batch.count; at++) found.push(batch.payloadTextAt(at));
      }
      assert.deepEqual(new Set(found), new Set(numbered("m", 40)));
    },
  },
  {
    name: "processes: a consumer that waits in one gets what the other appends",
    requires,
    refusal,
    async run(run) {
      const second = await run.share();
      await run.declare("one", declaration);
      await second.declare({ name: "one", ...declaration });
      const consumer = await run.join("one", "group", { transport: second });
      const waiting = run.take(consumer, 2);
      await run.publish("one", numbered("m", 2));
      assert.deepEqual(payloadsOf(await waiting), numbered("m", 2));
    },
  },
  {
    name: "processes: members in two processes share a group, and one takes over from the other",
    requires,
    refusal,
    async run(run) {
      const second = await run.share();
      await run.declare("one", declaration);
      await second.declare({ name: "one", ...declaration });
      const mine = await run.join("one", "group");
      const yours = await run.join("one", "group", { transport: second });
      await run.eventually("two members count", async () => {
        return (await run.groupStatsOf("one", "group")).members === 2;
      });
      const handled = new Map<Consumer, string[]>([
        [mine, []],
        [yours, []],
      ]);
      const handleSome = async (member: Consumer): Promise<void> => {
        for (const taken of await run.takeSome(member, 4)) {
          if (member.owns(taken.batch, taken.record)) {
            await run.ack(member, [taken]);
            handled.get(member)?.push(taken.payload);
          } else member.release(taken.batch, taken.record);
        }
      };
      let published = 0;
      // Ranges move between processes in their own time: goes on until both have had some.
      await run.eventually("both handle messages", async () => {
        const drafts = numbered(`m-${published++}`, 4).map((payload) => ({
          payload,
          key: payload,
        }));
        await run.publish("one", drafts);
        for (const member of handled.keys()) await handleSome(member);
        return [...handled.values()].every((payloads) => payloads.length > 0);
      });
      await mine.close();
      await run.eventually("the other takes over", async () => {
        await handleSome(yours);
        return (await run.groupStatsOf("one", "group")).depth === 0;
      });
      const all = [...handled.values()].flat();
      assert.equal(all.length, published * 4);
      assert.equal(new Set(all).size, all.length);
    },
  },
  {
    name: "processes: a repeat is a repeat in every process",
    requires: ["multiProcess", "deduplication"],
    refusal,
    async run(run) {
      const second = await run.share();
      await run.declare("one", declaration);
      await second.declare({ name: "one", ...declaration });
      await run.publish("one", ["a", { payload: "x", id: "id-1" }]);
      const [repeat] = await second.append([run.batch("one", [{ payload: "x", id: "id-1" }])]);
      assert.deepEqual(repeat?.exceptions?.get(0), { offset: 1 });
      const [other] = await second.append([run.batch("one", [{ payload: "y", id: "id-2" }])]);
      assert.equal(other?.firstOffset, 2);
      const again = await run.publish("one", [{ payload: "y", id: "id-2" }]);
      assert.deepEqual(again.exceptions?.get(0), { offset: 2 });
    },
  },
  {
    name: "processes: state that one changed is a conflict for the other",
    requires: ["multiProcess", "atomicUnit"],
    refusal,
    async run(run) {
      const second = await run.share();
      await run.declare("one", declaration);
      await second.declare({ name: "one", ...declaration });
      const mine = await run.join("one", "group");
      const yours = await run.join("one", "group", { transport: second });
      const change = { table: "t", key: "k", expected: 0, value: "mine" };
      await run.commitAll(mine, { state: [change] });
      const late = await run.commit(yours, { state: [{ ...change, value: "yours" }] });
      assert.equal(late.kind, "conflict");
      const row = await second.state?.read({ channel: "one", group: "group" }, "t", "k");
      assert.equal(row?.value, "mine");
    },
  },
];
