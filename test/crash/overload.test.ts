// Publishers far faster than the handler, in processes that are killed, on a channel with a limit:
// never more than the limit waits, each publish is stored or refused, nothing acknowledged is lost.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { killed, started, stopped } from "./fixture-process.ts";
import { depthMax, Numbered, numberedWith, slowGroup } from "./fixtures/overload.ts";
import { SuiteHistory } from "./history/suite-history.ts";

type Role = "wait" | "reject" | "consume";

const cycles = Number(process.env["SPILLWAY_CYCLES"] ?? (isLongRun ? 100 : 4));
const cycleMs = 1_500;

class Site {
  readonly root = mkdtempSync(join(tmpdir(), "spillway-overload-"));
  readonly directory = join(this.root, "journal");
  readonly running = new Map<Role, ChildProcess>();
  readonly history = new SuiteHistory({ isDense: true });
  /** Nobody hears of them any more. */
  readonly killedLives: string[] = [];
  /** The process of each role that was started last. */
  readonly #life = new Map<Role, string>();
  #lives = 0;

  notesOf(role: Role): string {
    return join(this.root, `${role}.txt`);
  }

  async start(role: Role): Promise<void> {
    const life = `${role}-${this.#lives++}`;
    const more = [this.directory, this.notesOf(role), role, life];
    this.#life.set(role, life);
    this.running.set(role, await started("overload", more));
  }

  async kill(role: Role): Promise<void> {
    await killed(this.running.get(role) as ChildProcess);
    this.killedLives.push(this.#life.get(role) ?? "");
  }
}

test(`${cycles} cycles of overload with kill -9`, { timeout: cycles * 60_000 }, async (context) => {
  const site = new Site();
  const channel = numberedWith("wait");
  const transport = embedded({ directory: site.directory, leaseMs: 500 });
  const bus = await createBus({ name: "monitor", transport, channels: [channel] });
  const seen = { deepest: 0, looks: 0, acknowledged: 0, refused: 0, stored: 0, kills: 0 };
  const look = async (): Promise<number> => {
    const { channels } = await bus.stats();
    const depth = channels.find((each) => each.channel === "numbered")?.waiting?.depth ?? 0;
    seen.deepest = Math.max(seen.deepest, depth);
    seen.looks++;
    return depth;
  };
  let isOver = false;
  try {
    await site.start("consume");
    await site.start("wait");
    await site.start("reject");
    const looking = (async () => {
      while (!isOver) await look().then(() => pause(5));
    })();
    for (let cycle = 0; cycle < cycles; cycle++) {
      await pause(cycleMs);
      const role = (["consume", "wait", "reject"] as const)[cycle % 3] ?? "consume";
      await site.kill(role);
      seen.kills++;
      await site.start(role);
    }
    await pause(cycleMs);
    for (const role of ["wait", "reject"] as const) {
      await stopped(site.running.get(role) as ChildProcess);
    }
    const { history } = site;
    const log = channel.name;
    history.add({ kind: "subscribe", group: slowGroup, log, from: 0, hasSettlements: true });
    await history.settled(bus, log, [slowGroup]);
    isOver = true;
    await looking;
    await stopped(site.running.get("consume") as ChildProcess);
    history.addNotes(...(["wait", "reject", "consume"] as const).map((role) => site.notesOf(role)));
    for (const member of site.killedLives) history.add({ kind: "crash", member });
    await history.addLog(log, bus.read(Numbered), ({ id, key, data }) => {
      return { id, key, value: JSON.stringify(data) };
    });
    const violations = history.violations();
    seen.acknowledged = history.count("ok");
    seen.refused = history.count("failed");
    seen.stored = history.count("replay");
    if (seen.deepest > depthMax) violations.push(`${seen.deepest} messages waited`);
    context.diagnostic(JSON.stringify(seen));
    await recordEvidence("overload", { seed: 0, counts: seen, violations });
    assert.deepEqual(violations.slice(0, 20), []);
    assert.ok(seen.deepest > depthMax / 2, "there was no overload");
    assert.ok(seen.refused > 0, "nothing was refused");
  } finally {
    isOver = true;
    for (const child of site.running.values()) await killed(child);
    await bus.close();
    rmSync(site.root, { recursive: true, force: true });
  }
});
