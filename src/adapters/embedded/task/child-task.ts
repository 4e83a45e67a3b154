// Runs long work on a journal's directory (backup, restore) in a process of its own, so that the
// caller's event loop and SQLite locks are not touched. Knows nothing of what the work is. Always
// true: the promise settles only after that process has ended; one that ends without an answer is
// an error of its own.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ErrorCode } from "../../../errors/error-codes.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
/** Characters of a child's error output that an unexpected end repeats. */
const errorTextMax = 2_000;

/** What the parent says. */
export type TaskOrder =
  | { readonly kind: "start"; readonly request: unknown }
  | { readonly kind: "stop" };

/** An error on its way between two processes. */
export interface TaskFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What the child says: any number of reports, then an answer or a failure. */
export type TaskReport =
  | { readonly kind: "progress"; readonly progress: unknown }
  | { readonly kind: "answer"; readonly answer: unknown }
  | { readonly kind: "failure"; readonly failure: TaskFailure };

/** What a caller may say about a task. */
export interface TaskOptions<Progress> {
  /** Called now and then. What it throws stops the task and rejects the call. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Asks the task to stop at the next point from which it can be run again. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the task's process at once; for work that changes nothing. The call rejects. */
  readonly kill?: AbortSignal | undefined;
}

/** The module of a task that lies in the folder `folder` of the embedded adapter. */
export function taskUrl(folder: string, file: string): URL {
  return new URL(`../${folder}/${file}.${extension}`, import.meta.url);
}

/**
 * Runs the module at `url`, which calls serveTask(), in a new process.
 * Rejects with what the task failed with, ABORTED after `signal`, or TASK_STOPPED.
 */
export async function runTask<Progress, Answer>(
  url: URL,
  request: unknown,
  { onProgress, signal, kill }: TaskOptions<Progress> = {},
): Promise<Answer> {
  if (signal?.aborted === true) throw abortedError();
  const child = fork(fileURLToPath(url), {
    // What the caller was started with (inspectors, loaders) is no business of the task.
    execArgv: ["--no-warnings"],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const stop = (): void => send(child, { kind: "stop" });
  signal?.addEventListener("abort", stop, { once: true });
  const killChild = (): void => void child.kill("SIGKILL");
  kill?.addEventListener("abort", killChild, { once: true });
  let ownFailure: { readonly error: unknown } | undefined;
  try {
    const report = await lastReport(child, request, (progress) => {
      if (ownFailure !== undefined) return;
      try {
        onProgress?.(progress as Progress);
      } catch (error) {
        ownFailure = { error };
        stop();
      }
    });
    if (ownFailure !== undefined) throw ownFailure.error;
    if (report.kind === "answer") return report.answer as Answer;
    const { code, message, details } = report.failure;
    throw new SpillwayError(code, message, { details });
  } finally {
    signal?.removeEventListener("abort", stop);
    kill?.removeEventListener("abort", killChild);
  }
}

/** The error of a task that was asked to stop. */
export function abortedError(): SpillwayError {
  return new SpillwayError("ABORTED", "stopped as asked, before it was finished");
}

type LastReport = Exclude<TaskReport, { kind: "progress" }>;

function lastReport(
  child: ChildProcess,
  request: unknown,
  progressed: (progress: unknown) => void,
): Promise<LastReport> {
  return new Promise((resolve, reject) => {
    let last: LastReport | undefined;
    let errorText = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      errorText = (errorText + text).slice(-errorTextMax);
    });
    child.on("message", (report: TaskReport) => {
      if (report.kind === "progress") progressed(report.progress);
      else last = report;
    });
    child.once("error", (cause) => reject(stoppedError(child, String(cause))));
    child.once("close", (code, signal) => {
      if (last !== undefined) return resolve(last);
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      reject(stoppedError(child, `it ended ${how}; ${errorText.trim() || "it said nothing"}`));
    });
    send(child, { kind: "start", request });
  });
}

function stoppedError(child: ChildProcess, why: string): SpillwayError {
  return new SpillwayError(
    "TASK_STOPPED",
    `the process ${child.pid ?? ""} that worked on the journal's files did not finish: ${why}`,
  );
}

/** A child that is gone is noticed by "close". */
function send(child: ChildProcess, order: TaskOrder): void {
  if (child.connected) child.send(order, () => undefined);
}
