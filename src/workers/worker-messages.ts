// What a bus and the threads of a worker handler say to each other: plain data that can be cloned.
// Contracts cannot be: what a thread returns names them, and main looks them up.
import type { MessageOptions } from "../contracts/contract.ts";
import type { ErrorCode } from "../errors/error-codes.ts";
import { Reject, RetryLater } from "../errors/handler-outcomes.ts";
import { SpillwayError } from "../errors/spillway-error.ts";

/** What the thread is told of a delivery; the rest of its context it asks for. */
export interface PlainContext {
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly traceparent: string | undefined;
}

/** A message that a handler in a thread made: its contract by name. */
export interface PlainMessage {
  readonly kind: "message";
  readonly type: string;
  readonly version: number;
  readonly data: unknown;
  readonly options: MessageOptions | undefined;
}

/** A reply that a handler in a thread made. */
export interface PlainReply {
  readonly kind: "reply";
  readonly command: string;
  readonly name: string;
  readonly data: unknown;
}

/** What a handler may return, taken apart; `other` is what main will refuse. */
export type PlainResult =
  | PlainMessage
  | PlainReply
  | { readonly kind: "other"; readonly is: string };

/** An error, taken apart. */
export interface PlainFault {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Of an error of this library. */
  readonly code: ErrorCode | undefined;
  /** Of RetryLater. */
  readonly afterMs: number | undefined;
  /** Of Reject. */
  readonly reason: string | undefined;
}

/** What a handler asks of its context while it runs. */
export type Question =
  | { readonly kind: "get" | "delete"; readonly table: string; readonly key: string }
  | { readonly kind: "set"; readonly table: string; readonly key: string; readonly value: unknown }
  | { readonly kind: "publish"; readonly message: PlainMessage };

/** From the bus to a thread; `call` names the delivery. */
export type ToThread =
  | {
      readonly kind: "handle";
      readonly call: number;
      readonly message: unknown;
      readonly context: PlainContext;
    }
  | { readonly kind: "abort"; readonly call: number; readonly reason: PlainFault }
  | { readonly kind: "answer"; readonly question: number; readonly value: unknown }
  | { readonly kind: "refusal"; readonly question: number; readonly fault: PlainFault };

/** From a thread to the bus. */
export type FromThread =
  | { readonly kind: "result"; readonly call: number; readonly results: readonly PlainResult[] }
  | { readonly kind: "fault"; readonly call: number; readonly fault: PlainFault }
  | {
      readonly kind: "log";
      readonly call: number;
      readonly level: "debug" | "info" | "warn" | "error";
      readonly text: string;
      readonly fields: Readonly<Record<string, unknown>> | undefined;
    }
  | {
      readonly kind: "question";
      readonly call: number;
      readonly question: number;
      readonly asked: Question;
    };

/** An error as plain data, whatever was thrown. */
export function plainFault(error: unknown): PlainFault {
  const isError = error instanceof Error;
  return {
    name: isError ? error.name : "Error",
    message: isError ? error.message : String(error),
    stack: isError ? error.stack : undefined,
    code: error instanceof SpillwayError ? error.code : undefined,
    afterMs: error instanceof RetryLater ? error.afterMs : undefined,
    reason: error instanceof Reject ? error.reason : undefined,
  };
}

/** The error that plainFault() took apart, with the meaning that it has for a delivery. */
export function errorOf(fault: PlainFault): Error {
  const cause = new Error(fault.message);
  cause.name = fault.name;
  if (fault.stack !== undefined) cause.stack = fault.stack;
  if (fault.afterMs !== undefined) return new RetryLater({ afterMs: fault.afterMs, cause });
  if (fault.reason !== undefined) return new Reject(fault.reason, { cause });
  return fault.code === undefined ? cause : new SpillwayError(fault.code, fault.message, { cause });
}
