// Where letters are worked off: listing, grouping, previewing, redriving. Joins the parts of this
// folder; what bus and command line offer is this. Always true: reading needs no more than a
// transport that reads; nothing is created before something is redriven.
import type { ReadEnvelopesOptions } from "../../delivery/read-places.ts";
import type { NoteKind } from "../../delivery/redrive-note.ts";
import { assertKnownOptions, optionNames } from "../../errors/known-options.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { DeadLetter, Standing } from "../dead-letters/letter.ts";
import { LetterCounter, type LetterGroups } from "../dead-letters/letter-groups.ts";
import {
  assertFilter,
  filterOf,
  type LetterFilter,
  openStandings,
} from "../dead-letters/letter-filter.ts";
import { readNotes, type StoredNote } from "../dead-letters/redrive-notes.ts";
import { JobStore } from "./job-store.ts";
import { type RedriveReport, type RedriveRules, reportOf, rulesOf } from "./redrive-job.ts";
import { planRedrive } from "./redrive-plan.ts";
import { PreviewMaker, type RedrivePreview } from "./redrive-preview.ts";
import {
  beginRedrive,
  cancelRedrive,
  type EditRequest,
  jobReaderOf,
  type RedriveEnvironment,
  resumeRedrive,
} from "./redrive-start.ts";
import { type Redrive, type RedriveWatcher, RunningRedrive } from "./running-redrive.ts";

/** Which letters are read, and from where to where. */
export interface DeadLetterOptions extends LetterFilter, Omit<ReadEnvelopesOptions, "priority"> {
  /** Default: pending and redriven, that is what still is somebody's work. */
  readonly standings?: readonly Standing[];
}

/** What a redrive takes. */
export interface RedriveOptions extends RedriveRules, RedriveWatcher {
  /** New data for the one letter that the filter's `offsets` name; needs `author`. */
  readonly edit?: EditRequest;
}

/** A page of letters. */
export interface LetterPage {
  readonly letters: readonly DeadLetter[];
  /** Give it as `after` to go on; undefined: this was the last page. */
  readonly next: number | undefined;
}

/** How one letter of a redrive ended so far. */
export interface RedriveOutcome {
  /** The letter's offset. */
  readonly letter: number;
  readonly outcome: NoteKind;
  readonly reason: string | undefined;
}

/** Most letters of one page. */
export const pageLettersMax = 1_000;

/**
 * The letters of a selection, chosen by a filter: iterate over them, count them by cause, redrive
 * them. Each call looks anew.
 */
export interface DeadLetters extends AsyncIterable<DeadLetter> {
  /** A page of at most `limit` letters (100; at most 1,000). */
  page(options?: { readonly limit?: number; readonly after?: number }): Promise<LetterPage>;
  /** How many there are of each cause, most first. */
  groups(): Promise<LetterGroups>;
  /** The letter of one offset, whatever the filter says. */
  get(offset: number): Promise<DeadLetter | undefined>;
  /** What became of one letter, in order. */
  history(offset: number): Promise<readonly StoredNote[]>;
  /** What a redrive would do; changes nothing. */
  preview(rules?: RedriveRules): Promise<RedrivePreview>;
  /** Begins to redrive the pending ones; resolves when it has begun. */
  redrive(options?: RedriveOptions): Promise<Redrive>;
  /** Goes on with the last redrive, whatever process began it. */
  resume(options?: RedriveWatcher & { readonly allowRepeat?: boolean }): Promise<Redrive>;
  /** Ends the last redrive for good, whatever process works on it. */
  cancel(): Promise<RedriveReport>;
  /** The redrives of these letters, the last one first; at most 100 are remembered. */
  redrives(): Promise<readonly RedriveReport[]>;
  /** How the letters of one redrive ended, each with its last note. */
  outcomes(redrive: string): Promise<readonly RedriveOutcome[]>;
}

/** What a desk works with, beside its letters. */
export interface DeskEnvironment extends RedriveEnvironment {
  /** Contract types; undefined: all. */
  readonly types?: readonly string[] | undefined;
  /** Sees to it that the letters' channel exists; called before each work. */
  readonly ready?: () => Promise<void>;
  /** Throws where edited data does not fit. */
  readonly assertData?: (letter: DeadLetter, data: unknown) => Promise<void>;
  /** Told of everything that this desk began. */
  readonly onBegun?: (redrive: Redrive) => void;
}

const filterNames = {
  group: true,
  error: true,
  key: true,
  type: true,
  sinceMs: true,
  untilMs: true,
  offsets: true,
} as const;
const ruleNames = {
  to: true,
  wholeKeys: true,
  failureShareMax: true,
  ratePerSecond: true,
  allowRepeat: true,
  author: true,
} as const;
const known = {
  options: optionNames<DeadLetterOptions>({
    ...filterNames,
    standings: true,
    from: true,
    to: true,
    follow: true,
    signal: true,
    onGap: true,
  }),
  rules: optionNames<RedriveRules>(ruleNames),
  redrive: optionNames<RedriveOptions>({
    ...ruleNames,
    edit: true,
    onProgress: true,
    signal: true,
  }),
  edit: optionNames<EditRequest>({ data: true, reason: true }),
};

/** The one implementation of DeadLetters. */
export class LetterDesk implements DeadLetters {
  readonly #environment: DeskEnvironment;
  readonly #options: DeadLetterOptions;

  constructor(environment: DeskEnvironment, options: DeadLetterOptions = {}) {
    assertKnownOptions(options, known.options, "dead letters of", environment.box.channel);
    assertFilter(options);
    this.#environment = environment;
    this.#options = options;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DeadLetter> {
    yield* this.#read({});
  }

  async *#read(more: Pick<ReadEnvelopesOptions, "from">): AsyncGenerator<DeadLetter> {
    const { box, types, ready } = this.#environment;
    const { standings = openStandings, from, to, follow, signal, onGap, ...filter } = this.#options;
    await ready?.();
    const given = {
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      ...(follow !== undefined && { follow }),
      ...(signal !== undefined && { signal }),
      ...(onGap !== undefined && { onGap }),
    };
    yield* box.read({ ...given, ...more, filter, standings, types });
  }

  async page(
    options: { readonly limit?: number; readonly after?: number } = {},
  ): Promise<LetterPage> {
    const { limit = 100, after } = options;
    if (!Number.isInteger(limit) || limit < 1 || limit > pageLettersMax) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `dead letters: limit is ${String(limit)}: give a whole number from 1 to ${pageLettersMax}`,
      );
    }
    const letters: DeadLetter[] = [];
    const from = after === undefined ? {} : { from: { offset: after + 1 } };
    for await (const letter of this.#read(from)) {
      if (letters.length === limit) return { letters, next: letters.at(-1)?.offset };
      letters.push(letter);
    }
    return { letters, next: undefined };
  }

  async groups(): Promise<LetterGroups> {
    const counter = new LetterCounter();
    for await (const letter of this) counter.take(letter);
    return counter.result();
  }

  get(offset: number): Promise<DeadLetter | undefined> {
    return this.#environment.box.get(offset);
  }

  history(offset: number): Promise<readonly StoredNote[]> {
    return this.#environment.box.history(offset);
  }

  async preview(given: RedriveRules = {}): Promise<RedrivePreview> {
    const { box, types, clock, ready } = this.#environment;
    assertKnownOptions(given, known.rules, "preview of", box.letters);
    const rules = rulesOf(given);
    await ready?.();
    const maker = new PreviewMaker();
    const plan = await planRedrive(box, await box.standings(), {
      filter: this.#filter,
      types,
      wholeKeys: rules.wholeKeys !== false,
      onLetter: (letter) => maker.take(letter),
    });
    return maker.preview(plan.letters, rules, clock.wallMs());
  }

  async redrive(options: RedriveOptions = {}): Promise<Redrive> {
    assertKnownOptions(options, known.redrive, "redrive of", this.#environment.box.letters);
    assertKnownOptions(options.edit, known.edit, "edit of", this.#environment.box.letters);
    const { edit, onProgress, signal, ...rules } = options;
    const { types, ready } = this.#environment;
    await ready?.();
    if (edit !== undefined) await this.#assertEdit(edit);
    const wanted = { filter: this.#filter, types, rules, edit };
    return this.#begin({ onProgress, signal }, (store) =>
      beginRedrive(this.#environment, store, wanted),
    );
  }

  async resume(
    options: RedriveWatcher & { readonly allowRepeat?: boolean } = {},
  ): Promise<Redrive> {
    await this.#environment.ready?.();
    return this.#begin(options, (store) => resumeRedrive(this.#environment, store, options));
  }

  async cancel(): Promise<RedriveReport> {
    const { box } = this.#environment;
    const store = await JobStore.open(box);
    try {
      return reportOf(await cancelRedrive(this.#environment, store));
    } finally {
      await store.close();
    }
  }

  async redrives(): Promise<readonly RedriveReport[]> {
    return (await jobReaderOf(this.#environment.box).all()).map(reportOf);
  }

  async outcomes(redrive: string): Promise<readonly RedriveOutcome[]> {
    const { box } = this.#environment;
    const found = new Map<number, RedriveOutcome>();
    for await (const { job, letter, kind, reason } of readNotes(box.transport, box.notes)) {
      if (job === redrive) found.set(letter, { letter, outcome: kind, reason });
    }
    return [...found.values()];
  }

  async #begin(
    watcher: RedriveWatcher,
    start: (store: JobStore) => ReturnType<typeof beginRedrive>,
  ): Promise<Redrive> {
    const { box, clock, random, onBegun } = this.#environment;
    const store = await JobStore.open(box);
    try {
      const begun = await start(store);
      const redrive = new RunningRedrive({ box, store, clock, random }, begun, watcher);
      onBegun?.(redrive);
      return redrive;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async #assertEdit(edit: EditRequest): Promise<void> {
    const [offset = -1] = this.#options.offsets ?? [];
    const letter = offset < 0 ? undefined : await this.get(offset);
    if (letter !== undefined) await this.#environment.assertData?.(letter, edit.data);
  }

  get #filter(): LetterFilter {
    return filterOf(this.#options);
  }
}
