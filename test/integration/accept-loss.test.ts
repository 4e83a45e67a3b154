// A journal whose end is lost, through the public interface: a publisher is killed, a bit of the
// write-ahead log flips, the journal opens for reading only, and goes on once the loss is accepted.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Bus, createBus, defineEvent, SpillwayError } from "spillway";
import { acceptLoss, embedded } from "spillway/embedded";
import { z } from "zod";
import { copyFiles, flipBit } from "../journal/damaged-directories.ts";

const Noted = defineEvent("test.note.taken", { data: z.object({ n: z.int() }) });
const commits = 30;
let root: string;
let directory: string;

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

async function readAll(bus: Bus): Promise<number[]> {
  const read: number[] = [];
  for await (const { data } of bus.read(Noted)) read.push(data.n);
  return read;
}

test("a lost end is found, read around, accepted, and never used again", async () => {
  const wal = join(directory, "journal.db-wal");
  // The last page of the log belongs to the last commits.
  flipBit(wal, statSync(wal).size - 8_000);
  await using damaged = await open(directory);
  const health = await damaged.health();
  assert.equal(health.status, "failed");
  assert.match(health.reasons.join(), /test\.note\.taken.*offset/);
  const left = await readAll(damaged);
  assert.ok(left.length <= commits, `${left.length} of ${commits + 1} are left`);
  assert.deepEqual(
    left,
    Array.from({ length: left.length }, (_, index) => index - 1),
  );
  await assert.rejects(damaged.publish(Noted, { n: 99 }), { code: "JOURNAL_DAMAGED" });
  await assert.rejects(
    damaged.subscribe(Noted, { group: "g" }, async () => undefined),
    (error) => error instanceof SpillwayError && error.code === "JOURNAL_DAMAGED",
  );
  await damaged.close();
  const loss = await acceptLoss(directory);
  assert.equal(loss.accepted, true);
  assert.deepEqual(loss.ranges, [
    {
      channel: Noted.type,
      priority: "normal",
      fromOffset: left.length,
      toOffset: commits + 1,
      exact: true,
    },
  ]);
  assert.ok(loss.walCopy !== undefined && existsSync(loss.walCopy));
  assert.equal((await acceptLoss(directory)).accepted, false);
  await using bus = await open(directory);
  assert.equal((await bus.health()).status, "ok");
  assert.equal((await bus.publish(Noted, { n: 100 })).offset, commits + 1);
});

test("where there is no journal there is nothing to accept", async () => {
  await assert.rejects(acceptLoss(join(root, "nowhere")), { code: "JOURNAL_FORMAT" });
});
