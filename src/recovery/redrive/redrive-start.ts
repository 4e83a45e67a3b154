// Beginning, resuming and cancelling redrives. Always true: of two that begin at the same time one
// is refused; whoever resumes writes the row before it reads what was moved, so that nobody moves
// anything behind its back.
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Clock } from "../../kernel/clock.ts";
import { newId } from "../../kernel/id.ts";
import type { Random } from "../../kernel/random.ts";
import { readPlaces } from "../../delivery/read-places.ts";
import type { LetterBox } from "../dead-letters/letter-box.ts";
import { filterOf, type LetterFilter } from "../dead-letters/letter-filter.ts";
import { readNotes, Standings } from "../dead-letters/redrive-notes.ts";
import { JobReader, type JobStore } from "./job-store.ts";
import {
  editBytesMax,
  invalid,
  isActive,
  type RedriveJob,
  type RedriveRules,
  rulesOf,
} from "./redrive-job.ts";
import { planRedrive, type PlannedLetter, type RedrivePlan, sequenceOf } from "./redrive-plan.ts";
import type { RunnerStart } from "./redrive-runner.ts";

/** What redrives are begun with. */
export interface RedriveEnvironment {
  readonly box: LetterBox;
  readonly clock: Clock;
  readonly random: Random;
}

/** New data for the one letter that is meant. */
export interface EditRequest {
  readonly data: unknown;
  readonly reason?: string;
}

/** Begins a redrive; throws REDRIVE_ACTIVE, DEDUP_HORIZON, REDRIVE_TOO_LARGE, INVALID_ARGUMENT. */
export async function beginRedrive(
  { box, clock, random }: RedriveEnvironment,
  store: JobStore,
  wanted: {
    readonly filter: LetterFilter;
    readonly types: readonly string[] | undefined;
    readonly rules: RedriveRules;
    readonly edit?: EditRequest | undefined;
  },
): Promise<RunnerStart> {
  const rules = rulesOf(wanted.rules);
  const filter = filterOf(wanted.filter);
  const edit = editOf(filter, rules, wanted.edit);
  const before = await store.last();
  if (before.job !== undefined && isActive(before.job)) throw activeError(before.job);
  const standings = await box.standings();
  const { types } = wanted;
  const plan = await planRedrive(box, standings, {
    filter,
    types,
    wholeKeys: rules.wholeKeys !== false,
  });
  if (edit !== undefined && !plan.letters.some(({ offset }) => offset === edit.letter)) {
    throw invalid("edit", `of letter ${edit.letter}`, "name a letter that is pending");
  }
  await assertReadable(box, plan, rules);
  assertWithinHorizon(box, plan.letters, rules, clock.wallMs());
  const nowMs = Math.trunc(clock.wallMs());
  const job: RedriveJob = {
    id: newId(clock, random),
    letters: box.letters,
    state: "running",
    stopReason: undefined,
    filter,
    rules,
    startedAtMs: nowMs,
    updatedAtMs: nowMs,
    selected: plan.letters.length,
    redriven: 0,
    resolved: 0,
    failed: 0,
    skipped: 0,
    end: plan.end,
    types,
    edit,
    runner: newId(clock, random),
  };
  const version = await store.begin(job, before);
  const { letters } = plan;
  const nothing = { underWay: new Map<number, undefined>(), failed: new Set<string>() };
  return { job, version, letters, ...nothing, notesEnd: standings.end };
}

/** Takes up the last redrive; throws REDRIVE_UNKNOWN where there is none to go on with. */
export async function resumeRedrive(
  { box, clock, random }: RedriveEnvironment,
  store: JobStore,
  options: { readonly allowRepeat?: boolean } = {},
): Promise<RunnerStart> {
  const runner = newId(clock, random);
  const {
    before,
    job: taken,
    version,
  } = await store.changeLast((found) => {
    const job = unfinished(box, found);
    const rules = options.allowRepeat === true ? { ...job.rules, allowRepeat: true } : job.rules;
    return { ...job, rules, runner, state: "running", stopReason: undefined };
  });
  const { rules } = taken;
  const { standings, counts, mine } = await readOutcomes(box, taken.id);
  const { filter, types, end } = taken;
  const wholeKeys = rules.wholeKeys !== false;
  const plan = await planRedrive(box, standings, { filter, types, wholeKeys, end });
  assertWithinHorizon(box, plan.letters, rules, clock.wallMs());
  const sequences = await sequencesOf(box, mine, end);
  const underWay = new Map<number, string | undefined>();
  const failed = new Set<string>();
  for (const [letter, outcome] of mine) {
    const sequence = sequences.get(letter);
    if (outcome === "redriven") underWay.set(letter, sequence);
    else if (outcome !== "resolved" && sequence !== undefined) failed.add(sequence);
  }
  // What was skipped in vain is planned again; who failed before may have been mended since.
  if (before?.state === "stopped") failed.clear();
  const isPlanned = new Set(plan.letters.map(({ offset }) => offset));
  const again = [...mine].filter(([letter]) => isPlanned.has(letter)).length;
  const job = { ...taken, ...counts, skipped: counts.skipped - again };
  return { job, version, letters: plan.letters, underWay, failed, notesEnd: standings.end };
}

/** Ends the last redrive for good; throws REDRIVE_UNKNOWN where there is none to end. */
export async function cancelRedrive(
  { box, clock }: RedriveEnvironment,
  store: JobStore,
): Promise<RedriveJob> {
  const { job } = await store.changeLast((found) => ({
    ...unfinished(box, found),
    state: "cancelled",
    stopReason: "it was cancelled",
    updatedAtMs: Math.trunc(clock.wallMs()),
  }));
  return job;
}

/** The job, if there is something to go on with or to end. */
function unfinished(box: LetterBox, job: RedriveJob | undefined): RedriveJob {
  const isOver = job === undefined || job.state === "finished" || job.state === "cancelled";
  if (isOver) throw unknownError(box, job);
  return job;
}

interface Outcomes {
  readonly standings: Standings;
  readonly counts: Pick<RedriveJob, "redriven" | "resolved" | "failed" | "skipped">;
  /** The letters of this job by their last note. */
  readonly mine: ReadonlyMap<number, "redriven" | "resolved" | "failed" | "skipped">;
}

/** What the notes say of one job. */
async function readOutcomes(box: LetterBox, id: string): Promise<Outcomes> {
  const standings = new Standings();
  const mine = new Map<number, "redriven" | "resolved" | "failed" | "skipped">();
  let redriven = 0;
  for await (const note of readNotes(box.transport, box.notes)) {
    standings.take(note);
    if (note.job !== id) continue;
    mine.set(note.letter, note.kind);
    if (note.kind === "redriven" || note.to !== undefined) redriven++;
  }
  const count = (kind: string): number => [...mine.values()].filter((each) => each === kind).length;
  const [resolved, failed, skipped] = [count("resolved"), count("failed"), count("skipped")];
  return { standings, mine, counts: { redriven, resolved, failed, skipped } };
}

/** Group and key of these letters. */
async function sequencesOf(
  box: LetterBox,
  letters: ReadonlyMap<number, unknown>,
  end: number,
): Promise<ReadonlyMap<number, string | undefined>> {
  const found = new Map<number, string | undefined>();
  if (letters.size === 0) return found;
  const first = [...letters.keys()].reduce((least, letter) => Math.min(least, letter));
  const range = { from: { offset: first }, to: { offset: end }, onGap: () => undefined };
  const standings = new Standings();
  for await (const { stored, record } of readPlaces(box.transport, box.letters, range)) {
    const offset = stored.offsetAt(record);
    if (!letters.has(offset)) continue;
    const letter = box.letterAt(stored, record, standings);
    found.set(offset, letter === undefined ? undefined : sequenceOf(letter));
  }
  return found;
}

function editOf(
  { offsets }: LetterFilter,
  { author }: RedriveRules,
  edit: EditRequest | undefined,
): RedriveJob["edit"] {
  if (edit === undefined) return undefined;
  const [letter, ...others] = offsets ?? [];
  if (letter === undefined || others.length > 0) {
    throw invalid("edit", "given", "name the one letter that is edited, by its offset");
  }
  if (author === undefined) throw invalid("author", author, "an edit needs the name of its author");
  const data: string | undefined = JSON.stringify(edit.data);
  if (data === undefined)
    throw invalid("edit.data", typeof edit.data, "give data that JSON can hold");
  const bytes = Buffer.byteLength(data);
  if (bytes > editBytesMax) {
    throw invalid("edit.data", `${bytes} bytes`, `give at most ${editBytesMax} bytes`);
  }
  return { letter, author, data, ...(edit.reason !== undefined && { reason: edit.reason }) };
}

/** Throws where nobody would receive what is redriven. */
async function assertReadable(
  box: LetterBox,
  plan: RedrivePlan,
  rules: RedriveRules,
): Promise<void> {
  const { transport, channel } = box;
  const groups = await transport.groups(rules.to ?? channel);
  if (rules.to !== undefined) return;
  const gone = plan.letters.find(({ group }) => !groups.includes(group));
  if (gone === undefined) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `redrive: group '${gone.group}' does not read channel '${channel}' any more: choose another ` +
      "group with the filter, or another destination",
    { details: { group: gone.group, channel } },
  );
}

function assertWithinHorizon(
  box: LetterBox,
  letters: readonly PlannedLetter[],
  { allowRepeat }: RedriveRules,
  nowMs: number,
): void {
  if (allowRepeat === true) return;
  const late = letters.filter(({ horizonMs }) => horizonMs !== undefined && horizonMs < nowMs);
  if (late.length === 0) return;
  throw new SpillwayError(
    "DEDUP_HORIZON",
    `redrive: ${late.length} of ${letters.length} letters in '${box.letters}' are older than ` +
      "repeats are remembered: what their handlers did outside their units might be done twice. " +
      "Pass allowRepeat where a repeat does no harm; handlers without such effects: `pure: true`",
    { details: { letters: letters.length, late: late.length } },
  );
}

function activeError({ id, state, letters }: RedriveJob): SpillwayError {
  return new SpillwayError(
    "REDRIVE_ACTIVE",
    `redrive ${id} of '${letters}' is ${state}: wait for it, resume it or cancel it`,
    { details: { redrive: id, letters, state } },
  );
}

function unknownError(box: LetterBox, last: RedriveJob | undefined): SpillwayError {
  const what = last === undefined ? "none was begun" : `the last one, ${last.id}, is ${last.state}`;
  return new SpillwayError("REDRIVE_UNKNOWN", `no redrive of '${box.letters}' is open: ${what}`);
}

/** Reads the redrives of a channel of letters. */
export function jobReaderOf({ transport, letters }: LetterBox): JobReader {
  return new JobReader(transport, letters);
}
