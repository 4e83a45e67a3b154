// Who may commit: leases, fences and take-over, with real processes that are frozen, blocked,
// killed and started while they race for every lease. Each task must have one answer in the log.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Bus, createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { seededRandom } from "spillway/testing";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { leaseMs } from "./fixtures/bank.ts";
import { answers, TaskGiven, tasks } from "./fixtures/tasks.ts";
import { SuiteHistory } from "./history/suite-history.ts";

interface Member {
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
  /** Resolves when the member says this. */
  readonly says: (text: string) => Promise<void>;
}

let root: string;
let bus: Bus;
const members = new Set<Member>();

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "spillway-ownership-"));
  bus = await createBus({
    name: "test",
    transport: embedded({ directory: root, leaseMs }),
    channels: [tasks, answers],
  });
});

afterEach(async () => {
  for (const member of members) member.process.kill("SIGKILL");
  await Promise.all([...members].map((member) => member.ended));
  members.clear();
  await bus.close();
  rmSync(root, { recursive: true, force: true });
});

async function enter(name: string): Promise<Member> {
  const child = fork(new URL("./fixtures/owner.ts", import.meta.url), [root, name]);
  const said = new Set<string>();
  const waiting = new Map<string, () => void>();
  child.on("message", (text: string) => {
    said.add(text);
    waiting.get(text)?.();
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const member: Member = {
    process: child,
    ended,
    says: (text) =>
      new Promise((resolve) => (said.has(text) ? resolve() : waiting.set(text, resolve))),
  };
  members.add(member);
  void ended.then(() => members.delete(member));
  await member.says("ready");
  return member;
}

/** Answers in the log: task number → who answered, in order. */
async function readAnswers(): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>();
  for await (const message of bus.read(answers, { from: "earliest" })) {
    const { number, by } = message.data;
    found.set(number, [...(found.get(number) ?? []), by]);
  }
  return found;
}

async function untilAnswered(count: number): Promise<Map<number, string[]>> {
  for (let attempt = 0; attempt < 3_000; attempt++) {
    const found = await readAnswers();
    if (found.size >= count) return found;
    await pause(20);
  }
  return assert.fail(`stuck: ${JSON.stringify(await bus.stats())}`);
}

test("a frozen process loses its leases and its late commit is refused", async () => {
  const frozen = await enter("frozen");
  await bus.publish(TaskGiven, { number: 1, kind: "slow", ms: 200, key: "a" });
  await frozen.says("start 1");
  frozen.process.kill("SIGSTOP");
  await enter("heir");
  assert.deepEqual((await untilAnswered(1)).get(1), ["heir"]);
  frozen.process.kill("SIGCONT");
  await pause(200 + leaseMs * 2);
  assert.deepEqual((await readAnswers()).get(1), ["heir"], "the late commit was accepted");
  await bus.publish(TaskGiven, { number: 2, kind: "slow", ms: 0, key: "a" });
  assert.equal((await untilAnswered(2)).get(2)?.length, 1, "the group goes on afterwards");
});

test("a handler that blocks the event loop for ten leases keeps its lease", async () => {
  const blocked = await enter("blocked");
  await bus.publish(TaskGiven, { number: 1, kind: "block", ms: leaseMs * 10, key: "a" });
  await blocked.says("start 1");
  const rival = await enter("rival");
  const stolen = Promise.race([rival.says("start 1").then(() => true), pause(leaseMs * 9, false)]);
  assert.equal(await stolen, false, "the rival got the message of a living owner");
  assert.deepEqual((await untilAnswered(1)).get(1), ["blocked"]);
});

test("processes racing for every lease answer each task once, in order by key", async (context) => {
  const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
  context.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const rounds = isLongRun ? 100 : 8;
  const perRound = 300;
  let started = 0;
  const history = new SuiteHistory();
  const [log, group] = [tasks.name, "workers"];
  const idOf = (number: number): string => `task ${number}`;
  history.add({ kind: "subscribe", group, log, from: 0, hasEffects: true });
  let running = await Promise.all(["r0", "r1", "r2", "r3"].map(enter));
  for (let round = 0; round < rounds; round++) {
    const batch = Array.from({ length: perRound }, (_, index) => {
      const number = round * perRound + index;
      return { number, kind: "slow" as const, ms: number % 3, key: `k${number % 40}` };
    });
    const sent = batch.map(({ number, key }) => ({ id: idOf(number), key }));
    await history.published(log, sent, () => bus.publishMany(TaskGiven, batch));
    const victim = running.splice(random.uint32() % running.length, 1)[0] as Member;
    if (random.uint32() % 2 === 0) victim.process.kill("SIGKILL");
    else victim.process.send("stop");
    running = [...running, await enter(`s${started++}`)];
    await victim.ended;
  }
  await history.settled(bus, log, [group]);
  await history.addLog(log, bus.read(tasks, { from: "earliest" }), ({ data }) => {
    return { id: idOf(data.number), key: data.key };
  });
  for await (const { data, offset } of bus.read(answers, { from: "earliest" })) {
    history.add({ kind: "effect", group, log, id: idOf(data.number), place: offset });
  }
  const violations = history.violations();
  const counts = { rounds, tasks: rounds * perRound, answered: history.count("effect") };
  await recordEvidence("ownership", { seed, counts, violations });
  assert.deepEqual(violations, []);
});
