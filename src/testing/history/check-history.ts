// Judges a history: one pass over its events, then one over what is known of each message. Owns the
// kinds of events and who is told of which; the rules stand with the log, the group and the tail.
// Always true: time is linear in the history's length; memory is a few objects for each message and
// each delivery of it to a group, and nothing for an event as such.
import { SpillwayError } from "../../errors/spillway-error.ts";
import { GroupRecord } from "./group-record.ts";
import type {
  Delivered,
  Drained,
  Effect,
  GroupSubscribed,
  Handled,
  HistoryEvent,
  Mark,
  PublishFailed,
  PublishInvoke,
  PublishOk,
  Settled,
  TailEnd,
  TailRead,
  TailStart,
} from "./history-event.ts";
import { LogRecord } from "./log-record.ts";
import type { Published } from "./published.ts";
import { TailRecord } from "./tail-record.ts";
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
  readonly log: LogRecord;
  readonly message: Published;
  readonly invokedAtMs: number;
}

/**
 * Takes a history event by event, for histories that do not fit into memory at once. Memory grows
 * with the number of messages and deliveries; checkHistory() says what is found.
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
  readonly #logs = new Map<string, LogRecord>();
  readonly #groups = new Map<string, GroupRecord>();
  readonly #tails = new Map<string, TailRecord>();
  readonly #tailsOf = new Map<string, TailRecord[]>();
  readonly #operations = new Map<number | string, Operation>();
  #calmAtMs: number | undefined;
  #endAtMs = 0;

  constructor(rules: HistoryRules = {}) {
    this.#rules = {
      stuckMs: rules.stuckMs ?? 60_000,
      dedupeWindowMs: rules.dedupeWindowMs ?? Number.POSITIVE_INFINITY,
      isDense: rules.isDense ?? false,
    };
  }

  /** Takes the next event. Throws INVALID_ARGUMENT for an outcome of an unknown operation. */
  add(event: HistoryEvent): void {
    this.#endAtMs = Math.max(this.#endAtMs, event.atMs);
    switch (event.kind) {
      case "invoke":
        return this.#invoke(event);
      case "ok":
      case "failed":
      case "unknown":
        return this.#complete(event);
      case "cancelled":
        this.#log(event.log).message(event.id).isCancelled = true;
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
        return this.#log(event.log).replay(event);
      case "replay-gap":
        return this.#log(event.log).gone.add(event);
      case "replay-end":
        this.#log(event.log).replayEnd = event;
        return;
    }
  }

  /** Judges everything that was added. Call it once, at the end. */
  finish(): Violation[] {
    for (const [operation, { log, message, invokedAtMs }] of this.#operations) {
      this.#judgeOpen(operation, log.name, message.id, invokedAtMs);
    }
    for (const log of this.#logs.values()) log.finish();
    const { stuckMs } = this.#rules;
    const patience = { stuckMs, calmAtMs: this.#calmAtMs, endAtMs: this.#endAtMs };
    for (const group of this.#groups.values()) group.finish(patience);
    for (const tail of this.#tails.values()) tail.finish();
    return this.#violations.list();
  }

  /** How many violations of each kind were found, also those that finish() does not list. */
  get counts(): ReadonlyMap<ViolationKind, number> {
    return this.#violations.counts;
  }

  #addToGroup(event: GroupEvent): void {
    const record = this.#group(event.group, event.log);
    if (event.kind === "subscribe") record.subscribe(event);
    else if (event.kind === "delivery") record.deliver(event);
    else if (event.kind === "handled") record.handle(event);
    else if (event.kind === "settled") record.settle(event);
    else if (event.kind === "effect") record.addEffect(event);
    else record.isDrained = true;
  }

  #addToTail(event: TailStart | TailRead | TailEnd): void {
    const record = this.#tail(event.reader, event.log);
    if (event.kind === "tail-start") record.start(event.from);
    else if (event.kind === "tail") record.read(event);
    else record.isEnded = true;
  }

  #invoke(event: PublishInvoke): void {
    const log = this.#log(event.log);
    const message = log.publish(event);
    this.#operations.set(event.operation, { log, message, invokedAtMs: event.atMs });
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
    if (event.kind === "ok") return operation.log.acknowledge(operation.message, event);
    operation.message.open--;
    if (event.kind === "failed") operation.message.failures++;
    else operation.message.unknowns++;
  }

  #mark({ kind, group, member, reader }: Mark): void {
    const concernsGroups = group !== undefined || reader === undefined;
    if (concernsGroups) {
      for (const record of this.#groups.values()) {
        if (group !== undefined && record.group !== group) continue;
        record.marks++;
        if (kind === "crash") record.crash(member);
      }
    }
    if (reader !== undefined) for (const tail of this.#tailsOf.get(reader) ?? []) tail.seek();
    else if (group === undefined) for (const tail of this.#tails.values()) tail.seek();
  }

  #judgeOpen(operation: number | string, log: string, id: string, invokedAtMs: number): void {
    if (this.#calmAtMs === undefined) return;
    const waitedMs = this.#endAtMs - Math.max(this.#calmAtMs, invokedAtMs);
    if (waitedMs < this.#rules.stuckMs) return;
    const message = `publishing ${id} (operation ${operation}) has no outcome after ${waitedMs} ms`;
    this.#violations.add({ kind: "stuck", message, log, id });
  }

  #log(name: string): LogRecord {
    let log = this.#logs.get(name);
    if (log === undefined) {
      this.#logs.set(name, (log = new LogRecord(name, this.#violations, this.#rules)));
    }
    return log;
  }

  #group(group: string, log: string): GroupRecord {
    const name = `${group}\u0000${log}`;
    let record = this.#groups.get(name);
    if (record === undefined) {
      this.#groups.set(name, (record = new GroupRecord(group, this.#log(log), this.#violations)));
    }
    return record;
  }

  #tail(reader: string, log: string): TailRecord {
    const name = `${reader}\u0000${log}`;
    let record = this.#tails.get(name);
    if (record === undefined) {
      this.#tails.set(name, (record = new TailRecord(reader, this.#log(log), this.#violations)));
      this.#tailsOf.set(reader, [...(this.#tailsOf.get(reader) ?? []), record]);
    }
    return record;
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
