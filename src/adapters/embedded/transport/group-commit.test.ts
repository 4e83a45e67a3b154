import assert from "node:assert/strict";
import { test } from "node:test";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { seededRandom } from "../../../kernel/random.ts";
import { OutgoingBatch } from "../../../message/outgoing-batch.ts";
import type { Engine, EngineRequests, EngineUnit, EngineUnitResult } from "../journal/engine.ts";
import { ChannelRooms } from "./channel-rooms.ts";
import { GroupCommit, transactionBatchesMax, transactionsMax } from "./group-commit.ts";

const template = { type: "a.b", version: 1, source: "test", contentType: "application/json" };

function batchOf(channel: string, payloads: readonly string[]): OutgoingBatch {
  const batch = new OutgoingBatch(channel, "normal", seededRandom(1));
  for (const payload of payloads) batch.add(template, payload, 1_000);
  return batch;
}

type Transact = EngineRequests["transact"];

/** An engine whose transactions are answered by the test. */
function manualEngine() {
  const requests: {
    units: readonly EngineUnit[];
    answer: (results?: readonly EngineUnitResult[]) => void;
    fail: (error: unknown) => void;
  }[] = [];
  const engine = {
    request: (_kind: string, { units }: Transact["request"]) =>
      new Promise<Transact["answer"]>((resolve, reject) => {
        const stored = units.map(({ appends }) => ({
          kind: "committed" as const,
          version: 1,
          appended: appends.map(() => ({ firstOffset: 7, exceptions: [] })),
        }));
        const answer = (results: readonly EngineUnitResult[] = stored): void =>
          resolve({ results });
        requests.push({ units, answer, fail: reject });
      }),
  } as unknown as Engine;
  return { engine, requests };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("appends of one turn share a transaction; later ones gather behind two", async () => {
  const { engine, requests } = manualEngine();
  const commit = new GroupCommit(engine, new ChannelRooms());
  const results = [commit.append([batchOf("a", ["1"])]), commit.append([batchOf("a", ["2"])])];
  await turn();
  assert.equal(requests.length, 1);
  assert.equal(requests[0]?.units.length, 2);
  for (let more = 0; more < 5; more++) {
    results.push(commit.append([batchOf("a", ["x"])]));
    await turn();
  }
  assert.equal(requests.length, transactionsMax);
  requests[0]?.answer();
  await turn();
  assert.equal(requests[2]?.units.length, 4);
  for (const { answer } of requests) answer();
  assert.deepEqual(
    await Promise.all(results),
    Array.from({ length: 7 }, () => [{ firstOffset: 7 }]),
  );
  await commit.idle();
});

test("one transaction is bounded, but one large append still goes through", async () => {
  const { engine, requests } = manualEngine();
  const commit = new GroupCommit(engine, new ChannelRooms());
  const many = Array.from({ length: transactionBatchesMax + 4 }, () => batchOf("a", ["1"]));
  const results = [commit.append(many), ...many.map((batch) => commit.append([batch]))];
  await turn();
  assert.equal(requests[0]?.units.length, 1);
  assert.equal(requests[1]?.units.length, transactionBatchesMax);
  requests[0]?.answer();
  requests[1]?.answer();
  await turn();
  assert.equal(requests[2]?.units.length, 4);
  requests[2]?.answer();
  await Promise.all(results);
});

test("repeats and refusals are told by index, with a text that names the message", async () => {
  const { engine, requests } = manualEngine();
  const commit = new GroupCommit(engine, new ChannelRooms());
  const appended = commit.append([batchOf("orders", ["1", "2", "3"])]);
  await turn();
  const exceptions = [[0, 4] as const, [2, "ID_REUSED"] as const];
  requests[0]?.answer([
    { kind: "committed", version: 1, appended: [{ firstOffset: 9, exceptions }] },
  ]);
  const [result] = await appended;
  assert.equal(result?.firstOffset, 9);
  assert.deepEqual(result?.exceptions?.get(0), { offset: 4 });
  const refusal = result?.exceptions?.get(2);
  assert.ok(refusal instanceof SpillwayError);
  assert.equal(refusal.code, "ID_REUSED");
  assert.match(refusal.message, /channel 'orders'/);
});

test("a failed transaction rejects its own units only", async () => {
  const { engine, requests } = manualEngine();
  const commit = new GroupCommit(engine, new ChannelRooms());
  const failed = commit.append([batchOf("a", ["1"])]);
  await turn();
  const stored = commit.append([batchOf("a", ["2"])]);
  await turn();
  requests[0]?.fail(new SpillwayError("JOURNAL_BUSY", "busy"));
  requests[1]?.answer();
  await assert.rejects(failed, { code: "JOURNAL_BUSY" });
  assert.deepEqual(await stored, [{ firstOffset: 7 }]);
});

test("a unit whose channel is gone rejects alone", async () => {
  const { engine, requests } = manualEngine();
  const commit = new GroupCommit(engine, new ChannelRooms());
  const results = [commit.append([batchOf("gone", ["1"])]), commit.append([batchOf("a", ["2"])])];
  await turn();
  assert.equal(requests[0]?.units.length, 2);
  const exceptions: never[] = [];
  requests[0]?.answer([
    { kind: "unknown", channel: "gone", message: "there is no channel 'gone'" },
    { kind: "committed", version: 1, appended: [{ firstOffset: 7, exceptions }] },
  ]);
  await assert.rejects(results[0] as Promise<unknown>, {
    code: "UNKNOWN_CHANNEL",
    message: "there is no channel 'gone'",
    details: { channel: "gone" },
  });
  assert.deepEqual(await results[1], [{ firstOffset: 7 }]);
});
