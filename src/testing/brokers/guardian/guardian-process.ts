// The process that holds a broker's programs, beside the process that asked for them. It outlives
// that one by as long as it takes to end them: when its channel closes, however that came about,
// every process of the broker is killed and the directory removed. Knows nothing of what the
// programs are. Always true: after it has ended by itself, none of them runs.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../kernel/clock.ts";
import type { GuardianTask, NumberedOrder, Order, ProgramPlan, Report } from "./guardian-words.ts";
import {
  killTree,
  markVariable,
  signalAll,
  stopTree,
  treeOf,
  treeStandsStill,
} from "./process-tree.ts";

const lookMs = 10;
/** How long a killed or stopped process may take to be gone or still. */
const goneMsMax = 15_000;
/** How long a server may take to go by itself once nobody needs it. */
const leaveMsMax = 2_000;

const task = JSON.parse(process.argv[2] ?? "{}") as GuardianTask;
const running = new Map<string, { readonly plan: ProgramPlan; readonly child: ChildProcess }>();
let stays = false;
let isLeaving = false;

const rootPids = (): number[] => [...running.values()].flatMap(({ child }) => child.pid ?? []);
const tree = (): readonly number[] => treeOf(rootPids(), task.directory);

function environmentOf(plan: ProgramPlan): NodeJS.ProcessEnv {
  const own = ["PATH", "JAVA_HOME", "TZ"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(own),
    HOME: task.directory,
    LANG: "C.UTF-8",
    TMPDIR: task.directory,
    [markVariable]: task.directory,
    ...plan.environment,
  };
}

async function start(plan: ProgramPlan): Promise<number> {
  mkdirSync(join(task.directory, "log"), { recursive: true });
  const log = openSync(join(task.directory, "log", `${plan.name}.log`), "a");
  try {
    const child = spawn(plan.program, plan.words, {
      cwd: task.directory,
      env: environmentOf(plan),
      stdio: ["ignore", log, log],
      detached: true,
      ...plan.user,
    });
    await new Promise((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    running.set(plan.name, { plan, child });
    child.once("exit", (code, signal) => {
      running.delete(plan.name);
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      say({ kind: "ended", name: plan.name, code, how });
    });
    return child.pid ?? 0;
  } finally {
    closeSync(log);
  }
}

async function until(condition: () => boolean, limitMs: number): Promise<boolean> {
  const endsAt = systemClock.monotonicMs() + limitMs;
  while (!condition()) {
    if (systemClock.monotonicMs() > endsAt) return false;
    await new Promise<void>((resolve) => void systemClock.after(lookMs, resolve));
  }
  return true;
}

async function kill(): Promise<void> {
  killTree(rootPids(), task.directory);
  if (await until(() => tree().length === 0 && running.size === 0, goneMsMax)) return;
  throw new Error(`processes ${tree().join(", ")} do not end after SIGKILL`);
}

async function stop(limitMs: number): Promise<void> {
  signalAll(tree(), "SIGCONT");
  for (const [name, { plan, child }] of [...running].toReversed()) {
    child.kill(plan.stopSignal ?? "SIGTERM");
    await until(() => !running.has(name), limitMs);
  }
  await kill();
}

async function freeze(): Promise<void> {
  stopTree(rootPids(), task.directory);
  if (await until(() => treeStandsStill(rootPids(), task.directory), goneMsMax)) return;
  throw new Error("the processes do not stand still after SIGSTOP");
}

async function leave(): Promise<void> {
  if (isLeaving) return;
  isLeaving = true;
  if (task.leaveSignal !== "SIGKILL") {
    signalAll(tree(), "SIGCONT");
    signalAll(rootPids(), task.leaveSignal);
    await until(() => running.size === 0, leaveMsMax);
  }
  try {
    await kill();
  } finally {
    rmSync(task.directory, { recursive: true, force: true, maxRetries: 5 });
    process.exit();
  }
}

/** What each order does; starting a program has its process id as its answer. */
const deeds: { readonly [Kind in Exclude<Order["kind"], "start" | "stop">]: () => unknown } = {
  kill,
  freeze,
  thaw: () => signalAll(tree(), "SIGCONT"),
  stay: () => {
    stays = true;
  },
  leave,
};

async function obey(order: Order): Promise<number | undefined> {
  if (order.kind === "start") return start(order.plan);
  if (order.kind === "stop") await stop(order.limitMs);
  else await deeds[order.kind]();
  return undefined;
}

function say(report: Report): void {
  if (process.connected) process.send?.(report, () => undefined);
}

process.on("message", ({ number, order }: NumberedOrder) => {
  if (isLeaving) return;
  obey(order).then(
    (pid) => say({ kind: "answer", number, pid }),
    (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      say({ kind: "failure", number, message });
    },
  );
});
process.on("disconnect", () => {
  // Nothing else keeps this process alive between two starts of a program.
  if (stays) systemClock.after(Number.MAX_SAFE_INTEGER, () => undefined);
  else void leave();
});
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.on(signal, () => void leave());
}
