// Memory stays bounded whatever the producers do: a publisher a hundred times faster than its
// consumer, awaiting and not awaiting; and a WAL that a reader elsewhere keeps from being reset.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { BackPressureError, createBus, defineEvent } from "spillway";
import { embedded } from "spillway/embedded";
import { z } from "zod";

const seconds = 60;
const settleSeconds = 15;
/** How long before that the high-water mark is taken. */
const highWaterSeconds = 5;
const growthBytesMax = 32 * 1024 * 1024;

interface FloodReport {
  readonly published: number;
  readonly refused: number;
  readonly otherErrors: number;
  readonly consumed: number;
}

function residentBytes(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1_024;
}

async function flood(mode: "await" | "flood"): Promise<{ report: FloodReport; growth: number }> {
  const directory = mkdtempSync(join(tmpdir(), `spillway-memory-${mode}-`));
  const child = fork(new URL("./fixtures/flood.ts", import.meta.url), [
    directory,
    mode,
    `${seconds}`,
  ]);
  try {
    const ended = new Promise<FloodReport>((resolve, reject) => {
      child.once("message", (report) => resolve(report as FloodReport));
      child.once("exit", (code) => reject(new Error(`flood ${mode} ended with ${code}`)));
    });
    ended.catch(() => undefined);
    // A heap breathes: what counts is how far its high-water mark rises after it has settled.
    await pause((settleSeconds - highWaterSeconds) * 1_000);
    let peak = 0;
    const watch = setInterval(() => {
      try {
        peak = Math.max(peak, residentBytes(child.pid as number));
      } catch {
        clearInterval(watch);
      }
    }, 100);
    await pause(highWaterSeconds * 1_000);
    const start = peak;
    const report = await ended;
    clearInterval(watch);
    return { report, growth: peak - start };
  } finally {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
}

test("a publisher 100 times faster than its consumer", { timeout: 180_000 }, async (context) => {
  const [awaited, flooded] = await Promise.all([flood("await"), flood("flood")]);
  context.diagnostic(JSON.stringify({ awaited, flooded }));
  for (const { report, growth } of [awaited, flooded]) {
    assert.ok(report.published > 100 * report.consumed, JSON.stringify(report));
    assert.equal(report.otherErrors, 0);
    assert.ok(growth < growthBytesMax, `resident memory grew by ${growth} bytes`);
  }
  assert.equal(awaited.report.refused, 0, "callers that await are never refused");
  assert.ok(flooded.report.refused > 0, "un-awaited publishes beyond pendingMax are refused");
});

test("the WAL stays under walBytesMax while a reader stays open", {
  timeout: 120_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "spillway-wal-"));
  const walBytesMax = 8 * 1024 * 1024;
  const Blob = defineEvent("test.blob.sent", { data: z.object({ text: z.string() }) });
  const bus = await createBus({
    name: "wal",
    transport: embedded({ directory, walBytesMax }),
    pendingMax: 200,
  });
  const text = "y".repeat(10_000);
  let peak = 0;
  let published = 0;
  const look = (): void => {
    peak = Math.max(peak, statSync(join(directory, "journal.db-wal")).size);
  };
  let publishing = true;
  const caller = async (): Promise<void> => {
    while (publishing) {
      await bus.publish(Blob, { text });
      published++;
      look();
    }
  };
  try {
    await bus.publish(Blob, { text });
    const reader = new DatabaseSync(join(directory, "journal.db"));
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM batch").get();
    const callers = Promise.all(Array.from({ length: 50 }, caller));
    await until(async () => (await bus.health()).status === "degraded");
    const slowedAt = published;
    let refused: unknown;
    for (let index = 0; index < 200; index++) {
      bus.publish(Blob, { text }).catch((error: unknown) => (refused = error));
    }
    await pause(1_000);
    look();
    assert.ok(refused instanceof BackPressureError, `not refused: ${String(refused)}`);
    assert.ok(published - slowedAt < 300, `${published - slowedAt} publishes went on`);
    reader.exec("COMMIT");
    reader.close();
    await until(async () => published > slowedAt + 2_000);
    publishing = false;
    await callers;
    assert.equal((await bus.health()).status, "ok");
    assert.ok(peak > walBytesMax / 2, `the WAL only grew to ${peak} bytes: nothing was tested`);
    assert.ok(peak <= walBytesMax, `the WAL grew to ${peak} bytes`);
  } finally {
    await bus.close();
    rmSync(directory, { recursive: true, force: true });
  }
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 2_000; attempt++) {
    if (await condition()) return;
    await pause(10);
  }
  assert.fail(`never came true: ${condition.toString()}`);
}
