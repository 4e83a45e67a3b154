// Which letters a redrive takes, and in which order: those that are meant, and with them the rest
// of their keys. Reads only. Always true: letters come in the order of the messages they stand for;
// a plan is bounded; made again from the same logs it is the same.
import { SpillwayError } from "../../errors/spillway-error.ts";
import { priorities } from "../../message/envelope.ts";
import type { DeadLetter } from "../dead-letters/letter.ts";
import type { LetterBox } from "../dead-letters/letter-box.ts";
import { type LetterFilter, matches } from "../dead-letters/letter-filter.ts";
import type { Standings } from "../dead-letters/redrive-notes.ts";
import { readPlaces } from "../../delivery/read-places.ts";
import { redriveLettersMax } from "./redrive-job.ts";

/** One letter of a plan, without its data. */
export interface PlannedLetter {
  /** Its offset among the letters. */
  readonly offset: number;
  readonly group: string;
  /** Group and key, where order counts; undefined: it stands for itself. */
  readonly sequence: string | undefined;
  readonly lane: number;
  readonly firstOffset: number;
  readonly bytes: number;
  readonly expiresAtMs: number | undefined;
  readonly horizonMs: number | undefined;
  /** Whether the filter means it; else it belongs to the key of one that it means. */
  readonly isMeant: boolean;
}

/** What a plan is made of. */
export interface PlanRequest {
  readonly filter: LetterFilter;
  readonly wholeKeys: boolean;
  readonly types?: readonly string[] | undefined;
  /** Letters from this offset on are left out; undefined: up to now. */
  readonly end?: number;
  /** Most letters; only tests change it. */
  readonly lettersMax?: number;
  readonly signal?: AbortSignal;
  /** Called for each letter of the plan, in the order of reading. */
  readonly onLetter?: (letter: DeadLetter, isMeant: boolean) => void;
}

/** Letters in the order in which they are redriven. */
export interface RedrivePlan {
  readonly letters: readonly PlannedLetter[];
  /** Letters from here on are not part of it. */
  readonly end: number;
}

/** Finds the pending letters; throws REDRIVE_TOO_LARGE where they are too many. */
export async function planRedrive(
  box: LetterBox,
  standings: Standings,
  request: PlanRequest,
): Promise<RedrivePlan> {
  const planner = new Planner(box, standings, request);
  await planner.scan((letter) => matches(request.filter, letter), true);
  if (request.wholeKeys && planner.sequences.size > 0 && Object.keys(request.filter).length > 0) {
    const belongs = (letter: DeadLetter): boolean => {
      const sequence = sequenceOf(letter);
      if (sequence === undefined || !planner.sequences.has(sequence)) return false;
      return !matches(request.filter, letter);
    };
    await planner.scan(belongs, false);
  }
  return planner.plan();
}

/** Group and key of a letter whose group handles keys in order. */
export function sequenceOf(letter: Omit<DeadLetter, "standing">): string | undefined {
  const { group, isOrdered, envelope } = letter;
  if (!isOrdered || envelope.key === undefined) return undefined;
  return JSON.stringify([group, envelope.key]);
}

class Planner {
  readonly sequences = new Set<string>();
  readonly #box: LetterBox;
  readonly #standings: Standings;
  readonly #request: PlanRequest;
  readonly #letters: PlannedLetter[] = [];
  #count = 0;
  #end = 0;

  constructor(box: LetterBox, standings: Standings, request: PlanRequest) {
    this.#box = box;
    this.#standings = standings;
    this.#request = request;
  }

  /** Takes in the pending letters that `isWanted` names. */
  async scan(isWanted: (letter: DeadLetter) => boolean, isMeant: boolean): Promise<void> {
    const { types, end, signal, onLetter, lettersMax = redriveLettersMax } = this.#request;
    // The second look ends where the first one did.
    const stop = end ?? (isMeant ? undefined : this.#end);
    const options = {
      ...(stop !== undefined && { to: { offset: stop } }),
      ...(signal !== undefined && { signal }),
      // What is gone cannot be redriven.
      onGap: () => undefined,
    };
    for await (const { stored, record } of readPlaces(
      this.#box.transport,
      this.#box.letters,
      options,
    )) {
      const offset = stored.offsetAt(record);
      this.#end = Math.max(this.#end, offset + 1);
      const letter = this.#box.letterAt(stored, record, this.#standings, types);
      if (letter?.standing !== "pending" || !isWanted(letter)) continue;
      this.#count++;
      if (this.#count > lettersMax) continue;
      onLetter?.(letter, isMeant);
      this.#add(letter, stored.payloadSizeAt(record), isMeant);
    }
    signal?.throwIfAborted();
  }

  #add(letter: DeadLetter, bytes: number, isMeant: boolean): void {
    const { offset, group, firstOffset, origin, envelope, horizonMs } = letter;
    const sequence = sequenceOf(letter);
    if (sequence !== undefined) this.sequences.add(sequence);
    const { expiresAtMs } = envelope.attributes;
    const lane = priorities.indexOf(origin.priority);
    const place = { offset, group, sequence, lane, firstOffset, bytes };
    this.#letters.push({ ...place, expiresAtMs, horizonMs, isMeant });
  }

  plan(): RedrivePlan {
    const { lettersMax = redriveLettersMax, end } = this.#request;
    if (this.#count > lettersMax) {
      throw new SpillwayError(
        "REDRIVE_TOO_LARGE",
        `redrive of '${this.#box.letters}': ${this.#count} letters are meant, one redrive takes ` +
          `${lettersMax}: narrow the filter, by time for example`,
        { details: { letters: this.#count, lettersMax } },
      );
    }
    const letters = this.#letters.sort(
      (left, right) =>
        left.lane - right.lane ||
        left.firstOffset - right.firstOffset ||
        left.offset - right.offset,
    );
    return { letters, end: end ?? this.#end };
  }
}
