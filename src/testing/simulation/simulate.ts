// One simulated run, from its scenario to its verdict. Owns its directories, which go with it.
// Always true: the same scenario gives the same trace; the run ends, whatever it finds.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Coverage, FaultKind } from "./faults.ts";
import { Program } from "./program.ts";
import { publishingMs, type Scenario } from "./scenario.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import { channelNames, type EndState, judge, readEnd } from "./verdict.ts";
import { World } from "./world.ts";

/** How a run ended. */
export interface Outcome {
  /** Nothing where all is well. */
  readonly violations: readonly string[];
  /** The same for every run of the scenario. */
  readonly traceHash: string;
  readonly trace: readonly string[];
  readonly coverage: Coverage;
  readonly struck: ReadonlyMap<FaultKind, number>;
  /** Messages stored in the end, and handler calls. */
  readonly stored: number;
  readonly calls: number;
  /** Virtual milliseconds. */
  readonly tookMs: number;
}

/** What a run may be told. */
export interface SimulateOptions {
  /** Where its directories are made; default: the system's for temporary files. */
  readonly folder?: string;
  /** Whether the lines of the trace are kept. */
  readonly keepsTrace?: boolean;
}

/** How often it is looked whether a run has come to rest. */
const lookMs = 400;
/** Faults strike until then, at the latest. */
const faultsMsMax = 10_000;
/** So long after the last fault everything must have come to rest. */
const restMsMax = 20_000;

/** Faults after which a message may be handled again. */
const repeating: readonly FaultKind[] = [
  "crash",
  "power-cut",
  "freeze",
  "stall",
  "suspect",
  "disk-fails",
  "disk-full",
];

/** Runs a scenario. */
export async function simulate(
  scenario: Scenario,
  { folder = tmpdir(), keepsTrace = false }: SimulateOptions = {},
): Promise<Outcome> {
  const root = mkdtempSync(join(folder, "spillway-simulation-"));
  try {
    return await run(scenario, root, keepsTrace);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function run(scenario: Scenario, root: string, keepsTrace: boolean): Promise<Outcome> {
  const start = (process: SimulatedProcess): Promise<void> => program.start(process);
  const world = new World({ scenario, root, keepsTrace, start });
  const program = new Program(world);
  world.begin();
  program.begin();
  const { clock, recorder } = world;
  await clock.advance(publishingMs);
  const isAwaited = (): boolean =>
    !program.isPublished || world.faults.isAwaited(world.nowMs, scenario.rings);
  while (world.nowMs < faultsMsMax && isAwaited()) await clock.advance(lookMs);
  world.calm();
  const untilMs = world.nowMs + restMsMax;
  let isAtRest = false;
  while (!isAtRest && world.nowMs < untilMs) {
    await clock.advance(lookMs);
    if (world.isWhole && program.isPublished) {
      program.mend();
      isAtRest = await soon(world, whetherSettled(world));
    }
  }
  const end = isAtRest ? await soon(world, readAll(world, program)) : undefined;
  recorder.note({ kind: "end", atMs: world.nowMs });
  const violations = end === undefined ? ["stuck: it does not come to rest"] : [];
  if (end === undefined) violations.push(...(await whatWaits(world, program)));
  else {
    const isMild = repeating.every((kind) => !world.faults.struck.has(kind));
    const hasJumped = world.faults.struck.has("jump");
    violations.push(...judge(scenario, recorder, end, { isMild, hasJumped }));
  }
  await closeAll(world);
  return outcomeOf(world, violations, end);
}

/** The result of work that may take virtual time. */
async function soon<Result>(world: World, work: Promise<Result>): Promise<Result> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => undefined);
  await world.clock.settle();
  for (let turn = 0; !isDone && turn < 1_000; turn++) await world.clock.advance(10);
  return done;
}

async function whetherSettled(world: World): Promise<boolean> {
  const transport = world.processes[0]?.transport;
  if (transport === undefined) return false;
  const channels = await transport.stats().catch(() => undefined);
  if (channels === undefined) return false;
  // A schedule is never done: its next time waits in a channel of its own.
  const own = channels.filter(({ channel }) => channelNames.some((each) => each === channel));
  return own.every(({ delayed, groups }) => {
    return delayed === 0 && groups.every(({ depth }) => depth === 0);
  });
}

async function readAll(world: World, program: Program): Promise<EndState | undefined> {
  const process = world.processes[0];
  if (process?.bus === undefined) return undefined;
  const { scenario, recorder } = world;
  program.endFollowing();
  const hasJumped = world.faults.struck.has("jump");
  return readEnd(process, process.bus, program.channels, scenario, recorder, hasJumped);
}

/** What has not come to rest, for people. */
async function whatWaits(world: World, program: Program): Promise<string[]> {
  const found: string[] = [];
  for (const [number, process] of world.processes.entries()) {
    if (process?.bus === undefined) found.push(`process ${number} is down`);
    else if (process.clock.isStill) found.push(`${process.name} stands still`);
    else found.push(`${process.name}: ${JSON.stringify(process.transport.health())}`);
  }
  if (!program.isPublished) found.push("not everything is published");
  const transport = world.processes[0]?.transport;
  const stats =
    transport &&
    (await soon(
      world,
      transport.stats().catch(() => []),
    ));
  for (const { channel, delayed, groups } of stats ?? []) {
    if (delayed > 0) found.push(`${channel}: ${delayed} delayed`);
    for (const { group, depth, open, members } of groups) {
      if (depth === 0) continue;
      found.push(`${channel}: ${group} has ${depth} unsettled, ${open} open, ${members} members`);
    }
  }
  return found;
}

async function closeAll(world: World): Promise<void> {
  for (const process of world.processes) {
    const closing = process?.bus?.close({ timeoutMs: 1_000 }) ?? Promise.resolve();
    await soon(world, closing).catch((error: unknown) => {
      world.assertInjected(error, `${process?.name} cannot close`);
    });
    process?.end(false);
  }
}

function outcomeOf(world: World, violations: string[], end: EndState | undefined): Outcome {
  const { trace, recorder, nowMs } = world;
  const { coverage, struck } = world.faults;
  let calls = 0;
  for (const count of recorder.calls.values()) calls += count;
  return {
    violations,
    traceHash: trace.hash,
    trace: trace.lines,
    coverage,
    struck,
    stored: end?.stored.length ?? 0,
    calls,
    tookMs: nowMs,
  };
}
