// One call of a handler: the context it gets, and what it has gathered for the commit unit. Members
// are made when they are first used. Knows nothing of settlement. Always true: after isOver nothing
// can be added to it any more.
import { hash } from "node:crypto";
import { inspect } from "node:util";
import type { AnyContract, MessageOptions } from "../contracts/contract.ts";
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import { continueTraceparent } from "../telemetry/trace-context.ts";
import type { FallbackCall } from "./failure-rules.ts";
import type { HandlerContext, HandlerLog, StateSchemas, StateTable } from "./handler-context.ts";
import type { OpenMessage } from "./key-lines.ts";
import type { EncodedMessage, OutgoingEncoder } from "./outgoing-encoder.ts";
import type { ReceivedMessage } from "./received-message.ts";
import { RunLog } from "./run-log.ts";
import type { SequenceStanding } from "./sequences/key-position.ts";
import type { StateRows } from "./state-rows.ts";
import { type RowTurn, StateView } from "./state-view.ts";
import type { WindowBatch } from "./window.ts";

/** What all handler calls of one subscription share. */
export interface RunScope {
  readonly group: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly encoder: OutgoingEncoder;
  readonly schemas: StateSchemas;
  /** Undefined unless `delivery` is "effectively-once". */
  readonly rows: StateRows | undefined;
  readonly stateRowsMax: number;
  readonly publishesMax: number;
}

const nothing: Promise<void> = Promise.resolve();

/** A handler call, and the context that the handler sees. */
export class HandlerRun implements HandlerContext {
  /** Set before the handler is called. */
  message!: ReceivedMessage;
  readonly batch: WindowBatch;
  readonly position: number;
  /** The message's open entry, if it was open before. */
  readonly open: OpenMessage | undefined;
  /** Monotonic time of the turn in which it was called; undefined while that turn lasts. */
  startedMs: number | undefined;
  /** The number of refused units before this call; a later one makes the call void. */
  readonly generation: number;
  isOver = false;
  /** Its time was up: it was settled without waiting for it. */
  isAbandoned = false;
  /** What context.publish added. */
  published: EncodedMessage[] | undefined;
  /** Promises of this call that the handler may not have awaited. */
  pending: Promise<unknown>[] | undefined;
  view: StateView | undefined;
  turn: RowTurn | undefined;
  /** Called instead of the handler, which failed with that error. */
  fallback: FallbackCall | undefined;
  /** The row at which this call was in vain: its repetition waits for its turn there. */
  contendedRow: string | undefined;
  readonly #scope: RunScope;
  #controller: AbortController | undefined;
  #abortReason: unknown;
  #trace: { readonly traceparent: string | undefined } | undefined;
  #log: RunLog | undefined;

  constructor(
    scope: RunScope,
    batch: WindowBatch,
    position: number,
    open: OpenMessage | undefined,
    generation: number,
  ) {
    this.#scope = scope;
    this.batch = batch;
    this.position = position;
    this.open = open;
    this.generation = generation;
  }

  /** The group that it is called for. */
  get group(): string {
    return this.#scope.group;
  }

  get attempt(): number {
    return (this.open?.attempt ?? 0) + 1;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /** Fires the signal, also for a handler that asks for it later. */
  abort(reason: unknown): void {
    this.#abortReason ??= reason;
    this.#controller?.abort(reason);
  }

  get idempotencyKey(): string {
    return idempotencyKeyOf(this.message, this.#scope.group);
  }

  get trace(): { readonly traceparent: string | undefined } {
    this.#trace ??= {
      traceparent: continueTraceparent(this.message.traceparent, this.#scope.random),
    };
    return this.#trace;
  }

  get log(): HandlerLog {
    return (this.#log ??= new RunLog(this, this.#scope.group));
  }

  get sequence(): SequenceStanding | undefined {
    return this.batch.numbered?.get(this.position)?.standing;
  }

  get state(): Readonly<Record<string, StateTable>> {
    const { rows, schemas, stateRowsMax } = this.#scope;
    if (rows === undefined) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `context.state of group '${this.#scope.group}': subscribe with delivery ` +
          '"effectively-once" and name the tables in `state`',
      );
    }
    this.view ??= new StateView(rows, schemas, this, stateRowsMax);
    return this.view.tables;
  }

  /** The tenant of the message, for its state. */
  get tenant(): string | undefined {
    return this.message.tenant;
  }

  publish(contract: AnyContract, data: unknown, options?: MessageOptions): Promise<void> {
    if (this.isOver) {
      throw new ClosedError(
        `context.publish of '${contract.type}' after the handler had settled: await it there`,
      );
    }
    // A fault is thrown at once where nothing had to be waited for: then a forgotten `await` fails
    // the handler instead of the process.
    const encoded = this.#scope.encoder.encode(contract, data, options, this.message);
    if (encoded instanceof Promise) return this.track(encoded.then((each) => this.add(each)));
    this.add(encoded);
    return nothing;
  }

  /** Keeps a message for the unit. */
  add(message: EncodedMessage): void {
    this.assertRoomFor(1);
    this.published ??= [];
    this.published.push(message);
  }

  /** Throws HANDLER_RESULT_INVALID where so many more messages would be too many for one. */
  assertRoomFor(count: number): void {
    const { publishesMax } = this.#scope;
    if ((this.published?.length ?? 0) + count <= publishesMax) return;
    throw new SpillwayError(
      "HANDLER_RESULT_INVALID",
      `the handler of '${this.message.type}' publishes more than ${publishesMax} messages for ` +
        "one: divide the work over several messages",
      { details: { publishesMax } },
    );
  }

  /** Keeps a promise that must settle before the call counts as finished. */
  track<Value>(promise: Promise<Value>): Promise<Value> {
    this.pending ??= [];
    this.pending.push(promise);
    promise.catch(() => undefined);
    return promise;
  }

  /** Whether it has a state row to itself, for which others wait. */
  get hasRow(): boolean {
    return this.turn?.hasIt === true;
  }

  /** It will wait for no row: calls that end together must not wait for each other. */
  waitForNoRow(): void {
    this.turn ??= { row: "", hasIt: false };
  }

  /** Ends the call: nothing can be added any more, its rows are let go. */
  end(): void {
    this.isOver = true;
    this.view?.release();
    if (this.turn?.hasIt === true) this.#scope.rows?.turns.leave(this.turn.row);
    this.turn = undefined;
  }

  /** What console.log shows. */
  [inspect.custom](_depth: number, options: object): string {
    const { attempt, message } = this;
    return `HandlerContext ${inspect({ attempt, message }, options)}`;
  }
}

/** The same text for every delivery of a message to a group. */
export function idempotencyKeyOf(
  { channel, tenant, source, id }: Pick<ReceivedMessage, "channel" | "tenant" | "source" | "id">,
  group: string,
): string {
  const parts = [channel, group, tenant ?? null, source, id];
  return hash("sha256", JSON.stringify(parts), "hex").slice(0, 32);
}
