// The contract of append(): offsets, order, and that what is read is what was written.
import assert from "node:assert/strict";
import { keySlot } from "../../kernel/key-slot.ts";
import { type MessageAttributes, priorities } from "../../message/envelope.ts";
import type { StoredBatch } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { numbered } from "./contract-words.ts";
import { withoutGaps } from "../../ports/gap.ts";

/** What append() promises. */
export const appendCases: readonly ContractCase[] = [
  {
    name: "append: offsets start at 0 and are dense over calls",
    requires: [],
    async run(run) {
      await run.declare("one");
      assert.equal((await run.publish("one", numbered("a", 3))).firstOffset, 0);
      assert.equal((await run.publish("one", numbered("b", 2))).firstOffset, 3);
      assert.equal((await run.publish("one", ["c"])).firstOffset, 5);
      const [log] = (await run.statsOf("one")).logs;
      assert.deepEqual([log?.startOffset, log?.endOffset], [0, 6]);
    },
  },
  {
    name: "append: several batches of one call are stored in their order, each with its result",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.declare("two");
      const batches = [
        run.batch("one", ["a", "b"]),
        run.batch("two", ["c"]),
        run.batch("one", ["d"]),
      ];
      const results = await run.transport.append(batches);
      assert.deepEqual(results, [{ firstOffset: 0 }, { firstOffset: 0 }, { firstOffset: 2 }]);
      assert.deepEqual(await run.stored("one"), ["a", "b", "d"]);
      assert.deepEqual(await run.stored("two"), ["c"]);
    },
  },
  {
    name: "append: calls that are not awaited take effect in the order of the calls",
    requires: [],
    async run(run) {
      await run.declare("one");
      const payloads = numbered("m", 200);
      const appends = payloads.map((payload) => run.publish("one", [payload]));
      const results = await Promise.all(appends);
      assert.deepEqual(
        results.map(({ firstOffset }) => firstOffset),
        payloads.map((_, index) => index),
      );
      assert.deepEqual(await run.stored("one"), payloads);
    },
  },
  {
    name: "append: appenders at the same time each keep their order; no offset is given twice",
    requires: [],
    async run(run) {
      await run.declare("one");
      const names = numbered("appender", 4);
      const work = names.map(async (name) => {
        const offsets: number[] = [];
        for (const payload of numbered(name, 25)) {
          offsets.push((await run.publish("one", [payload])).firstOffset);
        }
        assert.deepEqual(offsets, offsets.toSorted(ascending), `${name}'s offsets rise`);
        return offsets;
      });
      const offsets = (await Promise.all(work)).flat();
      assert.deepEqual(
        offsets.toSorted(ascending),
        offsets.map((_, index) => index),
      );
      const stored = await run.stored("one");
      for (const name of names) {
        const own = stored.filter((payload) => payload.startsWith(`${name}-`));
        assert.deepEqual(own, numbered(name, 25));
      }
    },
  },
  {
    name: "append: channels have offsets of their own",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.declare("two");
      await run.publish("one", numbered("a", 4));
      assert.equal((await run.publish("two", ["b"])).firstOffset, 0);
      assert.equal((await run.publish("one", ["c"])).firstOffset, 4);
    },
  },
  {
    name: "append: each priority has offsets of its own",
    requires: ["priority"],
    refusal: "append() refuses a batch whose priority is not normal",
    async run(run) {
      await run.declare("one");
      for (const priority of priorities) {
        const first = await run.publish("one", numbered(priority, 2), { priority });
        const second = await run.publish("one", ["last"], { priority });
        assert.deepEqual([first.firstOffset, second.firstOffset], [0, 2], priority);
        assert.deepEqual(await run.stored("one", priority), [...numbered(priority, 2), "last"]);
      }
    },
  },
  {
    name: "append: a channel that does not exist rejects UNKNOWN_CHANNEL; nothing is stored",
    requires: [],
    async run(run) {
      await run.declare("one");
      const batches = [run.batch("one", ["a"]), run.batch("nowhere", ["b"])];
      await assert.rejects(async () => run.transport.append(batches), { code: "UNKNOWN_CHANNEL" });
      assert.deepEqual(await run.stored("one"), []);
    },
  },
  {
    name: "append: a full batch comes back whole and in order",
    requires: [],
    async run(run) {
      await run.declare("one");
      const payloads = numbered("message", 1_000);
      await run.publish("one", payloads);
      assert.deepEqual(await run.stored("one"), payloads);
    },
  },
  {
    name: "append: ids that the batch made are kept, and are told from given ones",
    requires: [],
    async run(run) {
      await run.declare("one");
      const given = ["0198c0de-0000-7000-8000-000000000001", "order 7/ü", "UPPER-0198"];
      const drafts = [{ payload: "made" }, ...given.map((id) => ({ payload: "given", id }))];
      const batch = run.batch("one", drafts);
      const made = batch.idAt(0);
      await run.transport.append([batch]);
      const stored = await readAll(run, "one");
      assert.deepEqual(
        stored.map(([columns, index]) => columns.idAt(index)),
        [made, ...given],
      );
      assert.deepEqual(
        stored.map(([columns, index]) => columns.idGivenAt(index)),
        [false, true, true, true],
      );
    },
  },
  {
    name: "append: keys, slots, times and templates come back",
    requires: [],
    async run(run) {
      await run.declare("one");
      const dataSchema = "https://example.com/schema";
      const drafts = [
        { payload: "1", key: "customer-ä", timeMs: 1_700_000_000_123 },
        { payload: "2", timeMs: 1_600_000_000_000, template: { version: 3, dataSchema } },
        { payload: "3", key: "k", template: { type: "com.example.other", source: "elsewhere" } },
      ];
      const batch = run.batch("one", drafts);
      await run.transport.append([batch]);
      const stored = await readAll(run, "one");
      assert.equal(stored.length, drafts.length);
      stored.forEach(([columns, index], at) => {
        assert.equal(columns.keyAt(index), batch.keyAt(at));
        assert.equal(columns.slotAt(index), batch.slotAt(at));
        assert.equal(columns.timeAt(index), batch.timeAt(at));
        assert.deepEqual({ ...columns.templateAt(index) }, { ...batch.templateAt(at) });
      });
      const [first] = stored;
      assert.equal(first?.[0].slotAt(first[1]), keySlot("customer-ä"));
    },
  },
  {
    name: "append: every attribute comes back, and messages without any have none",
    requires: [],
    async run(run) {
      await run.declare("one");
      const attributes: Required<Omit<MessageAttributes, "id">> = {
        subject: "order/7",
        time: "2026-02-03T04:05:06.123456Z",
        correlationId: "conversation",
        causationId: "cause",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        tracestate: "vendor=1",
        expiresAtMs: 4_102_444_800_000,
        replyTo: "replies",
        tenant: "acme",
        sequence: "0042",
        extensions: { region: "eu", retries: 3, sampled: true },
      };
      await run.publish("one", ["none", { payload: "all", attributes }, "none"]);
      const stored = await readAll(run, "one");
      const found = stored.map(([columns, index]) => ({ ...columns.attributesAt(index) }));
      assert.deepEqual(found, [{}, attributes, {}]);
    },
  },
  {
    name: "append: text beyond ASCII and bytes come back unchanged",
    requires: [],
    async run(run) {
      await run.declare("one");
      const texts = ["", "grüße", '\u0000\u001f"\\', "日本語 🚀 \u2028", "e\u0301"];
      const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      const binary = { payload: bytes, template: { contentType: "application/octet-stream" } };
      const empty = { ...binary, payload: new Uint8Array() };
      await run.publish("one", [...texts, binary, empty]);
      const stored = await readAll(run, "one");
      const payloads = stored.map(([columns, index]) => Buffer.from(columns.payloadBytesAt(index)));
      const expected = [...texts, bytes, new Uint8Array()].map((payload) => Buffer.from(payload));
      assert.deepEqual(payloads, expected);
      texts.forEach((text, at) => {
        const [columns, index] = stored[at] as [StoredBatch, number];
        assert.equal(columns.payloadTextAt(index), text);
        assert.equal(columns.payloadSizeAt(index), Buffer.byteLength(text));
      });
    },
  },
  {
    name: "append: a message of two mebibytes comes back unchanged, between small ones",
    requires: [],
    async run(run) {
      await run.declare("one");
      const large = "0123456789abcdéf".repeat(131_072);
      for (const payload of ["before", large, "after"]) await run.publish("one", [payload]);
      const stored = await run.stored("one");
      assert.deepEqual([stored[0], stored[2], stored.length], ["before", "after", 3]);
      assert.ok(stored[1] === large, "the large payload is unchanged");
    },
  },
  {
    name: "append: the time of storing never goes back",
    requires: [],
    async run(run) {
      await run.declare("one");
      for (const payload of numbered("m", 5)) {
        await run.publish("one", [{ payload, timeMs: 5 }]);
        await run.pass(3);
      }
      const times = (await readAll(run, "one")).map(([columns]) => columns.appendedAtMs);
      assert.deepEqual(times, times.toSorted(ascending));
      const nowMs = run.clock.wallMs();
      assert.ok(times.every((time) => time > nowMs - 60_000 && time <= nowMs + 1_000));
    },
  },
];

const ascending = (left: number, right: number): number => left - right;

async function readAll(run: ContractRun, channel: string): Promise<[StoredBatch, number][]> {
  const messages: [StoredBatch, number][] = [];
  for await (const batch of withoutGaps(run.transport.read(channel, { from: "earliest" }))) {
    for (let index = 0; index < batch.count; index++) messages.push([batch, index]);
  }
  return messages;
}
