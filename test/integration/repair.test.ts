// `spillway repair` and repairJournal() as processes: what a user does with a damaged journal, from
// the first error to services that work again.
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { after, before, test, type TestContext } from "node:test";
import { repairJournal, type RepairReport, verifyJournal } from "spillway/embedded";
import { flipBit, framePlace } from "../journal/damage.ts";
import { placesOf } from "../crash/faults/places.ts";
import { batchesOf, makeWorlds, type World } from "../journal/repair-world.ts";
import { runCli, startCli } from "./cli-io.ts";

const root = mkdtempSync(join(tmpdir(), "spillway-repair-cli-"));
let world: World;
before(() => {
  world = makeWorlds(join(root, "worlds"), 1).crashed;
});
after(() => rmSync(root, { recursive: true, force: true }));

/** A copy whose write-ahead log is broken in its first half: SQLite drops all that follows. */
function brokenCopy(t: TestContext): { readonly from: string; readonly to: string } {
  const from = join(root, t.name.replaceAll(/\W/g, "-"));
  cpSync(world.directory, from, { recursive: true });
  flipBit(join(from, "journal.db-wal"), framePlace(30).from + 9_000, 2);
  return { from, to: `${from}-new` };
}

function hashes(directory: string): string {
  return readdirSync(directory)
    .filter((name) => !name.endsWith("-shm") && name !== "bells")
    .sort()
    .map((name) => {
      const bytes = readFileSync(join(directory, name));
      return `${name} ${createHash("sha256").update(bytes).digest("hex")}`;
    })
    .join("\n");
}

test("from a broken log to services that work, nothing lost", async (t) => {
  const { from, to } = brokenCopy(t);
  const before = hashes(from);
  const verified = await runCli(["verify", "-d", from]);
  assert.equal(verified.code, 1);
  assert.match(verified.stdout, /^tail-ahead\s+the last \d+ commits are missing/m);
  const doctor = await runCli(["doctor", "-d", from, "--json"]);
  const { checks } = JSON.parse(doctor.stdout) as { checks: { check: string; status: string }[] };
  assert.equal(checks.find(({ check }) => check === "damage")?.status, "fail");
  const repaired = await runCli(["repair", "-d", from, "--to", to]);
  assert.equal(repaired.code, 0, repaired.stderr);
  assert.match(repaired.stdout, /^write-ahead-log\s+1 of \d+ frames are damaged/m);
  assert.equal(hashes(from), before, "the old directory was changed");
  const kept = batchesOf(to).length;
  assert.ok(kept >= world.batches.length - 1, `${kept} of ${world.batches.length} batches`);
  assert.equal((await verifyJournal(to)).sound, true);
  const published = await runCli(
    ["publish", "-d", to, "-c", "orders", "-t", "com.acme.sample", "--json"],
    "{}\n",
  );
  assert.equal(published.code, 0, published.stderr);
  const after = await runCli(["doctor", "-d", to, "--json"]);
  const healthy = JSON.parse(after.stdout) as { checks: { check: string; status: string }[] };
  assert.equal(healthy.checks.find(({ check }) => check === "damage")?.status, "ok");
});

test("what is lost is named in the report, and doctor lists the gap", async (t) => {
  const from = join(root, t.name.replaceAll(/\W/g, "-"));
  const { closed } = makeWorlds(join(root, "other"), 2);
  cpSync(closed.directory, from, { recursive: true });
  const damaged = damageOneBatch(from, closed);
  const json = await runCli(["repair", "-d", from, "--to", `${from}-new`, "--json"]);
  const report = JSON.parse(json.stdout) as RepairReport;
  const gaps = report.logs.flatMap(({ channel, priority, gaps }) =>
    gaps.map((gap) => `${channel} ${priority} ${gap.fromOffset} ${gap.toOffset} ${gap.reason}`),
  );
  assert.deepEqual([json.code, report.messagesLost, gaps.length], [0, damaged, 1]);
  const doctor = await runCli(["doctor", "-d", `${from}-new`]);
  assert.match(doctor.stdout, /warn\s+gaps\s+\d+ messages are gone: 'orders' \(normal\) \d+ to/);
  const verified = await runCli(["verify", "-d", `${from}-new`]);
  assert.equal(verified.code, 0);
  assert.match(verified.stdout, /^gap\s+.*known to be gone \(unreadable\)/m);
});

/** Flips a bit of a large batch; returns how many messages it has. */
function damageOneBatch(directory: string, closed: World): number {
  const large = placesOf(closed.directory).find(({ places }) => places.length > 1);
  flipBit(join(directory, "journal.db"), (large?.places[1]?.from ?? 0) + 100, 1);
  return large?.count ?? 0;
}

test("it refuses what would mix or overwrite journals", async (t) => {
  const { from, to } = brokenCopy(t);
  const full = await runCli(["repair", "-d", from, "--to", world.directory]);
  assert.equal(full.code, 1);
  assert.match(full.stderr, /BACKUP_CONFLICT: the directory .* is not empty/);
  await assert.rejects(repairJournal({ from, to: from }), { code: "INVALID_ARGUMENT" });
  const nothing = await runCli(["repair", "-d", join(root, "nowhere"), "--to", to]);
  assert.match(nothing.stderr, /JOURNAL_DIRECTORY: there is no directory/);
  await assert.rejects(repairJournal({ from: root, to }), { code: "JOURNAL_FORMAT" });
  const wrong = await runCli(["repair", "-d", from]);
  assert.equal(wrong.code, 2);
  assert.equal(existsSync(join(to, "journal.db")), false);
});

test("a journal of an older format is refused before anything is made", async () => {
  const from = join(root, "older");
  mkdirSync(from);
  const packed = readFileSync(new URL("../golden/format-1.db.zst", import.meta.url));
  writeFileSync(join(from, "journal.db"), zstdDecompressSync(packed));
  const to = `${from}-new`;
  await assert.rejects(repairJournal({ from, to }), {
    code: "JOURNAL_FORMAT",
    message: /format 1/,
  });
  assert.equal(existsSync(to), false);
});

test("a journal in use is not repaired", async (t) => {
  if (!existsSync("/proc/self/fd")) return t.skip("this system does not say who has a file open");
  const from = join(root, "in-use");
  await runCli(["publish", "-d", from, "-c", "orders", "-t", "com.acme.sample"], "{}\n");
  const tail = startCli(["tail", "-d", from, "-c", "orders", "--follow"]);
  await tail.seen(/com\.acme\.sample/);
  const refused = await runCli(["repair", "-d", from, "--to", `${from}-new`]);
  tail.child.kill("SIGINT");
  await tail.ended;
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /JOURNAL_BUSY: .* is open in process \d+/);
});

test("a repair that is stopped leaves no journal behind", async (t) => {
  const { from, to } = brokenCopy(t);
  const stop = new AbortController();
  const running = repairJournal({ from, to, signal: stop.signal, onProgress: () => stop.abort() });
  await assert.rejects(running, { code: "ABORTED" });
  assert.deepEqual(readdirSync(to), []);
  const again = await repairJournal({ from, to });
  assert.equal(again.sound, true);
});
