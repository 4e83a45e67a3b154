// The contract of delayed messages: not before they are due, in order of due time, exactly once.
import assert from "node:assert/strict";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { type MessageDraft, payloadsOf, type Taken } from "./contract-words.ts";

const refusal = "append() refuses a batch with due times";

/** Far enough ahead that nothing of the case takes as long. */
const soonMs = 400;
const neverMs = 3_600_000;

async function publishDelayed(
  run: ContractRun,
  delayMs: number,
  drafts: readonly (string | MessageDraft)[],
): Promise<ReturnType<ContractRun["publish"]>> {
  const dueAtMs = drafts.map(() => run.clock.wallMs() + delayMs);
  return run.publish("one", drafts, { dueAtMs });
}

async function untilStored(run: ContractRun, count: number): Promise<string[]> {
  let stored: string[] = [];
  await run.eventually(`${count} messages are visible`, async () => {
    stored = await run.stored("one");
    return stored.length >= count;
  });
  return stored;
}

/** What delayed delivery promises. */
export const delayCases: readonly ContractCase[] = [
  {
    name: "delay: a delayed message has no offset, and is counted but not visible until it is due",
    requires: ["delayedDelivery"],
    refusal,
    async run(run) {
      await run.declare("one");
      const startMs = run.clock.wallMs();
      const result = await publishDelayed(run, soonMs, ["later"]);
      assert.equal(result.firstOffset, -1);
      assert.deepEqual(await run.stored("one"), []);
      assert.equal((await run.statsOf("one")).delayed, 1);
      await run.publish("one", ["now"]);
      assert.deepEqual(await untilStored(run, 2), ["now", "later"]);
      assert.ok(run.clock.wallMs() >= startMs + soonMs, "not before it was due");
      assert.equal((await run.statsOf("one")).delayed, 0);
    },
  },
  {
    name: "delay: messages become visible in order of their due times",
    requires: ["delayedDelivery"],
    refusal,
    async run(run) {
      await run.declare("one");
      const nowMs = run.clock.wallMs();
      const dueAtMs = [nowMs + 450, nowMs + 150, nowMs + 300];
      await run.publish("one", ["third", "first", "second"], { dueAtMs });
      assert.deepEqual(await untilStored(run, 3), ["first", "second", "third"]);
    },
  },
  {
    name: "delay: a waiting consumer gets a delayed message when it is due",
    requires: ["delayedDelivery"],
    refusal,
    async run(run) {
      await run.declare("one");
      const consumer = await run.join("one", "group");
      await publishDelayed(run, soonMs, ["later"]);
      assert.deepEqual(payloadsOf(await run.take(consumer, 1)), ["later"]);
      await run.takeNothing(consumer);
    },
  },
  {
    name: "delay: what was due in the past is visible at once",
    requires: ["delayedDelivery"],
    refusal,
    async run(run) {
      await run.declare("one");
      await publishDelayed(run, -5_000, ["overdue"]);
      assert.deepEqual(await untilStored(run, 1), ["overdue"]);
    },
  },
  {
    name: "delay: key, id, attributes and priority survive the delay",
    requires: ["delayedDelivery", "priority"],
    refusal,
    async run(run) {
      await run.declare("one");
      const draft = { payload: "x", key: "k", id: "given", attributes: { subject: "s" } };
      const dueAtMs = [run.clock.wallMs() + 50];
      await run.publish("one", [draft], { priority: "high", dueAtMs });
      const [taken] = (await run.take(await run.join("one", "group"), 1)) as [Taken];
      const { stored } = taken.batch;
      assert.equal(stored.priority, "high");
      assert.equal(stored.keyAt(taken.record), "k");
      assert.equal(stored.idAt(taken.record), "given");
      assert.equal(stored.attributesAt(taken.record).subject, "s");
    },
  },
  {
    name: "delay: a repeat of a delayed message is stored once, counted from its acceptance",
    requires: ["delayedDelivery", "deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      await publishDelayed(run, soonMs, [{ payload: "x", id: "id-1" }]);
      const delayedAgain = await publishDelayed(run, soonMs, [{ payload: "x", id: "id-1" }]);
      assert.deepEqual([...(delayedAgain.exceptions?.keys() ?? [])], [0]);
      const atOnce = await run.publish("one", [{ payload: "x", id: "id-1" }, "other"]);
      assert.deepEqual([...(atOnce.exceptions?.keys() ?? [])], [0]);
      assert.deepEqual(await untilStored(run, 2), ["other", "x"]);
      await run.pass(soonMs);
      assert.deepEqual(await run.stored("one"), ["other", "x"]);
      const later = await run.publish("one", [{ payload: "x", id: "id-1" }]);
      assert.deepEqual([...(later.exceptions?.keys() ?? [])], [0]);
    },
  },
  {
    name: "delay: a commit unit can publish delayed messages, and a refused one leaves none",
    requires: ["delayedDelivery", "atomicUnit"],
    refusal,
    async run(run) {
      await run.declare("one");
      const consumer = await run.join("one", "group", { from: "latest" });
      const delayed = (payload: string, delayMs: number) =>
        run.batch("one", [payload], { dueAtMs: [run.clock.wallMs() + delayMs] });
      const { appended } = await run.commitAll(consumer, { publishes: [delayed("kept", 100)] });
      assert.equal(appended[0]?.firstOffset, -1);
      const refused = await run.commit(consumer, {
        publishes: [delayed("refused", 0)],
        state: [{ table: "t", key: "k", expected: 7, value: "1" }],
      });
      assert.equal(refused.kind, "conflict");
      await untilStored(run, 1);
      await run.pass(100);
      assert.deepEqual(await run.stored("one"), ["kept"]);
    },
  },
  {
    name: "delay: delayed messages survive a restart",
    requires: ["durable", "delayedDelivery"],
    refusal: "nothing durable can be opened again",
    async run(run) {
      await run.declare("one");
      await publishDelayed(run, soonMs, ["soon"]);
      await publishDelayed(run, neverMs, ["much later"]);
      await run.restart();
      await run.declare("one");
      assert.deepEqual(await untilStored(run, 1), ["soon"]);
      assert.equal((await run.statsOf("one")).delayed, 1);
    },
  },
];
