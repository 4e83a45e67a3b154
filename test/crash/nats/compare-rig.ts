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
import { seededRandom } from "spillway/testing";
import { linesOf } from "../crash-cycle.ts";
import { transfers } from "../fixtures/bank.ts";
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

/** What one cut came to. */
export interface CompareReport {
  readonly system: System;
  readonly afterMs: number;
  readonly acknowledged: number;
  readonly lost: number;
  /** How long before the cut the oldest of the lost messages was acknowledged; 0 without any. */
  readonly oldestLostMs: number;
  /** Whether the server knew its stream after the cut. */
  readonly streamKept: boolean;
  /** Read and never sent. */
  readonly phantoms: number;
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

/** Ids that the store on a cut disk holds; undefined where it has lost the stream itself. */
async function readIds(system: System, store: string): Promise<string[] | undefined> {
  if (system === "nats") {
    const server = await startNats(store);
    const client = await NatsClient.connect(server.port);
    const payloads = await readStream(client);
    client.close();
    await end(server.process);
    return payloads?.map((text) => (JSON.parse(text) as { id: string }).id);
  }
  const transport = embedded({ directory: store });
  const bus = await createBus({ name: "after-the-cut", transport, channels: [transfers] });
  const ids: string[] = [];
  for await (const { id } of bus.read(transfers, { from: "earliest" })) ids.push(id);
  await bus.close();
  return ids;
}

async function cut(site: Site, afterMs: number): Promise<CompareReport> {
  const pids = site.children.map((child) => child.pid ?? 0);
  const notes = join(site.folder, "notes-at-cut.txt");
  let copy: LoopDisk | undefined;
  let cutAt = 0n;
  for (let attempt = 1; copy === undefined && attempt <= cutAttemptsMax; attempt++) {
    await freeze(pids);
    cutAt = process.hrtime.bigint();
    cpSync(site.notes, notes);
    copy = site.disk.cut(site.folder, "cut");
    if (copy === undefined || pids.every(standsStill)) continue;
    copy.remove();
    copy = undefined;
  }
  if (copy === undefined) throw new Error(`${site.disk.image} never comes to rest`);
  thaw(pids);
  for (const child of site.children.toReversed()) await end(child);
  const ids = await readIds(site.system, join(copy.point, "store"));
  const stored = new Set(ids);
  const lines = linesOf(notes).map((line) => line.split(" "));
  const tried = new Set(lines.filter(([word]) => word === "try").map(([, id]) => id));
  const acknowledged = lines.filter(([word]) => word === "ack");
  const lost = acknowledged.filter(([, id = ""]) => !stored.has(id));
  const ages = lost.map(([, , , at = "0"]) => Number(cutAt - BigInt(at)) / 1e6);
  copy.remove();
  site.disk.remove();
  return {
    system: site.system,
    afterMs,
    acknowledged: acknowledged.length,
    lost: lost.length,
    oldestLostMs: Math.round(Math.max(0, ...ages)),
    streamKept: ids !== undefined,
    phantoms: [...stored].filter((id) => !tried.has(id)).length,
  };
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
      while (!linesOf(site.notes).some((line) => line.startsWith("ack"))) await pause(10);
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
