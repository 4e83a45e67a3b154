import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { runTask, type TaskOptions } from "./child-task.ts";

const directory = mkdtempSync(join(tmpdir(), "spillway-task-"));
const source = new URL("task-process.ts", import.meta.url).href;
const errors = new URL("../../../errors/spillway-error.ts", import.meta.url).href;
const clock = new URL("../../../kernel/clock.ts", import.meta.url).href;
const work = `
import { getPriority } from "node:os";
import { serveTask } from "${source}";
import { SpillwayError } from "${errors}";
import { delay } from "${clock}";
serveTask(async ({ what, count }, context) => {
  if (what === "count") {
    for (let done = 1; done <= count; done++) {
      context.report({ done });
      await delay(context.clock, 60);
    }
    return { priority: getPriority(), bytes: new Uint8Array([1, 2, 3]) };
  }
  if (what === "refuse") throw new SpillwayError("BACKUP_CONFLICT", "no", { details: { count } });
  if (what === "fail") throw new TypeError("a bug");
  if (what === "die") { console.error("last words"); process.exit(7); }
  if (what === "kill") process.kill(process.pid, "SIGKILL");
  context.report({ pid: process.pid });
  await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
  throw new SpillwayError("ABORTED", "stopped at a good point");
});`;
const url = pathToFileURL(join(directory, "work.ts"));

before(() => writeFileSync(url, work));
after(() => rmSync(directory, { recursive: true, force: true }));

interface Progress {
  readonly done?: number;
  readonly pid?: number;
}

const run = (what: string, options: TaskOptions<Progress> = {}): Promise<unknown> =>
  runTask<Progress, unknown>(url, { what, count: 3 }, options);

const failure = async (promise: Promise<unknown>): Promise<SpillwayError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof SpillwayError, String(error));
  return error;
};

test("a task reports its progress and answers, bytes included, at a low priority", async () => {
  const seen: number[] = [];
  const answer = await run("count", { onProgress: ({ done = 0 }) => seen.push(done) });
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(answer, { priority: 19, bytes: new Uint8Array([1, 2, 3]) });
});

test("what a task refuses keeps its code and details", async () => {
  const error = await failure(run("refuse"));
  assert.deepEqual(
    [error.code, error.message, error.details],
    ["BACKUP_CONFLICT", "no", { count: 3 }],
  );
});

test("a bug in a task, its exit and its death are TASK_STOPPED", async () => {
  const bug = await failure(run("fail"));
  assert.equal(bug.code, "TASK_STOPPED");
  assert.match(bug.message, /TypeError: a bug/);
  const exit = await failure(run("die"));
  assert.equal(exit.code, "TASK_STOPPED");
  assert.match(exit.message, /exit code 7; last words/);
  assert.match((await failure(run("kill"))).message, /by SIGKILL/);
});

test("a task decides where it stops; one that is stopped beforehand never starts", async () => {
  const abort = new AbortController();
  const error = await failure(
    run("wait", { signal: abort.signal, onProgress: () => abort.abort() }),
  );
  assert.deepEqual([error.code, error.message], ["ABORTED", "stopped at a good point"]);
  const late = await failure(
    run("count", { signal: abort.signal, onProgress: () => assert.fail("it started") }),
  );
  assert.equal(late.code, "ABORTED");
});

test("an error of onProgress stops the task and is what the caller gets", async () => {
  const own = new Error("mine");
  const promise = run("wait", {
    onProgress: () => {
      throw own;
    },
  });
  await assert.rejects(promise, (error) => error === own);
});
