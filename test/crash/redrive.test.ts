// A redrive whose process, and the service that handles what it sends, are killed again and again:
// every letter is handled exactly once, in the order of its key, by the group that failed alone.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Bus, createBus, type RedriveReport } from "spillway";
import { embedded } from "spillway/embedded";
import { seededRandom } from "spillway/testing";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { startCli } from "../integration/cli-io.ts";
import { killed, started } from "./fixture-process.ts";
import { leaseMs } from "./fixtures/bank.ts";
import { handled, TaskSet, tasks } from "./fixtures/redriven.ts";
import { SuiteHistory } from "./history/suite-history.ts";

const cycles = Number(process.env["SPILLWAY_CYCLES"] ?? (isLongRun ? 100 : 10));
const tasksPerCycle = 90;
const keys = 9;

interface Work {
  readonly number: number;
  readonly key: string;
  readonly job: string;
}

/** What a group did, in order. */
async function workOf(bus: Bus, group: string): Promise<Work[]> {
  const found: Work[] = [];
  for await (const { data } of bus.read(handled)) if (data.group === group) found.push(data);
  return found;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1_500; attempt++) {
    if (await condition()) return;
    await pause(20);
  }
  assert.fail("stuck");
}

test("a redrive killed again and again handles each letter once, in order", async (context) => {
  const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
  context.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const directory = mkdtempSync(join(tmpdir(), "spillway-redrive-"));
  const mendedFile = join(directory, "mended");
  const bus = await createBus({
    name: "test",
    transport: embedded({ directory, leaseMs }),
    channels: [tasks, handled],
  });
  let service: ChildProcess | undefined;
  const killService = async (): Promise<void> => {
    if (service !== undefined) await killed(service);
    service = undefined;
  };
  const startService = async (): Promise<void> => {
    service = await started("redrive-service", [directory, mendedFile]);
  };
  context.after(async () => {
    await killService();
    await bus.close();
    rmSync(directory, { recursive: true, force: true });
  });
  let kills = 0;
  const history = new SuiteHistory();
  const log = tasks.name;
  const groups = ["billing", "audit"] as const;
  const idOf = ({ number }: { readonly number: number }): string => `task ${number}`;
  for (const group of groups) {
    history.add({ kind: "subscribe", group, log, from: 0, hasEffects: true });
  }
  const reports: RedriveReport[] = [];
  for (let cycle = 0; cycle < cycles; cycle++) {
    rmSync(mendedFile, { force: true });
    if (service === undefined) await startService();
    const first = cycle * tasksPerCycle;
    const work = Array.from({ length: tasksPerCycle }, (_, index) => {
      const number = first + index;
      return { number, key: `k${number % keys}`, isPoison: number % 2 === 0 };
    });
    const sent = work.map((each) => ({ id: idOf(each), key: each.key }));
    await history.published(log, sent, () => bus.publishMany(TaskSet, work));
    await until(async () => (await countLetters(bus)) === tasksPerCycle / 2);
    writeFileSync(mendedFile, "");
    let words = ["redrive", "--rate", "30"];
    for (;;) {
      const cli = startCli([...words, "--channel", "tasks", "--directory", directory, "--json"]);
      const killAfterMs = 300 + (random.uint32() % 900);
      const ended = await Promise.race([cli.ended, pause(killAfterMs)]);
      if (ended === undefined && kills < (cycle + 1) * 3) {
        kills++;
        cli.child.kill("SIGKILL");
        await cli.ended;
        if (random.uint32() % 3 === 0) {
          await killService();
          await startService();
        }
      } else {
        const { code, stdout, stderr } = await cli.ended;
        assert.equal(code, 0, stderr);
        reports.push(JSON.parse(stdout) as RedriveReport);
        break;
      }
      // Killed before it began: there is nothing to resume.
      const [last] = await bus.deadLetters(tasks).redrives();
      // Killed when all was done, before it could say so.
      if (last?.state === "finished" && (await countLetters(bus)) === 0) {
        reports.push(last);
        break;
      }
      words = last?.state === "running" ? ["redrive", "resume"] : words;
    }
    assert.equal(await countLetters(bus), 0);
  }
  const count = cycles * tasksPerCycle;
  await history.settled(bus, log, groups);
  // A copy that a redrive has made is no message of its own.
  await history.addLog(log, bus.read(TaskSet), ({ data, extensions }) => {
    const isCopy = extensions["redrivejob"] !== undefined;
    return isCopy ? undefined : { id: idOf(data), key: data.key };
  });
  const [billed, audited] = [await workOf(bus, "billing"), await workOf(bus, "audit")];
  for (const [group, work] of [
    ["billing", billed],
    ["audit", audited],
  ] as const) {
    for (const [index, { number, job }] of work.entries()) {
      // What failed comes after what did not; what is redriven is in order by itself.
      const place = group === "audit" || job !== "" ? index : undefined;
      history.add({ kind: "effect", group, log, id: idOf({ number }), place });
    }
  }
  const violations = history.violations();
  const redriven = billed.filter(({ job }) => job !== "");
  if (redriven.length !== count / 2) violations.push(`${redriven.length} were redriven`);
  if (audited.some(({ job }) => job !== "")) violations.push("the other group handled a copy");
  const counts = { cycles, kills, letters: count / 2, redriven: redriven.length };
  await recordEvidence("redrive", { seed, counts, violations });
  assert.deepEqual(violations, []);
  assert.deepEqual(
    reports.map(({ state, resolved, failed }) => [state, resolved, failed]),
    reports.map(() => ["finished", tasksPerCycle / 2, 0]),
  );
  assert.ok(kills >= cycles, `${kills} kills in ${cycles} cycles`);
});

async function countLetters(bus: Bus): Promise<number> {
  let count = 0;
  for await (const _ of bus.deadLetters(tasks)) count++;
  return count;
}
