// Two and more real processes on one journal: who owns what while they come, stop, freeze and die.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { delay, systemClock } from "../../src/kernel/clock.ts";
import { MemberProcess, temporaryDirectory } from "./member-process.ts";

/** So long that nothing of these tests can be caused by it running out. */
const longLeaseMs = 600_000;
const messages = Array.from({ length: 20 }, (_, index) => `m-${index}`);

/** Processes with the same journal open, and channel "one" in it. */
async function processes(
  t: TestContext,
  count: number,
  options: { readonly leaseMs: number; readonly maxBlockedMs?: number },
): Promise<{ readonly directory: string; readonly members: readonly MemberProcess[] }> {
  const directory = temporaryDirectory();
  const members = await Promise.all(Array.from({ length: count }, () => MemberProcess.start(t)));
  for (const member of members) await member.ask("open", { directory, ...options });
  await members[0]?.ask("declare", "one", 1);
  return { directory, members };
}

async function pair(
  t: TestContext,
  options: { readonly leaseMs: number; readonly maxBlockedMs?: number },
): Promise<readonly [MemberProcess, MemberProcess]> {
  const { members } = await processes(t, 2, options);
  return members as [MemberProcess, MemberProcess];
}

/** The first owns everything and holds ten messages; the second waits for its turn. */
async function heldByFirst(first: MemberProcess, second: MemberProcess): Promise<void> {
  await first.ask("consume", "one", "group");
  await first.ask("publish", "one", messages);
  assert.deepEqual(await first.ask("take", "one", 10), messages.slice(0, 10));
  await second.ask("consume", "one", "group");
}

/**
 * Stops a process between two of its transactions: stopped within one it holds the write lock, and
 * everybody waits for it, as their errors say.
 */
async function freeze(member: MemberProcess, directory: string): Promise<void> {
  for (;;) {
    await member.signal("SIGSTOP");
    if (canWrite(directory)) return;
    await member.signal("SIGCONT");
    await delay(systemClock, 10);
  }
}

function canWrite(directory: string): boolean {
  const database = new DatabaseSync(join(directory, "journal.db"), { timeout: 2_000 });
  try {
    database.exec("BEGIN IMMEDIATE; ROLLBACK");
    return true;
  } catch {
    return false;
  } finally {
    database.close();
  }
}

test("a killed process is noticed by its closed doorbell, not by its lease", async (t) => {
  const [first, second] = await pair(t, { leaseMs: longLeaseMs });
  await heldByFirst(first, second);
  const taken = second.ask("take", "one", 20);
  await first.signal("SIGKILL");
  assert.deepEqual(await taken, messages);
  assert.equal(await second.ask("ack", "one"), "committed");
});

test("what a killed process acknowledged is not delivered again", async (t) => {
  const [first, second] = await pair(t, { leaseMs: longLeaseMs });
  await heldByFirst(first, second);
  assert.equal(await first.ask("ack", "one"), "committed");
  assert.equal((await first.ask("take", "one", 5)).length, 5);
  await first.signal("SIGKILL");
  assert.deepEqual(await second.ask("take", "one", 10), messages.slice(10));
});

test("what a process left that was killed alone is the next one's as it opens", async (t) => {
  const { directory, members } = await processes(t, 1, { leaseMs: longLeaseMs });
  const [first] = members as [MemberProcess];
  await first.ask("consume", "one", "group");
  await first.ask("publish", "one", messages);
  await first.ask("take", "one", 10);
  await first.signal("SIGKILL");
  const second = await MemberProcess.start(t);
  await second.ask("open", { directory, leaseMs: longLeaseMs });
  await second.ask("consume", "one", "group");
  assert.deepEqual(await second.ask("take", "one", 20), messages);
  assert.equal(await second.ask("ack", "one"), "committed");
});

test("a closed process frees its leases at once", async (t) => {
  const [first, second] = await pair(t, { leaseMs: longLeaseMs });
  await heldByFirst(first, second);
  const taken = second.ask("take", "one", 20);
  await first.ask("close");
  assert.deepEqual(await taken, messages);
});

test("a frozen process loses its lease, and its late commit is refused", async (t) => {
  const { directory, members } = await processes(t, 2, { leaseMs: 400 });
  const [first, second] = members as [MemberProcess, MemberProcess];
  await heldByFirst(first, second);
  const taken = second.ask("take", "one", 20);
  await freeze(first, directory);
  assert.deepEqual(await taken, messages);
  assert.equal(await second.ask("ack", "one"), "committed");
  const late = first.ask("ack", "one");
  await first.signal("SIGCONT");
  assert.equal(await late, "fenced");
  assert.equal(await first.ask("publish", "one", ["still works"]), 20);
  // It is a member again, and may have got the range back by now.
  const next = await Promise.race([first, second].map((member) => member.ask("take", "one", 1)));
  assert.deepEqual(next, ["still works"]);
});

test("a handler that blocks the event loop for ten leases keeps its lease", async (t) => {
  const leaseMs = 250;
  const [first, second] = await pair(t, { leaseMs });
  await heldByFirst(first, second);
  const taken = second.ask("take", "one", 1);
  await first.ask("block", 10 * leaseMs + 200);
  assert.equal(await first.ask("ack", "one"), "committed");
  assert.equal((await first.ask("take", "one", 10)).length, 10);
  assert.equal(await first.ask("ack", "one"), "committed");
  await first.ask("publish", "one", ["after"]);
  assert.deepEqual(await first.ask("take", "one", 1), ["after"]);
  await first.signal("SIGKILL");
  assert.deepEqual(await taken, ["after"], "nothing moved before");
});

test("an event loop that stands still for maxBlockedMs loses its lease", async (t) => {
  const [first, second] = await pair(t, { leaseMs: 100, maxBlockedMs: 500 });
  await heldByFirst(first, second);
  const blocked = first.ask("block", 4_000);
  assert.deepEqual(await second.ask("take", "one", 20), messages);
  assert.equal(await second.ask("ack", "one"), "committed");
  await blocked;
  assert.equal(await first.ask("ack", "one"), "fenced");
});

// 150 round trips by polling alone would take at least 30 seconds.
test("a commit wakes readers of other processes at once", { timeout: 20_000 }, async (t) => {
  const [first, second] = await pair(t, { leaseMs: longLeaseMs });
  await first.ask("declare", "two", 1);
  void second.ask("echo", "one", "two").catch(() => undefined);
  await first.ask("consume", "two", "group");
  await delay(systemClock, 50);
  for (let trip = 0; trip < 150; trip++) {
    await first.ask("publish", "one", [`trip-${trip}`]);
    assert.deepEqual(await first.ask("take", "two", 1), [`trip-${trip}`]);
  }
});

test("members of three processes share the work, and go on when one dies", async (t) => {
  const { members } = await processes(t, 3, { leaseMs: longLeaseMs });
  const [first, second, third] = members as [MemberProcess, MemberProcess, MemberProcess];
  await first.ask("declare", "many", 16);
  for (const member of members) await member.ask("consume", "many", "group");
  const payloads = Array.from({ length: 3_000 }, (_, index) => `key-${index}`);
  await second.ask("publish", "many", payloads.slice(0, 1_000));
  await third.ask("publish", "many", payloads.slice(1_000, 2_000));
  await first.ask("publish", "many", payloads.slice(2_000));
  const parts = await Promise.all(members.map((member) => member.ask("take", "many", 300)));
  for (const member of [first, second]) assert.equal(await member.ask("ack", "many"), "committed");
  await third.signal("SIGKILL");
  const seen = new Set([...(parts[0] ?? []), ...(parts[1] ?? [])]);
  assert.equal(seen.size, 600);
  const rest = [first, second].map(async (member) => {
    const taken: string[] = [];
    while (seen.size < payloads.length) {
      const some = await member.ask("take", "many", 1);
      for (const payload of some) {
        assert.ok(!seen.has(payload), `${payload} is handled twice`);
        seen.add(payload);
      }
      taken.push(...some);
      await member.ask("ack", "many");
    }
    return taken;
  });
  await Promise.race(rest);
  assert.equal(seen.size, payloads.length);
});

test("an open journal keeps its process alive, a closed one does not", async (t) => {
  const { directory, members } = await processes(t, 2, { leaseMs: 1_000 });
  const [first, second] = members as [MemberProcess, MemberProcess];
  const ended = once(first.child, "exit");
  second.child.disconnect();
  await first.ask("close");
  first.child.disconnect();
  assert.deepEqual(await ended, [0, null]);
  await delay(systemClock, 300);
  assert.equal(second.child.exitCode, null);
  assert.equal(readdirSync(join(directory, "bells")).length, 1);
});
