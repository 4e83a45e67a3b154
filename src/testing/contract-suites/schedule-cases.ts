// The contract of delayed messages before they are due: cancelling, and listing.
import assert from "node:assert/strict";
import type { Transport } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { acked, numbered, plainTemplate, type Taken } from "./contract-words.ts";

const requires = ["delayedCancellation"] as const;
const refusal = "cancel() and delayed() are refused";
const { source } = plainTemplate;
const laterMs = 3_600_000;

/** Publishes delayed messages; gives their ids. */
async function publishLater(
  run: ContractRun,
  payloads: readonly string[],
  delayMs: number = laterMs,
): Promise<string[]> {
  const dueAtMs = payloads.map((_, at) => run.clock.wallMs() + delayMs + at);
  const batch = run.batch("one", payloads, { dueAtMs });
  await run.within("append", run.transport.append([batch]));
  return payloads.map((_, at) => batch.idAt(at));
}

/** What cancelling and listing promise. */
export const scheduleCases: readonly ContractCase[] = [
  {
    name: "cancel: a delayed message that is cancelled never becomes visible",
    requires,
    refusal,
    async run(run) {
      await run.declare("one");
      const [id = "", other = ""] = await publishLater(run, ["a", "b"], 300);
      assert.equal(await run.transport.cancel("one", { id, source }), "cancelled");
      assert.equal((await run.statsOf("one")).delayed, 1);
      await run.eventually("the other is visible", async () => {
        return (await run.stored("one")).length > 0;
      });
      await run.pass(300);
      assert.deepEqual(await run.stored("one"), ["b"]);
      assert.equal(await run.transport.cancel("one", { id: other, source }), "already-delivered");
      assert.equal(await run.transport.cancel("one", { id, source }), "unknown");
    },
  },
  {
    name: "cancel: another source, tenant or due time is another message",
    requires,
    refusal,
    async run(run) {
      await run.declare("one");
      const dueAtMs = run.clock.wallMs() + laterMs;
      const draft = { payload: "x", id: "order-7", attributes: { tenant: "acme" } };
      await run.publish("one", [draft], { dueAtMs: [dueAtMs] });
      const cancel = (what: object) =>
        run.transport.cancel("one", { id: "order-7", source, ...what });
      assert.equal(await cancel({ source: "elsewhere" }), "unknown");
      assert.equal(await cancel({ tenant: "other" }), "unknown");
      assert.equal(await cancel({ tenant: "acme", dueAtMs }), "cancelled");
    },
  },
  {
    name: "cancel: an id that was cancelled may be published again",
    requires: ["delayedCancellation", "deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      const draft = { payload: "x", id: "id-1" };
      await run.publish("one", [draft], { dueAtMs: [run.clock.wallMs() + laterMs] });
      assert.equal(await run.transport.cancel("one", { id: "id-1", source }), "cancelled");
      assert.equal((await run.publish("one", [draft])).exceptions, undefined);
      assert.deepEqual(await run.stored("one"), ["x"]);
    },
  },
  {
    name: "cancel: a message that was never delayed is already delivered, an unknown one unknown",
    requires,
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", [{ payload: "x", id: "id-1" }], { priority: "high" });
      assert.equal(await run.transport.cancel("one", { id: "id-1", source }), "already-delivered");
      assert.equal(await run.transport.cancel("one", { id: "id-2", source }), "unknown");
    },
  },
  {
    name: "cancel: it makes room in a full channel",
    requires: ["delayedCancellation", "channelLimits"],
    refusal,
    async run(run) {
      await run.declare("one", { limits: { depthMax: 1 } });
      const [id = ""] = await publishLater(run, ["later"]);
      assert.equal((await run.publish("one", ["now"])).exceptions?.size, 1);
      const room = run.transport.room("one");
      assert.equal(await run.transport.cancel("one", { id, source }), "cancelled");
      await run.within("room", room);
      assert.equal((await run.publish("one", ["now"])).exceptions, undefined);
    },
  },
  {
    name: "delayed: pages list what is not due, in order of due time, with what each is",
    requires,
    refusal,
    async run(run) {
      await run.declare("one");
      await run.declare("two");
      const nowMs = run.clock.wallMs();
      const dueAtMs = [3, 1, 2, 1].map((place) => nowMs + laterMs + place);
      const drafts = numbered("m", 4).map((payload) => ({ payload, id: payload, key: payload }));
      await run.publish("one", drafts, { dueAtMs });
      await run.publish("two", ["other"], { dueAtMs: [nowMs + laterMs] });
      const first = await run.transport.delayed("one", { messagesMax: 3 });
      assert.deepEqual(
        first.messages.map(({ id }) => id),
        ["m-1", "m-3", "m-2"],
      );
      const [one] = first.messages;
      assert.ok(one !== undefined && one.acceptedAtMs >= nowMs);
      assert.deepEqual(
        [one.channel, one.source, one.type, one.key, one.priority, one.dueAtMs],
        ["one", source, plainTemplate.type, "m-1", "normal", dueAtMs[1]],
      );
      const { next: after } = first;
      const second = await run.transport.delayed("one", { after, messagesMax: 3 });
      assert.deepEqual([second.messages.map(({ id }) => id), second.next], [["m-0"], undefined]);
      const last = (await run.transport.delayed("one", {})).messages.at(-1);
      assert.equal(await run.transport.cancel("one", last ?? assert.fail()), "cancelled");
      await assert.rejects(run.transport.delayed("one", { after: "nonsense" }), /after/);
      await assert.rejects(run.transport.delayed("one", { messagesMax: 1_001 }), /messagesMax/);
    },
  },
  {
    name: "cancel: of processes that cancel and one that delivers, exactly one does it",
    requires: ["delayedCancellation", "multiProcess"],
    refusal: "opening the store a second time is refused",
    async run(run) {
      const second: Transport = await run.share();
      await run.declare("one");
      const consumer = await run.join("one", "group");
      for (let round = 0; round < 20; round++) {
        const [id = ""] = await publishLater(run, [`m-${round}`], round % 5);
        const outcomes = await Promise.all(
          [run.transport, second].map((each) => each.cancel("one", { id, source })),
        );
        const cancelled = outcomes.filter((outcome) => outcome === "cancelled").length;
        const taken: Taken[] = await run.takeSome(consumer, 10);
        assert.equal(cancelled + taken.length, 1, `round ${round}: ${outcomes.join()}`);
        await run.commitAll(consumer, { settle: taken.map((one) => [one, acked] as const) });
      }
    },
  },
];
