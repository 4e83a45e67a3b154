// Runs the two sides of a scenario in turn, each in fresh processes on a fresh directory, and
// reduces the rounds to medians: machines are noisy, so only the ratio within one run counts.
import { fork, type ChildProcess } from "node:child_process";
import { fdatasyncSync, mkdtempSync, openSync, closeSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FromPart, PartParameters, ToPart } from "./part-protocol.ts";

/** One side: what is run before the clock starts, and what is measured. */
export interface Side {
  readonly fill?: string;
  readonly part: string;
  /** Where the server is that the parts talk to, if they talk to one: "host:port". */
  readonly address?: string;
}

/** What one measured run gave. */
export interface Sample {
  readonly messagesPerSecond: number;
  readonly cpuMicrosecondsPerMessage: number;
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

/** Where the scratch directories lie; the disk under test. */
export const scratch = (): string => process.env["SPILLWAY_BENCH_DIRECTORY"] ?? tmpdir();

/** Runs one side once. */
export async function runSide(side: Side, size: RunSize): Promise<Sample> {
  const directory = mkdtempSync(join(scratch(), "spillway-bench-"));
  try {
    if (side.fill !== undefined) {
      const filling = { ...size, processes: 1, consumes: false };
      await runParts({ part: side.fill, address: side.address }, filling, directory);
    }
    return await runParts(side, size, directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runParts(
  { part, address }: Pick<PartParameters, "part" | "address">,
  size: RunSize,
  directory: string,
): Promise<Sample> {
  const total = size.messages * (size.consumes ? size.groups : size.processes);
  const children = Array.from({ length: size.processes }, (_, index) =>
    start({ ...size, part, address, directory, index }),
  );
  let consumed = 0;
  const onProgress = (count: number): void => {
    consumed += count;
    if (consumed >= total) tell(children, { kind: "stop" });
  };
  await Promise.all(children.map((child) => child.ready));
  const started = performance.now();
  tell(children, { kind: "go" });
  const cpu = await Promise.all(children.map((child) => child.done(onProgress)));
  const seconds = (performance.now() - started) / 1e3;
  return {
    messagesPerSecond: total / seconds,
    cpuMicrosecondsPerMessage: (cpu.reduce((sum, each) => sum + each, 0) * 1e6) / total,
  };
}

interface Part {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly done: (onProgress: (count: number) => void) => Promise<number>;
}

function tell(parts: readonly Part[], message: ToPart): void {
  for (const part of parts) part.process.send(message);
}

function start(parameters: PartParameters): Part {
  const child = fork(new URL("./part.ts", import.meta.url), [JSON.stringify(parameters)], {
    execArgv: [...process.execArgv, ...(process.env["SPILLWAY_BENCH_NODE"]?.split(" ") ?? [])],
  });
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
      return (await Promise.race([done, failed])).cpuSeconds;
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
