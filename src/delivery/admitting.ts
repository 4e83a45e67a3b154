// Whether a message that is about to start is to be handled: is it ours, wanted, still valid, its
// turn? Settles what needs no handler. Knows nothing of handlers. Always true: what is not to be
// run is settled, held, or left to whoever owns it, and its place in the order is free again.
import { type Decoder, InvalidMessage } from "./decode.ts";
import type { DeliveryParts } from "./delivery-parts.ts";
import type { OpenMessage } from "./key-lines.ts";
import type { Outcomes, Subject } from "./outcomes.ts";
import { markName } from "./redrive-mark.ts";
import type { WindowBatch } from "./window.ts";

/** Admits the messages of one subscription. */
export class Admitting {
  readonly #parts: DeliveryParts;
  readonly #outcomes: Outcomes;
  readonly #decoder: Decoder;
  readonly #claimsFirst: boolean;

  constructor(parts: DeliveryParts, outcomes: Outcomes, decoder: Decoder) {
    this.#parts = parts;
    this.#outcomes = outcomes;
    this.#decoder = decoder;
    this.#claimsFirst = parts.options.delivery === "at-most-once";
  }

  /**
   * Whether the message is to be run whatever it is: none of its batch was open, can have expired,
   * be for another group or of a type that is not wanted, nothing was lost since it came, its key
   * is not held up, and numbers are not looked at.
   */
  isPlain(batch: WindowBatch, position: number): boolean {
    const { environment, sequences } = this.#parts;
    if (sequences !== undefined || !this.#isFree(batch, position)) return false;
    batch.isPlain ??=
      batch.open === undefined &&
      batch.stored.hasOneTemplate === true &&
      !batch.mayExpire &&
      batch.stored.mayHave?.(markName) === false &&
      !this.#decoder.skips(batch.stored, batch.recordAt(0));
    if (!batch.isPlain) return false;
    if (this.#claimsFirst) return true;
    const { ownershipVersion } = batch;
    return (
      ownershipVersion !== undefined && ownershipVersion === environment.consumer.ownershipVersion
    );
  }

  #isFree(batch: WindowBatch, position: number): boolean {
    return this.#parts.open.isFree(batch.stored.slotAt(batch.recordAt(position)));
  }

  /**
   * Settles what needs no handler; true: the handler is to be called. A promise where the store
   * takes time; `isVoid` is asked then.
   */
  isToBeRun(subject: Subject, isVoid: () => boolean): boolean | Promise<boolean> {
    const { environment, window, sequences } = this.#parts;
    const { batch, position, open } = subject;
    const { stored, delivery } = batch;
    const record = batch.recordAt(position);
    window.take(batch, position);
    if (!this.#claimsFirst && !environment.consumer.owns(delivery, record)) {
      environment.consumer.release(delivery, record);
      if (open !== undefined) this.#lost(open);
      return this.#leave(batch, position);
    }
    const attributes = stored.attributesAt(record);
    const isOurs = this.#outcomes.isAddressedHere(batch, position, attributes);
    if (!isOurs || this.#decoder.skips(stored, record)) {
      this.#outcomes.pass(subject);
      return this.free(batch, position);
    }
    if (sequences === undefined) return !this.#expires(subject) && this.#isItsTurn(subject);
    const looked = sequences.look(batch, position);
    if (looked === undefined) return this.#isNext(subject);
    return looked.then(() => !isVoid() && this.#isNext(subject));
  }

  /** Where numbers count: what expires is passed when its turn has come, so that it is no gap. */
  #isNext(subject: Subject): boolean {
    const { batch, position, open } = subject;
    const { sequences } = this.#parts;
    const fault = sequences?.faultOf(batch, position, batch.recordAt(position));
    if (fault !== undefined) {
      this.#outcomes.invalid(subject, new InvalidMessage("VALIDATION_FAILED", fault, undefined));
      return this.free(batch, position);
    }
    const line = this.#parts.open.lineOf(this.#outcomes.placeOf(batch, position));
    const verdict = sequences?.admit(batch, position, open, line);
    if (verdict?.kind === "hold") {
      // Apart from the line of its key: what is in that is in the order of offsets.
      sequences?.held(batch, position, this.#outcomes.holdBack(subject, verdict.dueAtMs));
      return this.free(batch, position);
    }
    if (!this.#isItsTurn(subject)) return false;
    if (verdict === undefined || verdict.kind === "run") return !this.#expires(subject);
    const { kind, reason } = verdict;
    const why = { code: "OUT_OF_SEQUENCE", reason, attempts: open?.attempt ?? 0 };
    if (kind === "discard") this.#outcomes.discard(subject, why);
    else this.#outcomes.deadLetter(subject, why);
    return this.free(batch, position);
  }

  /** Settles a message whose time has passed. */
  #expires(subject: Subject): boolean {
    const { batch, position } = subject;
    const { expiresAtMs } = batch.stored.attributesAt(batch.recordAt(position));
    if (expiresAtMs === undefined) return false;
    if (expiresAtMs > this.#parts.environment.clock.wallMs()) return false;
    this.#outcomes.expire(subject);
    this.free(batch, position);
    return true;
  }

  #isItsTurn(subject: Subject): boolean {
    const { batch, position, open } = subject;
    if (open === undefined && this.#isFree(batch, position)) return true;
    const place = this.#outcomes.placeOf(batch, position);
    const admission = this.#parts.open.admit(open, place);
    if (admission === "run") {
      // What was parked has not been handed to a handler before.
      if (open !== undefined && open.reason !== "parked") {
        this.#parts.environment.counters.redelivered++;
      }
      return true;
    }
    if (admission === "stale") {
      if (open !== undefined) this.#parts.open.leave(open);
      return this.#leave(batch, position);
    }
    if (admission === "hold") {
      this.#parts.dispatcher.hold(this.#parts.open.lineOf(place), { batch, position });
    } else if (admission === "park") this.#outcomes.park(subject);
    else if (admission === "wait" && open !== undefined) this.#outcomes.wait(subject, open);
    else if (admission === "doomed") {
      const { parkedPerKeyMax } = this.#parts.limits;
      const reason = `more than ${parkedPerKeyMax} messages waited behind a failed one of this key`;
      const attempts = open?.attempt ?? 0;
      this.#outcomes.deadLetter(subject, { code: "KEY_BLOCKED", reason, attempts });
    }
    return this.free(batch, position);
  }

  #lost(open: OpenMessage): void {
    this.#parts.open.lost(open);
    this.#parts.sequences?.lost(open);
  }

  /** The message leaves the window without being settled here. */
  #leave(batch: WindowBatch, position: number): false {
    this.#parts.window.done(batch, position);
    return this.free(batch, position);
  }

  /** The message's place in the order is free. */
  free(batch: WindowBatch, position: number): false {
    this.#parts.sequences?.free(batch, position);
    this.#parts.dispatcher.free(batch, position);
    return false;
  }
}
