// Durability against power loss: no publish resolves before an fdatasync of the journal that began
// after the publish was called has returned. Watched from outside with strace; a crash by signal
// cannot show it, because the kernel keeps what a killed process wrote.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const publishes = 50;
const strace = spawnSync("strace", ["-V"]).status === 0;
const required = process.env["SPILLWAY_REQUIRE_STRACE"] === "1";
const skip = strace || required ? false : "strace is not installed: apt-get install strace";

/** What the trace says about each publish, in order. */
export function unsyncedPublishes(trace: string): {
  readonly marks: number;
  readonly early: number[];
} {
  const early: number[] = [];
  let marks = 0;
  let called = false;
  let synced = false;
  const begun = new Set<string>();
  for (const line of trace.split("\n")) {
    const thread = /^(?:\[pid\s+)?(\d+)/.exec(line)?.[1] ?? "";
    if (line.includes('"MARK call')) {
      called = true;
      synced = false;
      begun.clear();
    } else if (/\bf(data)?sync\(/.test(line)) {
      if (line.includes("<unfinished")) begun.add(thread);
      else if (called && line.endsWith(" = 0")) synced = true;
    } else if (/f(data)?sync resumed/.test(line)) {
      if (begun.delete(thread) && line.endsWith(" = 0")) synced = true;
    } else if (line.includes('"MARK durable')) {
      if (!synced) early.push(marks);
      marks++;
      called = false;
    }
  }
  return { marks, early };
}

test("the trace reader tells a synced publish from an unsynced one", () => {
  const call = '1 write(1, "MARK call 0\\n", 12) = 12';
  const sync = "2 fdatasync(20) = 0";
  const durable = '1 write(1, "MARK durable 0\\n", 15) = 15';
  const begun = "2 fdatasync(20 <unfinished ...>";
  const done = "2 <... fdatasync resumed>) = 0";
  const read = (...lines: string[]): object => unsyncedPublishes(`${lines.join("\n")}\n`);
  assert.deepEqual(read(call, sync, durable), { marks: 1, early: [] });
  assert.deepEqual(read(call, durable, sync), { marks: 1, early: [0] });
  assert.deepEqual(read(begun, call, done, durable), { marks: 1, early: [0] });
});

/** What a process does that publishes, closes the journal, and ends. */
function traceOf(calls: string, ...words: string[]): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-fsync-"));
  try {
    const log = join(directory, "trace.txt");
    const script = fileURLToPath(new URL("./fixtures/fsync-publisher.ts", import.meta.url));
    const run = spawnSync(
      "strace",
      ["-f", "-e", `trace=${calls}`, "-s", "64", ...words, "-o", log, process.execPath]
        .concat(process.execArgv.filter((argument) => argument.startsWith("--conditions")))
        .concat([
          "--conditions=spillway:source",
          script,
          join(directory, "journal"),
          `${publishes}`,
        ]),
      { encoding: "utf8", timeout: 120_000 },
    );
    assert.equal(run.status, 0, run.stderr);
    return readFileSync(log, "utf8");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test("no publish resolves before its fdatasync", { skip }, () => {
  const { marks, early } = unsyncedPublishes(traceOf("fdatasync,fsync,write"));
  assert.equal(marks, publishes);
  assert.deepEqual(early, [], "these publishes resolved before a sync of the journal");
});

test("the log is deleted when it is on the disk that the database is complete", { skip }, () => {
  const lines = traceOf("fdatasync,fsync,pwrite64,unlink", "-y").split("\n");
  const deleted = lines.findIndex((line) => /unlink\(".*journal\.db-wal"/.test(line));
  assert.notEqual(deleted, -1, "closing deletes the write-ahead log");
  const before = lines.slice(0, deleted);
  const noted = before.findLastIndex((line) => /pwrite64\(\d+<.*\/tail>, "SWC1/.test(line));
  const synced = before.findLastIndex((line) => /f(data)?sync\(\d+<.*\/tail>/.test(line));
  assert.notEqual(noted, -1, "what is complete is noted");
  assert.ok(synced > noted, "and that note is synced before");
});
