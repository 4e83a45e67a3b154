// From outcomes to commits: fills the current unit, decides when it goes, and applies what the
// transport answers. Knows nothing of handlers. Always true: nothing leaves the window before the
// unit that settled it has taken effect; after a refused unit everything uncommitted is put back.
import { SpillwayError } from "../errors/spillway-error.ts";
import type { CommitResult, CommitUnit, ReusedId, StateVersion } from "../ports/commit-unit.ts";
import type { DeliveryParts, Refusal } from "./delivery-parts.ts";
import { acknowledged, type OpenMessage } from "./key-lines.ts";
import type { Origin } from "./outgoing-packer.ts";
import { reportCommitted, reportRefused, reportReused, Tally } from "./tally.ts";
import { UnitBuilder } from "./unit-builder.ts";
import type { WindowBatch, WindowPlace } from "./window.ts";

/** Whom the settler tells. */
export interface SettlerEvents {
  /** A unit took effect: there is room again. */
  progressed(): void;
  /** A unit was refused, and nothing is under way any more: call restart() when no handler runs. */
  refused(): void;
  /** What this message, acknowledged before it ran, published was refused: its handling failed. */
  reused(place: WindowPlace, error: SpillwayError): void;
  /** The transport failed for good. */
  failed(error: unknown): void;
}

interface UnitUnderWay {
  readonly builder: UnitBuilder;
  readonly tally: Tally;
  /** Outgoing messages for which it was refused. */
  readonly reused?: ReadonlyMap<Origin, SpillwayError>;
}

/** Settles the messages of one subscription. */
export class Settler {
  /** Raised by every refusal: what started before is void. */
  generation = 0;
  refusal: Refusal | undefined;
  unit: UnitBuilder;
  tally = new Tally();
  /** Most messages of one unit, for now. */
  unitMax: number;
  readonly #parts: DeliveryParts;
  readonly #events: SettlerEvents;
  /** Acknowledge first, run then. */
  readonly #claimsFirst: boolean;
  #sequence = 0;
  #underWay = 0;
  #refused: UnitUnderWay[] = [];
  #flushPlanned = false;

  constructor(parts: DeliveryParts, events: SettlerEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#claimsFirst = parts.options.delivery === "at-most-once";
    this.unitMax = parts.limits.unitMessagesMax;
    this.unit = new UnitBuilder(parts.environment.random);
  }

  /** Whether nothing more may be settled until a unit took effect. */
  get isFull(): boolean {
    const { size, outgoing } = this.unit;
    return size >= this.unitMax || outgoing.bytes >= this.#parts.limits.unitBytesMax;
  }

  /** Whether everything that was settled is committed. */
  get isIdle(): boolean {
    return this.unit.isEmpty && this.#underWay === 0 && this.refusal === undefined;
  }

  /** Whether a unit was refused and no other is under way. */
  get isWaiting(): boolean {
    return this.refusal !== undefined && this.#underWay === 0;
  }

  /** Settles a message for good. */
  ack(batch: WindowBatch, position: number, open: OpenMessage | undefined): void {
    if (this.#claimsFirst) this.#parts.window.done(batch, position);
    else this.unit.settle(batch, position, acknowledged);
    if (open !== undefined) this.#parts.open.leave(open);
    const standing = this.#parts.sequences?.settled(this.unit, batch, position);
    if (standing !== undefined) this.tally.count(standing);
    this.planFlush();
  }

  /** Lists a message as open. */
  keep(batch: WindowBatch, position: number, message: OpenMessage): void {
    this.unit.settle(batch, position, message);
    this.#parts.sequences?.kept(batch, position);
    this.planFlush();
  }

  /** Acknowledges a batch before its handlers run; it is dispatched when that took effect. */
  claim(batch: WindowBatch): void {
    const { window, environment } = this.#parts;
    for (let position = 0; position < batch.size; position++) {
      if (window.isDone(batch, position)) continue;
      const record = batch.recordAt(position);
      if (environment.consumer.owns(batch.delivery, record)) {
        this.unit.settle(batch, position, acknowledged);
      } else {
        environment.consumer.release(batch.delivery, record);
        window.done(batch, position);
      }
    }
    if (batch.remaining > 0) this.unit.claims.push(batch);
    this.flush();
  }

  /** Commits when the unit is full, else after this turn of the event loop. */
  planFlush(): void {
    if (this.isFull) return this.flush();
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    this.#parts.environment.clock.soon(() => {
      this.#flushPlanned = false;
      this.flush();
    });
  }

  /** Commits what was settled, if there is anything and a commit may go. */
  flush(): void {
    const { limits, environment } = this.#parts;
    if (this.unit.isEmpty || this.refusal !== undefined || this.#underWay >= limits.unitsMax)
      return;
    const { unit: builder, tally } = this;
    builder.sequence = ++this.#sequence;
    this.unit = new UnitBuilder(environment.random);
    this.tally = new Tally();
    this.#underWay++;
    void this.#commit({ builder, tally }, builder.toCommitUnit(tally.expired));
  }

  async #commit(unit: UnitUnderWay, request: CommitUnit): Promise<void> {
    let result: CommitResult | { readonly kind: "unavailable" };
    try {
      result = await this.#parts.environment.consumer.commit(request);
    } catch (error) {
      // Surely without effect, and may succeed later: as good as refused. Else nobody knows, or
      // this consumer is at its end.
      const isRefusal =
        error instanceof SpillwayError &&
        error.retryable &&
        error.certainty === "definite" &&
        error.code !== "TRANSPORT_INTERRUPTED";
      if (!isRefusal) return this.#events.failed(error);
      result = { kind: "unavailable" };
    }
    this.#underWay--;
    if (result.kind === "committed") {
      reportCommitted(this.#parts, unit.tally, request, result.appended);
      this.#confirm(unit.builder, result.version);
    } else if (result.kind === "reused") {
      reportReused(this.#parts, request, result.reused);
      const reused = originsOf(unit.builder, request, result.reused);
      // Nobody to hold to account: it would be refused again and again.
      if (reused.size === 0) return this.#events.failed(result.reused[0]?.error);
      this.#refuse({ ...unit, reused }, result.kind);
    } else this.#refuse(unit, result.kind);
    if (this.refusal !== undefined) {
      if (this.#underWay === 0) this.#events.refused();
      return;
    }
    if (!this.#flushPlanned) this.flush();
    this.#events.progressed();
  }

  #confirm(unit: UnitBuilder, version: StateVersion): void {
    const { window, open, dispatcher, limits } = this.#parts;
    unit.confirmRows(version);
    this.unitMax = Math.min(limits.unitMessagesMax, this.unitMax * 2);
    if (this.#claimsFirst) {
      for (const batch of unit.claims) dispatcher.add(batch);
      return;
    }
    const hasOpen = open.size > 0;
    for (const { batch, positions, outcomes } of unit.settled) {
      if (outcomes === undefined && !hasOpen) {
        window.allDone(batch, positions);
        continue;
      }
      for (let index = 0; index < positions.length; index++) {
        const position = positions[index] as number;
        const outcome = outcomes?.[index];
        window.done(batch, position);
        if (outcome?.kind === "open") open.confirm(outcome as OpenMessage);
        else if (hasOpen) open.forget(batch.lane, batch.stored.offsetAt(batch.recordAt(position)));
      }
    }
  }

  #refuse(unit: UnitUnderWay, kind: Refusal | "poisoned"): void {
    this.#refused.push(unit);
    if (this.refusal !== undefined) return;
    this.refusal = kind === "poisoned" ? "fenced" : kind;
    this.generation++;
    if (this.refusal === "conflict") {
      const { unitMessagesMin } = this.#parts.limits;
      this.unitMax = Math.max(unitMessagesMin, Math.floor(this.unitMax / 2));
    }
    reportRefused(this.#parts, this.refusal, unit.builder.size);
  }

  /** Puts back everything uncommitted and goes on. */
  restart(): void {
    const { environment, rows } = this.#parts;
    const refused = [...this.#refused, { builder: this.unit, tally: this.tally }];
    this.#refused = [];
    this.unit = new UnitBuilder(environment.random);
    this.tally = new Tally();
    this.refusal = undefined;
    rows?.clear();
    environment.consumer.resume();
    if (this.#claimsFirst) return this.#claimAgain(refused);
    for (const { reused } of refused) {
      for (const [{ place }, error] of reused ?? []) place.batch.refuse(place.position, error);
    }
    this.#putBack();
  }

  #putBack(): void {
    const { window, dispatcher, open, sequences, environment } = this.#parts;
    const { places, taken } = window.rewind();
    const inWindow = new Set<OpenMessage>();
    for (const { batch, position } of places) {
      const message = batch.open?.get(position);
      if (message !== undefined) inWindow.add(message);
    }
    environment.counters.redelivered += taken;
    dispatcher.restart(places);
    open.rebuild(inWindow);
    sequences?.rebuild(inWindow);
  }

  /** Handlers that ran are not called again: what they published goes with the next unit. */
  #claimAgain(refused: readonly UnitUnderWay[]): void {
    for (const { builder, tally, reused } of refused) {
      this.unit.outgoing.carry(builder.outgoing, Array.from(reused?.keys() ?? []));
      this.tally.add(tally);
      for (const [{ place }, error] of reused ?? []) this.#events.reused(place, error);
    }
    for (const { builder } of refused) for (const batch of builder.claims) this.claim(batch);
    this.planFlush();
  }
}

/** Whose handling published what was refused. */
function originsOf(
  { outgoing }: UnitBuilder,
  { publishes }: CommitUnit,
  reused: readonly ReusedId[],
): Map<Origin, SpillwayError> {
  const found = new Map<Origin, SpillwayError>();
  for (const { publish, index, error } of reused) {
    const batch = publishes[publish];
    const origin = outgoing.origins.find((each) => each.batch === batch && each.index === index);
    if (origin !== undefined) found.set(origin, error);
  }
  return found;
}
