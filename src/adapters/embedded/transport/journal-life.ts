// One life of the journal in this process, from opening to its end: the writer's engine, the
// reading connection, and what stands on them. It ends by close(), or by a failure of the disk, of
// the file or of the writer. Always true: once `ended` has settled no connection of this life is
// open; a life that failed does not come back, the next one is made from its resumption.
import type { SpillwayError } from "../../../errors/spillway-error.ts";
import type { CancelTimer } from "../../../kernel/clock.ts";
import type { TransportEnvironment } from "../../../ports/transport.ts";
import { type Engine, type EngineNotice, interrupted, type Resumption } from "../journal/engine.ts";
import { damaged } from "../journal/format.ts";
import { unreadableJournal } from "../journal/damage.ts";
import { diskFailure, isDamage, openFailure } from "../journal/sqlite-errors.ts";
import { engineOptionsOf, type ResolvedOptions } from "../options.ts";
import { diagnostics, type GroupDiagnostics } from "../../../telemetry/channels.ts";
import { ChannelFeeds } from "./channel-feed.ts";
import type { ChannelRooms } from "./channel-rooms.ts";
import { DelayedReader } from "./delayed-reader.ts";
import { GroupCommit } from "./group-commit.ts";
import { Members } from "./members.ts";
import { type BatchReader, openReader } from "./reader.ts";
import { StandingReader } from "./standing-reader.ts";
import { StateReader } from "./state-reader.ts";

/** How often main says that its event loop turns; the port asks for once a second at least. */
const progressMsMax = 1_000;

/** Whom a life tells what becomes of it. */
export interface LifeEvents {
  /** What the engine says of its health. */
  readonly health: (notice: Extract<EngineNotice, { readonly kind: "health" }>) => void;
  /** It failed: nobody may use it any more; `ended` settles when everything is closed. */
  readonly failed: (life: JournalLife, error: SpillwayError) => void;
}

/** What opening a life takes. */
export interface LifeOptions {
  readonly options: ResolvedOptions;
  readonly environment: TransportEnvironment;
  readonly engine: Engine;
  readonly events: LifeEvents;
  /** Who waits for room in full channels. */
  readonly rooms: ChannelRooms;
  /** What the life before left behind; undefined for the first one. */
  readonly resumption: Resumption | undefined;
}

/** See the head of this file. */
export class JournalLife {
  readonly environment: TransportEnvironment;
  readonly engine: Engine;
  readonly members = new Members();
  readonly groupCommit: GroupCommit;
  readonly rooms: ChannelRooms;
  readonly feeds: ChannelFeeds;
  readonly reader: BatchReader;
  readonly state: StateReader;
  readonly delayed: DelayedReader;
  readonly standing: StandingReader;
  /** The number of this process in the journal. */
  readonly process: number;
  /** Which journal it is: the same over all lives. */
  readonly incarnation: string;
  /** When it began, in monotonic milliseconds. */
  readonly beganAtMs: number;
  /** What the next life needs; settles once a failed life has closed everything. */
  readonly ended: Promise<Resumption>;
  readonly #options: ResolvedOptions;
  readonly #events: LifeEvents;
  /** What the next life is made from. */
  #left: Resumption;
  readonly #end = Promise.withResolvers<Resumption>();
  #cancelProgress: CancelTimer | undefined;
  /** Whether the journal was found damaged, and is open for reading only. */
  readonly isDamaged: boolean;
  #failure: SpillwayError | undefined;
  /** Whether the reader met damage. */
  #isSuspect = false;
  #isClosing = false;

  /** Opens the journal; rejects with everything closed. */
  static async open(parts: LifeOptions): Promise<JournalLife> {
    const { engine, options, resumption } = parts;
    const early: EngineNotice[] = [];
    engine.onNotice = (notice) => early.push(notice);
    try {
      const request = { options: engineOptionsOf(options), resumption };
      const answer = await engine.request("open", request);
      const left = { ...answer, doubts: [], isSuspect: false, believesDamage: false };
      const life = JournalLife.#over(parts, left, answer.isDamaged);
      for (const notice of early) life.#told(notice);
      return life;
    } catch (error) {
      await engine.terminate();
      throw error;
    }
  }

  static #over(parts: LifeOptions, resumption: Resumption, isDamaged: boolean): JournalLife {
    try {
      return new JournalLife(parts, resumption, isDamaged);
    } catch (error) {
      // Its answer is not awaited: the thread closes its connections before it can be ended.
      void parts.engine.request("close", {}).catch(() => undefined);
      throw error;
    }
  }

  private constructor(parts: LifeOptions, resumption: Resumption, isDamaged: boolean) {
    const { options, environment, engine, events, rooms } = parts;
    this.environment = environment;
    this.engine = engine;
    this.ended = this.#end.promise;
    this.beganAtMs = environment.clock.monotonicMs();
    this.#options = options;
    this.#events = events;
    this.#left = resumption;
    this.incarnation = resumption.incarnation;
    this.rooms = rooms;
    this.groupCommit = new GroupCommit(engine, rooms);
    this.process = resumption.process;
    this.isDamaged = isDamaged;
    let isBegun = false;
    const onFailure = (cause: unknown): SpillwayError => {
      // Of a journal that is known to be damaged another life would find the same.
      if (isDamaged && isDamage(cause)) return damaged(`SQLite found damage (${String(cause)})`);
      return isBegun ? this.#readFailed(cause) : notBegun(options.directory, cause);
    };
    this.reader = openReader({ ...options, clock: environment.clock, isDamaged }, onFailure);
    this.feeds = new ChannelFeeds(this.reader);
    this.state = new StateReader(this.reader.connection);
    this.delayed = new DelayedReader(this.reader.connection, environment.clock);
    this.standing = new StandingReader(this.reader.connection);
    engine.onNotice = (notice) => this.#told(notice);
    engine.onStopped = ({ error, resumption: left }) => {
      this.#left = left ?? this.#left;
      this.#failed(error);
    };
    this.#showProgress();
    isBegun = true;
  }

  /** Throws where the life has failed. */
  assertAlive(): void {
    if (this.#failure !== undefined) throw interrupted(this.#failure);
  }

  #told(notice: EngineNotice): void {
    if (this.#failure !== undefined) return;
    if (notice.kind === "advanced") this.feeds.advanced(notice.logs);
    else if (notice.kind === "health") this.#events.health(notice);
    else if (notice.kind === "removed") this.#forgetRemoved();
    else if (notice.kind === "group") reportGroup(notice);
    else if (notice.kind === "room") {
      this.rooms.hasRoom(notice.channel, notice.messages, notice.number);
    } else this.members.told(notice);
  }

  #forgetRemoved(): void {
    this.reader.forgetChannels();
    this.state.forgetGroups();
    this.feeds.endRemoved();
  }

  /** Tells the writer regularly that the event loop turns. */
  #showProgress(): void {
    this.engine.progress();
    const delayMs = Math.min(progressMsMax, Math.floor(this.#options.maxBlockedMs / 4));
    const again = (): void => this.#showProgress();
    this.#cancelProgress = this.environment.clock.after(delayMs, again, { background: true });
  }

  #readFailed(cause: unknown): SpillwayError {
    const error = diskFailure("reading the journal", cause);
    this.#isSuspect ||= isDamage(cause);
    this.#failed(error);
    return interrupted(error);
  }

  /** At once for whoever uses it; then everything is closed, the connections first of all. */
  #failed(error: SpillwayError): void {
    if (this.#isClosing || this.#failure !== undefined) return;
    this.#failure = error;
    const reason = interrupted(error);
    this.#cancelProgress?.();
    this.members.failed(reason);
    this.groupCommit.stop(reason);
    this.feeds.wakeAll();
    this.reader.close(reason);
    void this.#closeEngine();
    this.#events.failed(this, error);
  }

  /** An engine that still works finishes what it began, and answers for it. */
  async #closeEngine(): Promise<void> {
    await this.engine.request("close", {}).catch(() => undefined);
    await this.engine.terminate().catch(() => undefined);
    const isSuspect = this.#isSuspect || this.#left.isSuspect;
    this.#end.resolve({ ...this.#left, isSuspect });
  }

  /** Finishes what is under way and closes everything; for a life that has not failed. */
  async close(): Promise<void> {
    await this.members.close();
    await this.groupCommit.idle();
    if (this.#failure !== undefined) return void (await this.ended);
    this.#isClosing = true;
    this.#cancelProgress?.();
    this.feeds.wakeAll();
    this.reader.close();
    try {
      await this.engine.request("close", {});
    } finally {
      await this.engine.terminate();
    }
  }
}

/** Nothing of a life that could not begin is left: whoever opens it is told why. */
function notBegun(directory: string, cause: unknown): SpillwayError {
  if (isDamage(cause)) return unreadableJournal(directory, String(cause), cause);
  return openFailure(directory, cause);
}

function reportGroup({
  channel,
  group,
  state,
  expiresAtMs,
}: Extract<EngineNotice, { readonly kind: "group" }>): void {
  if (!diagnostics.group.hasSubscribers) return;
  diagnostics.group.publish({ channel, group, state, expiresAtMs } satisfies GroupDiagnostics);
}
