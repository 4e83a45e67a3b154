// What runs in a thread of a worker handler: the user's module, and for each delivery a context
// that asks main for what it does not hold. Always true: nothing is settled here; a thread that
// dies leaves a delivery that main still holds.
import { parentPort, workerData } from "node:worker_threads";
import { isReply } from "../contracts/command.ts";
import type { AnyContract, MessageOptions } from "../contracts/contract.ts";
import { isOutgoingMessage } from "../contracts/event.ts";
import type { LogFields, StateTable } from "../delivery/handler-context.ts";
import {
  errorOf,
  type FromThread,
  plainFault,
  type PlainMessage,
  type PlainResult,
  type Question,
  type ToThread,
} from "./worker-messages.ts";

/** What a thread is started with. */
export interface WorkerThreadData {
  /** The module that exports the handler. */
  readonly module: string;
}

type Handle = Extract<ToThread, { kind: "handle" }>;
type UserHandler = (message: unknown, context: unknown) => unknown;

const port = parentPort;
const { module } = workerData as WorkerThreadData;
const running = new Map<number, AbortController>();
const questions = new Map<number, PromiseWithResolvers<unknown>>();
let lastQuestion = 0;

function say(message: FromThread): void {
  port?.postMessage(message);
}

function ask(call: number, asked: Question): Promise<unknown> {
  const question = ++lastQuestion;
  const answer = Promise.withResolvers<unknown>();
  questions.set(question, answer);
  try {
    say({ kind: "question", call, question, asked });
  } catch (error) {
    questions.delete(question);
    answer.reject(error);
  }
  return answer.promise;
}

function plainMessage(
  contract: AnyContract,
  data: unknown,
  options?: MessageOptions,
): PlainMessage {
  return { kind: "message", type: contract.type, version: contract.version, data, options };
}

function plainResult(value: unknown): PlainResult {
  if (isOutgoingMessage(value)) return plainMessage(value.contract, value.data, value.options);
  if (isReply(value)) {
    return { kind: "reply", command: value.command, name: value.type, data: value.data };
  }
  return { kind: "other", is: value === null ? "null" : typeof value };
}

function stateTable(call: number, table: string): StateTable {
  return {
    get: (key) => ask(call, { kind: "get", table, key }),
    set: async (key, value) => {
      await ask(call, { kind: "set", table, key, value });
    },
    delete: async (key) => {
      await ask(call, { kind: "delete", table, key });
    },
  };
}

function logOf(call: number) {
  const at =
    (level: Extract<FromThread, { kind: "log" }>["level"]) =>
    (text: string, fields?: LogFields): void =>
      say({ kind: "log", call, level, text, fields });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function contextOf({ call, message, context }: Handle, signal: AbortSignal) {
  return {
    message,
    attempt: context.attempt,
    idempotencyKey: context.idempotencyKey,
    trace: { traceparent: context.traceparent },
    signal,
    log: logOf(call),
    state: new Proxy({}, { get: (_, table) => stateTable(call, String(table)) }),
    publish: async (contract: AnyContract, data: unknown, options?: MessageOptions) => {
      await ask(call, { kind: "publish", message: plainMessage(contract, data, options) });
    },
  };
}

async function handle(handler: UserHandler, request: Handle): Promise<void> {
  const { call, message } = request;
  const controller = new AbortController();
  running.set(call, controller);
  try {
    const value = await handler(message, contextOf(request, controller.signal));
    const list = value === undefined ? [] : Array.isArray(value) ? value : [value];
    const results = list.filter((each) => each !== undefined).map(plainResult);
    say({ kind: "result", call, results });
  } catch (error) {
    say({ kind: "fault", call, fault: plainFault(error) });
  } finally {
    running.delete(call);
  }
}

function receive(handler: UserHandler, message: ToThread): void {
  switch (message.kind) {
    case "handle":
      void handle(handler, message);
      break;
    case "abort":
      running.get(message.call)?.abort(errorOf(message.reason));
      break;
    case "answer":
    case "refusal": {
      const waiting = questions.get(message.question);
      questions.delete(message.question);
      if (message.kind === "answer") waiting?.resolve(message.value);
      else waiting?.reject(errorOf(message.fault));
    }
  }
}

const exported = (await import(module)) as { default?: unknown; handler?: unknown };
const handler = exported.default ?? exported.handler;
if (typeof handler !== "function") {
  throw new TypeError(`${module} exports no function as default or as 'handler'`);
}
port?.on("message", (message: ToThread) => receive(handler as UserHandler, message));
