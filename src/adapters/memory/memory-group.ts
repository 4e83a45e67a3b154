// One group on one channel: what it has settled, what is open, and which member owns which range
// of key slots. Knows nothing of promises. Always true: a range has at most one owner; a record is
// held from its delivery until it is settled, either way, or released; a range that must move goes
// to its new owner only when nothing of it is held any more.
import { SpillwayError } from "../../errors/spillway-error.ts";
import { priorities, type Priority } from "../../message/envelope.ts";
import type { BatchSettlement } from "../../ports/commit-unit.ts";
import type {
  ConsumerOptions,
  DeliveryBatch,
  GroupStats,
  OpenEntry,
  Waiting,
} from "../../ports/transport.ts";
import type { RangeStanding, StandingQuery } from "../../ports/message-standing.ts";
import type { MemoryLog } from "./memory-log.ts";
import { startIn } from "./memory-start.ts";
import { type Progress, unsettledOf } from "./memory-progress.ts";

/** What a group needs of its channel. */
export interface GroupChannel {
  readonly declaration: { readonly name: string; readonly partitions: number };
  readonly logs: Readonly<Record<Priority, MemoryLog>>;
  wallMs(): number;
  /** Tells everybody who waits that something changed. */
  wake(): void;
}

/** A member; told apart by identity. */
export interface Member {
  close(): Promise<void>;
}

interface Range {
  owner: Member | undefined;
  epoch: number;
  /** Asked back: nothing of it is delivered until it has been given anew. */
  revoked: boolean;
  /** Delivered and not yet settled or released: "priority offset". */
  readonly held: Set<string>;
  /** Where this owner's delivery stands, by priority. */
  positions: Record<Priority, number>;
}

/** The epoch of each record's range when it was fetched. */
type Token = readonly number[];

/** A group's progress and members. */
export class MemoryGroup {
  readonly name: string;
  /** Messages settled because their time had passed. */
  expired = 0;
  #dropped = 0;
  /** When the last member left, wall ms; meaningless while there is one. */
  #leftAtMs = 0;
  readonly #channel: GroupChannel;
  readonly members: Member[] = [];
  readonly #ranges: Range[];
  readonly #progress: Record<Priority, Progress>;
  #types: string;

  constructor(channel: GroupChannel, options: ConsumerOptions) {
    const start = (priority: Priority): Progress => {
      const position = startIn(priority, options.from, channel.logs.normal);
      const floor = channel.logs[priority].offsetOf(position);
      return { floor, settled: new Set(), open: new Map() };
    };
    this.name = options.group;
    this.#channel = channel;
    this.#types = JSON.stringify(options.types ?? null);
    this.#progress = { high: start("high"), normal: start("normal"), low: start("low") };
    this.#ranges = Array.from({ length: channel.declaration.partitions }, () => ({
      owner: undefined,
      epoch: 0,
      revoked: false,
      held: new Set<string>(),
      positions: { high: 0, normal: 0, low: 0 },
    }));
  }

  /** Adds a member; GROUP_CONFLICT while a living one reads other types. */
  join(member: Member, types: readonly string[] | undefined): void {
    const wanted = JSON.stringify(types ?? null);
    if (this.members.length > 0 && wanted !== this.#types) {
      throw new SpillwayError(
        "GROUP_CONFLICT",
        `group '${this.name}' on channel '${this.#channel.declaration.name}' is in use for other ` +
          "messages: give each subscription its own group, or handle all contracts in one",
        { details: { group: this.name, reads: this.#types, wanted } },
      );
    }
    this.#types = wanted;
    this.members.push(member);
    this.#share();
  }

  /** Removes a member; its ranges are free at once. */
  leave(member: Member): void {
    const at = this.members.indexOf(member);
    if (at === -1) return;
    this.members.splice(at, 1);
    this.#leftAtMs = this.#channel.wallMs();
    for (const range of this.#ranges) if (range.owner === member) free(range);
    this.#share();
  }

  /** Gives free ranges away and asks for those that somebody else should have. */
  #share(): void {
    this.#ranges.forEach((range, index) => {
      const wanted = this.members[index % this.members.length];
      if (range.owner !== undefined && range.owner !== wanted) range.revoked = true;
      if (range.revoked && range.held.size === 0) free(range);
      if (range.owner !== undefined || wanted === undefined) return;
      range.owner = wanted;
      range.epoch++;
      for (const priority of priorities) range.positions[priority] = this.floor(priority);
    });
    this.#channel.wake();
  }

  /** The next deliveries for `member`, most urgent log first; undefined when there are none. */
  fetch(member: Member, messagesMax: number, first?: Priority): DeliveryBatch | undefined {
    const own = this.#ranges.filter((range) => range.owner === member && !range.revoked);
    const inTurn = first === undefined ? priorities : new Set([first, ...priorities]);
    for (const priority of inTurn) {
      const { startOffset, endOffset } = this.#channel.logs[priority];
      const offsets: number[] = [];
      const positions = own.map((range) => range.positions[priority]);
      let at = Math.max(startOffset, Math.min(endOffset, ...positions));
      for (; at < endOffset && offsets.length < messagesMax; at++) {
        const range = this.#rangeAt(priority, at);
        if (range?.owner !== member || range.revoked || at < range.positions[priority]) continue;
        if (this.#isSettled(priority, at)) continue;
        offsets.push(at);
      }
      for (const range of own) {
        range.positions[priority] = Math.max(range.positions[priority], at);
      }
      if (offsets.length > 0) return this.#delivery(priority, offsets);
    }
    return undefined;
  }

  /** Hands these out: their range holds them from now on. */
  #delivery(priority: Priority, offsets: readonly number[]): DeliveryBatch {
    const stored = this.#channel.logs[priority].batch(offsets);
    const open = new Map<number, OpenEntry>();
    offsets.forEach((offset, record) => {
      const entry = this.#progress[priority].open.get(offset);
      if (entry !== undefined) open.set(record, entry);
    });
    const records = offsets.map((_, record) => record);
    const token: Token = offsets.map((offset) => {
      const range = this.#rangeAt(priority, offset) as Range;
      range.held.add(`${priority} ${offset}`);
      return range.epoch;
    });
    return { stored, records, token, ...(open.size > 0 && { open }) };
  }

  /** Whether `member` may start handling this record. */
  owns(member: Member, batch: DeliveryBatch, record: number): boolean {
    return this.#rangeOf(member, batch, record)?.revoked === false;
  }

  /** The range of a delivered record, if it still is this member's under the same epoch. */
  #rangeOf(member: Member, batch: DeliveryBatch, record: number): Range | undefined {
    const range = this.#ranges[(batch.stored.slotAt(record) * this.#ranges.length) >> 16];
    const fetched = (batch.token as Token)[record];
    return range?.owner === member && range.epoch === fetched ? range : undefined;
  }

  release(member: Member, batch: DeliveryBatch, record: number): void {
    const range = this.#rangeOf(member, batch, record);
    if (range === undefined) return;
    range.held.delete(`${batch.stored.priority} ${batch.stored.offsetAt(record)}`);
    if (range.revoked) this.#share();
  }

  /** Unsettled messages of `member`'s ranges, read again. */
  reload(member: Member, priority: Priority, offsets: readonly number[]): DeliveryBatch[] {
    const owned = offsets.filter((offset) => {
      if (this.#isSettled(priority, offset)) return false;
      const range = this.#rangeAt(priority, offset);
      return range?.owner === member && !range.revoked;
    });
    return owned.length === 0
      ? []
      : [
          this.#delivery(
            priority,
            owned.sort((a, b) => a - b),
          ),
        ];
  }

  /** Whether every settled record still belongs to `member` as it did when it was fetched. */
  mayBeSettled(member: Member, settlements: readonly BatchSettlement[]): boolean {
    return settlements.every(({ batch, records }) =>
      records.every((record) => this.#rangeOf(member, batch, record) !== undefined),
    );
  }

  /** Applies outcomes; the caller has checked mayBeSettled(). */
  settle(member: Member, settlements: readonly BatchSettlement[]): void {
    for (const { batch, records, outcomes } of settlements) {
      const { priority } = batch.stored;
      const progress = this.#progress[priority];
      records.forEach((record, index) => {
        const offset = batch.stored.offsetAt(record);
        const outcome = outcomes?.[index];
        this.#rangeOf(member, batch, record)?.held.delete(`${priority} ${offset}`);
        if (offset < progress.floor) return;
        if (outcome?.kind === "open") {
          const { attempt, dueAtMs, reason } = outcome;
          progress.open.set(offset, { attempt, dueAtMs, reason });
        } else {
          progress.settled.add(offset);
          progress.open.delete(offset);
        }
      });
      while (progress.settled.delete(progress.floor)) progress.floor++;
    }
    if (this.#ranges.some((range) => range.revoked)) this.#share();
  }

  /** What is known at one key; see Transport.standing(). */
  standing({ priority, slot }: StandingQuery): RangeStanding {
    const range = this.#ranges[(slot * this.#ranges.length) >> 16] as Range;
    const isOfRange = (offset: number) => this.#rangeAt(priority, offset) === range;
    const owner = range.owner === undefined ? "nobody" : "here";
    const listed = unsettledOf(this.#progress[priority], isOfRange);
    return { ...listed, owner, members: this.members.length };
  }

  /** The lowest offset that is not settled. */
  floor(priority: Priority): number {
    return this.#progress[priority].floor;
  }

  /** What it has not settled of each log. */
  waiting(): Waiting[] {
    return priorities.map((priority) => {
      const { floor, settled } = this.#progress[priority];
      return this.#channel.logs[priority].waitingFrom(floor, settled);
    });
  }

  /** Gives up what retention removed. */
  dropBefore(priority: Priority, offset: number): void {
    const progress = this.#progress[priority];
    for (const open of progress.open.keys()) if (open < offset) progress.open.delete(open);
    for (; progress.floor < offset; progress.floor++) {
      if (!progress.settled.delete(progress.floor)) this.#dropped++;
    }
  }

  stats(wallMs: number): GroupStats {
    let depth = 0;
    let open = 0;
    let lagMs = 0;
    for (const priority of priorities) {
      const { floor, settled, open: entries } = this.#progress[priority];
      const log = this.#channel.logs[priority];
      if (floor < log.endOffset) lagMs = Math.max(lagMs, wallMs - log.appendedAtMs(floor));
      depth += Math.max(0, log.endOffset - floor - settled.size);
      for (const { reason } of entries.values()) if (reason !== "in-flight") open++;
    }
    const { name: group, expired, members } = this;
    return {
      group,
      depth,
      open,
      lagMs,
      members: members.length,
      expired,
      dropped: this.#dropped,
      lost: 0,
      idleSinceMs: members.length === 0 ? this.#leftAtMs : undefined,
    };
  }

  #isSettled(priority: Priority, offset: number): boolean {
    const { floor, settled } = this.#progress[priority];
    return offset < floor || settled.has(offset);
  }

  #rangeAt(priority: Priority, offset: number): Range | undefined {
    const slot = this.#channel.logs[priority].slotAt(offset);
    return this.#ranges[(slot * this.#ranges.length) >> 16];
  }
}

function free(range: Range): void {
  range.owner = undefined;
  range.revoked = false;
  range.held.clear();
}
