// The synchronous core of the embedded journal: answers requests by SQLite work and does its
// periodic work when asked to tick. Owns the only writing connection of its process. Knows
// nothing of threads, promises or handlers. Always true: after an I/O error it writes nothing
// more.
import { ClosedError, SpillwayError } from "../../../errors/spillway-error.ts";
import { cancelDelayed } from "./cancel-delayed.ts";
import { type JournalDamage, damagedJournal } from "./damage.ts";
import { DamagedJournal } from "./damaged-journal.ts";
import { prepareDirectory } from "./directory-access.ts";
import type {
  EngineOptions,
  EngineRequestKind,
  EngineRequests,
  EngineStop,
  Resumption,
} from "./engine.ts";
import type { CoreEnvironment, Journal } from "./journal.ts";
import { Maintenance } from "./maintenance.ts";
import { openJournal } from "./open-journal.ts";
import { hasRoom, makeRoom, releaseReserve } from "./reserve-file.ts";
import { assertStillThere, looksDamaged } from "./resume.ts";
import { inspectJournal, type Soundness } from "./soundness.ts";
import { isFullFailure, mayBeFull, openFailure, writeFailure } from "./sqlite-errors.ts";

export type { CoreEnvironment } from "./journal.ts";

type Answer<Kind extends EngineRequestKind> = EngineRequests[Kind]["answer"];
type Handlers = {
  readonly [Kind in EngineRequestKind]: (request: EngineRequests[Kind]["request"]) => Answer<Kind>;
};

/** See the head of this file. */
export class JournalCore {
  readonly #environment: CoreEnvironment;
  readonly #handlers: Handlers = {
    open: (open) => this.#open(open),
    declare: (declare) => (this.#damaged ?? this.#opened()).declare(declare),
    remove: ({ channel }) => this.#opened().removals.remove(channel),
    cancel: (cancel) => cancelDelayed(this.#opened(), cancel),
    transact: (transact) => this.#transact(transact),
    join: (join) => this.#opened().join(join),
    release: (release) => this.#opened().release(release),
    leave: (leave) => this.#opened().leave(leave.member),
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
      const handle = (): Answer<Kind> => this.#handlers[kind](request);
      // Units know by themselves what a full disk means to each of them.
      if (kind === "transact" || this.#journal === undefined) return handle();
      return this.#journal.space.withReserve(handle);
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

  /** Another connection of this process met an error after which none may go on. */
  fail(what: string, error: unknown): void {
    this.#journal?.writer.fail(what, error);
  }

  /**
   * Once the disk or the file proved unsound: closes everything at once and says what the next life
   * has to know. Undefined while all is well.
   */
  stopIfFailed(): EngineStop | undefined {
    const journal = this.#journal;
    const error = journal?.writer.failure;
    if (journal === undefined || error === undefined) return undefined;
    const { resumption } = journal;
    this.#journal = undefined;
    this.#maintenance = undefined;
    this.#closed = true;
    journal.abandon();
    return { error, resumption };
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

  #open(request: EngineRequests["open"]["request"]): Answer<"open"> {
    if (this.#journal !== undefined || this.#damaged !== undefined || this.#closed) {
      throw new SpillwayError("INVALID_ARGUMENT", "a core opens one journal, once");
    }
    const { directory } = request.options;
    // What ended the life before may have been a quota, which SQLite does not tell from a fault.
    if (request.resumption !== undefined) makeRoom(directory);
    try {
      return this.#openOnce(request);
    } catch (error) {
      if (!mayBeFull(error)) throw error;
      // The connections that failed have freed something as they closed: no try proves anything.
      if (isFullFailure(error)) releaseReserve(directory);
      else if (hasRoom(directory)) throw error;
      else makeRoom(directory);
      return this.#openOnFullDisk(request);
    }
  }

  #openOnFullDisk(request: EngineRequests["open"]["request"]): Answer<"open"> {
    try {
      return this.#openOnce(request, true);
    } catch (error) {
      if (!mayBeFull(error)) throw error;
      throw fullWhileOpening(request.options.directory, error);
    }
  }

  #openOnce(
    { options, resumption }: EngineRequests["open"]["request"],
    isDiskFull = false,
  ): Answer<"open"> {
    try {
      const soundness = lookAtJournal(this.#environment, options, resumption);
      if (soundness.kind === "damaged") {
        return this.#openDamaged(options, soundness.damage, resumption);
      }
      const journal = openJournal(this.#environment, options, resumption, isDiskFull);
      this.#journal = journal;
      if (soundness.kind === "sound") journal.health.doubt(soundness.doubts);
    } catch (error) {
      throw openFailure(options.directory, error);
    }
    this.#maintenance = new Maintenance(this.#journal);
    const { incarnation, processes } = this.#journal;
    return { incarnation, process: processes.id, isDamaged: false };
  }

  /** A journal that a failed disk makes look damaged is looked at again before that is believed. */
  #openDamaged(
    options: EngineOptions,
    damage: JournalDamage,
    resumption: Resumption | undefined,
  ): Answer<"open"> {
    if (resumption?.believesDamage === false) throw damagedJournal(options.directory, damage);
    this.#damaged = new DamagedJournal(this.#environment, options, damage);
    return { incarnation: damage.incarnation, process: 0, isDamaged: true };
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
    if (this.#damaged !== undefined) return writeFailure("reading a damaged journal", error);
    if (journal === undefined) return error;
    const failure = journal.writer.failed(`the request '${kind}'`, error);
    if (journal.writer.failure !== undefined) {
      journal.health.report("io", journal.writer.failure.message);
    }
    return failure;
  }
}

function fullWhileOpening(directory: string, cause: unknown): SpillwayError {
  return new SpillwayError(
    "JOURNAL_FULL",
    `the journal in ${directory} cannot be opened: its disk is full, and it has no reserve left: ` +
      "free some space",
    { cause, details: { directory } },
  );
}

/** Before anything opens it for writing. */
function lookAtJournal(
  { clock }: CoreEnvironment,
  options: EngineOptions,
  resumption: Resumption | undefined,
): Soundness {
  const { directory, durability, busyTimeoutMs } = options;
  if (resumption !== undefined) assertStillThere(directory);
  prepareDirectory(directory);
  const connection = { clock, durability, busyTimeoutMs };
  const soundness = inspectJournal(directory, connection, resumption !== undefined);
  if (resumption?.isSuspect !== true || soundness.kind !== "sound") return soundness;
  const damage = looksDamaged(directory, connection, resumption);
  return damage === undefined ? soundness : { kind: "damaged", damage };
}
