// Runs the two sides of a scenario in turn, each in fresh processes on a fresh directory, and
// reduces the rounds to medians: machines are noisy, so only the ratio within one run counts.
import type { ChildProcess } from "node:child_process";
import { fdatasyncSync, mkdtempSync, openSync, closeSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { forkScript, inScratch, scratch } from "./leavings.ts";
import type { FromPart, Load, PartParameters, ToPart } from "./part-protocol.ts";

/** One side: what is run before the clock starts, and what is measured. */
export interface Side {
  readonly fill?: string;
  readonly part: string;
  /** Runs afterwards on what is left, and is not measured; its figures count. */
  readonly check?: string;
  /** Where the server is that the parts talk to, if they talk to one: "host:port". */
  readonly address?: string;
  /** What its messages are like, where that matters. */
  readonly load?: Load;
}

/** What one measured run gave. */
export interface Sample {
  readonly messagesPerSecond: number;
  readonly cpuMicrosecondsPerMessage: number;
  /** What the parts found besides; of several processes the sum. */
  readonly figures: Readonly<Record<string, number>>;
}

/** How much is run. */
export interface RunSize {
  readonly bytes: number;
  readonly messages: number;
  readonly groups: number;
  readonly processes: number;
  readonly window: number;
  /** Whether messages are counted as they are consumed (else as they are published). */
  readonly consumes: boolean;
}

/** Runs one side once. */
export function runSide(side: Side, size: RunSize): Promise<Sample> {
  const { address, load } = side;
  const alone = { ...size, processes: 1, consumes: false };
  return inScratch("bench", async (directory) => {
    if (side.fill !== undefined) {
      await runParts({ part: side.fill, address, load }, alone, directory);
    }
    const sample = await runParts(side, size, directory);
    if (side.check === undefined) return sample;
    const { figures } = await runParts({ part: side.check, address, load }, alone, directory);
    return { ...sample, figures: { ...sample.figures, ...figures } };
  });
}

/** Runs every side once a round, so that a slow minute of the machine is everybody's. */
export async function runRounds<Name extends string>(
  sides: Readonly<Record<Name, () => Promise<Sample>>>,
  rounds: number,
  progress: (line: string) => void,
): Promise<Readonly<Record<Name, readonly Sample[]>>> {
  const names = Object.keys(sides) as Name[];
  const samples = {} as Record<Name, Sample[]>;
  for (const name of names) samples[name] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      progress(`round ${round}/${rounds}, ${name}`);
      samples[name].push(await sides[name]());
    }
  }
  return samples;
}

/** The median of the rounds' ratios of throughput. */
export function ratioOf(side: readonly Sample[], baseline: readonly Sample[]): number {
  return median(
    side.map(
      ({ messagesPerSecond }, round) =>
        messagesPerSecond / (baseline[round]?.messagesPerSecond ?? Number.NaN),
    ),
  );
}

async function runParts(
  { part, address, load }: Pick<PartParameters, "part" | "address" | "load">,
  size: RunSize,
  directory: string,
): Promise<Sample> {
  const total = size.messages * (size.consumes ? size.groups : size.processes);
  const children = Array.from({ length: size.processes }, (_, index) =>
    start({ ...size, part, address, load, directory, index }),
  );
  let consumed = 0;
  const onProgress = (count: number): void => {
    consumed += count;
    if (consumed >= total) tell(children, { kind: "stop" });
  };
  await Promise.all(children.map((child) => child.ready));
  const started = performance.now();
  tell(children, { kind: "go" });
  const done = await Promise.all(children.map((child) => child.done(onProgress)));
  const seconds = (performance.now() - started) / 1e3;
  const cpu = done.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  const figures: Record<string, number> = {};
  for (const each of done) {
    for (const [name, value] of Object.entries(each.figures)) {
      figures[name] = (figures[name] ?? 0) + value;
    }
  }
  return {
    messagesPerSecond: total / seconds,
    cpuMicrosecondsPerMessage: (cpu * 1e6) / total,
    figures,
  };
}

type Done = Extract<FromPart, { kind: "done" }>;

interface Part {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly done: (onProgress: (count: number) => void) => Promise<Done>;
}

function tell(parts: readonly Part[], message: ToPart): void {
  for (const part of parts) part.process.send(message);
}

function start(parameters: PartParameters): Part {
  const flags = process.env["SPILLWAY_BENCH_NODE"]?.split(" ");
  const child = forkScript(new URL("./part.ts", import.meta.url), parameters, flags);
  const failed = new Promise<never>((_, reject) => {
    child.once("exit", (code, signal) => {
      if (code !== 0) reject(new Error(`part '${parameters.part}' ended with ${code ?? signal}`));
    });
  });
  failed.catch(() => undefined);
  const once = <Kind extends FromPart["kind"]>(kind: Kind) =>
    new Promise<Extract<FromPart, { kind: Kind }>>((resolve) => {
      child.on("message", (message: FromPart) => {
        if (message.kind === kind) resolve(message as Extract<FromPart, { kind: Kind }>);
      });
    });
  const ready = once("ready");
  const done = once("done");
  return {
    process: child,
    ready: Promise.race([ready, failed]).then(() => undefined),
    async done(onProgress) {
      child.on("message", (message: FromPart) => {
        if (message.kind === "progress") onProgress(message.count);
      });
      return Promise.race([done, failed]);
    },
  };
}

/** The middle value; the mean of the middle two for an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** (largest − smallest) / median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/** The disk's own write + fdatasync of 4 KiB, in milliseconds. */
export function measureFsync(rounds = 400): { readonly p50Ms: number; readonly p99Ms: number } {
  const directory = mkdtempSync(join(scratch(), "spillway-fsync-"));
  const file = openSync(join(directory, "probe"), "w");
  const page = Buffer.alloc(4_096, 1);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    times.push(performance.now() - started);
  }
  closeSync(file);
  rmSync(directory, { recursive: true, force: true });
  times.sort((one, other) => one - other);
  return {
    p50Ms: times[Math.floor(rounds * 0.5)] as number,
    p99Ms: times[Math.floor(rounds * 0.99)] as number,
  };
}
