// The shared rates of one bus: leases tokens for its buckets from rows that all processes of the
// transport see, many buckets in one unit. Knows the arithmetic only by leaseOf(). Always true: a
// token is given to a bucket only when the row that says so is committed; while nothing can be
// committed there are no tokens.
import { DueHeap } from "../../delivery/due-heap.ts";
import { keptStateOf, KeptRows } from "../../delivery/kept-rows.ts";
import { type BackoffOptions, backoffMs } from "../../kernel/backoff.ts";
import { type CancelTimer, type Clock, delay } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import type { StateChange } from "../../ports/commit-unit.ts";
import type { StateStore } from "../../ports/state-store.ts";
import type { Transport } from "../../ports/transport.ts";
import type { RateLimit } from "../rate-limit.ts";
import type { Bucket } from "../token-bucket.ts";
import { type BucketRow, type Lease, leaseOf } from "./lease.ts";
import { SharedBucket } from "./shared-bucket.ts";

/** The channel whose state holds the buckets: a table for each name, a row for each bucket. */
export const ratesPlace = { channel: "spillway.rates", group: "rates" } as const;
/** Most rows of one unit. */
export const rowsMax = 256;
/** How often rows of full buckets are removed. */
export const sweepMs = 60_000;
/** Processes that wait for the same token do not all ask at once. */
const spreadMs = 20;
/** After so many refused units in a row the group is joined anew. */
const refusalsMax = 16;
const backoff: BackoffOptions = { delayMsMin: 50, delayMsMax: 5_000 };

/** What they work with. */
export interface SharedRatesParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
}

interface RowState {
  readonly table: string;
  readonly key: string;
  readonly expected: number;
  row: BucketRow | undefined;
}

interface Leased {
  readonly changes: readonly StateChange[];
  readonly leases: readonly (readonly [bucket: SharedBucket, lease: Lease])[];
  /** Monotonic time of wall time 0. */
  readonly wallZeroMs: number;
}

/** See the head of this file. */
export class SharedRates {
  /** Why nothing can be leased; undefined when all is well. */
  trouble: string | undefined;
  readonly #parts: SharedRatesParts;
  readonly #asking = new Set<SharedBucket>();
  /** Buckets for which there is nothing yet, by when it makes sense to ask again. */
  readonly #later = new DueHeap<SharedBucket>();
  readonly #names = new Set<string>();
  readonly #closing = new AbortController();
  #cancelTimer: CancelTimer | undefined;
  #rows: KeptRows | undefined;
  #isRunning = false;
  #sweepAtMs: number;

  constructor(parts: SharedRatesParts) {
    this.#parts = parts;
    this.#sweepAtMs = parts.clock.monotonicMs() + sweepMs;
  }

  /** Throws UNSUPPORTED where the transport cannot share rates. */
  assertSupported(name: string): void {
    keptStateOf(this.#parts.transport, `the shared rate '${name}'`);
  }

  /** A bucket of a shared rate; `tell` is called whenever it was given tokens. */
  bucketOf(
    rate: RateLimit,
    name: string,
    value: string | undefined,
    tell: (bucket: Bucket) => void,
  ): Bucket {
    this.#names.add(name);
    return new SharedBucket(rate, value, name, { tell, ask: (bucket) => this.#ask(bucket) });
  }

  /** Nothing is leased any more; to be called before the transport is closed. */
  close(): void {
    this.#closing.abort();
    this.#cancelTimer?.();
  }

  #ask(bucket: SharedBucket): void {
    bucket.isAsking = true;
    this.#asking.add(bucket);
    if (this.#isRunning || this.#closing.signal.aborted) return;
    this.#isRunning = true;
    // After this turn it is known how many messages wait.
    this.#parts.clock.soon(() => void this.#run());
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#parts;
    const { signal } = this.#closing;
    for (let failures = 0; this.#asking.size > 0 && !signal.aborted; ) {
      try {
        await this.#round();
        failures = 0;
        this.trouble = undefined;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.trouble = `no tokens of shared rates can be leased: ${text}`;
        await this.#rows?.close().catch(() => undefined);
        this.#rows = undefined;
        await delay(clock, backoffMs(++failures, backoff, random), signal).catch(() => undefined);
      }
    }
    this.#isRunning = false;
    this.#setTimer();
  }

  async #round(): Promise<void> {
    const { clock, transport, random } = this.#parts;
    this.#rows ??= await KeptRows.open(transport, ratesPlace);
    const buckets = this.#wanting();
    for (let refusals = 0; buckets.length > 0; ) {
      const leased = await this.#lease(buckets);
      const isSame = leased.changes.length === 0;
      if (isSame || (await this.#rows.commit(leased.changes)) !== undefined) {
        this.#grant(leased);
        break;
      }
      if (++refusals === refusalsMax) throw new Error("its rows could not be changed");
      await delay(clock, random.float() * refusals, this.#closing.signal);
    }
    if (clock.monotonicMs() >= this.#sweepAtMs) await this.#sweep(this.#rows);
  }

  /** The next buckets to serve; those that need nothing any more are let go. */
  #wanting(): SharedBucket[] {
    const nowMs = this.#parts.clock.monotonicMs();
    const buckets: SharedBucket[] = [];
    for (const bucket of this.#asking) {
      if (buckets.length === rowsMax) break;
      if (bucket.wanted(nowMs) > 0) buckets.push(bucket);
      else {
        this.#asking.delete(bucket);
        bucket.isAsking = false;
      }
    }
    return buckets;
  }

  async #lease(buckets: readonly SharedBucket[]): Promise<Leased> {
    const { clock } = this.#parts;
    const rows = new Map<string, RowState>();
    for (const { name, key, id } of buckets) {
      if (!rows.has(id)) rows.set(id, await this.#read(name, key));
    }
    const nowMs = clock.wallMs();
    const wallZeroMs = clock.monotonicMs() - nowMs;
    const changed = new Set<RowState>();
    const leases = buckets.map((bucket) => {
      const state = rows.get(bucket.id) as RowState;
      const lease = leaseOf(bucket.terms, state.row, nowMs, bucket.wanted(nowMs + wallZeroMs));
      if (lease.row.fullAtMs !== state.row?.fullAtMs) changed.add(state);
      state.row = lease.row;
      return [bucket, lease] as const;
    });
    const changes = Array.from(changed, ({ table, key, expected, row }): StateChange => {
      return { table, key, expected, value: JSON.stringify(row) };
    });
    return { changes, leases, wallZeroMs };
  }

  async #read(table: string, key: string): Promise<RowState> {
    const { value, version } = await this.#state.read(ratesPlace, table, key);
    const row = value === undefined ? undefined : (JSON.parse(value) as BucketRow);
    return { table, key, expected: version, row };
  }

  get #state(): StateStore {
    return keptStateOf(this.#parts.transport, "a shared rate");
  }

  #grant({ leases, wallZeroMs }: Leased): void {
    for (const [bucket, { tokensMs, againAtMs }] of leases) {
      this.#asking.delete(bucket);
      if (tokensMs.length === 0) {
        const spread = this.#parts.random.float() * spreadMs;
        this.#later.push(againAtMs + wallZeroMs + spread, bucket);
      } else {
        bucket.isAsking = false;
        bucket.granted(tokensMs.map((atMs) => atMs + wallZeroMs));
      }
    }
  }

  /** Asks for the buckets whose time has come, and waits for the next one. */
  #setTimer(): void {
    const { clock } = this.#parts;
    this.#cancelTimer?.();
    const dueMs = this.#later.firstDueMs;
    if (dueMs === undefined || this.#closing.signal.aborted) return;
    this.#cancelTimer = clock.after(Math.max(0, dueMs - clock.monotonicMs()), () => {
      const nowMs = clock.monotonicMs();
      for (let bucket = this.#later.popDue(nowMs); bucket; bucket = this.#later.popDue(nowMs)) {
        this.#ask(bucket);
      }
      if (!this.#isRunning) this.#setTimer();
    });
  }

  /** Removes rows of full buckets: a bucket without a row is full. */
  async #sweep(rows: KeptRows): Promise<void> {
    const { clock } = this.#parts;
    this.#sweepAtMs = clock.monotonicMs() + sweepMs;
    for (const table of this.#names) {
      const full: string[] = [];
      for await (const { key, value } of this.#state.entries(ratesPlace, table)) {
        if ((JSON.parse(value) as BucketRow).fullAtMs < clock.wallMs()) full.push(key);
        if (full.length === rowsMax) break;
      }
      const states = await Promise.all(full.map((key) => this.#read(table, key)));
      const state = states
        .filter(({ row }) => row !== undefined && row.fullAtMs < clock.wallMs())
        .map(({ key, expected }): StateChange => ({ table, key, expected, value: null }));
      if (state.length > 0) await rows.commit(state);
      // More of them than one unit holds: the next round goes on.
      if (full.length === rowsMax) this.#sweepAtMs = clock.monotonicMs();
    }
  }
}
