// The writer thread: runs the journal's synchronous core, gives it its ticks, rings other
// processes' doorbells after commits and listens to its own. Always true: requests are answered
// in their order, notices of a request before its answer; an error that the core does not expect
// ends the thread.
import { parentPort, type Worker, workerData } from "node:worker_threads";
import { type CancelTimer, systemClock } from "../../../kernel/clock.ts";
import { systemRandom } from "../../../kernel/random.ts";
import { startThread, threadUrl } from "../../../kernel/thread.ts";
import { JournalCore } from "../journal/core.ts";
import type { EngineOptions, EngineRequests, EngineStop } from "../journal/engine.ts";
import { createCheckpointWords, stopCheckpoints, tellCommitted } from "./checkpoint-words.ts";
import type { CheckpointData } from "./checkpoint-words.ts";
import { Doorbell, removeStale } from "./doorbell.ts";
import { bellFolder, bellsIn, newBellPath } from "./doorbell-path.ts";
import {
  type ThreadMessage,
  type ThreadRequest,
  toPlainError,
  type WriterData,
} from "./thread-messages.ts";

/** How long close() waits for the checkpoint thread to let go of the database. */
const checkpointEndMsMax = 2_000;

/** Longest time between two ticks. */
const tickMsMax = 200;

/** One journal's writer. */
class WriterThread {
  readonly #progress: Int32Array;
  readonly #send: (message: ThreadMessage) => void;
  readonly #checkpoints = createCheckpointWords();
  #bell = "";
  #core: JournalCore | undefined;
  #doorbell: Doorbell | undefined;
  #checkpointThread: Worker | undefined;
  #cancelTick: CancelTimer | undefined;
  #stopping: Promise<void> | undefined;

  constructor({ progress }: WriterData, send: (message: ThreadMessage) => void) {
    this.#progress = progress;
    this.#send = send;
  }

  /** Answers one request. */
  async receive({ id, kind, request }: ThreadRequest): Promise<void> {
    if (this.#stopping !== undefined) return;
    try {
      if (kind === "open") this.#prepare(request.options);
      if (kind === "close") this.#stopCheckpoints();
      const answer = this.#opened().handle(kind, request);
      // Only opening and closing wait for anything; main sends nothing else meanwhile.
      if (kind === "open" && !isDamaged(answer)) await this.#begin(request.options);
      if (kind === "close") await this.#end();
      this.#send({ kind: "answer", id, answer });
    } catch (error) {
      this.#send({ kind: "refusal", id, error: toPlainError(error) });
    }
    if (kind === "transact") releaseBuffers(request.units);
    this.#afterWork();
  }

  /** Where the disk failed: closes everything; main rejects what was not begun, and ends us. */
  #stopIfFailed(): boolean {
    const stop = this.#core?.stopIfFailed();
    if (stop !== undefined) this.#stopping ??= this.#stop(stop);
    return this.#stopping !== undefined;
  }

  async #stop({ error, resumption }: EngineStop): Promise<void> {
    stopCheckpoints(this.#checkpoints, checkpointEndMsMax);
    await this.#end().catch(() => undefined);
    this.#send({ kind: "stopped", error: toPlainError(error), resumption });
  }

  #opened(): JournalCore {
    if (this.#core === undefined) throw new Error("the journal is not open");
    return this.#core;
  }

  #prepare({ directory }: EngineOptions): void {
    this.#bell = newBellPath(bellFolder(directory), systemRandom);
    this.#core = new JournalCore({
      clock: systemClock,
      random: systemRandom,
      bell: this.#bell,
      onNotice: (notice) => this.#send({ kind: "notice", notice }),
      progress: () => Atomics.load(this.#progress, 0),
      onWaiting: () => this.#doorbell?.ringWaiting(),
    });
  }

  async #begin(options: EngineOptions): Promise<void> {
    this.#startCheckpoints(options);
    try {
      this.#takeForDead(await removeStale(bellsIn(bellFolder(options.directory))));
      this.#doorbell = await Doorbell.listen(this.#bell, {
        onRing: () => this.#look(),
        onWaiting: () => this.#core?.somebodyWaits(),
        onGone: (path) => this.#gone(path),
      });
    } catch {
      // Without a doorbell (a file system that has no sockets) the slow poll does its work.
    }
  }

  /** Processes that were killed: what they had is free at once, not after their lease. */
  #takeForDead(bells: readonly string[]): void {
    if (bells.length === 0) return;
    // The first look learns of the processes there are, the second takes over.
    this.#core?.poll();
    for (const bell of bells) this.#core?.peerGone(bell);
    this.#core?.poll();
  }

  #stopCheckpoints(): void {
    if (this.#checkpointThread === undefined) return;
    stopCheckpoints(this.#checkpoints, checkpointEndMsMax);
  }

  #startCheckpoints({ directory, durability, busyTimeoutMs }: EngineOptions): void {
    const shared = this.#checkpoints;
    const data: CheckpointData = { directory, durability, busyTimeoutMs, shared };
    const url = threadUrl(import.meta.url, "checkpoint-thread");
    this.#checkpointThread = startThread(url, "spillway-checkpoint", { workerData: data });
    this.#checkpointThread.on("error", (error) => {
      this.#core?.fail("copying the write-ahead log", error);
      this.#stopIfFailed();
    });
  }

  /** The journal has changed elsewhere, or may have. */
  #look(): void {
    this.#core?.poll();
    this.#afterWork();
  }

  #gone(path: string): void {
    this.#core?.peerGone(path);
    this.#afterWork();
  }

  /** Ticks if that is due, passes on what was committed, and comes back when a tick is due. */
  #afterWork(): void {
    const core = this.#core;
    if (core === undefined || this.#stopIfFailed()) return;
    // Here too, since a flood of requests would push a timer's turn back again and again.
    let delayMs = core.waitMs();
    if (delayMs <= 0) delayMs = core.tick();
    if (this.#stopIfFailed()) return;
    if (core.takeCommitted()) {
      tellCommitted(this.#checkpoints);
      this.#doorbell?.ring();
    }
    this.#doorbell?.connectTo(core.peers());
    this.#cancelTick?.();
    this.#cancelTick = systemClock.after(Math.min(delayMs, tickMsMax), () => this.#afterWork());
  }

  async #end(): Promise<void> {
    this.#cancelTick?.();
    this.#core = undefined;
    await this.#checkpointThread?.terminate();
    await this.#doorbell?.close();
  }
}

/** A damaged journal is not written, and so neither copied nor rung for. */
function isDamaged(answer: unknown): boolean {
  return (answer as EngineRequests["open"]["answer"]).isDamaged;
}

/** Gives the batches' memory back now: this thread collects too seldom for what passes through. */
function releaseBuffers(units: EngineRequests["transact"]["request"]["units"]): void {
  for (const { appends } of units) {
    for (const { blob } of appends) if (!blob.buffer.detached) blob.buffer.transfer(0);
  }
}

const port = parentPort;
if (port !== null) {
  const writer = new WriterThread(workerData as WriterData, (message) => port.postMessage(message));
  port.on("message", (request: ThreadRequest) => void writer.receive(request));
}
