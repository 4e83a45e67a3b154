// A journal core on a directory of its own, driven by hand: a clock that moves only when told,
// messages made from plain data, and everything stored read back through a second connection.
// For the unit tests of the journal; several rigs may share a directory, as several processes
// do.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Connection, openConnection } from "../../src/adapters/embedded/journal/connection.ts";
import { JournalCore } from "../../src/adapters/embedded/journal/core.ts";
import type {
  EncodedAppend,
  EngineAppendResult,
  EngineNotice,
  EngineOptions,
  EngineUnit,
  EngineUnitResult,
} from "../../src/adapters/embedded/journal/engine.ts";
import {
  BatchView,
  checkBatchCrc,
  encodeBatch,
} from "../../src/adapters/embedded/journal/format.ts";
import { stateColumnsOf } from "../../src/adapters/embedded/journal/state-columns.ts";
import type { CancelTimer, Clock } from "../../src/kernel/clock.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import { type MessageAttributes, priorities, type Priority } from "../../src/message/envelope.ts";
import { OutgoingBatch } from "../../src/message/outgoing-batch.ts";
import type { StateChange } from "../../src/ports/commit-unit.ts";
import type { ChannelDeclaration, ChannelStats } from "../../src/ports/transport.ts";

/** A clock that only a test moves. */
export class HandClock implements Clock {
  wall = 1_800_000_000_000;
  monotonic = 0;

  wallMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  after(): CancelTimer {
    return () => undefined;
  }

  soon(): void {
    throw new Error("the core is synchronous");
  }

  /** Lets time pass, on both clocks. */
  pass(durationMs: number): void {
    this.wall += durationMs;
    this.monotonic += durationMs;
  }
}

/** A message as a test writes it. */
export interface Sample {
  readonly data: string;
  readonly id?: string;
  readonly key?: string;
  readonly source?: string;
  readonly type?: string;
  readonly attributes?: MessageAttributes;
}

/** A stored message as a test compares it. */
export interface StoredSample {
  readonly offset: number;
  readonly id: string;
  readonly data: string;
}

const seeds = { next: 1 };

/** Makes a directory for one test. */
export function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), "spillway-journal-"));
}

/** Removes a test's directory. */
export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** See the head of this file. */
export class CoreRig {
  readonly directory: string;
  readonly clock: HandClock;
  readonly core: JournalCore;
  readonly options: EngineOptions;
  readonly incarnation: string;
  notices: EngineNotice[] = [];
  /** Main's sign of life; rises with each look unless a test stops it. */
  progress = 0;
  hanging = false;
  readonly #random = seededRandom(seeds.next++);

  constructor(
    directory: string,
    clock: HandClock,
    options: Partial<EngineOptions> = {},
    bell = "",
  ) {
    this.directory = directory;
    this.clock = clock;
    this.options = {
      directory,
      durability: "relaxed",
      leaseMs: 3_000,
      maxBlockedMs: 60_000,
      busyTimeoutMs: 20,
      walBytesMax: 67_108_864,
      dedupeWindowMs: 600_000,
      dedupeCountMax: 100_000,
      ...options,
    };
    this.core = new JournalCore({
      clock,
      random: this.#random,
      bell,
      onNotice: (notice) => this.notices.push(notice),
      progress: () => (this.hanging ? this.progress : ++this.progress),
    });
    this.incarnation = this.core.handle("open", { options: this.options }).incarnation;
  }

  declare(name: string, options: Partial<ChannelDeclaration> = {}): void {
    this.core.handle("declare", {
      channel: { name, partitions: 4, retention: {}, compression: "none", ...options },
    });
  }

  encoded(
    channel: string,
    samples: readonly Sample[],
    options: { readonly priority?: Priority; readonly dueAtMs?: readonly number[] } = {},
  ): EncodedAppend {
    const { priority = "normal", dueAtMs } = options;
    const batch = new OutgoingBatch(channel, priority, this.#random, dueAtMs);
    for (const {
      data,
      id,
      key,
      source = "test",
      type = "com.acme.sample",
      attributes,
    } of samples) {
      const template = { type, version: 1, source, contentType: "application/json" };
      batch.add(template, data, this.clock.wallMs(), key, attributes, id);
    }
    const { count, hasGivenIds, isOptional } = batch;
    const blob = encodeBatch(batch);
    return { channel, priority, count, hasGivenIds, blob, dueAtMs, isOptional };
  }

  /** Appends outside any group and returns what became of it. */
  publish(
    channel: string,
    samples: readonly (Sample | string)[],
    options: { readonly priority?: Priority; readonly dueAtMs?: readonly number[] } = {},
  ): EngineAppendResult {
    const rows = samples.map((row) => (typeof row === "string" ? { data: row } : row));
    const [result] = this.transact([plainUnit([this.encoded(channel, rows, options)])]);
    if (result?.kind !== "committed") throw new Error("a plain append cannot be refused");
    return result.appended[0] as EngineAppendResult;
  }

  transact(units: readonly EngineUnit[]): readonly EngineUnitResult[] {
    return this.core.handle("transact", { units }).results;
  }

  join(channel: string, group: string, types?: readonly string[]): number {
    return this.core.handle("join", { channel, group, from: "earliest", types }).member;
  }

  stats(channel: string): ChannelStats {
    const { channels } = this.core.handle("stats", {});
    const found = channels.find((row) => row.channel === channel);
    if (found === undefined) throw new Error(`no channel ${channel}`);
    return found;
  }

  /** Notices of one kind since the last call, taken out. */
  take<Kind extends EngineNotice["kind"]>(kind: Kind): Extract<EngineNotice, { kind: Kind }>[] {
    const taken = this.notices.filter((notice) => notice.kind === kind);
    this.notices = this.notices.filter((notice) => notice.kind !== kind);
    return taken as Extract<EngineNotice, { kind: Kind }>[];
  }

  /** [member, range, epoch] of every grant since the last call. */
  grants(): (readonly [number, number, number])[] {
    return this.take("granted").flatMap(({ member, grants }) =>
      grants.map(({ range, epoch }) => [member, range, epoch] as const),
    );
  }

  /** Everything stored in one lane, in order; checks the chain of checksums on the way. */
  stored(channel: string, priority: Priority = "normal"): StoredSample[] {
    return this.withConnection((connection) => readLog(connection, channel, priority));
  }

  withConnection<Result>(action: (connection: Connection) => Result): Result {
    const { clock, options } = this;
    const connection = openConnection(this.directory, "checkpoint", {
      clock,
      durability: options.durability,
      busyTimeoutMs: 1_000,
    });
    try {
      return action(connection);
    } finally {
      connection.close();
    }
  }

  close(): void {
    this.core.handle("close", {});
  }
}

/** A unit that only appends. */
export function plainUnit(appends: readonly EncodedAppend[]): EngineUnit {
  return unitOf(0, { appends });
}

/** A unit of a member; what is not given is empty. */
export function unitOf(
  member: number,
  { state = [], ...parts }: Partial<Omit<EngineUnit, "state">> & { state?: StateChange[] } = {},
): EngineUnit {
  return {
    member,
    generation: 1,
    sequence: 1,
    fences: [],
    cursors: [],
    open: [],
    expired: 0,
    appends: [],
    ...parts,
    state: stateColumnsOf(state),
  };
}

function readLog(connection: Connection, channel: string, priority: Priority): StoredSample[] {
  const rows = connection
    .prepare(
      "SELECT batch.* FROM batch JOIN log ON log.id = batch.log " +
        "JOIN channel ON channel.id = log.channel " +
        "WHERE channel.name = ? AND log.lane = ? ORDER BY base",
    )
    .all(channel, priorities.indexOf(priority)) as unknown as BatchRow[];
  let previousCrc: number | undefined;
  return rows.flatMap((row) => {
    const { log, base, count, appended_at: appendedAtMs, crc, data } = row;
    if (previousCrc !== undefined && row.previous_crc !== previousCrc) throw new Error("chain");
    previousCrc = crc;
    const head = { log, base, count, appendedAtMs, previousCrc: row.previous_crc };
    checkBatchCrc(head, data, crc);
    const view = new BatchView(data, { channel, priority, base, appendedAtMs });
    return Array.from({ length: view.count }, (_, index) => ({
      offset: view.offsetAt(index),
      id: view.idAt(index),
      data: view.payloadTextAt(index),
    }));
  });
}

interface BatchRow {
  log: number;
  base: number;
  count: number;
  appended_at: number;
  previous_crc: number;
  crc: number;
  data: Uint8Array;
}
