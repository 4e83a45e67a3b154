// Three processes of one directory keep a schedule and publish delayed messages; some of them are
// killed. Each due time fires once, each acknowledged delayed message becomes visible once.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { seededRandom } from "spillway/testing";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { killed, started, stopped } from "./fixture-process.ts";
import { Beat, Later, laterLog } from "./fixtures/scheduler.ts";
import { SuiteHistory } from "./history/suite-history.ts";

const cycles = Number(process.env["SPILLWAY_CYCLES"] ?? (isLongRun ? 100 : 10));
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
const names = ["one", "two", "three"] as const;

test(`${cycles} cycles, seed ${seed}`, { timeout: cycles * 60_000 }, async (context) => {
  const root = mkdtempSync(join(tmpdir(), "spillway-schedule-"));
  const directory = join(root, "journal");
  const notes: string[] = [];
  const random = seededRandom(seed);
  const running = new Map<string, ChildProcess>();
  let lives = 0;
  const start = async (name: string): Promise<void> => {
    const life = `${name}-${lives++}`;
    const path = join(root, `${life}.txt`);
    notes.push(path);
    running.set(name, await started("scheduler", [directory, path, life]));
  };
  const bus = await createBus({
    name: "monitor",
    transport: embedded({ directory, leaseMs: 500 }),
  });
  const counts = { cycles: 0, kills: 0, beats: 0, delayed: 0, acknowledged: 0 };
  try {
    await Promise.all(names.map(start));
    for (let cycle = 0; cycle < cycles; cycle++) {
      await pause(300 + random.float() * 1_500);
      // One or two of the three; now and then all of them.
      const victims = names.filter((_, at) => at === cycle % 3 || random.float() < 0.4);
      for (const name of victims) {
        await killed(running.get(name) as ChildProcess);
        counts.kills++;
      }
      await Promise.all(victims.map(start));
      counts.cycles++;
    }
    await pause(2_500);
    for (const child of running.values()) await stopped(child);
    // By the time it is read in full, everything must be visible.
    const history = new SuiteHistory({ stuckMs: 0 });
    history.addNotes(...notes);
    // What is delayed still is moved by this process.
    for (let waits = 0; waits < 200; waits++) {
      if ((await bus.delayed(Later)).messages.length === 0) break;
      await pause(50);
    }
    await history.addLog(laterLog, bus.read(Later), ({ data }) => ({ id: data.name }));
    const beats: number[] = [];
    for await (const { data } of bus.read(Beat)) beats.push(data.dueAtMs);
    // Each second from the first to the last is published, once, as if by one caller.
    const log = "beats";
    for (let dueAtMs = Math.min(...beats); dueAtMs <= Math.max(...beats); dueAtMs += 1_000) {
      await history.published(log, [{ id: `${dueAtMs}` }], async () => [{}]);
    }
    await history.addLog(log, bus.read(Beat), ({ data }) => ({ id: `${data.dueAtMs}` }));
    const violations = history.violations();
    counts.beats = beats.length;
    counts.acknowledged = history.count("ok") - new Set(beats).size;
    counts.delayed = history.count("replay") - beats.length;
    context.diagnostic(JSON.stringify(counts));
    await recordEvidence("schedule", { seed, counts, violations });
    assert.deepEqual(violations.slice(0, 20), [], `seed ${seed}`);
    assert.ok(beats.length >= cycles, "too few due times");
  } finally {
    for (const child of running.values()) await killed(child);
    await bus.close();
    rmSync(root, { recursive: true, force: true });
  }
});
