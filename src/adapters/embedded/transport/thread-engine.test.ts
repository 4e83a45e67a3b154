import assert from "node:assert/strict";
import { test } from "node:test";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { EngineNotice, EngineStop } from "../journal/engine.ts";
import { createThreadEngine } from "./thread-engine.ts";
import { fromPlainError, toPlainError } from "./thread-messages.ts";

/** A writer that tells, answers, refuses, keeps silent or dies, by the kind of the request. */
const strangeWriter = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    parentPort.on("message", ({ id, kind, request }) => {
      if (kind === "stats") {
        parentPort.postMessage({ kind: "notice", notice: { kind: "advanced", logs: [] } });
        parentPort.postMessage({ kind: "answer", id, answer: { channels: [] } });
      }
      if (kind === "declare") {
        const error = { code: "CHANNEL_CONFLICT", message: "no", details: "{}" };
        parentPort.postMessage({ kind: "refusal", id, error });
      }
      if (kind === "leave") throw new Error("the writer is broken");
      if (kind === "close") process.exit(3);
      if (kind === "release") {
        const certainty = "indefinite";
        const error = { code: "JOURNAL_IO", message: "EIO", certainty, details: "{}" };
        parentPort.postMessage({ kind: "refusal", id, error });
        const resumption = { incarnation: "i", process: 7, doubts: [], isSuspect: false };
        parentPort.postMessage({ kind: "stopped", error, resumption });
      }
    });
  `)}`,
);

const channel = { name: "one", partitions: 1, retention: {}, compression: "none" } as const;

test("answers, refusals and notices arrive in the order they were said", async (t) => {
  const engine = createThreadEngine(strangeWriter);
  t.after(() => engine.terminate());
  const notices: EngineNotice[] = [];
  engine.onNotice = (notice) => notices.push(notice);
  assert.deepEqual(await engine.request("stats", {}), { channels: [] });
  assert.equal(notices.length, 1);
  await assert.rejects(engine.request("declare", { channel }), { code: "CHANNEL_CONFLICT" });
});

for (const kind of ["leave", "close"] as const) {
  test(`a thread that ends in "${kind}" rejects all that waits as indefinite`, async () => {
    const engine = createThreadEngine(strangeWriter);
    const stopped = new Promise<EngineStop>((resolve) => {
      engine.onStopped = resolve;
    });
    const requests = [
      engine.request("transact", { units: [] }),
      engine.request(kind, { member: 1 }),
      engine.request("transact", { units: [] }),
    ];
    for (const request of requests) {
      await assert.rejects(request, { code: "JOURNAL_STOPPED", certainty: "indefinite" });
    }
    assert.equal((await stopped).error.code, "JOURNAL_STOPPED");
    await assert.rejects(engine.request("stats", {}), { code: "JOURNAL_STOPPED" });
    await engine.terminate();
  });
}

test("a thread that stops rejects what it had not begun as definite", async () => {
  const engine = createThreadEngine(strangeWriter);
  const stopped = new Promise<EngineStop>((resolve) => {
    engine.onStopped = resolve;
  });
  const begun = assert.rejects(engine.request("release", { member: 1, ranges: [] }), {
    code: "JOURNAL_IO",
    certainty: "indefinite",
  });
  const waiting = assert.rejects(engine.request("transact", { units: [] }), {
    code: "TRANSPORT_INTERRUPTED",
    certainty: "definite",
  });
  await Promise.all([begun, waiting]);
  assert.equal((await stopped).resumption?.process, 7);
  await engine.terminate();
});

test("terminating on purpose is no failure, but what waits still rejects", async () => {
  const engine = createThreadEngine(strangeWriter);
  engine.onStopped = () => assert.fail("it was terminated on purpose");
  const waiting = assert.rejects(engine.request("transact", { units: [] }), {
    code: "JOURNAL_STOPPED",
  });
  await engine.terminate();
  await waiting;
});

test("errors cross the thread with code, certainty, details and cause", () => {
  const error = new SpillwayError("JOURNAL_IO", "the disk is full", {
    certainty: "definite",
    details: { bytes: 3 },
    cause: new Error("ENOSPC"),
  });
  const again = fromPlainError(structuredClone(toPlainError(error)));
  assert.deepEqual(
    [again.code, again.message, again.certainty, again.details],
    ["JOURNAL_IO", "the disk is full", "definite", { bytes: 3 }],
  );
  assert.match(String(again.cause), /ENOSPC/);
  assert.equal(fromPlainError(toPlainError(new TypeError("x"))).code, "JOURNAL_STOPPED");
});
