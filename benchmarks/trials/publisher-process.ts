// Publishes at a steady rate until told to stop; started by publisher.ts. A publish counts from the
// moment it was due, so that a stall of this process counts for everything that was due meanwhile.
import { statSync } from "node:fs";
import { join } from "node:path";
import { createBus, defineChannel } from "spillway";
import { embedded } from "spillway/embedded";
import { OrderPlaced } from "../order-contract.ts";
import { makeOrder } from "../payloads.ts";
import type {
  FromPublisher,
  PhaseFigures,
  PublisherParameters,
  ToPublisher,
} from "./publisher-protocol.ts";
import { traceChannelName } from "./trace-statements.ts";
import { emptyHistogram, type Histogram, record } from "./trial.ts";

const parameters = JSON.parse(process.argv[2] ?? "{}") as PublisherParameters;
const { directory, bytes, messagesPerSecond, retentionBytes } = parameters;
/** How often publishes that are due are issued. */
const turnMs = 2;
/** One publish of so many is measured: each is stored in the order of the calls. */
const sampledEvery = messagesPerSecond >= 10_000 ? 10 : 1;
/** How often health and the write-ahead log are looked at. */
const lookMs = 10;
/** Further behind than this the machine cannot do it at all, and a figure would say nothing. */
const behindSecondsMax = 5;

const orders = defineChannel("bench.orders", {
  messages: [OrderPlaced],
  retention: { bytes: retentionBytes },
});
const bus = await createBus({
  name: "bench",
  transport: embedded({ directory }),
  channels: [orders],
  // A stall has to show as latency, not as a refusal.
  pendingMax: messagesPerSecond * (behindSecondsMax + 1),
  pendingBytesMax: messagesPerSecond * (behindSecondsMax + 1) * bytes * 4,
});

type Counting<Figures> = { -readonly [Name in keyof Figures]: Figures[Name] };

const newPhase = (): Counting<PhaseFigures> => ({
  messages: 0,
  seconds: 0,
  publish: emptyHistogram(),
  commit: emptyHistogram(),
  step: emptyHistogram(),
  vacuum: emptyHistogram(),
  walBytesMax: 0,
  degraded: 0,
  looks: 0,
});
let phase = newPhase();
let phaseStartedAt = performance.now();

const traced = new BroadcastChannel(traceChannelName);
traced.addEventListener("message", ({ data }: MessageEvent): void => {
  const [kind, allMs, vacuumMs] = data as [kind: string, allMs: number, vacuumMs: number];
  record(kind === "step" ? phase.step : phase.commit, allMs);
  if (kind === "step") record(phase.vacuum, vacuumMs);
});

const say = (message: FromPublisher): boolean | undefined => process.send?.(message);
const startedAt = performance.now();
let issued = 0;
let settled = 0;
let stopping = false;

function failed(reason: string): never {
  console.error(`publisher: ${reason}`);
  process.exit(1);
}

async function lookAtHealth(): Promise<void> {
  if (stopping) return;
  const { status, reasons } = await bus.health();
  phase.looks++;
  if (status !== "ok") phase.degraded++;
  if (status !== "ok" && phase.degraded === 1) console.error(`publisher: ${reasons.join("; ")}`);
  const wal = statSync(join(directory, "journal.db-wal"), { throwIfNoEntry: false });
  phase.walBytesMax = Math.max(phase.walBytesMax, wal?.size ?? 0);
}

async function look(
  published: Promise<unknown>,
  current: { publish: Histogram; messages: number },
  dueAt: number,
): Promise<void> {
  try {
    await published;
    settled += sampledEvery;
    current.messages += sampledEvery;
    record(current.publish, performance.now() - dueAt);
  } catch (error) {
    if (!stopping) failed(String(error));
  }
}

function turn(): void {
  if (stopping) return;
  const now = performance.now();
  const due = Math.floor(((now - startedAt) * messagesPerSecond) / 1_000);
  if (due - settled > messagesPerSecond * behindSecondsMax) {
    failed(`${messagesPerSecond} messages a second are more than this machine stores now`);
  }
  while (issued < due) {
    // Of messages that were due one after the other while this process stood still, each counts.
    const dueAt = startedAt + (issued * 1_000) / messagesPerSecond;
    const published = bus.publish(OrderPlaced, makeOrder(issued++, bytes));
    // Looking at each would take as long as publishing it.
    if (issued % sampledEvery === 0) void look(published, phase, dueAt);
  }
  setTimeout(turn, turnMs);
}

process.on("message", (message: ToPublisher) => {
  if (message.kind === "stop") stopping = true;
  const now = performance.now();
  const ended = phase;
  phase = newPhase();
  const seconds = (now - phaseStartedAt) / 1_000;
  phaseStartedAt = now;
  say({ kind: "figures", figures: { ...ended, seconds } });
  if (!stopping) return;
  traced.close();
  void bus.close().then(() => process.disconnect?.());
});

setInterval(() => void lookAtHealth(), lookMs).unref();
turn();
say({ kind: "ready" });
