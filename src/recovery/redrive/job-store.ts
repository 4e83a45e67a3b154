// Where redrives are kept: rows of state in a channel without messages, `spillway.redrives`, one
// group there for each channel of letters; and the units that move letters. Knows nothing of
// letters. Always true: every unit carries the version of the job's row that its writer saw, so
// that of two writers one is refused and nothing of it exists.
import { keptStateOf, KeptRows } from "../../delivery/kept-rows.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { StateChange } from "../../ports/commit-unit.ts";
import type { StateStore, StateVersion } from "../../ports/state-store.ts";
import type { Transport } from "../../ports/transport.ts";
import type { LetterBox } from "../dead-letters/letter-box.ts";
import { jobsKeptMax, type RedriveJob } from "./redrive-job.ts";

/** The channel whose groups' state holds the redrives; nobody publishes to it. */
export const jobsChannel = "spillway.redrives";
/** Days that notes are kept: longer than the letters that they are about. */
const noteDays = 730;

/** Times that a job is read anew because another process wrote it before it could be changed. */
export const changesMax = 100;

const jobs = "jobs";
const current = "current";

/** A job with the version of its row; version 0: there is none. */
export interface StoredJob {
  readonly job: RedriveJob | undefined;
  readonly version: StateVersion;
}

/** What changeLast() did. */
export interface JobChange {
  readonly before: RedriveJob | undefined;
  readonly job: RedriveJob;
  readonly version: StateVersion;
}

/** The redrives of one channel of letters, for reading. */
export class JobReader {
  readonly #state: StateStore;
  readonly #scope: { readonly channel: string; readonly group: string };

  constructor(transport: Transport, letters: string) {
    this.#state = keptStateOf(transport, "redrive");
    this.#scope = { channel: jobsChannel, group: letters };
  }

  /** One job. */
  async read(id: string): Promise<StoredJob> {
    const { value, version } = await this.#state.read(this.#scope, jobs, id);
    return { job: value === undefined ? undefined : (JSON.parse(value) as RedriveJob), version };
  }

  /** The last one that was begun. */
  async last(): Promise<StoredJob & { readonly pointer: StateVersion }> {
    const { value, version: pointer } = await this.#state.read(this.#scope, current, current);
    if (value === undefined) return { job: undefined, version: 0, pointer };
    return { ...(await this.read(JSON.parse(value) as string)), pointer };
  }

  /** All that are remembered, the last one first. */
  async all(): Promise<readonly RedriveJob[]> {
    const found: RedriveJob[] = [];
    for await (const { value } of this.#state.entries(this.#scope, jobs)) {
      found.push(JSON.parse(value) as RedriveJob);
    }
    return found.toReversed();
  }
}

/** Writes the redrives of one channel of letters. */
export class JobStore extends JobReader {
  readonly #rows: KeptRows;

  private constructor(transport: Transport, letters: string, rows: KeptRows) {
    super(transport, letters);
    this.#rows = rows;
  }

  /** Makes the channels of notes and jobs where they are missing. */
  static async open({ transport, letters, notes }: LetterBox): Promise<JobStore> {
    keptStateOf(transport, "redrive");
    const plain = { partitions: 1, compression: "none" } as const;
    await transport.declare({ ...plain, name: notes, retention: { days: noteDays } });
    const rows = await KeptRows.open(transport, { channel: jobsChannel, group: letters });
    return new JobStore(transport, letters, rows);
  }

  /** Begins a job; throws REDRIVE_ACTIVE where somebody was faster. */
  async begin(
    job: RedriveJob,
    before: StoredJob & { readonly pointer: StateVersion },
  ): Promise<StateVersion> {
    const state: StateChange[] = [
      { table: current, key: current, expected: before.pointer, value: JSON.stringify(job.id) },
      this.#change(job, 0),
    ];
    if (before.job?.state === "stopped") {
      state.push(this.#change({ ...before.job, state: "cancelled" }, before.version));
    }
    for (const { id } of (await this.all()).slice(jobsKeptMax - 1)) {
      state.push({ table: jobs, key: id, expected: undefined, value: null });
    }
    const version = await this.#rows.commit(state);
    if (version !== undefined) return version;
    throw new SpillwayError("REDRIVE_ACTIVE", "another redrive of these letters has just begun");
  }

  /**
   * Writes the job's row, and with it what is published, if it is as it was at `expected`; else
   * throws REDRIVE_TAKEN_OVER.
   */
  async write(
    job: RedriveJob,
    expected: StateVersion,
    publishes: readonly OutgoingBatch[] = [],
  ): Promise<StateVersion> {
    const version = await this.#rows.commit([this.#change(job, expected)], publishes);
    if (version !== undefined) return version;
    throw takenOver(job);
  }

  /**
   * Writes what `change` makes of the last job; where its runner wrote meanwhile, of what that
   * left, changesMax times at most: then REDRIVE_TAKEN_OVER. Throws what `change` throws.
   */
  async changeLast(change: (job: RedriveJob | undefined) => RedriveJob): Promise<JobChange> {
    for (let attempt = 1; ; attempt++) {
      const { job: before, version: expected } = await this.last();
      const job = change(before);
      const version = await this.#rows.commit([this.#change(job, expected)]);
      if (version !== undefined) return { before, job, version };
      if (attempt === changesMax) throw takenOver(job);
    }
  }

  /** Leaves the group. */
  async close(): Promise<void> {
    await this.#rows.close();
  }

  #change(job: RedriveJob, expected: StateVersion): StateChange {
    return { table: jobs, key: job.id, expected, value: JSON.stringify(job) };
  }
}

function takenOver({ id, letters }: RedriveJob): SpillwayError {
  return new SpillwayError(
    "REDRIVE_TAKEN_OVER",
    `redrive ${id} of '${letters}' was resumed or cancelled elsewhere`,
    { details: { redrive: id, letters } },
  );
}
