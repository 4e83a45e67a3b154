// What a redriven copy carries: to which group it is addressed, and which letter it stands for.
// Knows nothing of jobs. Always true: a copy for one group is nobody else's; what a user publishes
// carries no mark.
import type { MessageAttributes } from "../message/envelope.ts";

/** To whom a redriven copy is addressed, and which letter it stands for. */
export interface RedriveMark {
  readonly group: string;
  /** The job that redrove it. */
  readonly job: string;
  /** The channel of the letter. */
  readonly letters: string;
  /** The letter's offset there. */
  readonly letter: number;
}

/** Every extension of a mark begins so; so does what else a copy carries. */
const prefix = "redrive";

/** The extension without which a message carries no mark. */
export const markName = "redrivegroup";

/** The extensions that a mark is made of. */
export function markExtensions(mark: RedriveMark): Readonly<Record<string, string>> {
  return {
    [markName]: mark.group,
    redrivejob: mark.job,
    redrivefrom: mark.letters,
    redriveletter: String(mark.letter),
  };
}

/** The mark of a stored message; undefined: it is no redriven copy. */
export function redriveMarkOf({ extensions }: MessageAttributes): RedriveMark | undefined {
  const group = extensions?.[markName];
  if (group === undefined) return undefined;
  return {
    group: String(group),
    job: String(extensions?.["redrivejob"]),
    letters: String(extensions?.["redrivefrom"]),
    letter: Number(extensions?.["redriveletter"]),
  };
}

/** Extensions without those of a redriven copy, for whoever passes on what it received. */
export function withoutMark<Value>(
  extensions: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value>> {
  const kept = Object.entries(extensions).filter(([name]) => !name.startsWith(prefix));
  return Object.fromEntries(kept);
}
