// Cuts the power under a publisher of Spillway's journal and under one of nats-server, each alone
// on a new disk, after the same time at the same rate, and counts what was acknowledged and is
// gone. What both have made at the start is synced first: only messages of the run are at risk.
// Runs in a process of its own, inside its own mount namespace; reports each cut to its parent.
import { type ChildProcess, fork } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import {
  HistoryChecker,
  type HistoryEvent,
  seededRandom,
  type ViolationKind,
} from "spillway/testing";
import { transfers } from "../fixtures/bank.ts";
import { steadyNowMs } from "../history/history-notes.ts";
import { notedIn } from "../history/note-files.ts";
import { freeze, LoopDisk, standsStill, thaw } from "../loop-disk.ts";
import { NatsClient } from "./nats-client.ts";
import { readStream, startNats } from "./nats-server.ts";

/** What to do; given as JSON on the command line. */
export interface ComparePlan {
  readonly folder: string;
  readonly seed: number;
  readonly cuts: number;
  readonly secondsMin: number;
  readonly secondsMax: number;
}

/** The systems that are compared. */
export const systems = ["spillway", "nats"] as const;
export type System = (typeof systems)[number];

/** What the history checker says of one cut. */
interface Judged {
  readonly acknowledged: number;
  readonly lost: number;
  /** How long before the cut the oldest of the lost messages was acknowledged; 0 without any. */
  readonly oldestLostMs: number;
  /** Violations of the other kinds, by kind. */
  readonly others: Readonly<Partial<Record<ViolationKind, number>>>;
}

/** What one cut came to. */
export interface CompareReport extends Judged {
  readonly system: System;
  readonly afterMs: number;
  /** Whether the server knew its stream after the cut. */
  readonly streamKept: boolean;
}

const diskMebibytes = 256;
const publishPauseMs = 100;
const cutAttemptsMax = 50;

interface Site {
  readonly system: System;
  readonly folder: string;
  readonly disk: LoopDisk;
  readonly notes: string;
  readonly children: ChildProcess[];
}

async function start(system: System, folder: string): Promise<Site> {
  mkdirSync(folder, { recursive: true });
  const disk = LoopDisk.create(folder, "disk", diskMebibytes);
  const notes = join(folder, "notes.txt");
  const store = join(disk.point, "store");
  const children: ChildProcess[] = [];
  let script = new URL("../fixtures/publisher.ts", import.meta.url);
  let words = [store, notes, "alpha", "Infinity", `${publishPauseMs}`];
  if (system === "nats") {
    const server = await startNats(store);
    children.push(server.process);
    script = new URL("nats-publisher.ts", import.meta.url);
    words = [`${server.port}`, notes, "alpha", `${publishPauseMs}`];
  }
  children.push(fork(script, words, { stdio: ["ignore", "inherit", "inherit", "ipc"] }));
  return { system, folder, disk, notes, children };
}

type Stored = Pick<Extract<HistoryEvent, { kind: "replay" }>, "id" | "key" | "offset" | "value">;

/** What the store on a cut disk holds; undefined where it has lost the stream itself. */
async function readStored(system: System, store: string): Promise<Stored[] | undefined> {
  if (system === "nats") {
    const server = await startNats(store);
    const client = await NatsClient.connect(server.port);
    const found = await readStream(client);
    client.close();
    await end(server.process);
    return found?.map(({ offset, payload }) => {
      const { id, ...transfer } = JSON.parse(payload) as { id: string; key: string };
      return { id, key: transfer.key, offset, value: JSON.stringify(transfer) };
    });
  }
  const transport = embedded({ directory: store });
  const bus = await createBus({ name: "after-the-cut", transport, channels: [transfers] });
  const stored: Stored[] = [];
  for await (const { id, key, offset, data } of bus.read(transfers, { from: "earliest" })) {
    stored.push({ id, key, offset, value: JSON.stringify(data) });
  }
  await bus.close();
  return stored;
}

/** Holds what was noted until the cut against what is stored. */
function judge(notes: string, stored: readonly Stored[], cutAtMs: number): Judged {
  const checker = new HistoryChecker();
  const log = transfers.name;
  const invoked = new Map<number | string, string>();
  /** When each message was acknowledged, but for those that are stored. */
  const missing = new Map<string, number>();
  let acknowledged = 0;
  for (const event of notedIn(notes)) {
    checker.add(event);
    if (event.kind === "invoke") invoked.set(event.operation, event.id);
    if (event.kind !== "ok") continue;
    missing.set(invoked.get(event.operation) ?? "", event.atMs);
    invoked.delete(event.operation);
    acknowledged++;
  }
  let endOffset = 0;
  for (const each of stored) {
    checker.add({ kind: "replay", atMs: cutAtMs, log, ...each });
    endOffset = each.offset + 1;
    missing.delete(each.id);
  }
  checker.add({ kind: "replay-end", atMs: cutAtMs, log, startOffset: 0, endOffset });
  checker.finish();
  const firstLostAtMs = [...missing.values()].reduce(
    (first, atMs) => Math.min(first, atMs),
    cutAtMs,
  );
  const { lost = 0, ...others } = Object.fromEntries(checker.counts);
  return { acknowledged, lost, others, oldestLostMs: Math.round(cutAtMs - firstLostAtMs) };
}

async function cut(site: Site, afterMs: number): Promise<CompareReport> {
  const pids = site.children.map((child) => child.pid ?? 0);
  const notes = join(site.folder, "notes-at-cut.txt");
  let copy: LoopDisk | undefined;
  let cutAtMs = 0;
  for (let attempt = 1; copy === undefined && attempt <= cutAttemptsMax; attempt++) {
    await freeze(pids);
    cutAtMs = steadyNowMs();
    cpSync(site.notes, notes);
    copy = site.disk.cut(site.folder, "cut");
    if (copy === undefined || pids.every(standsStill)) continue;
    copy.remove();
    copy = undefined;
  }
  if (copy === undefined) throw new Error(`${site.disk.image} never comes to rest`);
  thaw(pids);
  for (const child of site.children.toReversed()) await end(child);
  const stored = await readStored(site.system, join(copy.point, "store"));
  copy.remove();
  site.disk.remove();
  const judged = judge(notes, stored ?? [], cutAtMs);
  return { system: site.system, afterMs, streamKept: stored !== undefined, ...judged };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

async function run(plan: ComparePlan): Promise<void> {
  const random = seededRandom(plan.seed);
  for (let index = 0; index < plan.cuts; index++) {
    const span = (plan.secondsMax - plan.secondsMin) * 1_000;
    const afterMs = plan.secondsMin * 1_000 + (random.uint32() % span);
    for (const system of systems) {
      const folder = join(plan.folder, `${system}-${index}`);
      const site = await start(system, folder);
      while (![...notedIn(site.notes)].some(({ kind }) => kind === "ok")) await pause(10);
      // What exists by now is on disk, as in a service that started long ago.
      site.disk.sync();
      await pause(afterMs);
      process.send?.(await cut(site, afterMs));
      rmSync(folder, { recursive: true });
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.on("disconnect", () => process.exit());
  await run(JSON.parse(process.argv[2] ?? "{}") as ComparePlan);
  process.disconnect?.();
}
