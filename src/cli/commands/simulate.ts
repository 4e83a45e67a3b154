// `spillway simulate`: what a channel's recorded arrivals would have met with another concurrency,
// rate or limit, in virtual time through the real flow control. Its flags and its lines.
import type { ChannelOverflow } from "../../contracts/channel.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { rateLimit } from "../../flow/rate-limit.ts";
import type { FlowOptions } from "../../flow/flow-control.ts";
import { type Random, seededRandom } from "../../kernel/random.ts";
import { parseTime } from "../../kernel/timestamp.ts";
import type { StartPosition } from "../../ports/transport.ts";
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { assertChannel, directoryFlag, withJournal } from "../journal-access.ts";
import type { Arrival } from "../simulate/arrival.ts";
import { traceOf } from "../simulate/journal-trace.ts";
import { type NamedOutcome, plotOutcomes } from "../simulate/outcome-plot.ts";
import { readTraceFile, writePlot } from "../simulate/trace-files.ts";
import { readTrace } from "../simulate/trace-text.ts";
import { playTrace, type VirtualOutcome, within } from "../simulate/virtual-run.ts";
import { counted, formatCount, formatDuration } from "../terminal/number-format.ts";
import { renderTable } from "../terminal/table.ts";
import { UsageError } from "../usage-error.ts";

const overflows: readonly ChannelOverflow[] = ["wait", "reject", "shed"];
/** Most runs of one call. */
const runsMax = 32;
/** How long a run goes on after the last arrival, in virtual time. */
const drainMsMax = 600_000;

/** The command. */
export const simulateCommand: Command = {
  name: "simulate",
  summary: "play recorded arrivals against another concurrency, rate or limit",
  usage: "[--channel CHANNEL | --trace FILE] --handler-ms MS [FLAGS]",
  description: [
    "Reads when messages were stored, with their keys, tenants and priorities, and plays them in",
    "virtual time through the flow control that a service runs. Nothing is handled and nothing is",
    "changed: a handler takes --handler-ms, or varies up to --handler-p99-ms. Each --concurrency",
    "is a run of its own: a number, or MIN..MAX for a pool that scales itself. With --servers no",
    "more calls than that are worked on at once downstream. --trace reads a file instead of a",
    'journal: JSON lines {"atMs": 0, "key": "a"}, or counts under the first line "atMs,count".',
    "Latency is from arrival to handled; worker-seconds are the pool's size times its time.",
  ],
  flags: {
    directory: directoryFlag,
    channel: {
      type: "string",
      short: "c",
      placeholder: "CHANNEL",
      summary: "the channel whose arrivals are played",
    },
    concurrency: {
      type: "list",
      placeholder: "N|MIN..MAX",
      summary: "handlers at once; may be given several times (default: 16)",
    },
    "goal-ms": { type: "number", min: 1, placeholder: "MS", summary: "the goal of MIN..MAX" },
    "handler-ms": {
      type: "number",
      required: true,
      placeholder: "MS",
      summary: "how long a handler takes (its median, with --handler-p99-ms) (required)",
    },
    "handler-p99-ms": { type: "number", placeholder: "MS", summary: "99 of 100 take no longer" },
    servers: {
      type: "count",
      min: 1,
      placeholder: "N",
      summary: "what the downstream can do at once",
    },
    rate: {
      type: "number",
      min: 0.001,
      placeholder: "PER_SECOND",
      summary: "most starts a second",
    },
    "depth-max": { type: "count", min: 1, placeholder: "N", summary: "limit of the channel" },
    overflow: {
      type: "string",
      placeholder: "WHAT",
      summary: `what happens beyond it: ${overflows.join(", ")} (default: wait)`,
    },
    from: {
      type: "string",
      placeholder: "POSITION",
      summary: "earliest (default), an offset, or a time: 2030-01-31T12:00:00Z",
    },
    trace: {
      type: "string",
      placeholder: "FILE",
      summary: "arrivals from a file, without a journal",
    },
    seed: { type: "count", placeholder: "N", summary: "of what varies (default: 1)" },
    plot: { type: "string", placeholder: "FILE.svg", summary: "draw arrivals, depth and pool" },
  },
  positionalsMax: 0,
  examples: [
    "spillway simulate -c orders --handler-ms 20 --concurrency 8 --concurrency 1..32",
    "spillway simulate -c orders --handler-ms 20 --servers 10 --depth-max 1000 --overflow shed",
    "spillway simulate --trace arrivals.csv --handler-ms 20 --plot what-if.svg",
  ],
  run: simulate,
};

async function simulate(call: CommandCall): Promise<number> {
  const { io, flags } = call;
  const pools = poolsOf(call);
  const common = settingsOf(call);
  const { arrivals, isCut } = await arrivalsOf(call);
  if (arrivals.length === 0) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      "there are no arrivals to play: try --from earliest",
    );
  }
  if (isCut)
    io.stderr.write(`spillway: only the first ${counted(arrivals.length, "message")} are played\n`);
  const runs: NamedOutcome[] = [];
  for (const { name, concurrency } of pools) {
    const flow = { ...common.flow, concurrency };
    const downstream = downstreamOf(call);
    const outcome = await playTrace(arrivals, { ...common, flow, downstream, signal: io.signal });
    runs.push({ name, outcome });
  }
  const what = String(flags["channel"] ?? flags["trace"]);
  const title = `${what}: ${counted(arrivals.length, "message")}`;
  if (flags["plot"] !== undefined) writePlot(String(flags["plot"]), plotOutcomes(title, runs));
  if (call.json) io.stdout.write(`${JSON.stringify({ runs: runs.map(jsonOf) })}\n`);
  else {
    const lines = renderTable(columns, runs.map(rowOf), { styleHeader: io.stdout.style.dim });
    io.stdout.write(`${title}\n${lines.join("\n")}\n`);
  }
  return exitCodes.success;
}

interface Pool {
  readonly name: string;
  readonly concurrency: FlowOptions["concurrency"] & {};
}

function poolsOf({ flags }: CommandCall): readonly Pool[] {
  const given = flags["concurrency"] ?? ["16"];
  const list = typeof given === "object" ? given : [String(given)];
  if (list.length > runsMax) throw usage(`give --concurrency at most ${runsMax} times`);
  const goal = flags["goal-ms"];
  if (goal !== undefined && !list.some((name) => name.includes(".."))) {
    throw usage("--goal-ms goes with --concurrency MIN..MAX");
  }
  return list.map((name) => {
    const [, min, max] = /^(\d+)(?:\.\.(\d+))?$/.exec(name) ?? [];
    const [from, to] = [Number(min), Number(max ?? min)];
    if (!(from >= 1 && from <= to && to <= 1_000)) {
      throw usage(`--concurrency is '${name}': give a number from 1 to 1000, or MIN..MAX`);
    }
    if (max === undefined) return { name, concurrency: from };
    const goalMs = goal === undefined ? {} : { goalMs: Number(goal) };
    return { name, concurrency: { min: from, max: to, ...goalMs } };
  });
}

function settingsOf({ flags }: CommandCall) {
  const given = String(flags["overflow"] ?? "wait");
  const overflow = overflows.find((each) => each === given);
  if (overflow === undefined) {
    throw usage(`--overflow is '${given}': give one of ${overflows.join(", ")}`);
  }
  if (flags["overflow"] !== undefined && flags["depth-max"] === undefined) {
    throw usage("--overflow goes with --depth-max");
  }
  const rate = flags["rate"];
  const rates = rate === undefined ? [] : [rateLimit({ perSecond: Number(rate) })];
  const depthMax = flags["depth-max"] === undefined ? undefined : Number(flags["depth-max"]);
  const seed = Number(flags["seed"] ?? 1);
  return { flow: { rates }, depthMax, overflow, sampleMs: 100, drainMsMax, seed };
}

/** How long handlers take: always the same, or spread log-normally. */
function downstreamOf({ flags }: CommandCall) {
  const medianMs = Number(flags["handler-ms"]);
  const p99Ms = Number(flags["handler-p99-ms"] ?? medianMs);
  if (p99Ms < medianMs) throw usage("--handler-p99-ms is below --handler-ms: give more");
  if (medianMs === 0 && p99Ms > 0) throw usage("--handler-p99-ms needs a --handler-ms above 0");
  const random = seededRandom(Number(flags["seed"] ?? 1));
  const sigma = p99Ms === medianMs ? 0 : Math.log(p99Ms / medianMs) / 2.326_348;
  const workMs = (): number => medianMs * Math.exp(sigma === 0 ? 0 : sigma * normal(random));
  const { servers } = flags;
  return servers === undefined ? { workMs } : { workMs, servers: Number(servers) };
}

/** A number of the standard normal distribution (Box and Muller's method). */
function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.float()));
  return radius * Math.cos(2 * Math.PI * random.float());
}

type Trace = { readonly arrivals: readonly Arrival[]; readonly isCut: boolean };

async function arrivalsOf(call: CommandCall): Promise<Trace> {
  const { flags, io } = call;
  const { trace } = flags;
  if ((flags["channel"] === undefined) === (trace === undefined)) {
    throw usage("give --channel CHANNEL, whose arrivals are played, or --trace FILE: one of them");
  }
  const channel = String(flags["channel"]);
  if (trace !== undefined) {
    for (const flag of ["directory", "from"]) {
      if (flags[flag] !== undefined) throw usage(`--${flag} goes with --channel`);
    }
    const name = String(trace);
    return { arrivals: readTrace(name, readTraceFile(name)), isCut: false };
  }
  const from = positionOf(String(flags["from"] ?? "earliest"));
  return withJournal(call, { create: false }, async (transport) => {
    await assertChannel(transport, channel);
    return traceOf(transport, { channel, from, signal: io.signal });
  });
}

function positionOf(text: string): StartPosition {
  if (text === "earliest") return text;
  if (/^\d+$/.test(text)) return { offset: Number(text) };
  const timeMs = parseTime(text) ?? parseTime(`${text}T00:00:00Z`);
  if (timeMs !== undefined) return { timeMs };
  throw usage(`--from is '${text}': give earliest, an offset, or a time: 2030-01-31T12:00:00Z`);
}

function usage(text: string): UsageError {
  return new UsageError(text, "simulate");
}

const columns = [
  { title: "concurrency" },
  ...["p50", "p99", "longest", "depth max", "in flight", "shed", "left", "worker-seconds"].map(
    (title) => ({ title, align: "right" as const }),
  ),
];

function rowOf({ name, outcome }: NamedOutcome): readonly string[] {
  const latencies = [0.5, 0.99, 1].map((share) => within(outcome.latenciesMs, share));
  const { depthMax, inFlightMax, shed, left, workerSeconds } = outcome;
  const counts = [depthMax, inFlightMax, shed, left].map(formatCount);
  return [name, ...latencies.map(formatDuration), ...counts, workerSeconds.toFixed(1)];
}

function jsonOf({ name, outcome }: NamedOutcome) {
  const { latenciesMs, samples, decisions, ...numbers } = outcome;
  const shareOf = (share: number): number => within(latenciesMs, share);
  const latencyMs = { p50: shareOf(0.5), p99: shareOf(0.99), longest: shareOf(1) };
  return { concurrency: name, ...numbers, latencyMs, samples, decisions } satisfies Record<
    string,
    VirtualOutcome[keyof VirtualOutcome] | object | string
  >;
}
