// Publishers far faster than the handler, in processes that are killed, on a channel with a limit:
// never more than the limit waits, each publish is stored or refused, nothing acknowledged is lost.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { killed, started, stopped } from "./fixture-process.ts";
import { depthMax, Numbered, numberedWith } from "./fixtures/overload.ts";

const cycles = isLongRun ? 100 : 4;
const cycleMs = 1_500;

class Site {
  readonly root = mkdtempSync(join(tmpdir(), "spillway-overload-"));
  readonly directory = join(this.root, "journal");
  readonly running = new Map<string, ChildProcess>();
  lives = 0;

  notesOf(role: string): string {
    return join(this.root, `${role}.txt`);
  }

  async start(role: "wait" | "reject" | "consume"): Promise<void> {
    const more = [this.directory, this.notesOf(role), role, `${role}-${this.lives++}`];
    this.running.set(role, await started("overload", more));
  }

  async kill(role: "wait" | "reject" | "consume"): Promise<void> {
    await killed(this.running.get(role) as ChildProcess);
  }

  notes(role: "wait" | "reject", word: "ack" | "refused"): string[] {
    const lines = readFileSync(this.notesOf(role), "utf8").split("\n");
    return lines.filter((line) => line.startsWith(`${word} `));
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
    while ((await look()) > 0) await pause(20);
    isOver = true;
    await looking;
    const acknowledged = [...site.notes("wait", "ack"), ...site.notes("reject", "ack")];
    const stored = new Map<string, number>();
    for await (const { data } of bus.read(Numbered)) {
      const name = `ack ${data.life} ${data.n}`;
      stored.set(name, (stored.get(name) ?? 0) + 1);
    }
    const lost = acknowledged.filter((line) => stored.get(line) !== 1);
    seen.acknowledged = acknowledged.length;
    seen.refused = site.notes("reject", "refused").length;
    seen.stored = stored.size;
    context.diagnostic(JSON.stringify(seen));
    assert.deepEqual(lost.slice(0, 10), [], "acknowledged and not stored once");
    assert.ok(seen.deepest <= depthMax, `${seen.deepest} messages waited`);
    assert.ok(seen.deepest > depthMax / 2, "there was no overload");
    assert.ok(seen.refused > 0, "nothing was refused");
    const refused = new Set(site.notes("reject", "refused").map((line) => line.split(" ")[2]));
    assert.ok(refused.size > 0);
    for (const line of site.notes("reject", "refused")) {
      const [, life, n] = line.split(" ");
      assert.equal(stored.get(`ack ${life} ${n}`), undefined, `${line}, and yet it is stored`);
    }
    const violations = lost.length > 0 || seen.deepest > depthMax ? ["see the test"] : [];
    await recordEvidence("overload", { seed: 0, counts: seen, violations });
  } finally {
    isOver = true;
    for (const child of site.running.values()) await killed(child);
    await bus.close();
    rmSync(site.root, { recursive: true, force: true });
  }
});
