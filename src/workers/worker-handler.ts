// A handler that runs in threads: workerHandler() and what it takes. Turns what a thread says it
// returned into messages of the contracts that main knows.
import { availableParallelism } from "node:os";
import type { AnyCommand, ReplyOf } from "../contracts/command.ts";
import type { AnyContract, AnyMessage, OutgoingMessage } from "../contracts/contract.ts";
import type { HandlerContext } from "../delivery/handler-context.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { type Clock, systemClock } from "../kernel/clock.ts";
import type { Publish } from "./pool-thread.ts";
import type { PlainResult } from "./worker-messages.ts";
import { WorkerPool } from "./worker-pool.ts";

/** What workerHandler() takes. */
export interface WorkerHandlerOptions<Returns extends readonly AnyContract[]> {
  /**
   * The contracts of the messages that the handler returns or publishes, and the command whose
   * replies it returns. A thread cannot hand over a contract, only its name.
   */
  readonly returns?: Returns;
  /**
   * Most threads. Default: one less than the processor's cores, at least one. There are no more
   * than its subscriptions run handlers: where those scale themselves, threads come and go.
   */
  readonly threadsMax?: number;
  /** Largest heap of one thread. A handler that needs more fails. Default: Node's. */
  readonly heapBytesMax?: number;
  /** How long a handler may go on after its signal fired; then its thread ends. Default 1 s. */
  readonly stopMs?: number;
  /** Time; replaced in tests. Default: the system's. */
  readonly clock?: Clock;
}

/** What such a handler gives: replies of the commands in `returns`, or messages. */
export type WorkerResult<Returns extends readonly AnyContract[]> =
  Extract<Returns[number], AnyCommand> extends never
    ? readonly OutgoingMessage[]
    : readonly [ReplyOf<Extract<Returns[number], AnyCommand>>, ...OutgoingMessage[]];

/** The context that a worker handler takes: that of any subscription, whatever its state. */
export interface WorkerContext extends Omit<HandlerContext, "state"> {
  readonly state: unknown;
}

/** A handler for bus.subscribe() and bus.handle(), whose work is done in threads. */
export interface WorkerHandler<Returns extends readonly AnyContract[]> extends Disposable {
  (message: AnyMessage, context: WorkerContext): Promise<WorkerResult<Returns>>;
  /** Threads that run, and deliveries that wait for one. */
  readonly load: { readonly threads: number; readonly waiting: number };
  /** Ends the threads; what they run is delivered again. Idle threads keep no process alive. */
  close(): void;
}

/** By this a subscription tells a handler how many threads it can keep busy; see scaleThreads(). */
const shareThreads = Symbol("spillway.shareThreads");

interface ThreadedHandler {
  [shareThreads](owner: object, threads: number | undefined): void;
}

function isThreaded(handler: object): handler is ThreadedHandler {
  return shareThreads in handler;
}

/** Whether its work is done in threads; then `owner` keeps so many of them busy, or none more. */
export function scaleThreads(handler: object, owner: object, threads: number | undefined): boolean {
  if (!isThreaded(handler)) return false;
  handler[shareThreads](owner, threads);
  return true;
}

const stopMsDefault = 1_000;

/**
 * A handler for work that keeps a processor busy: it runs in worker threads, so that the thread of
 * the bus goes on fetching, settling and answering. The module exports an ordinary handler, as
 * default or by the name `handler`; it gets the message and a context whose `state`, `publish`,
 * `log` and `signal` work as always, at the cost of a message between threads each. What it returns
 * is stored in the unit that acknowledges the message, as ever: the guarantees are those of the
 * subscription.
 *
 * What waits for a thread is bounded by the subscription's `concurrency`; its `timeoutMs` runs
 * meanwhile, so let the two numbers fit. A thread that crashes, runs out of its heap, or does not
 * stop after its time is up fails the delivery it ran (WORKER_ENDED, retried like any failure) and
 * is replaced. Messages are copied into the thread: their data must be what a structured clone can
 * copy.
 *
 * Throws INVALID_ARGUMENT.
 *
 * @example
 * import { writeFileSync } from "node:fs";
 * import { createBus, defineEvent, workerHandler } from "spillway";
 * import { memory } from "spillway/memory";
 * import { z } from "zod";
 * const Scanned = defineEvent("page.scanned", { data: z.object({ text: z.string() }) });
 * const module = new URL("./count-words.mjs", import.meta.url);
 * writeFileSync(module, "export default ({ data }, { log }) => log.info(data.text);");
 * await using bus = await createBus({ name: "archive", transport: memory() });
 * await bus.subscribe(Scanned, { concurrency: 4 }, workerHandler(module, { threadsMax: 2 }));
 */
export function workerHandler<const Returns extends readonly AnyContract[] = readonly []>(
  module: URL,
  options: WorkerHandlerOptions<Returns> = {},
): WorkerHandler<Returns> {
  const { returns = [], heapBytesMax, stopMs = stopMsDefault, clock = systemClock } = options;
  const threadsMax = options.threadsMax ?? Math.max(1, availableParallelism() - 1);
  assertModule(module);
  assertWhole("threadsMax", threadsMax, 1);
  if (heapBytesMax !== undefined) assertWhole("heapBytesMax", heapBytesMax, 1_048_576);
  if (!(stopMs >= 0)) throw invalid(`stopMs is ${stopMs}: give milliseconds, 0 or more`);
  const publish: Publish = (context, { type, version, data, options: given }) =>
    context.publish(contractOf(returns, type, version), data, given);
  const parts = { module, heapBytesMax, stopMs, clock, publish, threadsMax };
  const pool = new WorkerPool(parts);
  const handler = async (message: AnyMessage, context: WorkerContext) => {
    const results = await pool.run(message, context as HandlerContext);
    return results.map((result) => valueOf(returns, result));
  };
  const close = (): void => pool.close();
  Object.defineProperty(handler, "load", { get: () => pool.load });
  Object.defineProperty(handler, shareThreads, {
    value: (owner: object, threads: number | undefined) => pool.share(owner, threads),
  });
  // What the thread returned was matched with `returns`, which is what the type says.
  return Object.assign(handler, { close, [Symbol.dispose]: close }) as never;
}

function valueOf(returns: readonly AnyContract[], result: PlainResult): unknown {
  if (result.kind === "message") {
    return contractOf(returns, result.type, result.version).message(result.data, result.options);
  }
  if (result.kind === "other") {
    throw resultInvalid(`a value of type ${result.is}: return messages or a reply`);
  }
  const { command, name, data } = result;
  const known = returns.find((each) => each.kind === "command" && each.type === command);
  const makers = (known as { replies?: Record<string, (data: unknown) => unknown> } | undefined)
    ?.replies;
  const make = makers !== undefined && Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (make === undefined) {
    throw resultInvalid(`reply '${name}' of '${command}': list that command in \`returns\``);
  }
  return make(data);
}

function contractOf(returns: readonly AnyContract[], type: string, version: number): AnyContract {
  const found = returns.find((each) => each.type === type && each.version === version);
  if (found !== undefined) return found;
  throw resultInvalid(`a message '${type}' version ${version}: list its contract in \`returns\``);
}

function resultInvalid(what: string): SpillwayError {
  return new SpillwayError("HANDLER_RESULT_INVALID", `a worker handler returned ${what}`);
}

function assertModule(module: URL): void {
  if (module instanceof URL && module.protocol === "file:") return;
  const shown = String(module);
  throw invalid(`module is ${shown}: give new URL("./handler.ts", import.meta.url)`);
}

function assertWhole(option: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  throw invalid(`${option} is ${String(value)}: give a whole number, ${min} or more`);
}

function invalid(message: string): SpillwayError {
  return new SpillwayError("INVALID_ARGUMENT", `workerHandler: ${message}`);
}
