// Error policies over kill -9: a process with every kind of failing job is killed again and again;
// what is parked, paused and retried survives, and each key's order is the order of publishing.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { seededRandom } from "spillway/testing";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { killed, started } from "./fixture-process.ts";
import { leaseMs } from "./fixtures/bank.ts";
import { Done, Job, jobs } from "./fixtures/fragile.ts";
import { SuiteHistory } from "./history/suite-history.ts";

const cycles = Number(process.env["SPILLWAY_CYCLES"] ?? (isLongRun ? 100 : 10));
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
const jobsPerCycle = 120;
const keys = 15;

type Kind = "plain" | "flaky" | "poison" | "person";

/** Mostly plain; the others spread over keys and places. */
function kindOf(n: number): Kind {
  if (n % 41 === 7) return "poison";
  if (n % 53 === 11) return "person";
  return n % 17 === 3 ? "flaky" : "plain";
}

const limit = { timeout: isLongRun ? 1_200_000 : 240_000 };

test(
  `policies survive ${cycles} kills: nothing lost, twice or out of order; seed ${seed}`,
  limit,
  async (context) => {
    const directory = mkdtempSync(join(tmpdir(), "spillway-recovery-"));
    let child: ChildProcess | undefined;
    context.after(async () => {
      if (child !== undefined) await killed(child);
      rmSync(directory, { recursive: true, force: true });
    });
    const random = seededRandom(seed);
    const transport = embedded({ directory, leaseMs });
    await using bus = await createBus({ name: "test", transport, channels: [jobs] });
    const history = new SuiteHistory();
    const [log, group] = [jobs.name, "workers"];
    const idOf = ({ n }: { readonly n: number }): string => `job ${n}`;
    history.add({ kind: "subscribe", group, log, from: 0, hasEffects: true });
    const given: { key: string; n: number; kind: Kind }[] = [];
    for (let cycle = 0; cycle < cycles; cycle++) {
      const batch = Array.from({ length: jobsPerCycle }, (_, index) => {
        const n = cycle * jobsPerCycle + index;
        return { key: `key ${n % keys}`, n, kind: kindOf(n) };
      });
      given.push(...batch);
      if (cycle % 3 === 1) writeFileSync(join(directory, "away"), "");
      else rmSync(join(directory, "away"), { force: true });
      child = await started("fragile", [directory]);
      const sent = batch.map((each) => ({ id: idOf(each), key: each.key }));
      await history.published(log, sent, () => bus.publishMany(Job, batch));
      await pause(random.uint32() % 300);
      await killed(child);
    }
    rmSync(join(directory, "away"), { force: true });
    writeFileSync(join(directory, "fixed"), "");
    child = await started("fragile", [directory]);
    await history.settled(bus, log, [group]);
    await history.addLog(log, bus.read(Job), ({ data }) => ({ id: idOf(data), key: data.key }));
    for await (const { data, offset } of bus.read(Done)) {
      history.add({ kind: "effect", group, log, id: idOf(data), place: offset });
    }
    // A dead letter is the effect of a job that fails for ever: only of such a job, and only this.
    const violations: string[] = [];
    const letters: number[] = [];
    for await (const { envelope } of bus.deadLetters(Job)) {
      const { n } = JSON.parse(String(envelope.payload)) as { readonly n: number };
      letters.push(n);
      history.add({ kind: "effect", group, log, id: idOf({ n }) });
      const code = envelope.attributes.extensions?.["deadlettercode"];
      if (code !== "HANDLER_FAILED") violations.push(`job ${n} is a dead letter of ${code}`);
    }
    const poison = given.filter(({ kind }) => kind === "poison").map(({ n }) => n);
    letters.sort((left, right) => left - right);
    if (letters.join() !== poison.join()) {
      violations.push(`dead letters: ${poison.join()} became ${letters.join()}`);
    }
    violations.push(...history.violations());
    const counts = { cycles, jobs: given.length, deadLetters: letters.length };
    await recordEvidence("recovery", { seed, counts, violations });
    assert.deepEqual(violations, []);
  },
);
