// Group commit: what is written while transactions are under way is gathered and goes into the
// next one. Every commit is synced, so a commit for many costs hardly more than one for a single
// message. Always true: units take effect in the order they came; at most `transactionsMax` are
// under way. The queue has no bound of its own: publishers and deliveries bound what they hand
// in.
import { errorCodes, type ErrorCode } from "../../../errors/error-codes.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { OutgoingBatch } from "../../../message/outgoing-batch.ts";
import type { CommitResult } from "../../../ports/commit-unit.ts";
import type { AppendResult } from "../../../ports/transport.ts";
import type {
  EncodedAppend,
  Engine,
  EngineAppendResult,
  EngineUnit,
  EngineUnitResult,
} from "../journal/engine.ts";
import { encodeBatch } from "../journal/format.ts";
import { channelFull } from "../../../ports/channel-limits.ts";
import { spaceError } from "../journal/space-shortage.ts";
import type { ChannelRooms } from "./channel-rooms.ts";

/** Transactions under way at once: one is being written while the next one is on its way. */
export const transactionsMax = 2;
/** A transaction that holds this many batches takes no further unit. */
export const transactionBatchesMax = 16;
/** A transaction that holds this many payload bytes takes no further unit. */
export const transactionBytesMax = 4_194_304;
/** So much is sent at once: the writer works on it while this turn of main goes on. */
export const eagerBytes = 65_536;
/** A transaction takes no more units than this. */
export const transactionUnitsMax = 256;

/** A unit without its batches. */
export type UnitHead = Omit<EngineUnit, "appends">;

/** A batch and its encoded form. */
export interface PreparedBatch {
  readonly batch: OutgoingBatch;
  readonly append: EncodedAppend;
}

interface Waiting {
  readonly head: UnitHead;
  readonly batches: readonly PreparedBatch[];
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

const plainAppend: UnitHead = {
  member: 0,
  generation: 0,
  sequence: 0,
  fences: [],
  cursors: [],
  open: [],
  expired: 0,
  state: undefined,
};

/** Sends units to the engine, many in one transaction. */
export class GroupCommit {
  readonly #engine: Engine;
  readonly #rooms: ChannelRooms;
  #queue: Waiting[] = [];
  #underWay = 0;
  #scheduled = false;
  #idle: (() => void)[] = [];
  #stopped: SpillwayError | undefined;

  constructor(engine: Engine, rooms: ChannelRooms) {
    this.#engine = engine;
    this.#rooms = rooms;
  }

  /** Stores batches in one unit without conditions. */
  async append(batches: readonly OutgoingBatch[]): Promise<readonly AppendResult[]> {
    if (batches.length === 0) return [];
    const result = await this.commit(plainAppend, prepareBatches(batches));
    if (result.kind === "committed") return result.appended;
    throw new SpillwayError("JOURNAL_IO", `a plain append was ${result.kind}: report this`);
  }

  /** Commits a unit together with its outgoing messages. */
  commit(head: UnitHead, batches: readonly PreparedBatch[]): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      if (this.#stopped !== undefined) return reject(this.#stopped);
      this.#queue.push({ head, batches, resolve, reject });
      if (bytesOf(batches) >= eagerBytes) return this.#send();
      if (this.#scheduled) return;
      this.#scheduled = true;
      // What is handed in during the same turn joins one transaction.
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#send();
      });
    });
  }

  /** The engine is at its end: what it was not given rejects with `reason`. */
  stop(reason: SpillwayError): void {
    this.#stopped ??= reason;
    for (const { reject } of this.#queue.splice(0)) reject(reason);
  }

  /** Resolves once everything handed in so far is durable or refused. */
  idle(): Promise<void> {
    if (this.#queue.length === 0 && this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #send(): void {
    while (this.#underWay < transactionsMax && this.#queue.length > 0) {
      this.#underWay++;
      void this.#transact(this.#gather());
    }
  }

  /** Before anybody hears of it: who then waits for room must not miss the notice. */
  #noteFull(outcome: EngineUnitResult): void {
    if (outcome.kind !== "committed") return;
    for (const { refusal: refused } of outcome.appended) {
      if (refused !== undefined) this.#rooms.refused(refused.full.channel, refused.told);
    }
    const { channels, told } = outcome.over ?? { channels: [], told: 0 };
    for (const channel of channels) this.#rooms.refused(channel, told);
  }

  #gather(): readonly Waiting[] {
    let units = 0;
    let batches = 0;
    let bytes = 0;
    while (units < this.#queue.length && units < transactionUnitsMax) {
      const next = this.#queue[units] as Waiting;
      const nextBytes = bytesOf(next.batches);
      const full =
        batches + next.batches.length > transactionBatchesMax ||
        bytes + nextBytes > transactionBytesMax;
      if (units > 0 && full) break;
      units++;
      batches += next.batches.length;
      bytes += nextBytes;
    }
    return this.#queue.splice(0, units);
  }

  async #transact(waiting: readonly Waiting[]): Promise<void> {
    try {
      const units = waiting.map(({ head, batches }) => ({
        ...head,
        appends: batches.map(({ append }) => append),
      }));
      const transfer = units.flatMap(({ appends }) => appends.map(({ blob }) => blob.buffer));
      const { results } = await this.#engine.request("transact", { units }, transfer);
      for (const [index, { batches, resolve, reject }] of waiting.entries()) {
        const outcome = results[index] as EngineUnitResult;
        this.#noteFull(outcome);
        if (outcome.kind === "full") reject(spaceError("nothing was stored", outcome.shortage));
        else if (outcome.kind === "unknown") reject(unknownChannel(outcome));
        else resolve(toCommitResult(outcome, batches));
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    } finally {
      this.#underWay--;
      this.#send();
      if (this.#underWay === 0) {
        for (const resolve of this.#idle.splice(0)) resolve();
      }
    }
  }
}

function unknownChannel({ channel, message }: { channel: string; message: string }): SpillwayError {
  return new SpillwayError("UNKNOWN_CHANNEL", message, { details: { channel } });
}

function bytesOf(batches: readonly PreparedBatch[]): number {
  let bytes = 0;
  for (const { append } of batches) bytes += append.blob.byteLength;
  return bytes;
}

/**
 * Encodes batches. Done before anything else of a unit, because a unit that failed halfway on its
 * way to the engine would leave a hole in the order of units. Throws CODEC_FAILED.
 */
export function prepareBatches(batches: readonly OutgoingBatch[]): readonly PreparedBatch[] {
  return batches.map((batch) => ({ batch, append: encode(batch) }));
}

function encode(batch: OutgoingBatch): EncodedAppend {
  const { channel, priority, count, hasGivenIds, dueAtMs, isOptional } = batch;
  try {
    const blob = encodeBatch(batch);
    return { channel, priority, count, hasGivenIds, blob, dueAtMs, isOptional };
  } catch (cause) {
    throw new SpillwayError(
      "CODEC_FAILED",
      `${count} messages for channel '${channel}' cannot be stored (${String(cause)}): ` +
        "look for an attribute that has no JSON form",
      { cause, details: { channel, count } },
    );
  }
}

function toCommitResult(
  result: Exclude<EngineUnitResult, { kind: "full" | "unknown" }>,
  batches: readonly PreparedBatch[],
): CommitResult {
  if (result.kind === "reused") {
    const reused = result.reused.map(([publish, index]) => {
      const { batch } = batches[publish] as PreparedBatch;
      return { publish, index, error: refusal("ID_REUSED", batch, index) };
    });
    return { kind: "reused", reused };
  }
  if (result.kind !== "committed") return result;
  const appended = result.appended.map((append, index) =>
    toAppendResult(append, (batches[index] as PreparedBatch).batch),
  );
  const { version, over } = result;
  if (over === undefined) return { kind: "committed", appended, version };
  return { kind: "committed", appended, version, over: over.channels };
}

type Exception = { readonly offset: number } | SpillwayError;

function toAppendResult(result: EngineAppendResult, batch: OutgoingBatch): AppendResult {
  const { firstOffset, exceptions, isDropped, refusal: refused } = result;
  if (isDropped === true) return { firstOffset, isDropped };
  if (exceptions.length === 0) return { firstOffset };
  // One error answers all of a batch: a flood must not cost memory for its refusals.
  const full = refused === undefined ? undefined : channelFull(refused.full);
  const exceptionOf = (index: number, what: number | ErrorCode): Exception => {
    if (typeof what === "number") return { offset: what };
    return what === "BACK_PRESSURE" && full !== undefined ? full : refusal(what, batch, index);
  };
  return {
    firstOffset,
    exceptions: new Map(exceptions.map(([index, what]) => [index, exceptionOf(index, what)])),
  };
}

function refusal(code: ErrorCode, batch: OutgoingBatch, index: number): SpillwayError {
  const id = batch.idAt(index);
  const { cause, remedy } = errorCodes[code];
  return new SpillwayError(
    code,
    `message '${id}' for channel '${batch.channel}' was not stored. ${cause} ${remedy}`,
    { details: { id, channel: batch.channel, source: batch.templateAt(index).source } },
  );
}
