// Loaded before everything else into each thread of a publisher under trial (--import): measures
// what SQLite does in steps of giving space back and in commits, without the product's knowing.
import { DatabaseSync } from "node:sqlite";
import { isMainThread } from "node:worker_threads";

/** The channel on which durations are told: [what, whole transaction in ms, the vacuum in it]. */
export const traceChannelName = "bench-statements";

if (!isMainThread) {
  const channel = new BroadcastChannel(traceChannelName);
  channel.unref();
  // oxlint-disable-next-line typescript/unbound-method -- it is called on the database
  const { exec } = DatabaseSync.prototype;
  let startedAt = 0;
  let vacuumMs = -1;
  DatabaseSync.prototype.exec = function traced(this: DatabaseSync, sql: string): void {
    const before = performance.now();
    exec.call(this, sql);
    if (sql === "BEGIN IMMEDIATE") {
      startedAt = before;
      vacuumMs = -1;
    } else if (sql.startsWith("PRAGMA incremental_vacuum")) vacuumMs = performance.now() - before;
    if (sql !== "COMMIT") return;
    const what = vacuumMs < 0 ? "commit" : "step";
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is no window
    channel.postMessage([what, performance.now() - startedAt, vacuumMs]);
  };
}
