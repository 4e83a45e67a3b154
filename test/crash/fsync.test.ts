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

test("no publish resolves before its fdatasync", {
  skip: strace || required ? false : "strace is not installed: apt-get install strace",
}, () => {
  const directory = mkdtempSync(join(tmpdir(), "spillway-fsync-"));
  try {
    const log = join(directory, "trace.txt");
    const script = fileURLToPath(new URL("./fixtures/fsync-publisher.ts", import.meta.url));
    const run = spawnSync(
      "strace",
      ["-f", "-e", "trace=fdatasync,fsync,write", "-s", "64", "-o", log, process.execPath]
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
    const { marks, early } = unsyncedPublishes(readFileSync(log, "utf8"));
    assert.equal(marks, publishes);
    assert.deepEqual(early, [], "these publishes resolved before a sync of the journal");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
