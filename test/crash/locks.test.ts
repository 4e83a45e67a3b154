// SQLite's locks are the process's: whoever opens and closes a file of the database by path drops
// them, and two processes write at the same time. No reader of source text finds every way to do
// that, so here a second process asks for the lock while the first one has it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { type Connection, openConnection } from "../../src/adapters/embedded/journal/connection.ts";
import { isBusy } from "../../src/adapters/embedded/journal/sqlite-errors.ts";
import { systemClock } from "../../src/kernel/clock.ts";

const fixture = fileURLToPath(new URL("fixtures/lock-holder.ts", import.meta.url));

/** Whether the write lock of the journal can be had now; it is given back at once. */
function canBegin(connection: Connection): boolean {
  try {
    connection.exec("BEGIN IMMEDIATE");
    connection.exec("ROLLBACK");
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

test("while one process has the write lock, no other gets it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "spillway-locks-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const directory = join(folder, "journal");
  const bus = await createBus({ name: "locks", transport: embedded({ directory }) });
  await bus.close();
  const options = { clock: systemClock, durability: "fsync", busyTimeoutMs: 5_000 } as const;
  const connection = openConnection(directory, "writer", options);
  t.after(() => connection.close());
  assert.equal(canBegin(connection), true);
  const released = join(folder, "released");
  const holder = spawn(
    process.execPath,
    ["--conditions=spillway:source", "--no-warnings", fixture, directory, released],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = once(holder, "exit");
  t.after(() => holder.kill("SIGKILL"));
  const [said] = (await once(holder.stdout, "data")) as [Buffer];
  holder.stdout.resume();
  assert.match(said.toString("utf8"), /^held\n/);
  assert.equal(canBegin(connection), false, "a second process got the write lock");
  writeFileSync(released, "");
  await ended;
  assert.equal(canBegin(connection), true);
});
