// A journal whose end is lost, through the public interface: a publisher is killed, a bit of the
// write-ahead log flips, the journal opens for reading only, and goes on once the loss is accepted.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import diagnosticsChannel from "node:diagnostics_channel";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Bus, createBus, defineEvent, type Gap, SpillwayError } from "spillway";
import { acceptLoss, embedded } from "spillway/embedded";
import { z } from "zod";
import { runCli } from "./cli-io.ts";
import { copyFiles, flipBit } from "../journal/damaged-directories.ts";

const Noted = defineEvent("test.note.taken", { data: z.object({ n: z.int() }) });
const commits = 30;
let root: string;
let directory: string;
/** Messages that are still there once the end is lost. */
let left = 0;

const open = (path: string): Promise<Bus> =>
  createBus({ name: "loss", transport: embedded({ directory: path }) });

before(async () => {
  root = mkdtempSync(join(tmpdir(), "spillway-loss-"));
  directory = join(root, "copy");
  // Without a thread that copies the write-ahead log meanwhile: all of it is needed.
  const transport = embedded({ directory: join(root, "live"), engine: "direct" });
  await using bus = await createBus({ name: "loss", transport });
  await bus.publish(Noted, { n: -1 });
  for (let n = 0; n < commits; n++) await bus.publish(Noted, { n });
  // As a killed process leaves it.
  copyFiles(join(root, "live"), directory);
  const wal = join(directory, "journal.db-wal");
  assert.ok(statSync(wal).size > 0);
});

after(() => rmSync(root, { recursive: true, force: true }));

/** −1, 0, 1 …: what was published. */
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index - 1);

async function readAll(bus: Bus, onGap?: (gap: Gap) => void): Promise<number[]> {
  const read: number[] = [];
  const options = onGap === undefined ? {} : { onGap };
  for await (const { data } of bus.read(Noted, options)) read.push(data.n);
  return read;
}

async function lostOf(bus: Bus): Promise<Record<string, number>> {
  const { channels } = await bus.stats();
  const groups = channels.find(({ channel }) => channel === Noted.type)?.groups ?? [];
  return Object.fromEntries(groups.map(({ group, lost }) => [group, lost]));
}

test("a lost end is found, and read around", async () => {
  const wal = join(directory, "journal.db-wal");
  flipBit(wal, Math.floor(statSync(wal).size * 0.8));
  await using damaged = await open(directory);
  const health = await damaged.health();
  assert.equal(health.status, "failed");
  assert.match(health.reasons.join(), /test\.note\.taken.*offset/);
  const read = await readAll(damaged);
  left = read.length;
  assert.ok(left > 1 && left < commits, `${left} of ${commits + 1} are left`);
  assert.deepEqual(read, numbers(left));
  await assert.rejects(damaged.publish(Noted, { n: 99 }), { code: "JOURNAL_DAMAGED" });
  await assert.rejects(
    damaged.subscribe(Noted, { group: "g" }, async () => undefined),
    (error) => error instanceof SpillwayError && error.code === "JOURNAL_DAMAGED",
  );
});

test("the commands that read say so, and read", async () => {
  const tail = await runCli(["tail", "-d", directory, "-c", Noted.type]);
  assert.deepEqual([tail.code, tail.stdout.trimEnd().split("\n").length], [0, left], tail.stderr);
  assert.match(tail.stderr, /damaged and open for reading only.*offset/);
  for (const command of ["channels", "groups"]) {
    const { code, stderr } = await runCli([command, "-d", directory, "--json"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /damaged/);
  }
  const publish = await runCli(["publish", "-d", directory, "-c", Noted.type, "-t", "a.b"], "{}\n");
  assert.equal(publish.code, 1);
  assert.match(publish.stderr, /JOURNAL_DAMAGED/);
});

test("once accepted, the journal goes on and no offset is used again", async () => {
  const loss = await acceptLoss(directory);
  assert.equal(loss.accepted, true);
  const range = { fromOffset: left, toOffset: commits + 1, exact: true };
  assert.deepEqual(loss.ranges, [{ channel: Noted.type, priority: "normal", ...range }]);
  assert.ok(loss.walCopy !== undefined && existsSync(loss.walCopy));
  assert.equal((await acceptLoss(directory)).accepted, false);
  await using bus = await open(directory);
  assert.equal((await bus.health()).status, "ok");
  assert.equal((await bus.publish(Noted, { n: 100 })).offset, commits + 1);
});

test("readers are told of the gap, and groups pass it and count it", async () => {
  await using bus = await open(directory);
  const gone = commits + 1 - left;
  await assert.rejects(readAll(bus), { code: "MESSAGES_GONE", message: /onGap/ });
  const gaps: Gap[] = [];
  const all = await readAll(bus, (gap) => gaps.push(gap));
  assert.deepEqual(all, [...numbers(left), 100]);
  assert.deepEqual(
    gaps.map(({ firstOffset, count, reason }) => [firstOffset, count, reason]),
    [[left, gone, "lost"]],
  );
  const told: unknown[] = [];
  const listener = (message: unknown): number => told.push(message);
  diagnosticsChannel.subscribe("spillway:gap", listener);
  const handled: number[] = [];
  const both = async ({ data }: { data: { n: number } }): Promise<void> => {
    handled.push(data.n);
  };
  const subscription = await bus.subscribe(Noted, { group: "late" }, both);
  const latest = await bus.subscribe(Noted, { group: "latest", from: "latest" }, async () => {});
  const groups = (): Promise<Record<string, number>> => lostOf(bus);
  for (let tries = 0; tries < 400 && (await groups())["late"] !== gone; tries++) await pause(10);
  diagnosticsChannel.unsubscribe("spillway:gap", listener);
  assert.deepEqual(
    handled.toSorted((one, other) => one - other),
    [...numbers(left), 100],
  );
  assert.deepEqual(await groups(), { late: gone, latest: 0 });
  const [first] = told as { group: string; firstOffset: number; count: number }[];
  assert.deepEqual([first?.group, first?.firstOffset, first?.count], ["late", left, gone]);
  await subscription.close();
  await latest.close();
});

test("tail prints the gap where it lies", async () => {
  const gone = commits + 1 - left;
  const text = await runCli(["tail", "-d", directory, "-c", Noted.type]);
  const lines = text.stdout.trimEnd().split("\n");
  assert.equal(lines.length, left + 2);
  assert.match(lines[left] ?? "", new RegExp(`${left} to ${commits}  ${gone} messages are gone`));
  const json = await runCli(["tail", "-d", directory, "-c", Noted.type, "--json"]);
  const { gap } = JSON.parse(json.stdout.split("\n")[left] ?? "") as { gap: Gap };
  assert.deepEqual([gap.firstOffset, gap.count, gap.reason], [left, gone, "lost"]);
  const { stdout } = await runCli(["groups", "-d", directory, "--json"]);
  const { groups } = JSON.parse(stdout) as { groups: { group: string; lost: number }[] };
  assert.equal(groups.find(({ group }) => group === "late")?.lost, gone);
});

test("where there is no journal there is nothing to accept", async () => {
  await assert.rejects(acceptLoss(join(root, "nowhere")), { code: "JOURNAL_FORMAT" });
});
