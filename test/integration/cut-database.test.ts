// A database file that ends before its pages do, under a write-ahead log that says how many there
// are: SQLite opens it, and a long message behind the end is what cannot be read.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { embedded } from "../../src/adapters/embedded/index.ts";
import { openConnection } from "../../src/adapters/embedded/journal/connection.ts";
import { databasePath, walPath } from "../../src/adapters/embedded/journal/directory.ts";
import { fileEndProblems } from "../../src/adapters/embedded/journal/file-end-check.ts";
import { looksDamaged } from "../../src/adapters/embedded/journal/resume.ts";
import { inspectJournal } from "../../src/adapters/embedded/journal/soundness.ts";
import { Snapshot } from "../../src/adapters/embedded/inspection/snapshot.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { CoreRig, HandClock } from "../journal/core-rig.ts";
import { pageBytes } from "../journal/damage.ts";
import { copyFiles } from "../journal/damaged-directories.ts";

const root = mkdtempSync(join(tmpdir(), "spillway-cut-"));
after(() => rmSync(root, { recursive: true, force: true }));
const options = { clock: new HandClock(), durability: "fsync", busyTimeoutMs: 100 } as const;

/** A journal as a kill leaves it: eight long messages in the database, a short one in the log. */
function killedJournal(name: string): string {
  const live = join(root, `${name}-live`);
  const rig = new CoreRig(live, options.clock, { durability: "fsync" });
  rig.declare("orders");
  for (let index = 0; index < 8; index++) rig.publish("orders", [`"${"long".repeat(10_000)}"`]);
  rig.withConnection((connection) => connection.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
  rig.publish("orders", ['"short"']);
  const directory = join(root, name);
  copyFiles(live, directory);
  rig.close();
  return directory;
}

function problemsOf(directory: string): string[] {
  const connection = openConnection(directory, "inspector", options);
  try {
    return fileEndProblems(directory, new Snapshot(connection), false);
  } finally {
    connection.close();
  }
}

test("a message behind the end of a cut database is damage, and no failing disk", async () => {
  const directory = killedJournal("page");
  const path = databasePath(directory);
  truncateSync(path, statSync(path).size - pageBytes - 5_000);
  const found = inspectJournal(directory, options);
  assert.match(JSON.stringify(found), /ends after page \d+ of \d+, and rows of batch lie behind/);
  const transport = embedded({ directory, engine: "direct" });
  const clock = new VirtualClock({ wallMs: options.clock.wall });
  await transport.open({ clock, random: seededRandom(1), name: "cut" });
  assert.equal(transport.health().status, "failed");
  let read = 0;
  const reading = async (): Promise<void> => {
    for await (const batch of transport.read("orders", { from: "earliest" })) read += batch.count;
  };
  await assert.rejects(reading(), { code: "JOURNAL_DAMAGED" });
  assert.ok(read > 0 && read < 8, `${read} messages`);
  // Reading did not close it: the rest is there.
  assert.equal((await transport.stats()).length, 1);
  await transport.close();
});

test("a service that meets the end of its database while it reads is told of damage", () => {
  const directory = killedJournal("met");
  const resumption = {
    incarnation: "",
    process: 1,
    doubts: [],
    isSuspect: true,
    believesDamage: false,
  };
  assert.equal(looksDamaged(directory, options, resumption), undefined);
  const path = databasePath(directory);
  truncateSync(path, statSync(path).size - pageBytes - 5_000);
  const damage = looksDamaged(directory, options, resumption);
  assert.match(damage?.reasons.join() ?? "", /rows of batch lie behind it/);
});

test("a database that is shorter than its pages need is found without looking at them", () => {
  const directory = killedJournal("short");
  assert.deepEqual(problemsOf(directory), []);
  const frames = Math.floor((statSync(walPath(directory)).size - 32) / (pageBytes + 24));
  const { size } = statSync(databasePath(directory));
  truncateSync(databasePath(directory), size - (frames + 1) * pageBytes);
  assert.match(problemsOf(directory).join(), /ends after page \d+ of \d+/);
});
