// One message from the window to its outcome: admitted, decoded, called, gathered, concluded. Knows
// nothing of fetching. Always true: a call that began before the last refusal, or was abandoned,
// changes nothing.
import type { SpillwayError } from "../errors/spillway-error.ts";
import { Admitting } from "./admitting.ts";
import { CallAgain } from "./call-again.ts";
import { type Decoder, InvalidMessage, type Decoded } from "./decode.ts";
import type { DeliveryParts } from "./delivery-parts.ts";
import type { Dispatching } from "./dispatching.ts";
import { type Failure, failureOf, stateConflict } from "./failure.ts";
import type { ConsumeMiddleware, Handler } from "./handler-context.ts";
import { gather } from "./gather.ts";
import { callThrough } from "./handler-result.ts";
import { HandlerRun, type RunScope } from "./handler-run.ts";
import type { OpenMessage } from "./key-lines.ts";
import { runScopeOf } from "./make-parts.ts";
import { Outcomes, type Subject } from "./outcomes.ts";
import type { Ended, Prepared, Runner } from "./runners.ts";
import type { Settler } from "./settler.ts";
import type { WindowBatch, WindowPlace } from "./window.ts";

/** Handles the messages of one subscription. */
export class Handling {
  readonly #parts: DeliveryParts;
  readonly #settler: Settler;
  readonly #outcomes: Outcomes;
  readonly #admitting: Admitting;
  readonly #decoder: Decoder;
  readonly #handler: Handler;
  readonly #middleware: readonly ConsumeMiddleware[];
  readonly #scope: RunScope;
  readonly #dispatcher: Dispatching;
  readonly #claimsFirst: boolean;
  readonly #answersNobody: boolean;
  #isClosed = false;

  constructor(parts: DeliveryParts, settler: Settler, decoder: Decoder, handler: Handler) {
    const { options } = parts;
    this.#parts = parts;
    this.#settler = settler;
    this.#outcomes = new Outcomes(parts, settler);
    this.#admitting = new Admitting(parts, this.#outcomes, decoder);
    this.#decoder = decoder;
    this.#handler = handler;
    this.#middleware = options.middleware;
    this.#dispatcher = parts.dispatcher;
    this.#claimsFirst = options.delivery === "at-most-once";
    this.#answersNobody = options.answers === undefined;
    this.#scope = runScopeOf(parts);
  }

  /** Whatever still runs changes nothing any more. */
  close(): void {
    this.#isClosed = true;
  }

  /** See RunnerHost. */
  prepare(runner: Runner, before: HandlerRun | undefined): Prepared | Promise<Prepared> {
    if (before !== undefined) return this.#prepareAgain(runner, before);
    const { batch, position } = this.#dispatcher;
    if (this.#admitting.isPlain(batch, position)) {
      this.#parts.window.take(batch, position);
      return this.#begin(runner, batch, position, undefined);
    }
    const subject = { batch, position, open: batch.open?.get(position) };
    const { generation } = this.#settler;
    const isVoid = (): boolean => this.#isClosed || generation !== this.#settler.generation;
    const isToBeRun = this.#admitting.isToBeRun(subject, isVoid);
    if (typeof isToBeRun === "boolean")
      return isToBeRun ? this.#admitted(runner, subject) : undefined;
    return isToBeRun.then((isIt) => (isIt ? this.#admitted(runner, subject) : undefined));
  }

  #admitted(runner: Runner, { batch, position, open }: Subject): Prepared | Promise<Prepared> {
    const reused = batch.reused?.get(position);
    if (reused !== undefined) return this.#refuse(runner, batch, position, open, reused);
    return this.#begin(runner, batch, position, open);
  }

  /** Once more, when it is this message's turn at the row where its call collided. */
  #prepareAgain(runner: Runner, before: HandlerRun): Prepared | Promise<Prepared> {
    const { batch, position, open, contendedRow: row } = before;
    const turns = this.#parts.rows?.turns;
    if (row === undefined || turns === undefined) {
      return this.#begin(runner, batch, position, open, before);
    }
    const again = (): Prepared | Promise<Prepared> => {
      if (!this.#isVoid(before)) return this.#begin(runner, batch, position, open, before, row);
      turns.leave(row);
      return undefined;
    };
    const entered = turns.enter(row);
    return entered === undefined ? again() : entered.then(again);
  }

  #begin(
    runner: Runner,
    batch: WindowBatch,
    position: number,
    open: OpenMessage | undefined,
    before?: HandlerRun,
    row?: string,
  ): Prepared | Promise<Prepared> {
    const run = new HandlerRun(this.#scope, batch, position, open, this.#settler.generation);
    if (before !== undefined) run.fallback = before.fallback;
    if (row !== undefined) run.turn = { row, hasIt: true };
    runner.run = run;
    const decoded = this.#decoder.decode(batch.stored, batch.recordAt(position), batch.size);
    if (decoded instanceof Promise) return decoded.then((each) => this.#decoded(run, each));
    return this.#decoded(run, decoded);
  }

  #decoded(run: HandlerRun, decoded: Decoded): Prepared {
    if (this.#isVoid(run)) {
      run.end();
      return undefined;
    }
    if (decoded instanceof InvalidMessage) {
      this.#outcomes.invalid(run, decoded);
      this.#end(run);
      return undefined;
    }
    if (decoded !== undefined) run.message = decoded;
    return run;
  }

  /** What the message's last call published was refused for its id: that call has failed. */
  #refuse(
    runner: Runner,
    batch: WindowBatch,
    position: number,
    open: OpenMessage | undefined,
    error: SpillwayError,
  ): Prepared | Promise<Prepared> {
    const run = new HandlerRun(this.#scope, batch, position, open, this.#settler.generation);
    if (this.#outcomes.fail(run, failureOf(error))) {
      return this.#begin(runner, batch, position, open, run);
    }
    this.#end(run);
    return undefined;
  }

  /** The same for a message that was acknowledged before it ran. */
  reused({ batch, position }: WindowPlace, error: SpillwayError): void {
    const run = new HandlerRun(this.#scope, batch, position, undefined, this.#settler.generation);
    this.#outcomes.failForGood(run, failureOf(error));
  }

  /** Calls the handler, or what the rules say instead of it. */
  call(run: HandlerRun): unknown {
    if (run.fallback !== undefined) {
      return run.fallback.handle(run.message, run.fallback.error, run);
    }
    if (this.#middleware.length === 0) return this.#handler(run.message, run);
    return callThrough(this.#middleware, this.#handler, run);
  }

  /** See RunnerHost. */
  finish(run: HandlerRun, ended: Ended, reruns: number): boolean | Promise<boolean> {
    if (ended.kind === "threw") {
      if (!(ended.error instanceof CallAgain) || this.#isVoid(run)) {
        return this.#conclude(run, failureOf(ended.error), reruns);
      }
      run.end();
      return true;
    }
    if (ended.result === undefined && run.pending === undefined && this.#answersNobody) {
      return this.#conclude(run, undefined, reruns);
    }
    let gathered: void | Promise<void>;
    try {
      gathered = gather(run, ended.result, this.#scope.encoder, this.#parts.options.answers);
    } catch (error) {
      return this.#conclude(run, failureOf(error), reruns);
    }
    if (gathered === undefined) return this.#conclude(run, undefined, reruns);
    return gathered.then(
      () => this.#conclude(run, undefined, reruns),
      (error: unknown) => this.#conclude(run, failureOf(error), reruns),
    );
  }

  #conclude(run: HandlerRun, failure: Failure | undefined, reruns: number): boolean {
    if (this.#isVoid(run)) {
      run.end();
      return false;
    }
    let outcome = failure;
    run.contendedRow = run.view?.staleRow;
    if (run.contendedRow !== undefined) {
      this.#parts.environment.counters.conflicts++;
      if (reruns < this.#parts.limits.rerunsMax) {
        run.end();
        return true;
      }
      outcome = failureOf(stateConflict(run.message.type, reruns));
    }
    if (outcome === undefined) this.#outcomes.succeed(run);
    else if (this.#outcomes.fail(run, outcome)) {
      run.end();
      return true;
    }
    this.#end(run);
    return false;
  }

  /** The handler did not settle in time; true: the message is to be handled once more. */
  timedOut(run: HandlerRun, error: SpillwayError): boolean {
    run.end();
    if (this.#isClosed || this.#isOutdated(run)) return false;
    this.#parts.environment.counters.handlerTimeouts++;
    if (this.#outcomes.fail(run, failureOf(error))) return true;
    return this.#admitting.free(run.batch, run.position);
  }

  #isVoid(run: HandlerRun): boolean {
    return this.#isClosed || run.isAbandoned || this.#isOutdated(run);
  }

  #isOutdated(run: HandlerRun): boolean {
    return run.generation !== this.#settler.generation && !this.#claimsFirst;
  }

  #end(run: HandlerRun): void {
    run.end();
    this.#admitting.free(run.batch, run.position);
  }
}
