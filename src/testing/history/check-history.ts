// Judges a history: one pass over its events, then one over what is known of each message. Owns the
// kinds of events and who is told of which; the rules stand with the log, the group and the tail.
// Always true: time is linear in the history's length; memory is a few objects for each message and
// each delivery of it to a group since the last checkpoint, and nothing for an event as such.
import { SpillwayError } from "../../errors/spillway-error.ts";
import type {
  Delivered,
  Drained,
  Effect,
  GroupSubscribed,
  Handled,
  HistoryEvent,
  LogName,
  Mark,
  PublishFailed,
  PublishInvoke,
  PublishOk,
  Settled,
  TailEnd,
  TailRead,
  TailStart,
} from "./history-event.ts";
import { judgeMessage } from "./judge-message.ts";
import type { Published } from "./published.ts";
import { Records, type Topic } from "./records.ts";
import { type Violation, type ViolationKind, ViolationList } from "./violation.ts";

/** What a history is held against beyond its events. */
export interface HistoryRules {
  /**
   * How long after the "calm" event, in ms, everything may stand still; default 60,000. More than
   * the longest back-off of a retry.
   */
  readonly stuckMs?: number;
  /** Storings of one id further apart are no duplicates; default: no such time. */
  readonly dedupeWindowMs?: number;
  /** Whether an offset missing in the full read is a lost message; default false. */
  readonly isDense?: boolean;
}

interface Operation {
  readonly log: LogName;
  readonly message: Published;
  readonly invokedAtMs: number;
}

/**
 * Takes a history event by event, for histories that do not fit into memory at once. Memory grows
 * with the number of messages and deliveries, until checkpoint() forgets them; checkHistory() says
 * what is found.
 *
 * @example
 * import { HistoryChecker } from "spillway/testing";
 * const checker = new HistoryChecker();
 * checker.add({ kind: "invoke", atMs: 0, operation: 1, log: "orders", id: "a" });
 * checker.add({ kind: "ok", atMs: 5, operation: 1, offset: 0 });
 * checker.add({ kind: "replay-end", atMs: 9, log: "orders", startOffset: 0, endOffset: 1 });
 * console.log(checker.finish()[0]?.kind); // lost
 */
export class HistoryChecker {
  readonly #rules: Required<HistoryRules>;
  readonly #violations = new ViolationList();
  readonly #records: Records;
  readonly #operations = new Map<number | string, Operation>();
  #calmAtMs: number | undefined;
  #endAtMs = 0;

  constructor(rules: HistoryRules = {}) {
    this.#rules = {
      stuckMs: rules.stuckMs ?? 60_000,
      dedupeWindowMs: rules.dedupeWindowMs ?? Number.POSITIVE_INFINITY,
      isDense: rules.isDense ?? false,
    };
    const { dedupeWindowMs, isDense } = this.#rules;
    this.#records = new Records(this.#violations, dedupeWindowMs, isDense);
  }

  /** Takes the next event. Throws INVALID_ARGUMENT for an unknown kind or operation. */
  add(event: HistoryEvent): void {
    this.#endAtMs = Math.max(this.#endAtMs, event.atMs);
    switch (event.kind) {
      case "partition":
        return this.#records.addPartition(event.log, event.of);
      case "invoke":
        return this.#invoke(event);
      case "ok":
      case "failed":
      case "unknown":
        return this.#complete(event);
      case "cancelled":
        this.#records.topic(event.log).record.message(event.id).isCancelled = true;
        return;
      case "calm":
        this.#calmAtMs = event.atMs;
        return;
      case "crash":
      case "rebalance":
      case "seek":
        return this.#mark(event);
      case "end":
        return;
      case "subscribe":
      case "delivery":
      case "handled":
      case "settled":
      case "effect":
      case "drained":
        return this.#addToGroup(event);
      case "tail-start":
      case "tail":
      case "tail-end":
        return this.#addToTail(event);
      case "replay":
        return this.#records.log(event.log).replay(event);
      case "replay-gap":
        return this.#records.log(event.log).gone.add(event);
      case "replay-end":
        this.#records.log(event.log).replayEnd = event;
        return;
      default:
        throw unknownEvent(event);
    }
  }

  /** Judges everything that was added. Call it once, at the end. */
  finish(): Violation[] {
    for (const [operation, { log, message, invokedAtMs }] of this.#operations) {
      this.#judgeOpen(operation, log, message.id, invokedAtMs);
    }
    for (const topic of this.#records.topics.values()) this.#judgeTopic(topic);
    return this.#violations.list();
  }

  /**
   * Judges everything so far, and forgets it, so that a run may be as long as it likes. Call it
   * where a log was read in full and every group has settled everything ("drained"); what is not
   * at such a point is kept. The log's next full read may begin anew, and then must show what it
   * showed before, of which a digest remains, or begin (`startOffset`) behind that. What was
   * settled must not come back. Effects are told once. Without offsets, a message that comes once
   * more later on is taken for a phantom. Returns all violations so far.
   */
  checkpoint(): Violation[] {
    for (const topic of this.#records.topics.values()) {
      const { record, logs, groups, tails, effects } = topic;
      if (!groups.every(({ isDone }) => isDone)) continue;
      if (logs.some(({ hasOffsets, replayEnd }) => hasOffsets && replayEnd === undefined)) continue;
      this.#judgeTopic(topic);
      record.forget();
      for (const log of logs) log.forget();
      for (const each of [...groups, ...tails, ...effects.values()]) each.forget();
    }
    return this.#violations.list();
  }

  /** How many violations of each kind were found, also those that finish() does not list. */
  get counts(): ReadonlyMap<ViolationKind, number> {
    return this.#violations.counts;
  }

  #judgeTopic({ record, logs, groups, tails, effects }: Topic): void {
    const { stuckMs } = this.#rules;
    for (const message of record.messages.values()) {
      for (const violation of judgeMessage(message, logs, stuckMs)) this.#violations.add(violation);
    }
    for (const log of logs) log.finish();
    const patience = { stuckMs, calmAtMs: this.#calmAtMs, endAtMs: this.#endAtMs };
    for (const group of groups) group.finish(patience);
    for (const each of [...effects.values(), ...tails]) each.finish();
  }

  #addToGroup(event: GroupEvent): void {
    if (event.kind === "effect") return this.#records.effects(event.group, event.log).add(event);
    const record = this.#records.group(event.group, event.log);
    if (event.kind === "subscribe") record.subscribe(event);
    else if (event.kind === "delivery") record.deliver(event);
    else if (event.kind === "handled") record.handle(event);
    else if (event.kind === "settled") record.settle(event);
    else record.isDrained = true;
  }

  #addToTail(event: TailStart | TailRead | TailEnd): void {
    const record = this.#records.tail(event.reader, event.log);
    if (event.kind === "tail-start") record.start(event.from);
    else if (event.kind === "tail") record.read(event);
    else record.isEnded = true;
  }

  #invoke(event: PublishInvoke): void {
    const { operation, log, atMs: invokedAtMs } = event;
    const message = this.#records.topic(log).record.publish(event);
    this.#operations.set(operation, { log, message, invokedAtMs });
  }

  #complete(event: PublishOk | PublishFailed): void {
    const operation = this.#operations.get(event.operation);
    if (operation === undefined) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `checkHistory: '${event.kind}' of operation ${event.operation}, which is not under way: ` +
          "note its 'invoke' first, and one outcome",
      );
    }
    this.#operations.delete(event.operation);
    if (event.kind === "ok") return this.#acknowledge(operation, event);
    operation.message.open--;
    if (event.kind === "failed") operation.message.failures++;
    else operation.message.unknowns++;
  }

  #acknowledge({ log, message }: Operation, event: PublishOk): void {
    const { atMs, offset } = event;
    const spot = offset === undefined ? undefined : { log: event.log ?? log, offset };
    this.#records.topic(log).record.acknowledge(message, atMs, spot);
    if (spot !== undefined) this.#records.log(spot.log).acknowledge(message, spot.offset);
    else message.log ??= event.log;
  }

  #mark({ kind, group, member, reader }: Mark): void {
    const concernsGroups = group !== undefined || reader === undefined;
    if (concernsGroups) {
      for (const record of this.#records.groups) {
        if (group !== undefined && record.group !== group) continue;
        record.marks++;
        if (kind === "crash") record.crash(member);
      }
    }
    if (reader === undefined && group !== undefined) return;
    for (const tail of this.#records.tailsOf(reader)) tail.seek();
  }

  #judgeOpen(operation: number | string, log: string, id: string, invokedAtMs: number): void {
    if (this.#calmAtMs === undefined) return;
    const waitedMs = this.#endAtMs - Math.max(this.#calmAtMs, invokedAtMs);
    if (waitedMs < this.#rules.stuckMs) return;
    const message = `publishing ${id} (operation ${operation}) has no outcome after ${waitedMs} ms`;
    this.#violations.add({ kind: "stuck", message, log, id });
  }
}

/** Events that go to one group on a log. */
type GroupEvent = GroupSubscribed | Delivered | Handled | Settled | Effect | Drained;

/**
 * Finds what must not be in the history of a run with faults. What needs the full read ("replay"
 * up to "replay-end") or the groups' subscriptions is judged only where the history has them.
 *
 * - `lost`: acknowledged, and not in the full read; stored, and never finished by a group that has
 *   gone past it or has settled everything; or settled without its effect.
 * - `phantom`: read, handled or effective, but never sent, not as it was sent, or not stored.
 * - `aborted-read`: read, although every attempt to publish it has failed for certain.
 * - `duplicate`: stored twice under one idempotency id, or two effects in one group.
 * - `reorder`: stored before a message of its key that was acknowledged before it was sent; or
 *   delivered to a group before one of its key that is not finished.
 * - `inconsistent-offset`: one offset, two messages.
 * - `non-monotonic`: a reader goes back, or a member is given again what it has finished, without
 *   a crash, a rebalance or a seek; or what was settled before it began.
 * - `tail-not-replay`: a live reader has seen something else than the full read shows.
 * - `stuck`: the faults have stopped, there is work, and nothing is finished for `stuckMs`.
 *
 * @example
 * import { checkHistory } from "spillway/testing";
 * const violations = checkHistory([
 *   { kind: "invoke", atMs: 0, operation: 1, log: "orders", id: "a" },
 *   { kind: "failed", atMs: 1, operation: 1 },
 *   { kind: "replay", atMs: 2, log: "orders", id: "a", offset: 0 },
 *   { kind: "replay-end", atMs: 2, log: "orders", startOffset: 0, endOffset: 1 },
 * ]);
 * console.log(violations[0]?.kind); // aborted-read
 */
export function checkHistory(
  history: Iterable<HistoryEvent>,
  rules: HistoryRules = {},
): Violation[] {
  const checker = new HistoryChecker(rules);
  for (const event of history) checker.add(event);
  return checker.finish();
}

/** Read from a file it can be anything; what is not understood must not count as sound. */
function unknownEvent(event: never): SpillwayError {
  const { kind }: { readonly kind?: unknown } = event;
  return new SpillwayError(
    "INVALID_ARGUMENT",
    `checkHistory: there is no event of kind ${JSON.stringify(kind)}: see HistoryEvent for those ` +
      "there are",
  );
}
