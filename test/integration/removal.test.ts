// A channel is removed from a journal that uses everything: after each step of clearing it, and
// whatever is done with the journal as it then is (killed and opened, verified, backed up and
// restored, repaired), it is sound, and the other channels are as they were.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { backupJournal, repairJournal, restoreJournal, verifyJournal } from "spillway/embedded";
import { removedBatchesAtOnce } from "../../src/adapters/embedded/journal/removal.ts";
import { writeJournal, writtenAtMs } from "../golden/write-journal.ts";
import { CoreRig, HandClock } from "../journal/core-rig.ts";

const seed = 7;

function rootOf(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "spillway-removal-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

function clockOf(): HandClock {
  const clock = new HandClock();
  clock.wall = writtenAtMs + 10_000;
  return clock;
}

/** For each table: the column by which its rows belong to another one's. */
const owners = {
  lease: ["grp", "grp"],
  cursor: ["grp", "grp"],
  cursor_copy: ["grp", "grp"],
  open: ["grp", "grp"],
  state_table: ["grp", "grp"],
  state: ["tbl", "state_table"],
  batch: ["log", "log"],
  gap: ["log", "log"],
  log: ["channel", "channel"],
  grp: ["channel", "channel"],
  timer: ["channel", "channel"],
  doubt: ["channel", "channel"],
} as const;

function one(directory: string, sql: string): number {
  const database = new DatabaseSync(join(directory, "journal.db"));
  try {
    return Number(database.prepare(sql).get()?.["n"]);
  } finally {
    database.close();
  }
}

const channelsIn = (directory: string) => one(directory, "SELECT count(*) AS n FROM channel");

/** Rows that belong to nothing. */
function orphansIn(directory: string): string[] {
  return Object.entries(owners).flatMap(([table, [column, owner]]) => {
    const sql = `SELECT count(*) AS n FROM ${table} WHERE ${column} NOT IN`;
    const orphans = one(directory, `${sql} (SELECT id FROM ${owner})`);
    return orphans === 0 ? [] : [`${orphans} of ${table}`];
  });
}

async function assertSound(directory: string): Promise<void> {
  const { sound, complete, findings } = await verifyJournal(directory);
  assert.deepEqual([sound, complete, findings], [true, true, []]);
}

/** Opens a copy as it is left by a kill, and looks at the channels that stay. */
function assertOpens(directory: string): void {
  const rig = new CoreRig(directory, clockOf(), { durability: "fsync" });
  try {
    const { channels } = rig.core.handle("stats", {});
    assert.deepEqual(
      channels.map(({ channel }) => channel),
      ["audit", "empty"],
    );
    assert.equal(rig.stored("audit").length, 3);
    // Numbers of what is gone are not given again, and the name is free.
    rig.declare("orders");
    assert.equal(rig.publish("orders", ["anew"]).firstOffset, 0);
  } finally {
    rig.close();
  }
}

/** Backs it up and restores that, repairs it; `root` has the same backup for all steps. */
async function assertCopies(root: string, copy: string): Promise<void> {
  // What the backup had of the channel goes too.
  const backup = join(root, "backup");
  await backupJournal(copy, { to: backup });
  await restoreJournal(backup, { to: `${copy}-restored` });
  assertOpens(`${copy}-restored`);
  const { sound } = await repairJournal({ from: copy, to: `${copy}-repaired` });
  assert.ok(sound);
  assertOpens(`${copy}-repaired`);
}

test("each step of a removal leaves a sound journal", { timeout: 300_000 }, async (t) => {
  const root = rootOf(t);
  const directory = join(root, "journal");
  await writeJournal(directory, seed);
  const clock = clockOf();
  const rig = new CoreRig(directory, clock, { durability: "fsync" });
  for (let batch = 0; batch < 2 * removedBatchesAtOnce; batch++) rig.publish("orders", ["more"]);
  rig.core.handle("remove", { channel: "orders" });
  let steps = 0;
  for (let isLeft = true; isLeft; steps++) {
    isLeft = channelsIn(directory) === 3;
    const copy = join(root, `copy-${steps}`);
    cpSync(directory, copy, { recursive: true });
    // Before anything is cleared, in the middle of it, and at its end.
    if (steps === 0 || steps === 3 || !isLeft) await assertCopies(root, copy);
    assert.deepEqual(orphansIn(copy), []);
    assertOpens(copy);
    await assertSound(copy);
    clock.pass(1_000);
    rig.core.tick();
  }
  assert.ok(steps >= 4, `${steps} steps`);
  assert.deepEqual(orphansIn(directory), []);
  rig.close();
});

test("a journal killed at once after a removal is not taken for damaged", async (t) => {
  const directory = join(rootOf(t), "journal");
  await writeJournal(directory, seed);
  const [first, second] = [clockOf(), clockOf()];
  const rig = new CoreRig(directory, first, { durability: "fsync" });
  const other = new CoreRig(directory, second, { durability: "fsync" });
  other.publish("orders", ["known to the other's tail"]);
  rig.core.handle("remove", { channel: "orders" });
  for (let step = 0; step < 10; step++) {
    first.pass(1_000);
    rig.core.tick();
  }
  // Its tail still lists the logs that are gone, behind its newest commit.
  other.publish("audit", ["more"]);
  const copy = `${directory}-copy`;
  cpSync(directory, copy, { recursive: true });
  t.after(() => rmSync(copy, { recursive: true, force: true }));
  await assertSound(copy);
  const opened = new CoreRig(copy, clockOf(), { durability: "fsync" });
  assert.equal(opened.publish("audit", ["works"]).firstOffset, 4);
  opened.close();
  rig.close();
  other.close();
});
