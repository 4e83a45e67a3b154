// The contract of settlement: what is acknowledged is done, what is not comes back, with what is
// known of it.
import assert from "node:assert/strict";
import type { OpenEntry } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import { acked, numbered, payloadsOf, type Taken } from "./contract-words.ts";

const refusal = "commit() refuses the outcome open";
const restartRefusal = "nothing durable can be opened again";

function open(entry: OpenEntry): OpenEntry & { readonly kind: "open" } {
  return { kind: "open", ...entry };
}

/** What was listed as open; a record that was merely in flight may or may not be listed. */
function openOf(taken: readonly Taken[]): (OpenEntry | undefined)[] {
  return taken.map(({ open: entry }) => {
    const isPlain = entry?.reason === "in-flight" && entry.attempt === 0;
    return isPlain ? undefined : entry;
  });
}

/** What settlements promise. */
export const settlementCases: readonly ContractCase[] = [
  {
    name: "settlement: what was acknowledged is never delivered to the group again",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 3));
      const first = await run.join("one", "group");
      await run.ack(first, await run.take(first, 3));
      await run.takeNothing(first);
      await first.close();
      await run.takeNothing(await run.join("one", "group"));
    },
  },
  {
    name: "settlement: what was delivered and not settled comes back to the next member, in order",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 4));
      const first = await run.join("one", "group");
      await run.ack(first, (await run.take(first, 4)).slice(0, 1));
      await first.close();
      const second = await run.join("one", "group");
      assert.deepEqual(payloadsOf(await run.take(second, 3)), ["m-1", "m-2", "m-3"]);
    },
  },
  {
    name: "settlement: a slow message does not hold the acknowledgement of later ones",
    requires: ["individualSettlement"],
    refusal: "commit() refuses to settle a message before an earlier one",
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("a", 5));
      await run.publish("one", numbered("b", 5));
      const first = await run.join("one", "group");
      const taken = await run.take(first, 10);
      const slow = taken[3] ?? assert.fail("ten deliveries");
      await run.ack(
        first,
        taken.filter((one) => one !== slow),
      );
      assert.equal((await run.groupStatsOf("one", "group")).depth, 1);
      await first.close();
      const second = await run.join("one", "group");
      const [again] = await run.take(second, 1);
      assert.equal(again?.payload, "a-3");
      assert.deepEqual(openOf([again]), [undefined], "it never failed");
      await run.takeNothing(second);
    },
  },
  {
    name: "settlement: a message to be retried comes back with attempt, due time and reason",
    requires: ["individualSettlement"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 2));
      const first = await run.join("one", "group");
      const [failed, fine] = (await run.take(first, 2)) as [Taken, Taken];
      const entry = { attempt: 3, dueAtMs: run.clock.wallMs() + 90_000, reason: "retry" } as const;
      await run.commitAll(first, {
        settle: [
          [failed, open(entry)],
          [fine, acked],
        ],
      });
      await run.takeNothing(first);
      await first.close();
      const second = await run.join("one", "group");
      const again = await run.take(second, 1);
      assert.deepEqual(payloadsOf(again), ["m-0"]);
      assert.deepEqual(openOf(again), [entry]);
      await run.takeNothing(second);
    },
  },
  {
    name: "settlement: messages parked behind one that failed come back in order, behind it",
    requires: ["individualSettlement"],
    refusal,
    async run(run) {
      await run.declare("one");
      const drafts = numbered("m", 4).map((payload) => ({ payload, key: "k" }));
      await run.publish("one", drafts.slice(0, 3));
      const first = await run.join("one", "group");
      const [failed, ...parked] = (await run.take(first, 3)) as [Taken, Taken, Taken];
      const retry = { attempt: 1, dueAtMs: run.clock.wallMs() + 5_000, reason: "retry" } as const;
      const wait = { attempt: 0, dueAtMs: 0, reason: "parked" } as const;
      await run.commitAll(first, {
        settle: [[failed, open(retry)], ...parked.map((one) => [one, open(wait)] as const)],
      });
      await run.publish("one", drafts.slice(3));
      await first.close();
      const again = await run.take(await run.join("one", "group"), 4);
      assert.deepEqual(payloadsOf(again), numbered("m", 4));
      assert.deepEqual(openOf(again), [retry, wait, wait, undefined]);
    },
  },
  {
    name: "settlement: an open message that is acknowledged later is done",
    requires: ["individualSettlement"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["m"]);
      const first = await run.join("one", "group");
      const [taken] = (await run.take(first, 1)) as [Taken];
      const entry = { attempt: 1, dueAtMs: 0, reason: "retry" } as const;
      await run.commitAll(first, { settle: [[taken, open(entry)]] });
      await run.commitAll(first, { settle: [[taken, acked]] });
      const { depth, open: waiting } = await run.groupStatsOf("one", "group");
      assert.deepEqual([depth, waiting], [0, 0]);
      await first.close();
      await run.takeNothing(await run.join("one", "group"));
    },
  },
  {
    name: "settlement: the last outcome of an open message counts",
    requires: ["individualSettlement"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 3));
      const first = await run.join("one", "group");
      const [, taken] = (await run.take(first, 3)) as [Taken, Taken, Taken];
      const last = { attempt: 3, dueAtMs: run.clock.wallMs() + 70_000, reason: "retry" } as const;
      for (const attempt of [1, 2]) {
        await run.commitAll(first, { settle: [[taken, open({ ...last, attempt, dueAtMs: 1 })]] });
      }
      await run.commitAll(first, { settle: [[taken, open(last)]] });
      await first.close();
      const again = await run.take(await run.join("one", "group"), 3);
      assert.deepEqual(payloadsOf(again), numbered("m", 3));
      assert.deepEqual(openOf(again), [undefined, last, undefined]);
    },
  },
  {
    name: "settlement: open messages keep their entries over several take-overs",
    requires: ["individualSettlement"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 2));
      const entry = { attempt: 4, dueAtMs: run.clock.wallMs() + 80_000, reason: "retry" } as const;
      const first = await run.join("one", "group");
      const [failed] = (await run.take(first, 2)) as [Taken];
      await run.commitAll(first, { settle: [[failed, open(entry)]] });
      await first.close();
      for (let round = 0; round < 3; round++) {
        const member = await run.join("one", "group");
        const again = await run.take(member, 2);
        assert.deepEqual(openOf(again), [entry, undefined], `round ${round}`);
        await member.close();
      }
    },
  },
  {
    name: "settlement: reload gives open messages again, and leaves out what is settled",
    requires: ["individualSettlement"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 4));
      const consumer = await run.join("one", "group");
      const taken = await run.take(consumer, 4);
      const entry = { attempt: 1, dueAtMs: 0, reason: "retry" } as const;
      await run.commitAll(consumer, {
        settle: taken.map((one, at) => [one, at % 2 === 0 ? acked : open(entry)] as const),
      });
      const offsets = taken.map(({ offset }) => offset);
      const batches = await run.within("reload", consumer.reload("normal", offsets.slice(1)));
      const found = batches.flatMap(({ stored, records }) =>
        records.map((record) => [stored.offsetAt(record), stored.payloadTextAt(record)]),
      );
      assert.deepEqual(found, [
        [1, "m-1"],
        [3, "m-3"],
      ]);
      for (const batch of batches) {
        assert.ok(batch.records.every((record) => consumer.owns(batch, record)));
        const settlements = [{ batch, records: batch.records, outcomes: [acked, acked] }];
        const unit = { sequence: 2, settlements, publishes: [], state: [] };
        assert.equal((await consumer.commit(unit)).kind, "committed");
      }
      assert.equal((await run.groupStatsOf("one", "group")).depth, 0);
    },
  },
  {
    name: "settlement: acknowledgements survive a restart",
    requires: ["durable"],
    refusal: restartRefusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 5));
      const first = await run.join("one", "group");
      await run.ack(first, (await run.take(first, 5)).slice(0, 3));
      await run.restart();
      await run.declare("one");
      const second = await run.join("one", "group");
      assert.deepEqual(payloadsOf(await run.take(second, 2)), ["m-3", "m-4"]);
      await run.takeNothing(second);
    },
  },
  {
    name: "settlement: what expired is counted for the group, by all its members, over a restart",
    requires: ["durable"],
    refusal: restartRefusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 5));
      const first = await run.join("one", "group");
      const settle = (await run.take(first, 3)).map((one) => [one, acked] as const);
      await run.commitAll(first, { settle, expired: 2 });
      await run.restart();
      await run.declare("one");
      const second = await run.join("one", "group");
      const rest = (await run.take(second, 2)).map((one) => [one, acked] as const);
      await run.commitAll(second, { settle: rest, expired: 1 });
      const { expired, dropped } = await run.groupStatsOf("one", "group");
      assert.deepEqual([expired, dropped], [3, 0]);
    },
  },
  {
    name: "settlement: open messages survive a restart with attempt, due time and reason",
    requires: ["durable", "individualSettlement"],
    refusal: restartRefusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 5));
      const first = await run.join("one", "group");
      const taken = (await run.take(first, 5)) as [Taken, Taken, Taken];
      const retry = { attempt: 2, dueAtMs: run.clock.wallMs() + 60_000, reason: "retry" } as const;
      const parked = { attempt: 1, dueAtMs: 0, reason: "parked" } as const;
      await run.commitAll(first, {
        settle: [
          [taken[0], open(retry)],
          [taken[1], acked],
          [taken[2], open(parked)],
        ],
      });
      await run.restart();
      await run.declare("one");
      const again = await run.take(await run.join("one", "group"), 4);
      assert.deepEqual(payloadsOf(again), ["m-0", "m-2", "m-3", "m-4"]);
      assert.deepEqual(openOf(again), [retry, parked, undefined, undefined]);
    },
  },
];
