// What becomes of one message: handled, tried again, parked, set aside. Puts it into the current
// unit and tells telemetry. Knows neither handlers nor transports. Always true: whatever ends a
// message without success leaves a copy of it in a companion channel, in the same unit.
import { deadLetterChannelOf, invalidChannelOf } from "../contracts/names.ts";
import type { MessageAttributes } from "../message/envelope.ts";
import {
  diagnostics,
  type RetryDiagnostics,
  type SetAsideDiagnostics,
} from "../telemetry/channels.ts";
import type { Ending } from "./answers.ts";
import { type FailedAttempt, withAttempt } from "./attempt-log.ts";
import type { InvalidMessage } from "./decode.ts";
import type { DeliveryParts } from "./delivery-parts.ts";
import { boundedReason, type Failure } from "./failure.ts";
import {
  type FailureRules,
  type FallbackVerdict,
  RetryRules,
  type Verdict,
} from "./failure-rules.ts";
import type { HandlerRun } from "./handler-run.ts";
import { heldUntilMs, type OpenMessage, type OpenPlace } from "./key-lines.ts";
import { redriveMarkOf } from "./redrive-mark.ts";
import { encodeNote, type NoteKind } from "./redrive-note.ts";
import {
  contextOf,
  deadLetterAttributes,
  type DeadLetterVerdict,
  horizonMsOf,
  invalidAttributes,
} from "./set-aside.ts";
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
  readonly #rules: FailureRules;

  constructor(parts: DeliveryParts, settler: Settler) {
    const { channel, delivery } = parts.options;
    this.#parts = parts;
    this.#settler = settler;
    this.#deadLetters = deadLetterChannelOf(channel);
    this.#invalid = invalidChannelOf(channel);
    const { options, environment } = parts;
    this.#rules = options.rules ?? new RetryRules(options.retry, environment.random);
    // What was acknowledged before it ran cannot be delivered again.
    this.#canRetry = delivery !== "at-most-once";
  }

  /** The handler finished: its state, its messages and the acknowledgement join the unit. */
  succeed(run: HandlerRun): void {
    const { unit } = this.#settler;
    if (run.published !== undefined && !this.#isReplayed(run.batch)) {
      for (const each of run.published) unit.outgoing.add(each, run);
    }
    if (run.view !== undefined) for (const touch of run.view.touches) unit.change(touch);
    this.#note(run, "resolved");
    this.#settler.ack(run.batch, run.position, run.open);
    if (run.fallback === undefined) this.#rules.succeeded?.();
  }

  /** Whether what is published for messages of this batch was published before. */
  #isReplayed({ stored }: WindowBatch): boolean {
    const { replayUntilMs } = this.#parts.options;
    return replayUntilMs !== undefined && stored.appendedAtMs < replayUntilMs;
  }

  /** The handler failed: what the rules say. True: the message is to be handled once more. */
  fail(run: HandlerRun, failure: Failure): boolean {
    this.#parts.environment.counters.failed++;
    const verdict = this.#decide(run, failure);
    if (verdict.kind === "fallback") {
      run.fallback = { ...verdict, error: failure.error };
      return true;
    }
    this.#apply(run, failure, verdict);
    return false;
  }

  /** The same for a message that cannot be handled once more. */
  failForGood(run: HandlerRun, failure: Failure): void {
    this.#parts.environment.counters.failed++;
    const verdict = this.#decide(run, failure);
    this.#apply(run, failure, verdict.kind === "fallback" ? verdict.after(failure) : verdict);
  }

  #decide({ batch, position, attempt, fallback }: HandlerRun, failure: Failure): Verdict {
    if (fallback !== undefined) return fallback.after(failure);
    const timeMs = batch.stored.timeAt(batch.recordAt(position));
    const ageMs = Math.max(0, this.#parts.environment.clock.wallMs() - timeMs);
    return this.#rules.decide({ failure, attempt, ageMs });
  }

  #apply(run: HandlerRun, failure: Failure, verdict: Exclude<Verdict, FallbackVerdict>): void {
    const failures = this.#failuresOf(run, failure);
    if (verdict.kind === "discard") {
      return this.discard(run, { ...failure, reason: verdict.reason, attempts: run.attempt });
    }
    if (verdict.kind === "dead-letter" || !this.#canRetry) {
      const reason = "reason" in verdict ? verdict.reason : failure.reason;
      return this.deadLetter(run, { ...failure, reason, attempts: run.attempt, failures });
    }
    if (verdict.kind === "hold") return this.#keep(run, run.attempt, heldUntilMs, failures);
    const { kind, afterMs } = verdict;
    const dueAtMs = this.#parts.environment.clock.wallMs() + afterMs;
    this.#keep(run, kind === "wait" ? run.attempt - 1 : run.attempt, dueAtMs, failures);
    this.#settler.tally.retried++;
    if (diagnostics.retry.hasSubscribers) this.#tellRetry(run, failure, afterMs);
  }

  /** The message stays open. */
  #keep(
    { batch, position, open }: HandlerRun,
    attempt: number,
    dueAtMs: number,
    failures: readonly FailedAttempt[],
  ): void {
    const entry = { attempt, dueAtMs, reason: "retry", failures } as const;
    const message = this.#parts.open.fail(this.placeOf(batch, position), entry, open);
    this.#settler.keep(batch, position, message);
  }

  #tellRetry(run: HandlerRun, failure: Failure, afterMs: number): void {
    const { channel, group } = this.#parts.options;
    const { stored } = run.batch;
    const record = run.batch.recordAt(run.position);
    const { type } = stored.templateAt(record);
    const { attempt } = run;
    const { error } = failure;
    const id = stored.idAt(record);
    const event: RetryDiagnostics = { channel, group, type, id, attempt, afterMs, error };
    diagnostics.retry.publish(event);
  }

  /** The message is acknowledged although nobody handled it. */
  discard({ batch, position, open }: Subject, verdict: DeadLetterVerdict): void {
    this.#settler.tally.discarded++;
    const { reason, error } = verdict;
    this.#tell(batch, position, { kind: "failed", ...verdict });
    this.#note({ batch, position }, "resolved", `discarded: ${reason}`);
    this.#settler.ack(batch, position, open);
    if (diagnostics.discard.hasSubscribers) {
      diagnostics.discard.publish(this.#setAside(batch, batch.recordAt(position), reason, error));
    }
  }

  /** The message waits for others of its key's sequence; no other waits for it to be due. */
  holdBack({ batch, position, open: before }: Subject, dueAtMs: number): OpenMessage {
    const numbered = batch.numbered?.get(position);
    if (numbered !== undefined) this.#parts.sequences?.relied(this.#settler.unit, numbered);
    const { attempt = 0, failures } = before ?? {};
    const place = { ...this.placeOf(batch, position), key: undefined };
    const entry = { attempt, dueAtMs, reason: "parked", failures } as const;
    const message = this.#parts.open.fail(place, entry, before);
    if (before !== undefined) this.#parts.open.leave(before);
    this.#settler.keep(batch, position, message);
    return message;
  }

  /** The message waits behind its key. */
  park(subject: Subject): void {
    const { batch, position, open: before } = subject;
    const { attempt = 0, failures } = before ?? {};
    const reason = before?.reason === "retry" ? "retry" : "parked";
    const dueAtMs = before !== undefined && reason === "retry" ? before.dueAtMs : 0;
    const entry = { attempt, dueAtMs, reason, failures } as const;
    const message = this.#parts.open.park(this.placeOf(batch, position), entry, before);
    this.#settler.tally.parked++;
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
    this.#note({ batch, position }, "skipped", "its time had passed");
    this.#settler.ack(batch, position, open);
  }

  /** Whether the message is for this group; remembers that it was redriven for it. */
  isAddressedHere(batch: WindowBatch, position: number, attributes: MessageAttributes): boolean {
    const mark = redriveMarkOf(attributes);
    if (mark === undefined) return true;
    if (mark.group !== this.#parts.options.group) return false;
    (batch.redriven ??= new Map()).set(position, mark);
    return true;
  }

  /** The message is not for this group, or of a type that it does not read. */
  pass({ batch, position, open }: Subject): void {
    this.#note({ batch, position }, "skipped", "the group does not read its type any more");
    this.#settler.ack(batch, position, open);
  }

  /** The message goes to the dead letters. */
  deadLetter({ batch, position, open }: Subject, verdict: DeadLetterVerdict): void {
    const { stored } = batch;
    const record = batch.recordAt(position);
    const all = { ...verdict, failures: verdict.failures ?? open?.failures };
    const wallMs = this.#parts.environment.clock.wallMs();
    this.#settler.unit.outgoing.addCopy(this.#deadLetters, stored, record, () => {
      const horizonMs = horizonMsOf(this.#parts, stored, all);
      const context = { ...contextOf(this.#parts, stored, record, wallMs), horizonMs };
      return deadLetterAttributes(stored, record, context, all);
    });
    this.#settler.tally.deadLettered++;
    this.#tell(batch, position, { kind: "failed", ...verdict });
    this.#note({ batch, position }, "failed", verdict.reason);
    this.#settler.ack(batch, position, open);
    if (diagnostics.deadLetter.hasSubscribers) {
      diagnostics.deadLetter.publish(this.#setAside(batch, record, verdict.reason, verdict.error));
    }
  }

  /** The message cannot be understood. */
  invalid({ batch, position, open }: Subject, invalid: InvalidMessage): void {
    const { stored } = batch;
    const record = batch.recordAt(position);
    const wallMs = this.#parts.environment.clock.wallMs();
    this.#settler.unit.outgoing.addCopy(this.#invalid, stored, record, () => {
      const context = contextOf(this.#parts, stored, record, wallMs);
      return invalidAttributes(stored, record, context, invalid);
    });
    this.#settler.tally.invalid++;
    const { code, reason } = invalid;
    this.#tell(batch, position, { kind: "failed", code, reason, attempts: 0 });
    this.#note({ batch, position }, "failed", reason);
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

  /** Says how a redriven copy ended, in the unit that settles it. */
  #note({ batch, position }: WindowPlace, kind: NoteKind, reason?: string): void {
    const mark = batch.redriven?.get(position);
    if (mark === undefined) return;
    const { letters, letter, job } = mark;
    const atMs = Math.trunc(this.#parts.environment.clock.wallMs());
    const why = reason === undefined ? {} : { reason: boundedReason(reason) };
    this.#settler.unit.outgoing.add(encodeNote(letters, { kind, letter, job, atMs, ...why }));
  }

  /** The failed attempts of this message that are known here, this one included. */
  #failuresOf(run: HandlerRun, { code, reason }: Failure): readonly FailedAttempt[] {
    const atMs = this.#parts.environment.clock.wallMs();
    return withAttempt(run.open?.failures, { attempt: run.attempt, atMs, code, reason });
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
