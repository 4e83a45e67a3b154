import assert from "node:assert/strict";
import { test } from "node:test";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { VirtualClock } from "../../../testing/virtual-clock.ts";
import { describeShortage } from "../journal/space-shortage.ts";
import { JournalHealth } from "./journal-health.ts";

const stopped = {
  kind: "health",
  status: "degraded",
  reasons: ["the log is too large"],
  appendsStopped: true,
} as const;

test("ready waits while the journal takes no messages, and goes on when it does", async () => {
  const health = new JournalHealth();
  await health.ready();
  health.told(stopped);
  assert.deepEqual(health.now, { status: "degraded", reasons: ["the log is too large"] });
  let passed = false;
  const waiting = health.ready().then(() => {
    passed = true;
  });
  health.told({ ...stopped, reasons: ["still too large"] });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(passed, false);
  health.told({ kind: "health", status: "ok", reasons: [], appendsStopped: false });
  await waiting;
});

test("ready waits for space no longer than it is told to", async () => {
  const clock = new VirtualClock();
  const health = new JournalHealth();
  const patience = { clock, spaceWaitMs: 500 };
  const space = describeShortage({
    directory: "/data",
    freeBytes: 7,
    freeBytesMin: 8,
    freeBytesToGoOn: 9,
    isFull: false,
  });
  health.told({ ...stopped, space });
  const rejected = health.ready(undefined, patience);
  const wasRejected = assert.rejects(rejected, {
    code: "JOURNAL_FULL",
    certainty: "definite",
    retryable: true,
    message: /^not stored within 500 ms: the disk of \/data has 7 bytes free/,
  });
  await clock.advance(499);
  const inTime = health.ready(undefined, patience);
  await clock.advance(1);
  await wasRejected;
  health.told({ kind: "health", status: "ok", reasons: [], appendsStopped: false });
  await inTime;
  health.told(stopped);
  let settled = false;
  const controller = new AbortController();
  const waiting = health.ready(controller.signal, patience).catch(() => (settled = true));
  await clock.advance(5_000);
  assert.equal(settled, false, "the log is waited for as long as it takes");
  controller.abort();
  await waiting;
});

test("ready ends when its signal aborts, or the journal fails or is closed", async () => {
  const health = new JournalHealth();
  health.told(stopped);
  const controller = new AbortController();
  const aborted = health.ready(controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, { message: "enough" });
  const failed = health.ready();
  health.failed(new SpillwayError("JOURNAL_STOPPED", "the writer ended"));
  await assert.rejects(failed, { code: "JOURNAL_STOPPED" });
  health.told({ ...stopped, status: "ok", appendsStopped: false });
  assert.deepEqual(health.now, { status: "failed", reasons: ["the writer ended"] });
});
