// The contract of members of one group: work is divided by key, moves when members come and go, and
// never runs in two places or is lost on the way.
import assert from "node:assert/strict";
import type { Consumer } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { acked, keyInRange, numbered, payloadsOf, type Taken } from "./contract-words.ts";

const keys = [keyInRange(0, 2), keyInRange(1, 2)] as const;

/** Two members of one group on a channel of two ranges, each owning one. */
async function twoMembers(run: ContractRun): Promise<readonly [Consumer, Consumer]> {
  await run.declare("one", { partitions: 2 });
  const first = await run.join("one", "group");
  const second = await run.join("one", "group");
  await run.eventually("both members count", async () => {
    return (await run.groupStatsOf("one", "group")).members === 2;
  });
  return [first, second];
}

/** One member holds a message of each range, then a second member joins. */
async function joinedBySecond(
  run: ContractRun,
): Promise<{ first: Consumer; second: Consumer; moving: Taken; staying: Taken }> {
  await run.declare("one", { partitions: 2 });
  const first = await run.join("one", "group");
  await run.publish(
    "one",
    keys.map((key) => ({ payload: `first of ${key}`, key })),
  );
  const held = await run.take(first, 2);
  const second = await run.join("one", "group");
  const isMoving = (taken: Taken): boolean => !first.owns(taken.batch, taken.record);
  await run.eventually("one range is asked back", () => held.some(isMoving));
  const moving = held.find(isMoving) ?? assert.fail("one range moves");
  const staying = held.find((taken) => taken !== moving) ?? assert.fail("one range stays");
  assert.ok(first.owns(staying.batch, staying.record), "the other range stays");
  return { first, second, moving, staying };
}

/** What members of one group promise to each other. */
export const memberCases: readonly ContractCase[] = [
  {
    name: "members: two share the keys; each message goes to one of them, each key to one",
    requires: [],
    async run(run) {
      const [first, second] = await twoMembers(run);
      const drafts = numbered("m", 40).map((payload, index) => ({
        payload,
        key: keys[index % 2] as string,
      }));
      await run.publish("one", drafts);
      const mine = await run.take(first, 20);
      const yours = await run.take(second, 20);
      assert.equal(new Set(mine.map(({ key }) => key)).size, 1);
      assert.equal(new Set(yours.map(({ key }) => key)).size, 1);
      const all = payloadsOf([...mine, ...yours]);
      assert.deepEqual(new Set(all), new Set(numbered("m", 40)));
    },
  },
  {
    name: "members: a member more than there are ranges gets nothing, and takes over later",
    requires: [],
    async run(run) {
      await run.declare("one");
      const first = await run.join("one", "group");
      const spare = await run.join("one", "group");
      await run.publish("one", numbered("m", 3));
      const taken = await run.take(first, 3);
      await run.takeNothing(spare);
      await run.ack(first, taken.slice(0, 1));
      await first.close();
      assert.deepEqual(payloadsOf(await run.take(spare, 2)), ["m-1", "m-2"]);
    },
  },
  {
    name: "members: when one closes, the other gets its unsettled messages at once, in order",
    requires: [],
    async run(run) {
      const [first, second] = await twoMembers(run);
      const drafts = numbered("m", 20).map((payload, index) => ({
        payload,
        key: keys[index % 2] as string,
      }));
      await run.publish("one", drafts);
      const taken = await run.take(first, 10);
      const yours = await run.take(second, 10);
      await run.ack(first, taken.slice(0, 3));
      await first.close();
      const moved = await run.take(second, 7);
      assert.deepEqual(payloadsOf(moved), payloadsOf(taken.slice(3)));
      await run.ack(second, [...yours, ...moved]);
      assert.equal((await run.groupStatsOf("one", "group")).depth, 0);
    },
  },
  {
    name: "members: what runs while its key moves may still be settled; only then the key moves",
    requires: [],
    async run(run) {
      const { first, second, moving } = await joinedBySecond(run);
      await run.publish("one", [{ payload: "next", key: moving.key as string }]);
      await run.takeNothing(second);
      await run.takeNothing(first);
      await run.ack(first, [moving]);
      assert.deepEqual(payloadsOf(await run.take(second, 1)), ["next"]);
    },
  },
  {
    name: "members: a released message goes to the new owner, before later ones of its key",
    requires: [],
    async run(run) {
      const { first, second, moving } = await joinedBySecond(run);
      await run.publish("one", [{ payload: "next", key: moving.key as string }]);
      first.release(moving.batch, moving.record);
      const taken = await run.take(second, 2);
      assert.deepEqual(payloadsOf(taken), [moving.payload, "next"]);
      assert.ok(taken.every(({ batch, record }) => second.owns(batch, record)));
    },
  },
  {
    name: "members: a message that waits for its retry moves with its key, attempts and all",
    requires: ["individualSettlement"],
    refusal: "commit() refuses the outcome open",
    async run(run) {
      const { first, second, moving } = await joinedBySecond(run);
      const dueAtMs = run.clock.wallMs() + 60_000;
      const open = { attempt: 2, dueAtMs, reason: "retry" } as const;
      await run.commitAll(first, { settle: [[moving, { kind: "open", ...open }]] });
      first.release(moving.batch, moving.record);
      const [taken] = await run.take(second, 1);
      assert.equal(taken?.payload, moving.payload);
      assert.deepEqual(taken.open, open);
    },
  },
  {
    name: "members: one that joins and leaves again loses nothing, not even what was released",
    requires: [],
    async run(run) {
      const { first, second, moving, staying } = await joinedBySecond(run);
      first.release(moving.batch, moving.record);
      await second.close();
      const taken = await run.take(first, 1);
      assert.deepEqual(payloadsOf(taken), [moving.payload]);
      await run.ack(first, [staying, ...taken]);
      assert.equal((await run.groupStatsOf("one", "group")).depth, 0);
    },
  },
  {
    name: "members: a unit with messages whose keys were lost is fenced, and applies nothing",
    requires: ["atomicUnit"],
    refusal: "commit() refuses a unit that settles and publishes",
    async run(run) {
      const { first, second, moving, staying } = await joinedBySecond(run);
      await run.declare("out");
      first.release(moving.batch, moving.record);
      const [taken] = await run.take(second, 1);
      const settle = [staying, moving].map((one) => [one, acked] as const);
      const state = [{ table: "t", key: "k", expected: 0, value: "1" }];
      const publishes = [run.batch("out", ["effect"])];
      const late = await run.within("commit", run.commit(first, { settle, publishes, state }));
      assert.equal(late.kind, "fenced");
      assert.deepEqual(await run.stored("out"), []);
      const scope = { channel: "one", group: "group" };
      const row = await run.transport.state?.read(scope, "t", "k");
      assert.deepEqual(row, { value: undefined, version: 0 });
      assert.equal((await run.commit(first, {})).kind, "poisoned");
      first.resume();
      await run.ack(first, [staying]);
      await run.ack(second, [taken ?? assert.fail("the moved message")]);
      assert.equal((await run.groupStatsOf("one", "group")).depth, 0);
    },
  },
  {
    name: "members: a delivery from before its keys were lost stays fenced when they come back",
    requires: [],
    async run(run) {
      const { first, second, moving } = await joinedBySecond(run);
      first.release(moving.batch, moving.record);
      await run.take(second, 1);
      await second.close();
      const again = await run.take(first, 1);
      assert.deepEqual(payloadsOf(again), [moving.payload]);
      assert.ok(!first.owns(moving.batch, moving.record), "the old delivery is owned no more");
      const late = await run.within("commit", run.commit(first, { settle: [[moving, acked]] }));
      assert.equal(late.kind, "fenced");
      first.resume();
      await run.ack(first, again);
    },
  },
  {
    name: "members: three come, one leaves, and every message is handled by somebody, once",
    requires: [],
    async run(run) {
      await run.declare("one", { partitions: 8 });
      const members = [await run.join("one", "group")];
      members.push(await run.join("one", "group"), await run.join("one", "group"));
      const drafts = numbered("m", 90).map((payload) => ({ payload, key: payload }));
      await run.publish("one", drafts);
      const handled: string[] = [];
      const drain = async (member: Consumer): Promise<void> => {
        for (const taken of await run.takeUntilQuiet(member, 5)) {
          if (!member.owns(taken.batch, taken.record)) {
            member.release(taken.batch, taken.record);
            continue;
          }
          await run.ack(member, [taken]);
          handled.push(taken.payload);
        }
      };
      const [leaving, ...staying] = members as [Consumer, Consumer, Consumer];
      await run.takeUntilQuiet(leaving);
      await leaving.close();
      await run.eventually("everything is settled", async () => {
        for (const member of staying) await drain(member);
        return (await run.groupStatsOf("one", "group")).depth === 0;
      });
      assert.equal(handled.length, 90);
      assert.deepEqual(new Set(handled), new Set(numbered("m", 90)));
    },
  },
  {
    name: "members: close is idempotent, and what a closed one commits changes nothing",
    requires: [],
    async run(run) {
      await run.declare("one");
      const first = await run.join("one", "group");
      await run.publish("one", ["m"]);
      const taken = await run.take(first, 1);
      await Promise.all([first.close(), first.close()]);
      await first.close();
      const settle = taken.map((one) => [one, acked] as const);
      const late = await run.commit(first, { settle }).catch((error: unknown) => error);
      assert.notEqual((late as { kind?: string }).kind, "committed");
      const second = await run.join("one", "group");
      assert.deepEqual(payloadsOf(await run.take(second, 1)), ["m"]);
    },
  },
  {
    name: "members: order by key holds while members come and go",
    requires: ["orderByKey"],
    refusal: "consume() refuses a channel that promises order by key",
    async run(run) {
      await run.declare("one", { partitions: 4 });
      const names = Array.from({ length: 4 }, (_, range) => keyInRange(range, 4));
      const drafts = numbered("m", 80).map((payload, index) => ({
        payload,
        key: names[index % 4] as string,
      }));
      await run.publish("one", drafts);
      const handled = new Map<string, string[]>(names.map((name) => [name, []]));
      const members = [await run.join("one", "group")];
      const handleSome = async (member: Consumer): Promise<void> => {
        for (const taken of await run.takeSome(member, 3)) {
          if (member.owns(taken.batch, taken.record)) {
            await run.ack(member, [taken]);
            handled.get(taken.key ?? "")?.push(taken.payload);
          } else member.release(taken.batch, taken.record);
        }
      };
      for (let round = 0; round < 8; round++) {
        if (round % 2 === 0) members.push(await run.join("one", "group"));
        if (round % 4 === 3) await members.shift()?.close();
        for (const member of members) await handleSome(member);
      }
      await run.eventually("everything is settled", async () => {
        for (const member of members) await handleSome(member);
        return (await run.groupStatsOf("one", "group")).depth === 0;
      });
      for (const [name, payloads] of handled) {
        const expected = drafts.filter(({ key }) => key === name).map(({ payload }) => payload);
        assert.deepEqual(payloads, expected, `order of ${name}`);
      }
    },
  },
];
