// A small thread that copies the write-ahead log into the database, so that commits seldom wait for
// it. Asleep without any timer while the log holds nothing new. Always true: it only ever runs
// PASSIVE checkpoints, which wait for nobody and keep nobody waiting.
import { workerData } from "node:worker_threads";
import { systemClock } from "../../../kernel/clock.ts";
import { type Connection, openConnection } from "../journal/connection.ts";
import { CheckpointTail } from "../journal/tail-checkpoint.ts";
import { isBusy, isFull } from "../journal/sqlite-errors.ts";
import { type CheckpointData, checkpointWords as words } from "./checkpoint-words.ts";

/** Between two checkpoints while the log grows. */
const intervalMs = 10;
/** Between two tries while a reader keeps the log from being copied; doubled up to the second. */
const stuckMs = { first: 20, most: 1_000 } as const;

type Statement = ReturnType<Connection["prepare"]>;

function run({ directory, durability, busyTimeoutMs, shared }: CheckpointData): void {
  const options = { clock: systemClock, durability, busyTimeoutMs };
  const connection = openConnection(directory, "checkpoint", options);
  try {
    const tail = new CheckpointTail(connection, { directory, durability, clock: systemClock });
    try {
      copyUntilStopped(connection, tail, shared);
    } finally {
      tail.close();
    }
  } finally {
    connection.close();
  }
}

function copyUntilStopped(connection: Connection, tail: CheckpointTail, shared: Int32Array): void {
  const checkpoint = connection.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  let waitMs: number = stuckMs.first;
  while (Atomics.load(shared, words.stop) === 0) {
    const commits = Atomics.load(shared, words.commits);
    tail.before();
    const row = copied(() => checkpoint.get());
    if (row?.["busy"] === 0 && row["log"] === row["checkpointed"]) {
      tail.complete(isSynced(checkpoint, row["log"]));
      waitMs = stuckMs.first;
      Atomics.wait(shared, words.stop, 0, intervalMs);
      // Wakes on the next commit, and on stop, which counts as one.
      Atomics.wait(shared, words.commits, commits);
    } else {
      Atomics.wait(shared, words.stop, 0, waitMs);
      waitMs = Math.min(waitMs * 2, stuckMs.most);
    }
  }
}

/**
 * SQLite syncs the database after a checkpoint only if nobody has committed meanwhile, and says the
 * same either way. Where the log still ends where it was copied to, nobody has.
 */
function isSynced(checkpoint: Statement, copiedTo: unknown): boolean {
  return checkpoint.get()?.["log"] === copiedTo;
}

/** A full disk is no reason to end: the log is copied once there is space. */
function copied<Row>(checkpoint: () => Row): Row | undefined {
  try {
    return checkpoint();
  } catch (error) {
    if (isFull(error) || isBusy(error)) return undefined;
    throw error;
  }
}

const data = workerData as CheckpointData;
try {
  run(data);
} finally {
  Atomics.store(data.shared, words.ended, 1);
  Atomics.notify(data.shared, words.ended);
}
