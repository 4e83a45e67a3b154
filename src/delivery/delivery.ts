// One running subscription: joins intake, dispatcher, handler loops and settlement, and ends them
// in order. The parts know each other only through this file. Always true: nothing is handled that
// the consumer does not own; after a refused unit nothing goes on before everything is put back.
import { ContractIndex } from "../contracts/contract-index.ts";
import { ClosedError, type SpillwayError } from "../errors/spillway-error.ts";
import { backoffMs } from "../kernel/backoff.ts";
import { atDeadline, delay } from "../kernel/clock.ts";
import { Decoder } from "./decode.ts";
import type { DeliveryEnvironment, DeliveryOptions } from "./delivery-options.ts";
import type { DeliveryParts } from "./delivery-parts.ts";
import { flowHostOf } from "./flow-host.ts";
import { Handling } from "./handling.ts";
import type { Handler } from "./handler-context.ts";
import type { HandlerRun } from "./handler-run.ts";
import {
  heldMessagesOf,
  type HeldMessage,
  releaseHeld,
  type ReleaseFilter,
} from "./held-messages.ts";
import { Intake, transportBackoff } from "./intake.ts";
import { LocalView } from "./local-standing.ts";
import { partsOf } from "./make-parts.ts";
import { refusalError } from "./refusal-error.ts";
import { Runners } from "./runners.ts";
import { Settler } from "./settler.ts";
import { troublesOf } from "./troubles.ts";
import type { WindowBatch } from "./window.ts";

export type {
  DeliveryEnvironment,
  DeliveryLevel,
  DeliveryOptions,
  HandlerScope,
  RetryOptions,
} from "./delivery-options.ts";
export type { Handler } from "./handler-context.ts";

/** A subscription at work. */
export class Delivery {
  /** Resolves with the error when the transport fails for good; never rejects. */
  readonly failure: Promise<unknown>;
  /** Where messages stand here, for whoever asks why one waits. */
  readonly local: LocalView;
  readonly #parts: DeliveryParts;
  readonly #settler: Settler;
  readonly #intake: Intake;
  readonly #handling: Handling;
  readonly #runners: Runners;
  readonly #stop = new AbortController();
  #fail: (error: unknown) => void = () => undefined;
  /** Why it closed itself. */
  #fatal: ClosedError | undefined;
  #isRestarting = false;
  /** Times in a row that the transport could not commit for a while. */
  #unavailable = 0;
  #isDraining = false;
  #closed: Promise<void> | undefined;
  readonly #ended = Promise.withResolvers<void>();
  #drained: Promise<boolean> | undefined;
  #onQuiet: (() => void) | undefined;
  #detach: (() => void) | undefined;

  constructor(environment: DeliveryEnvironment, options: DeliveryOptions, handler: Handler) {
    this.failure = new Promise((resolve) => (this.#fail = resolve));
    this.#parts = partsOf(environment, options, {
      onReleased: () => this.#intake.progressed(),
      isAtEnd: () => this.#intake.isAtEnd,
    });
    this.#settler = new Settler(this.#parts, {
      progressed: () => {
        this.#unavailable = 0;
        this.#progressed();
      },
      refused: () => this.#restartWhenQuiet(),
      reused: (place, error) => this.#handling.reused(place, error),
      failed: (error) => this.#failed(error),
    });
    const index = new ContractIndex(options.contracts, options.whole);
    const decoder = new Decoder(index, environment.codec);
    this.#handling = new Handling(this.#parts, this.#settler, decoder, handler);
    this.#runners = new Runners(
      {
        clock: environment.clock,
        get concurrency(): number {
          return options.flow?.concurrency ?? options.concurrency;
        },
        timeoutMs: options.timeoutMs,
        gate: options.gate,
        scope: { channel: options.channel, group: options.group },
        insideHandler: environment.insideHandler,
      },
      {
        next: () => this.#mayStart && this.#parts.dispatcher.next(),
        prepare: (runner, before) => this.#handling.prepare(runner, before),
        call: (run) => {
          this.#parts.dispatcher.started?.(run.batch, run.position);
          return this.#handling.call(run);
        },
        finish: (run, ended, reruns) => this.#handling.finish(run, ended, reruns),
        timedOut: (run, error) => this.#handling.timedOut(run, error),
        idle: () => this.#idle(),
        failed: (error) => this.#failed(error),
      },
    );
    this.local = new LocalView(this.#parts, this.#runners, () => this.troubles);
    this.#parts.dispatcher.attach?.(
      flowHostOf(this.#parts, this.#settler, () => this.#progressed()),
    );
    this.#intake = new Intake(this.#parts, {
      mayFetch: () => this.#mayFetch,
      mayReload: () => this.#settler.refusal === undefined,
      received: (batch) => this.#received(batch),
      reloaded: () => this.#idle(),
      failed: (error) => this.#failed(error),
    });
  }

  /** Begins to fetch and to handle. */
  start(): void {
    this.#detach = this.#parts.options.gate?.attach(() => this.#progressed());
    this.#intake.start();
  }

  /**
   * Resolves once it is closed and no handler runs any more, but those that were given up: then the
   * same messages may be handled anew.
   */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** What keeps this subscription from its work, for people; empty when all is well. */
  get troubles(): readonly string[] {
    const { abandoned, isJammed } = this.#runners;
    return troublesOf(this.#parts, isJammed ? abandoned : 0, this.#intake.trouble);
  }

  /** The messages of this member's keys that are held until they are released. */
  get held(): readonly HeldMessage[] {
    return heldMessagesOf(this.#parts.open);
  }

  /** Makes held messages due; says how many. */
  release(filter: ReleaseFilter): number {
    return releaseHeld(this.#parts.open, filter);
  }

  /**
   * Stops fetching, lets running handlers finish, commits and closes the consumer. At `deadlineMs`
   * (monotonic) what still runs is given up: its signal fires, its messages are delivered again.
   * Resolves whether everything finished in time; rejects where the consumer cannot be closed, or
   * the transport fails meanwhile. After a failure there is nothing to wait for.
   */
  drain(deadlineMs: number): Promise<boolean> {
    this.#drained ??= this.#drain(deadlineMs);
    return this.#drained;
  }

  async #drain(deadlineMs: number): Promise<boolean> {
    this.#isDraining = true;
    this.#intake.stop();
    if (this.#closed !== undefined) return this.#closed.then(() => true);
    await this.#quiet(deadlineMs);
    const isFinished = this.#isQuiet;
    await this.#close(new ClosedError("the subscription was closed before the handler finished"));
    if (this.#fatal !== undefined) throw this.#fatal;
    return isFinished;
  }

  /** Resolves when nothing is under way any more, or at the deadline. */
  #quiet(deadlineMs: number): Promise<void> {
    const { clock } = this.#parts.environment;
    return new Promise((resolve) => {
      const cancel = atDeadline(clock, deadlineMs, resolve);
      this.#onQuiet = () => {
        cancel();
        resolve();
      };
      this.#idle();
    });
  }

  #close(reason: SpillwayError): Promise<void> {
    if (this.#closed !== undefined) return this.#closed;
    this.#closed = this.#parts.environment.consumer.close();
    this.#stop.abort(reason);
    this.#detach?.();
    this.#intake.stop();
    this.#handling.close();
    this.#runners.abort(reason, () => false);
    this.#runners.close();
    this.#parts.open.close();
    this.#parts.dispatcher.close?.();
    this.#onQuiet?.();
    this.#endWhenIdle();
    return this.#closed;
  }

  #endWhenIdle(): void {
    if (this.#runners.active === 0) this.#ended.resolve();
  }

  get #isClosed(): boolean {
    return this.#closed !== undefined;
  }

  get #mayStart(): boolean {
    if (this.#isClosed || this.#settler.refusal !== undefined || this.#settler.isFull) return false;
    return !this.#isDraining || this.#isAtMostOnce;
  }

  get #mayFetch(): boolean {
    const { open, limits, options, window } = this.#parts;
    if (this.#settler.refusal !== undefined || this.#runners.isJammed) return false;
    if (options.gate !== undefined && options.gate.limit <= 1) {
      const isAtHand = window.messages > 0 || open.size > 0;
      if (options.gate.limit === 0 || isAtHand) return false;
    }
    if (options.flow?.concurrency === 0) return false;
    return open.size < limits.openMax && !open.isKeyFull;
  }

  /** What is acknowledged already must still be handled. */
  get #isAtMostOnce(): boolean {
    return this.#parts.options.delivery === "at-most-once";
  }

  /** Whether nothing is under way. */
  get #isQuiet(): boolean {
    if (this.#runners.active > 0 || this.#intake.isReloading || !this.#settler.isIdle) return false;
    return !this.#isAtMostOnce || this.#parts.window.messages === 0;
  }

  #received(batch: WindowBatch): void {
    if (this.#isAtMostOnce) this.#settler.claim(batch);
    else this.#parts.dispatcher.add(batch);
    this.#runners.pump();
  }

  /** A loop or a reload ended: commit what is there, go on with what may go on. */
  #idle(): void {
    if (this.#isClosed) return this.#endWhenIdle();
    if (this.#runners.active === 0) this.#settler.flush();
    this.#restartWhenQuiet();
    this.#progressed();
  }

  #progressed(): void {
    if (this.#isClosed) return;
    this.#runners.pump();
    this.#intake.progressed();
    if (this.#isDraining && this.#isQuiet) this.#onQuiet?.();
  }

  /** After a refusal: once no handler, commit or reload is under way, everything is put back. */
  #restartWhenQuiet(): void {
    const { refusal } = this.#settler;
    if (refusal === undefined || this.#isClosed || this.#isRestarting) return;
    if (!this.#isAtMostOnce) {
      this.#runners.abort(refusalError(refusal), (run) => this.#isLost(run));
      if (this.#runners.active > 0) return;
    }
    if (!this.#settler.isWaiting || this.#intake.isReloading) return;
    this.#isRestarting = true;
    void this.#restart(refusal === "unavailable");
  }

  async #restart(isUnavailable: boolean): Promise<void> {
    if (isUnavailable) await this.#pause();
    this.#isRestarting = false;
    if (this.#isClosed) return;
    this.#settler.restart();
    this.#progressed();
  }

  /** Waits until the transport may be able to commit again, or the subscription is closed. */
  async #pause(): Promise<void> {
    const { clock, random } = this.#parts.environment;
    const waitMs = backoffMs(++this.#unavailable, transportBackoff, random);
    await delay(clock, waitMs, this.#stop.signal).catch(() => undefined);
  }

  #isLost({ batch, position }: HandlerRun): boolean {
    return !this.#parts.environment.consumer.owns(batch.delivery, batch.recordAt(position));
  }

  #failed(cause: unknown): void {
    if (this.#isClosed) return;
    this.#fail(cause);
    const text = cause instanceof Error ? cause.message : String(cause);
    const reason = new ClosedError(`the subscription ended because its transport failed: ${text}`, {
      cause,
      certainty: "indefinite",
    });
    this.#fatal = reason;
    // Its own failure to close says nothing new.
    this.#close(reason).then(undefined, () => undefined);
  }
}
