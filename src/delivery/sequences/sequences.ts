// Where each message of a subscription stands in the sequence of its key, and whether it may start.
// The positions are state rows of the group: they are changed by the unit that settles a message,
// together with it. Knows nothing of handlers. Always true: a position says what was settled, be it
// by a handler or not; where messages are put into order, one starts when all before it were
// settled or given up, and of an early one nothing is in memory but its place.
import type { Clock } from "../../kernel/clock.ts";
import { sequenceNumber } from "../../message/sequence.ts";
import { diagnostics, type SequenceDiagnostics } from "../../telemetry/channels.ts";
import type { KeyLine, OpenMessage } from "../key-lines.ts";
import type { OpenMessages } from "../open-messages.ts";
import type { StateRow } from "../state-row.ts";
import type { StateRows } from "../state-rows.ts";
import type { UnitBuilder } from "../unit-builder.ts";
import type { WindowBatch } from "../window.ts";
import { EarlyLines, type EarlyMessage } from "./early-lines.ts";
import {
  type KeyPosition,
  positionBefore,
  type SequenceStanding,
  settledAt,
  standingOf,
} from "./key-position.ts";
import type { Numbered, SequenceVerdict } from "./numbered.ts";
import type { OutOfSequenceAction, Resequence, SequenceRules } from "./sequence-rules.ts";
import { keyIn, positionIn, positionsTable, sequenceName, withPosition } from "./slot-positions.ts";

/** What they are made of. */
export interface SequenceParts {
  readonly rules: SequenceRules;
  readonly rows: StateRows;
  readonly open: OpenMessages;
  readonly clock: Clock;
  readonly channel: string;
  readonly group: string;
  /** Whether all that is stored was looked at. */
  isAtEnd(): boolean;
}

const run: SequenceVerdict = { kind: "run" };

/** The sequences of one subscription. */
export class Sequences {
  readonly #parts: SequenceParts;
  readonly #rules: Resequence | undefined;
  readonly #lines = new EarlyLines();
  /** By lane: until when everything that was stored has been looked at; wall ms. */
  readonly #lookedAtMs: number[] = [];

  constructor(parts: SequenceParts) {
    this.#parts = parts;
    this.#rules = parts.rules === "check" ? undefined : parts.rules;
  }

  /** Finds out where a message stands; a promise where the store needs one. */
  look(batch: WindowBatch, position: number): Promise<void> | undefined {
    const { stored, lane } = batch;
    const record = batch.recordAt(position);
    if (!batch.isReloaded) {
      this.#lookedAtMs[lane] = Math.max(this.#lookedAtMs[lane] ?? 0, stored.appendedAtMs);
    }
    const { sequence, tenant } = stored.attributesAt(record);
    const key = stored.keyAt(record);
    const number = sequence === undefined ? undefined : sequenceNumber(sequence);
    if (number === undefined || key === undefined) return undefined;
    const name = sequenceName(tenant, key);
    const row = this.#parts.rows.find(positionsTable, String(stored.slotAt(record)), true);
    const found = (each: StateRow): void => {
      const told = standingOf(this.#positionOf(each, name), number);
      // What is redriven has come, and was not handled.
      const isRepeat = told.kind === "duplicate" && batch.redriven?.has(position) === true;
      const standing = isRepeat ? { ...told, kind: "late" as const } : told;
      (batch.numbered ??= new Map()).set(position, { row: each, name, standing, isPinned: true });
    };
    if (row instanceof Promise) return row.then(found);
    found(row);
    return undefined;
  }

  /** Why its number is none; undefined: it is one, or there is none. */
  faultOf({ stored, numbered }: WindowBatch, position: number, record: number): string | undefined {
    if (numbered?.has(position) === true) return undefined;
    const { sequence } = stored.attributesAt(record);
    if (sequence === undefined || sequenceNumber(sequence) !== undefined) return undefined;
    const shown = JSON.stringify(sequence.slice(0, 100));
    return `its sequence is ${shown}: a whole number from 0 to 2^53 - 1 was expected`;
  }

  /**
   * Whether a message that was looked at may start, as far as its number says. `failing`: the line
   * behind a failed message of its key, whose gap nothing gives up.
   */
  admit(
    batch: WindowBatch,
    position: number,
    open: OpenMessage | undefined,
    failing: KeyLine | undefined,
  ): SequenceVerdict {
    const rules = this.#rules;
    const numbered = batch.numbered?.get(position);
    if (rules === undefined || numbered === undefined) return run;
    // Delivered anew meanwhile: that delivery counts.
    if (open !== undefined && !this.#parts.open.knows(open)) return run;
    // It was its turn before, or somebody wants it to be handled now.
    if (open?.reason === "retry" || batch.redriven?.has(position) === true) return run;
    const { name, standing } = numbered;
    const { kind, number } = standing;
    if (kind === "late" || kind === "duplicate") return lateVerdict(kind, rules[kind], standing);
    if (kind !== "gap") return run;
    const first = this.#firstOf(name);
    const line = this.#lines.of(name);
    const dueAtMs = this.#parts.clock.wallMs() + rules.waitMsMax;
    if (failing !== undefined) {
      const isFull = (line?.messages.length ?? 0) >= rules.depthMax && open?.early === undefined;
      // It parks there; out of a line that drains it would overtake others.
      return isFull && failing.failed !== undefined ? run : { kind: "hold", dueAtMs };
    }
    const isOver = this.#isOver(batch, open);
    if (line !== undefined && isOver) line.upTo = Math.max(line.upTo, number);
    const isFirst = (first?.early.number ?? number) >= number;
    if (isFirst && (isOver || number <= (line?.upTo ?? -1))) return run;
    return { kind: "hold", dueAtMs };
  }

  /**
   * What is decided by a position holds where it is still the stored one: keys that were lost and
   * won again have moved on elsewhere.
   */
  relied(unit: UnitBuilder, { row }: Numbered): void {
    unit.change({ row, stamp: -1, isWritten: false, value: undefined });
  }

  /** The message waits now, as this open one. */
  held(batch: WindowBatch, position: number, message: OpenMessage): void {
    const numbered = batch.numbered?.get(position);
    if (numbered === undefined) return;
    const { name, standing } = numbered;
    const { number, expected = number } = standing;
    message.early = { name, number, expected };
    const line = this.#lines.add(message as EarlyMessage);
    const { depthMax, heldMax } = this.#rules as Resequence;
    // Behind a failed message it would be read again and held anew, over and over.
    if (line.messages.length > depthMax && !this.#isFailing(message as EarlyMessage)) {
      line.upTo = Math.max(line.upTo, this.#firstOf(name)?.early.number ?? number);
    }
    if (this.#lines.size > heldMax) this.#giveUpOldest();
    this.#releaseNext(name, expected);
  }

  /** The message is settled for good: its position is part of that unit. Says what counts. */
  settled(unit: UnitBuilder, batch: WindowBatch, position: number): SequenceStanding | undefined {
    this.kept(batch, position);
    const numbered = batch.numbered?.get(position);
    if (numbered === undefined) return undefined;
    const { row, name, standing } = numbered;
    this.relied(unit, numbered);
    const before = this.#positionOf(row, name);
    const { number } = standing;
    // A redriven copy fills its gap, if there is one, and makes none; it has been counted.
    const isRedriven = batch.redriven?.has(position) === true;
    const isBehind = before !== undefined && number <= before.last;
    const after = isRedriven && !isBehind ? before : settledAt(before, number);
    if (after !== undefined && after !== before) {
      const value = withPosition(row.value, name, after);
      unit.change({ row, stamp: -1, isWritten: true, value });
    }
    this.#releaseNext(name, (after?.last ?? number) + 1);
    if (isRedriven) return undefined;
    if (diagnostics.sequence.hasSubscribers) this.#tell(batch, position, standing);
    return standing;
  }

  /** The message stays open: it waits for its turn no more, or anew. */
  kept(batch: WindowBatch, position: number): void {
    const open = batch.open?.get(position);
    if (open !== undefined) this.#lines.remove(open);
  }

  /** It is delivered anew. */
  forget(message: OpenMessage): void {
    this.#lines.remove(message);
  }

  /** It is not ours any more, or was settled elsewhere: the next one of its key may wait for it. */
  lost(message: OpenMessage): void {
    this.#lines.remove(message);
    const next = message.early === undefined ? undefined : this.#firstOf(message.early.name);
    if (next !== undefined) this.#parts.open.want(next);
  }

  /** The message is not being handled any more. */
  free(batch: WindowBatch, position: number): void {
    const numbered = batch.numbered?.get(position);
    if (numbered?.isPinned !== true) return;
    numbered.isPinned = false;
    numbered.row.pins--;
  }

  /** After a refused unit: what waits is what is committed so; it is looked at again. */
  rebuild(inWindow: ReadonlySet<OpenMessage>): void {
    this.#lines.clear();
    for (const message of this.#parts.open.committed) {
      if (message.early === undefined || inWindow.has(message)) continue;
      this.#lines.add(message as EarlyMessage);
    }
    for (const { messages } of this.#lines.all) {
      const [first] = messages;
      if (first !== undefined) this.#parts.open.want(first);
    }
  }

  /** What it cannot do as it was told, for people. */
  get trouble(): string | undefined {
    const heldMax = this.#rules?.heldMax ?? Number.POSITIVE_INFINITY;
    if (this.#lines.size < heldMax) return undefined;
    const many = `${this.#lines.size} messages wait for others of their key's sequence`;
    return `${many}, as many as may; gaps are given up`;
  }

  #positionOf(row: StateRow, name: string): KeyPosition | undefined {
    const first = this.#rules?.first ?? "any";
    const { position, forgot } = positionIn(row.value, name);
    if (position !== undefined || first === "any" || forgot) return position;
    return positionBefore(first);
  }

  /** Whether it has waited as long as it may, and all that was stored meanwhile is known. */
  #isOver({ lane, stored }: WindowBatch, open: OpenMessage | undefined): boolean {
    if (open?.early === undefined || !open.isReleased) return false;
    const nowMs = this.#parts.clock.wallMs();
    if (open.dueAtMs > nowMs) return false;
    const lookedAtMs = this.#parts.isAtEnd() ? nowMs : (this.#lookedAtMs[lane] ?? 0);
    return lookedAtMs >= stored.appendedAtMs + (this.#rules as Resequence).waitMsMax;
  }

  /** The first message of a key that waits; those that were delivered anew are passed over. */
  #firstOf(name: string): EarlyMessage | undefined {
    for (;;) {
      const first = this.#lines.of(name)?.messages[0];
      if (first === undefined || this.#parts.open.knows(first)) return first;
      this.#lines.remove(first);
    }
  }

  /** Nothing waits any longer for the gaps of the key that has waited longest. */
  #giveUpOldest(): void {
    for (const line of this.#lines.all) {
      const highest = line.messages.at(-1)?.early;
      if (highest === undefined || line.upTo >= highest.number) continue;
      if (this.#isFailing(line.messages[0] as EarlyMessage)) continue;
      line.upTo = highest.number;
      return this.#releaseNext(highest.name, highest.expected);
    }
  }

  /** Whether its key waits behind a failed message. */
  #isFailing({ lane, early }: EarlyMessage): boolean {
    return this.#parts.open.lineOf({ lane, key: keyIn(early.name) }) !== undefined;
  }

  /** Lets the first one of a key go, if it waits for nothing any more. */
  #releaseNext(name: string, expected: number): void {
    const first = this.#firstOf(name);
    if (first === undefined) return;
    const upTo = this.#lines.of(name)?.upTo ?? -1;
    if (first.early.number <= Math.max(expected, upTo)) this.#parts.open.want(first);
  }

  #tell(batch: WindowBatch, position: number, standing: SequenceStanding): void {
    const { kind, number, expected, missing } = standing;
    if (kind === "first" || kind === "in-order" || expected === undefined) return;
    const { channel, group } = this.#parts;
    const record = batch.recordAt(position);
    const { type } = batch.stored.templateAt(record);
    const id = batch.stored.idAt(record);
    const key = batch.stored.keyAt(record) ?? "";
    const event: SequenceDiagnostics = {
      channel,
      group,
      type,
      id,
      key,
      kind,
      number,
      expected,
      missing,
    };
    diagnostics.sequence.publish(event);
  }
}

function lateVerdict(
  kind: "late" | "duplicate",
  action: OutOfSequenceAction,
  { number, expected = number }: SequenceStanding,
): SequenceVerdict {
  if (action === "handle") return run;
  const what = kind === "late" ? "came after the wait for it was given up" : "was handled before";
  return { kind: action, reason: `number ${number} of its key ${what}; ${expected} is the next` };
}
