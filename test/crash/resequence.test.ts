// The resequencer over kill -9: shuffled messages of several keys, and a process that is killed at
// any moment; each key's messages are recorded in the order of their numbers, all of them, once.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Bus, createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { seededRandom } from "spillway/testing";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { killed, started } from "./fixture-process.ts";
import { leaseMs } from "./fixtures/bank.ts";
import { Measured, measurements, Recorded } from "./fixtures/resequencer.ts";
import { SuiteHistory } from "./history/suite-history.ts";

const cycles = Number(process.env["SPILLWAY_CYCLES"] ?? (isLongRun ? 100 : 10));
const messagesPerCycle = 300;
const meters = 7;
/** How far a message may be from its place. */
const distance = 150;
/** A short run is the same every time; a long one looks for something new. */
const drawn = isLongRun ? process.hrtime.bigint() % 1_000_000n : 20_261_122;
const seed = Number(process.env["SPILLWAY_SEED"] ?? drawn);

async function groupOf(bus: Bus) {
  const { channels } = await bus.stats();
  return channels.find(({ channel }) => channel === measurements.name)?.groups[0];
}

const limit = { timeout: isLongRun ? 1_200_000 : 240_000 };

test(
  `each key comes out whole, in order, once, over ${cycles} kills; seed ${seed}`,
  limit,
  async (context) => {
    const directory = mkdtempSync(join(tmpdir(), "spillway-resequence-"));
    let child: ChildProcess | undefined;
    context.after(async () => {
      if (child !== undefined) await killed(child);
      rmSync(directory, { recursive: true, force: true });
    });
    const random = seededRandom(seed);
    const transport = embedded({ directory, leaseMs });
    await using bus = await createBus({ name: "test", transport, channels: [measurements] });
    const all = Array.from({ length: cycles * messagesPerCycle }, (_, index) => ({
      data: { meter: `meter ${index % meters}`, n: Math.floor(index / meters) + 1 },
      at: index + (random.uint32() % distance),
    }));
    const given = all.toSorted((left, right) => left.at - right.at).map(({ data }) => data);
    const history = new SuiteHistory();
    const log = measurements.name;
    const idOf = ({ meter, n }: { readonly meter: string; readonly n: number }): string =>
      `${meter} ${n}`;
    let openAtKill = 0;
    for (let cycle = 0; cycle < cycles; cycle++) {
      const batch = given.slice(cycle * messagesPerCycle, (cycle + 1) * messagesPerCycle);
      child = await started("resequencer", [directory]);
      for (let at = 0; at < batch.length; at += 50) {
        const some = batch.slice(at, at + 50);
        const sent = some.map((data) => ({ id: idOf(data), key: data.meter, sequence: data.n }));
        await history.published(log, sent, () => bus.publishMany(Measured, some));
      }
      await pause(random.uint32() % 300);
      await killed(child);
      openAtKill += (await groupOf(bus))?.open ?? 0;
    }
    child = await started("resequencer", [directory]);
    const group = (await groupOf(bus))?.group ?? "";
    history.add({ kind: "subscribe", group, log, from: 0, hasEffects: true });
    await history.settled(bus, log, [group]);
    await history.addLog(log, bus.read(Measured), ({ data }) => {
      return { id: idOf(data), key: data.meter };
    });
    for await (const { data, offset } of bus.read(Recorded)) {
      history.add({ kind: "effect", group, log, id: idOf(data), place: offset });
    }
    const violations = history.violations();
    for await (const { reason } of bus.deadLetters(Measured)) {
      violations.push(`dead letter: ${reason}`);
    }
    assert.ok(openAtKill > 0, "nothing waited for its turn when it was killed");
    const counts = { kills: cycles, messages: given.length, keys: meters, openAtKill };
    await recordEvidence("resequence", { seed, counts, violations });
    assert.deepEqual(violations, []);
  },
);
