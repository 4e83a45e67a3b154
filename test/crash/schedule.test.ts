// Three processes of one directory keep a schedule and publish delayed messages; some of them are
// killed. Each due time fires once, each acknowledged delayed message becomes visible once.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { seededRandom } from "spillway/testing";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { killed, started, stopped } from "./fixture-process.ts";
import { Beat, Later } from "./fixtures/scheduler.ts";

const cycles = isLongRun ? 100 : 10;
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
const names = ["one", "two", "three"] as const;

test(`${cycles} cycles, seed ${seed}`, { timeout: cycles * 60_000 }, async (context) => {
  const root = mkdtempSync(join(tmpdir(), "spillway-schedule-"));
  const directory = join(root, "journal");
  const notes = join(root, "notes.txt");
  const random = seededRandom(seed);
  const running = new Map<string, ChildProcess>();
  let lives = 0;
  const start = async (name: string): Promise<void> => {
    running.set(name, await started("scheduler", [directory, notes, `${name}-${lives++}`]));
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
    const acknowledged = readFileSync(notes, "utf8").split("\n").filter(Boolean);
    const visible = new Map<string, number>();
    // What is delayed still is moved by this process.
    for (let waits = 0; waits < 200; waits++) {
      if ((await bus.delayed(Later)).messages.length === 0) break;
      await pause(50);
    }
    for await (const { data } of bus.read(Later)) {
      visible.set(data.name, (visible.get(data.name) ?? 0) + 1);
    }
    const beats: number[] = [];
    for await (const { data } of bus.read(Beat)) beats.push(data.dueAtMs);
    const inOrder = beats.toSorted((left, right) => left - right);
    const first = inOrder[0] ?? 0;
    counts.beats = beats.length;
    counts.delayed = visible.size;
    counts.acknowledged = acknowledged.length;
    context.diagnostic(JSON.stringify(counts));
    assert.ok(beats.length >= cycles, "too few due times");
    assert.deepEqual(
      inOrder,
      inOrder.map((_, at) => first + at * 1_000),
      `seed ${seed}: a second that fired twice, or not at all`,
    );
    const wrong = acknowledged.filter((name) => visible.get(name) !== 1);
    assert.deepEqual(wrong.slice(0, 10), [], `seed ${seed}: not visible once`);
    assert.ok([...visible.values()].every((times) => times === 1));
    await recordEvidence("schedule", { seed, counts, violations: [] });
  } finally {
    for (const child of running.values()) await killed(child);
    await bus.close();
    rmSync(root, { recursive: true, force: true });
  }
});
