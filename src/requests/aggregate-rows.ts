// What is remembered of an aggregate until it ends, and what that says: whether an answer is new,
// what is missing, whether enough has come. Pure; knows no state table. Always true: a question has
// at most one answer of each service, and of "first" ones one in all.
import type { MissingPart } from "./aggregate-outcome.ts";
import { serviceOf } from "./reply-contracts.ts";

/** One question as it was asked. */
export interface AskedQuestion {
  readonly command: string;
  /** The groups whose answers are awaited; null: the first answer, of whomever. */
  readonly groups: readonly string[] | null;
}

/** An aggregate under way; JSON. */
export interface AggregateRow {
  readonly startId: string;
  readonly kept: unknown;
  readonly asked: readonly AskedQuestion[];
  /** Which answers have come: question and group of each. */
  readonly answered: readonly (readonly [question: number, group: string])[];
  /** How many of them count for the quorum. */
  readonly counted: number;
}

/** An answer as it is kept; JSON. */
export interface StoredAnswer {
  readonly name: string;
  readonly data: unknown;
}

/** Whether this answer says something new. */
export function isNew({ asked, answered }: AggregateRow, question: number, group: string): boolean {
  const known = asked[question];
  if (known === undefined) return false;
  return !answered.some(
    ([index, other]) => index === question && (known.groups === null || other === group),
  );
}

/** What has not come. */
export function missingOf({ asked, answered }: AggregateRow): MissingPart[] {
  const came = new Set(answered.map(([question, group]) => `${question} ${group}`));
  const some = new Set(answered.map(([question]) => question));
  return asked.flatMap(({ command, groups }, question): MissingPart[] => {
    if (groups === null) return some.has(question) ? [] : [{ question, handler: undefined }];
    const silent = groups.filter((group) => !came.has(`${question} ${group}`));
    return silent.map((group) => ({ question, handler: serviceOf(group, command) }));
  });
}
