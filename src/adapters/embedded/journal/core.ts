// The synchronous core of the embedded journal: answers requests by SQLite work and does its
// periodic work when asked to tick. Owns the only writing connection of its process. Knows
// nothing of threads, promises or handlers. Always true: after an I/O error it writes nothing
// more.
import { ClosedError, SpillwayError } from "../../../errors/spillway-error.ts";
import { DamagedJournal } from "./damaged-journal.ts";
import { prepareDirectory } from "./directory-access.ts";
import type { EngineOptions, EngineRequestKind, EngineRequests } from "./engine.ts";
import { type CoreEnvironment, Journal } from "./journal.ts";
import { Maintenance } from "./maintenance.ts";
import { inspectJournal, type Soundness } from "./soundness.ts";
import { openFailure } from "./sqlite-errors.ts";

export type { CoreEnvironment } from "./journal.ts";

type Answer<Kind extends EngineRequestKind> = EngineRequests[Kind]["answer"];

/** See the head of this file. */
export class JournalCore {
  readonly #environment: CoreEnvironment;
  readonly #handlers: { [Name in EngineRequestKind]: (request: never) => Answer<Name> } = {
    open: (open: EngineRequests["open"]["request"]) => this.#open(open),
    declare: (declare: EngineRequests["declare"]["request"]) =>
      (this.#damaged ?? this.#opened()).declare(declare),
    transact: (transact: EngineRequests["transact"]["request"]) => this.#transact(transact),
    join: (join: EngineRequests["join"]["request"]) => this.#opened().join(join),
    release: (release: EngineRequests["release"]["request"]) => this.#opened().release(release),
    leave: (leave: EngineRequests["leave"]["request"]) => this.#opened().leave(leave.member),
    stats: () => ({ channels: (this.#damaged ?? this.#opened()).stats.channels() }),
    close: () => this.#close(),
  };
  #journal: Journal | undefined;
  /** In the place of a journal that is damaged. */
  #damaged: DamagedJournal | undefined;
  #maintenance: Maintenance | undefined;
  #commitsTold = 0;
  #closed = false;

  constructor(environment: CoreEnvironment) {
    this.#environment = environment;
  }

  /** Answers one request; throws a SpillwayError. */
  handle<Kind extends EngineRequestKind>(
    kind: Kind,
    request: EngineRequests[Kind]["request"],
  ): Answer<Kind> {
    try {
      return this.#handlers[kind](request as never);
    } catch (error) {
      throw this.#failed(kind, error);
    }
  }

  /** Does periodic work that is due; returns milliseconds until it wants to be called again. */
  tick(): number {
    return this.#maintenance?.tick() ?? Number.POSITIVE_INFINITY;
  }

  /** Milliseconds until tick() has something to do; sooner, perhaps, after a request. */
  waitMs(): number {
    return this.#maintenance?.waitMs() ?? Number.POSITIVE_INFINITY;
  }

  /** Another process rang: looks at its commits at once. */
  poll(): void {
    this.#maintenance?.rung();
    this.#maintenance?.tick();
  }

  /** Bells of the other processes, as last observed. */
  peers(): readonly string[] {
    return this.#journal?.processes.peers() ?? [];
  }

  /** That bell refuses connections: its process is taken for dead at the next tick. */
  peerGone(bell: string): void {
    this.#journal?.processes.peerGone(bell);
    this.#maintenance?.rung();
  }

  /** Whether this process committed since the last call. */
  takeCommitted(): boolean {
    const commits = this.#journal?.writer.commits ?? 0;
    const committed = commits !== this.#commitsTold;
    this.#commitsTold = commits;
    return committed;
  }

  /** Another process waits for the write lock: pauses after the next commit. */
  somebodyWaits(): void {
    if (this.#journal !== undefined) this.#journal.writer.othersWait = true;
  }

  #opened(): Journal {
    if (this.#journal !== undefined) return this.#journal;
    if (this.#damaged !== undefined) throw this.#damaged.error;
    throw new ClosedError(this.#closed ? "the journal is closed" : "the journal is not open yet");
  }

  #open({ options }: EngineRequests["open"]["request"]): Answer<"open"> {
    if (this.#journal !== undefined || this.#damaged !== undefined || this.#closed) {
      throw new SpillwayError("INVALID_ARGUMENT", "a core opens one journal, once");
    }
    try {
      const soundness = lookAtJournal(this.#environment, options);
      if (soundness.kind === "damaged") {
        this.#damaged = new DamagedJournal(this.#environment, options, soundness.damage);
        return { incarnation: soundness.damage.incarnation, isDamaged: true };
      }
      const journal = new Journal(this.#environment, options);
      this.#journal = journal;
      if (soundness.kind === "sound") journal.health.doubt(soundness.doubts);
    } catch (error) {
      throw openFailure(options.directory, error);
    }
    this.#maintenance = new Maintenance(this.#journal);
    return { incarnation: this.#journal.incarnation, isDamaged: false };
  }

  #transact({ units }: EngineRequests["transact"]["request"]): Answer<"transact"> {
    const { clock } = this.#environment;
    const startedAtMs = clock.monotonicMs();
    const results = this.#opened().transact(units);
    this.#maintenance?.committed(clock.monotonicMs() - startedAtMs);
    return { results };
  }

  #close(): null {
    this.#journal?.close();
    this.#damaged?.close();
    this.#journal = undefined;
    this.#damaged = undefined;
    this.#maintenance = undefined;
    this.#closed = true;
    return null;
  }

  #failed(kind: EngineRequestKind, error: unknown): unknown {
    const journal = this.#journal;
    if (journal === undefined) return error;
    const failure = journal.writer.failed(`the request '${kind}'`, error);
    if (journal.writer.failure !== undefined) {
      journal.health.report("io", journal.writer.failure.message);
    }
    return failure;
  }
}

/** Before anything opens it for writing. */
function lookAtJournal({ clock }: CoreEnvironment, options: EngineOptions): Soundness {
  const { directory, durability, busyTimeoutMs } = options;
  prepareDirectory(directory);
  return inspectJournal(directory, { clock, durability, busyTimeoutMs });
}
