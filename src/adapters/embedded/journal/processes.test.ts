import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { createInterface } from "node:readline";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
} from "../../../../test/journal/core-rig.ts";

const program = join(import.meta.dirname, "../../../../test/journal/racing-publisher.ts");

test("three processes race with the same ids on a new directory: each is stored once", async () => {
  const directory = makeDirectory();
  const idsMax = 600;
  const children = [1, 2, 3].map((seed) =>
    spawn(process.execPath, ["--no-warnings", program, directory, `${seed}`, `${idsMax}`], {
      stdio: ["pipe", "pipe", "inherit"],
    }),
  );
  const linesOf = children.map((child) => lines(child));
  assert.deepEqual(
    await Promise.all(linesOf.map((next) => next())),
    children.map(() => "ready"),
  );
  for (const child of children) child.stdin.end("\n");
  const outputs = await Promise.all(linesOf.map((next) => next()));
  const reports = outputs.map(
    (line) => JSON.parse(line) as { fresh: number; offsets: Record<string, number> },
  );
  const rig = new CoreRig(directory, new HandClock());
  const stored = rig.stored("orders");
  assert.deepEqual(
    stored.map((row) => row.offset),
    [...Array(idsMax).keys()],
  );
  assert.equal(new Set(stored.map((row) => row.id)).size, idsMax);
  assert.equal(
    reports.reduce((sum, { fresh }) => sum + fresh, 0),
    idsMax,
  );
  assert.ok(reports.every(({ fresh }) => fresh > 0 && fresh < idsMax));
  for (const { offsets } of reports) {
    for (const { id, offset } of stored) assert.equal(offsets[id], offset);
  }
  rig.close();
  removeDirectory(directory);
});

/** Gives the lines of a child's output one by one. */
function lines(child: ChildProcess): () => Promise<string> {
  if (child.stdout === null) throw new Error("no output");
  const reader = createInterface({ input: child.stdout });
  const waiting: string[] = [];
  reader.on("line", (line) => waiting.push(line));
  const ended = once(reader, "close");
  return async () => {
    while (waiting.length === 0) {
      const isOver = await Promise.race([once(reader, "line"), ended.then(() => true as const)]);
      if (isOver === true && waiting.length === 0) throw new Error("it ended without a line");
    }
    return waiting.shift() as string;
  };
}
