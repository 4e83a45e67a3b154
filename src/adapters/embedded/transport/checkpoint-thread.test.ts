import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { delay, systemClock } from "../../../kernel/clock.ts";
import { openConnection } from "../journal/connection.ts";
import { databasePath } from "../journal/directory.ts";
import { createSchema } from "../journal/schema.ts";
import {
  type CheckpointData,
  checkpointWords,
  createCheckpointWords,
  stopCheckpoints,
  tellCommitted,
} from "./checkpoint-words.ts";

const options = { clock: systemClock, durability: "relaxed", busyTimeoutMs: 1_000 } as const;

/** A journal with one large table, and a checkpoint thread on it. */
function checkpointed(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "checkpoint-"));
  const writer = openConnection(directory, "writer", options);
  createSchema(writer, "test");
  writer.exec("PRAGMA wal_autocheckpoint = 0; CREATE TABLE large (data BLOB)");
  const shared = createCheckpointWords();
  const workerData: CheckpointData = {
    directory,
    durability: "relaxed",
    busyTimeoutMs: 1_000,
    shared,
  };
  const worker = new Worker(new URL("./checkpoint-thread.ts", import.meta.url), { workerData });
  t.after(async () => {
    stopCheckpoints(shared, 5_000);
    await worker.terminate();
    writer.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const insert = writer.prepare("INSERT INTO large VALUES (zeroblob(1000000))");
  const commit = (): void => {
    insert.run();
    tellCommitted(shared);
  };
  /** Resolves once the database itself holds so many bytes. */
  const reaches = async (bytes: number): Promise<void> => {
    while (statSync(databasePath(directory)).size < bytes) await delay(systemClock, 2);
  };
  return { directory, writer, shared, worker, commit, reaches };
}

test("commits reach the database without the writer's doing, again and again", async (t) => {
  const { commit, reaches } = checkpointed(t);
  for (let round = 1; round <= 5; round++) {
    commit();
    await reaches(round * 1_000_000);
  }
});

test("what a reader holds back is copied once it lets go", async (t) => {
  const { directory, commit, reaches } = checkpointed(t);
  commit();
  await reaches(1_000_000);
  const reader = openConnection(directory, "reader", options);
  reader.exec("BEGIN; SELECT count(*) FROM large");
  commit();
  commit();
  await delay(systemClock, 100);
  assert.ok(statSync(databasePath(directory)).size < 2_000_000);
  reader.close();
  await reaches(3_000_000);
});

test("the thread ends when asked to, also while it sleeps", async (t) => {
  const { worker, shared } = checkpointed(t);
  await once(worker, "online");
  const ended = once(worker, "exit");
  stopCheckpoints(shared, 5_000);
  assert.equal(Atomics.load(shared, checkpointWords.ended), 1);
  assert.deepEqual(await ended, [0]);
});
