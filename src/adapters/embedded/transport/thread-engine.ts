// The engine in a thread of its own, seen from the main thread: requests go out as messages,
// answers come back in order. Knows nothing of SQLite. Always true: when the thread stops because
// its disk failed, a request without an answer was not begun and says so; when the thread dies,
// every such request rejects with JOURNAL_STOPPED: whether it took effect is not known.
import type { Worker } from "node:worker_threads";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { PassingMap } from "../../../kernel/passing-map.ts";
import { startThread, threadUrl } from "../../../kernel/thread.ts";
import {
  type Engine,
  type EngineNotice,
  type EngineRequestKind,
  type EngineRequests,
  type EngineStop,
  interrupted,
} from "../journal/engine.ts";
import { fromPlainError, type ThreadMessage, type WriterData } from "./thread-messages.ts";

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: SpillwayError) => void;
}

/** Starts the writer thread; it keeps the process alive until terminate(). */
export function createThreadEngine(
  thread: URL = threadUrl(import.meta.url, "writer-thread"),
): Engine {
  return new ThreadEngine(thread);
}

class ThreadEngine implements Engine {
  onNotice: (notice: EngineNotice) => void = () => undefined;
  onStopped: (stop: EngineStop) => void = () => undefined;
  readonly #worker: Worker;
  readonly #progress = new Int32Array(new SharedArrayBuffer(4));
  readonly #pending = new PassingMap<number, Pending>();
  #lastId = 0;
  #cause: unknown;
  #stopped: SpillwayError | undefined;
  #terminating = false;

  constructor(thread: URL) {
    const workerData: WriterData = { progress: this.#progress };
    this.#worker = startThread(thread, "spillway-writer", { workerData });
    this.#worker.on("message", (message: ThreadMessage) => this.#receive(message));
    this.#worker.on("error", (error) => {
      this.#cause = error;
    });
    this.#worker.on("exit", (code) => this.#ended(code));
  }

  request<Kind extends EngineRequestKind>(
    kind: Kind,
    request: EngineRequests[Kind]["request"],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<EngineRequests[Kind]["answer"]> {
    return new Promise((resolve, reject) => {
      if (this.#stopped !== undefined) return reject(this.#stopped);
      const id = ++this.#lastId;
      const answered = (answer: unknown): void => resolve(answer as EngineRequests[Kind]["answer"]);
      this.#pending.set(id, { resolve: answered, reject });
      this.#worker.postMessage({ id, kind, request }, transfer);
    });
  }

  #receive(message: ThreadMessage): void {
    if (message.kind === "notice") return this.onNotice(message.notice);
    if (message.kind === "stopped") {
      const error = fromPlainError(message.error);
      return this.#stop(interrupted(error), { error, resumption: message.resumption });
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.kind === "answer") pending?.resolve(message.answer);
    else pending?.reject(fromPlainError(message.error));
  }

  #ended(code: number): void {
    const expected = this.#terminating;
    const error = new SpillwayError(
      "JOURNAL_STOPPED",
      expected
        ? "the journal was closed before this was answered"
        : `the thread that writes the journal ended with code ${code}: open the journal again`,
      { cause: this.#cause, details: { exitCode: code } },
    );
    this.#stop(error, expected ? undefined : { error, resumption: undefined });
  }

  /** Nothing is answered any more: whoever waits is told `error`. */
  #stop(error: SpillwayError, stop: EngineStop | undefined): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    if (stop !== undefined) this.onStopped(stop);
  }

  progress(): void {
    Atomics.add(this.#progress, 0, 1);
  }

  async terminate(): Promise<void> {
    this.#terminating = true;
    await this.#worker.terminate();
  }
}
