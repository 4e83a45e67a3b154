// What becomes of one message: handled, tried again, parked, set aside. Puts it into the current
// unit and tells telemetry. Knows neither handlers nor transports. Always true: whatever ends a
// message without success leaves a copy of it in a companion channel, in the same unit.
import { deadLetterChannelOf, invalidChannelOf } from "../contracts/names.ts";
import {
  diagnostics,
  type RetryDiagnostics,
  type SetAsideDiagnostics,
} from "../telemetry/channels.ts";
import type { Ending } from "./answers.ts";
import type { InvalidMessage } from "./decode.ts";
import type { DeliveryParts } from "./delivery-parts.ts";
import { type Failure, retryAfterMs } from "./failure.ts";
import type { HandlerRun } from "./handler-run.ts";
import type { OpenMessage, OpenPlace } from "./key-lines.ts";
import { deadLetterAttributes, invalidAttributes } from "./set-aside.ts";
import type { Settler } from "./settler.ts";
import type { WindowBatch, WindowPlace } from "./window.ts";

/** A message of the window with its open entry. */
export interface Subject extends WindowPlace {
  readonly open: OpenMessage | undefined;
}

/** Decides and records outcomes. */
export class Outcomes {
  readonly #parts: DeliveryParts;
  readonly #settler: Settler;
  readonly #deadLetters: string;
  readonly #invalid: string;
  readonly #canRetry: boolean;

  constructor(parts: DeliveryParts, settler: Settler) {
    const { channel, delivery } = parts.options;
    this.#parts = parts;
    this.#settler = settler;
    this.#deadLetters = deadLetterChannelOf(channel);
    this.#invalid = invalidChannelOf(channel);
    // What was acknowledged before it ran cannot be delivered again.
    this.#canRetry = delivery !== "at-most-once";
  }

  /** The handler finished: its state, its messages and the acknowledgement join the unit. */
  succeed(run: HandlerRun): void {
    const { unit } = this.#settler;
    if (run.published !== undefined) for (const each of run.published) unit.outgoing.add(each, run);
    if (run.view !== undefined) for (const touch of run.view.touches) unit.change(touch);
    this.#settler.ack(run.batch, run.position, run.open);
  }

  /** The handler failed: another try, or the dead letters. */
  fail(run: HandlerRun, failure: Failure): void {
    const { environment, options, open } = this.#parts;
    environment.counters.failed++;
    const afterMs = this.#canRetry
      ? retryAfterMs(failure, run.attempt, options.retry, environment.random)
      : undefined;
    if (afterMs === undefined) {
      return this.deadLetter(run, { ...failure, attempts: run.attempt });
    }
    const dueAtMs = environment.clock.wallMs() + afterMs;
    const entry = { attempt: run.attempt, dueAtMs, reason: "retry" } as const;
    const message = open.fail(this.placeOf(run.batch, run.position), entry, run.open);
    this.#settler.tally.retried++;
    this.#settler.keep(run.batch, run.position, message);
    if (!diagnostics.retry.hasSubscribers) return;
    const { channel, group } = options;
    const { stored } = run.batch;
    const record = run.batch.recordAt(run.position);
    const { type } = stored.templateAt(record);
    const { attempt } = run;
    const { error } = failure;
    const id = stored.idAt(record);
    const event: RetryDiagnostics = { channel, group, type, id, attempt, afterMs, error };
    diagnostics.retry.publish(event);
  }

  /** The message waits behind its key. */
  park(subject: Subject): void {
    const { batch, position, open: before } = subject;
    const { attempt = 0, dueAtMs = 0 } = before ?? {};
    const reason = before?.reason === "retry" ? "retry" : "parked";
    const entry = { attempt, dueAtMs, reason } as const;
    const message = this.#parts.open.park(this.placeOf(batch, position), entry, before);
    this.#settler.keep(batch, position, message);
  }

  /** The message is not due yet. */
  wait(subject: Subject, before: OpenMessage): void {
    const { batch, position } = subject;
    const message = this.#parts.open.fail(this.placeOf(batch, position), before, before);
    this.#settler.keep(batch, position, message);
  }

  /** The message's time has passed. */
  expire({ batch, position, open }: Subject): void {
    this.#settler.tally.expired++;
    this.#tell(batch, position, { kind: "expired" });
    this.#settler.ack(batch, position, open);
  }

  /** The message goes to the dead letters. */
  deadLetter(
    { batch, position, open }: Subject,
    verdict: {
      readonly code: string;
      readonly reason: string;
      readonly attempts: number;
      readonly error?: unknown;
    },
  ): void {
    const { stored } = batch;
    const record = batch.recordAt(position);
    const attributes = deadLetterAttributes(stored, record, this.#context(), verdict);
    this.#settler.unit.outgoing.addCopy(this.#deadLetters, stored, record, attributes);
    this.#settler.tally.deadLettered++;
    this.#tell(batch, position, { kind: "failed", ...verdict });
    this.#settler.ack(batch, position, open);
    if (diagnostics.deadLetter.hasSubscribers) {
      diagnostics.deadLetter.publish(this.#setAside(batch, record, verdict.reason, verdict.error));
    }
  }

  /** The message cannot be understood. */
  invalid({ batch, position, open }: Subject, invalid: InvalidMessage): void {
    const { stored } = batch;
    const record = batch.recordAt(position);
    const attributes = invalidAttributes(stored, record, this.#context(), invalid);
    this.#settler.unit.outgoing.addCopy(this.#invalid, stored, record, attributes);
    this.#settler.tally.invalid++;
    const { code, reason } = invalid;
    this.#tell(batch, position, { kind: "failed", code, reason, attempts: 0 });
    this.#settler.ack(batch, position, open);
    if (diagnostics.invalid.hasSubscribers) {
      diagnostics.invalid.publish(this.#setAside(batch, record, invalid.reason, invalid.error));
    }
  }

  /** Tells the sender, where it wants to know, in the unit that settles the message. */
  #tell(batch: WindowBatch, position: number, ending: Ending): void {
    const { answers } = this.#parts.options;
    const notice = answers?.notice(batch.stored, batch.recordAt(position), ending);
    if (notice !== undefined) this.#settler.unit.outgoing.add(notice);
  }

  /** Log, offset and, where order is by key, the key of a message. */
  placeOf(batch: WindowBatch, position: number): OpenPlace {
    const record = batch.recordAt(position);
    const { stored, lane } = batch;
    const key = this.#parts.options.order === "key" ? stored.keyAt(record) : undefined;
    return { lane, offset: stored.offsetAt(record), key };
  }

  #context(): { readonly group: string; readonly wallMs: number } {
    const { environment, options } = this.#parts;
    return { group: options.group, wallMs: environment.clock.wallMs() };
  }

  #setAside(
    { stored }: WindowBatch,
    record: number,
    reason: string,
    error: unknown,
  ): SetAsideDiagnostics {
    const { channel, group } = this.#parts.options;
    const { type } = stored.templateAt(record);
    return { channel, group, type, id: stored.idAt(record), reason, error };
  }
}
