// The lives of one journal: opens the first, and after a failure of the disk, of the file or of the
// writer a next one, by itself, as often as it takes. Knows nothing of messages. Always true: at
// most one life is open; nobody gets a life that has failed; a journal found damaged, or of a
// format that this library does not read, is not opened again and again.
import { ClosedError, SpillwayError } from "../../../errors/spillway-error.ts";
import { backoffMs } from "../../../kernel/backoff.ts";
import { delay } from "../../../kernel/clock.ts";
import type { TransportEnvironment } from "../../../ports/transport.ts";
import { type Engine, interrupted, type Resumption } from "../journal/engine.ts";
import type { ResolvedOptions } from "../options.ts";
import { JournalHealth, type Patience } from "./journal-health.ts";
import { ChannelRooms } from "./channel-rooms.ts";
import { JournalLife } from "./journal-life.ts";

/** Between two tries to open the journal again. */
export const reopenBackoff = { delayMsMin: 50, delayMsMax: 2_000 } as const;
/** So often in a row a journal must be found damaged: a disk that fails can look like that once. */
export const verdictsMax = 5;
/** A life that lasted so long ended by something new: the next tries begin anew. */
const steadyMs = 250;

/** Makes the engine that the options ask for. */
export type EngineFactory = (options: ResolvedOptions, environment: TransportEnvironment) => Engine;

/** See the head of this file. */
export class JournalLives {
  readonly health = new JournalHealth();
  readonly rooms = new ChannelRooms();
  /** Which journal it is; undefined before it was open. */
  incarnation: string | undefined;
  readonly #options: ResolvedOptions;
  readonly #createEngine: EngineFactory;
  readonly #stop = new AbortController();
  #life: JournalLife | undefined;
  #reopening: Promise<void> | undefined;
  #failures = 0;
  #cause: SpillwayError | undefined;
  #patience: Patience | undefined;

  constructor(options: ResolvedOptions, createEngine: EngineFactory) {
    this.#options = options;
    this.#createEngine = createEngine;
  }

  /** Opens the first life; rejects where that fails. */
  async begin(environment: TransportEnvironment): Promise<void> {
    this.#patience = { clock: environment.clock, spaceWaitMs: this.#options.spaceWaitMs };
    this.#life = await this.#first(environment);
    this.incarnation = this.#life.incarnation;
  }

  /** A disk that fails can look like damage once: what is found so is looked at twice. */
  async #first(environment: TransportEnvironment): Promise<JournalLife> {
    try {
      return await this.#next(environment);
    } catch (error) {
      if (!isVerdict(asError(error))) throw error;
      return this.#next(environment);
    }
  }

  #next(environment: TransportEnvironment, resumption?: Resumption): Promise<JournalLife> {
    return JournalLife.open({
      options: this.#options,
      environment,
      engine: this.#createEngine(this.#options, environment),
      resumption,
      rooms: this.rooms,
      events: {
        health: (notice) => this.health.told(notice),
        failed: (life, error) => this.#failed(life, error),
      },
    });
  }

  /** The life of now; undefined while there is none. */
  get open(): JournalLife | undefined {
    return this.#life;
  }

  /** The life of now; throws while there is none. */
  get current(): JournalLife {
    this.health.assertAlive();
    if (this.#life !== undefined) return this.#life;
    if (this.#cause !== undefined) throw interrupted(this.#cause);
    throw new ClosedError(`the journal in ${this.#options.directory} is not open yet`);
  }

  /** The life of now, or the next one; rejects where there will be none. */
  async whenOpen(): Promise<JournalLife> {
    while (this.#life === undefined && this.#cause !== undefined) {
      this.health.assertAlive();
      await this.health.change();
    }
    return this.current;
  }

  /** Waits until messages are taken; for space no longer than the options say. */
  ready(signal?: AbortSignal): Promise<void> {
    return this.health.ready(signal, this.#patience);
  }

  #failed(life: JournalLife, error: SpillwayError): void {
    const { clock } = life.environment;
    if (clock.monotonicMs() - life.beganAtMs >= steadyMs) this.#failures = 0;
    this.#life = undefined;
    this.#cause = error;
    this.health.interrupted(error);
    this.rooms.forget();
    this.#reopening = this.#reopen(life);
  }

  async #reopen(life: JournalLife): Promise<void> {
    const resumption = await life.ended;
    let verdicts = 0;
    while (!this.#stop.signal.aborted) {
      const { clock, random } = life.environment;
      const waitMs = backoffMs(++this.#failures, reopenBackoff, random);
      await delay(clock, waitMs, this.#stop.signal).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      try {
        const believesDamage = verdicts >= verdictsMax;
        this.#life = await this.#next(life.environment, { ...resumption, believesDamage });
        this.#cause = undefined;
        return this.health.resumed();
      } catch (error) {
        this.#cause = asError(error);
        verdicts = isVerdict(this.#cause) ? verdicts + 1 : 0;
        const isOther = this.#cause.code === "INCARNATION_CHANGED";
        if (isOther || verdicts > verdictsMax) return this.health.failed(this.#cause);
        this.health.interrupted(this.#cause);
      }
    }
  }

  /** Closes the life of now and makes no other. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reopening;
    const life = this.#life;
    try {
      // Whoever still waits for the journal is told as soon as what is under way is finished.
      await life?.close();
    } finally {
      this.health.closed(this.#options.directory);
      this.rooms.forget();
    }
  }
}

/** Whether trying again would likely find the same: damage, or a format of somebody else. */
function isVerdict({ code }: SpillwayError): boolean {
  return code === "JOURNAL_DAMAGED" || code === "JOURNAL_FORMAT" || code === "UNSUPPORTED";
}

function asError(error: unknown): SpillwayError {
  if (error instanceof SpillwayError) return error;
  return new SpillwayError("JOURNAL_STOPPED", `the journal cannot be opened: ${String(error)}`, {
    cause: error,
  });
}
