// One thread as main sees it: runs one delivery at a time. Always true: a delivery that was given
// to a thread comes to an end, by its result, its error, or the end of the thread.
import type { Worker } from "node:worker_threads";
import type { AnyMessage } from "../contracts/contract.ts";
import type { HandlerContext } from "../delivery/handler-context.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { startThread, threadUrl } from "../kernel/thread.ts";
import {
  errorOf,
  type FromThread,
  plainFault,
  type PlainResult,
  type Question,
  type ToThread,
} from "./worker-messages.ts";
import type { WorkerThreadData } from "./worker-thread.ts";

/** Adds what a handler publishes through its context to its commit unit. */
export type Publish = (
  context: HandlerContext,
  message: Extract<Question, { kind: "publish" }>["message"],
) => Promise<void>;

/** What a thread works with. */
export interface ThreadParts {
  readonly module: URL;
  readonly heapBytesMax: number | undefined;
  readonly stopMs: number;
  readonly clock: Clock;
  readonly publish: Publish;
  /** It is no more. */
  readonly onEnd: (thread: WorkerThread) => void;
}

interface Call {
  readonly number: number;
  readonly message: AnyMessage;
  readonly context: HandlerContext;
  readonly done: PromiseWithResolvers<readonly PlainResult[]>;
}

const mebibyte = 1_048_576;

/** A thread that runs the user's handler. */
export class WorkerThread {
  readonly #parts: ThreadParts;
  readonly #worker: Worker;
  #call: Call | undefined;
  #calls = 0;
  #cause: unknown;
  #isEnding = false;

  constructor(parts: ThreadParts) {
    this.#parts = parts;
    const { module, heapBytesMax } = parts;
    const workerData: WorkerThreadData = { module: module.href };
    this.#worker = startThread(threadUrl(import.meta.url, "worker-thread"), "spillway-worker", {
      workerData,
      ...(heapBytesMax !== undefined && {
        resourceLimits: { maxOldGenerationSizeMb: heapBytesMax / mebibyte },
      }),
    });
    this.#worker.on("message", (message: FromThread) => this.#receive(message));
    this.#worker.on("error", (error) => (this.#cause = error));
    this.#worker.on("exit", (code) => this.#end(code));
    // An idle thread keeps no process alive; one that works does.
    this.#worker.unref();
  }

  /** Handles one message; only when the one before is done. */
  async run(message: AnyMessage, context: HandlerContext): Promise<readonly PlainResult[]> {
    const number = ++this.#calls;
    const done = Promise.withResolvers<readonly PlainResult[]>();
    const call = { number, message, context, done };
    this.#call = call;
    this.#worker.ref();
    let cancelStop: CancelTimer = () => undefined;
    const onAbort = (): void => {
      const reason = plainFault(context.signal.reason);
      this.#say({ kind: "abort", call: number, reason });
      cancelStop = this.#parts.clock.after(this.#parts.stopMs, () => {
        this.#cause = context.signal.reason;
        this.stop();
      });
    };
    context.signal.addEventListener("abort", onAbort);
    try {
      this.#begin(call);
      if (context.signal.aborted) onAbort();
      return await done.promise;
    } finally {
      cancelStop();
      context.signal.removeEventListener("abort", onAbort);
      this.#call = undefined;
      this.#worker.unref();
    }
  }

  /** Ends the thread, whatever it does; a delivery that it runs fails. */
  stop(): void {
    this.#isEnding = true;
    void this.#worker.terminate();
  }

  #begin({ number, message, context, done }: Call): void {
    const { attempt, idempotencyKey, trace } = context;
    const plain = { attempt, idempotencyKey, traceparent: trace.traceparent };
    try {
      this.#say({ kind: "handle", call: number, message: plainOf(message), context: plain });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const text = `data of '${message.type}' cannot be given to a thread: ${why}`;
      done.reject(new SpillwayError("INVALID_ARGUMENT", text, { cause: error }));
    }
  }

  #say(message: ToThread): void {
    this.#worker.postMessage(message, []);
  }

  #receive(message: FromThread): void {
    const call = this.#call;
    // Of a delivery that is over already.
    if (call === undefined || message.call !== call.number) return;
    switch (message.kind) {
      case "result":
        call.done.resolve(message.results);
        break;
      case "fault":
        call.done.reject(errorOf(message.fault));
        break;
      case "log":
        call.context.log[message.level](message.text, message.fields);
        break;
      case "question":
        void this.#answer(call.context, message.question, message.asked);
    }
  }

  async #answer(context: HandlerContext, question: number, asked: Question): Promise<void> {
    try {
      const value = await this.#lookUp(context, asked);
      this.#say({ kind: "answer", question, value });
    } catch (error) {
      this.#say({ kind: "refusal", question, fault: plainFault(error) });
    }
  }

  async #lookUp(context: HandlerContext, asked: Question): Promise<unknown> {
    if (asked.kind === "publish") return this.#parts.publish(context, asked.message);
    const table = context.state[asked.table];
    if (table === undefined) {
      const text = `context.state has no table '${asked.table}': name it in \`state\``;
      throw new SpillwayError("INVALID_ARGUMENT", text);
    }
    if (asked.kind === "get") return table.get(asked.key);
    return asked.kind === "set" ? table.set(asked.key, asked.value) : table.delete(asked.key);
  }

  #end(code: number): void {
    const { module, onEnd } = this.#parts;
    onEnd(this);
    const why = this.#cause instanceof Error ? this.#cause.message : `exit code ${code}`;
    const text = `the thread that ran the handler of ${module.href} ended: ${why}`;
    const cause = this.#cause;
    this.#call?.done.reject(new SpillwayError("WORKER_ENDED", text, { cause }));
  }

  /** Whether it takes no more work. */
  get isEnding(): boolean {
    return this.#isEnding;
  }
}

/** Every attribute of a message, without what makes it lazy. */
function plainOf(message: AnyMessage): AnyMessage {
  return {
    type: message.type,
    version: message.version,
    data: message.data,
    id: message.id,
    source: message.source,
    subject: message.subject,
    timeMs: message.timeMs,
    key: message.key,
    sequence: message.sequence,
    priority: message.priority,
    correlationId: message.correlationId,
    causationId: message.causationId,
    traceparent: message.traceparent,
    tracestate: message.tracestate,
    expiresAtMs: message.expiresAtMs,
    replyTo: message.replyTo,
    tenant: message.tenant,
    extensions: message.extensions,
    channel: message.channel,
    offset: message.offset,
  };
}
