/**
 * Why survivors are left alive. A reason stands for every survivor of its file whose line holds
 * `line` and whose replacement is one of `replacements`. The page of survivors is made of them, and
 * the suite fails for a survivor without a reason, and for a reason without a survivor.
 */
import type { MutationRecord } from "./record.ts";
import { reasons, type Reason } from "./survivor-reasons.ts";
import type { Survivor } from "./results.ts";

/** A survivor with the reason that was found for it. */
export interface ExplainedSurvivor {
  readonly file: string;
  readonly survivor: Survivor;
  readonly reason: string | undefined;
}

/** Every survivor of the record with its reason. */
export function explainSurvivors(record: MutationRecord): ExplainedSurvivor[] {
  return Object.values(record.areas).flatMap(({ files }) =>
    Object.entries(files).flatMap(([file, { survivors }]) =>
      survivors.map((survivor) => {
        const reason = reasons.find((each) => standsFor(each, file, survivor))?.reason;
        return { file, survivor, reason };
      }),
    ),
  );
}

/** Reasons that stand for nothing: the mutant is killed now, or the line is another. */
export function idleReasons(record: MutationRecord): Reason[] {
  const survivors = explainSurvivors(record);
  return reasons.filter(
    (reason) => !survivors.some(({ file, survivor }) => standsFor(reason, file, survivor)),
  );
}

function standsFor(reason: Reason, file: string, survivor: Survivor): boolean {
  if (reason.file !== file || !survivor.line.includes(reason.line)) return false;
  return reason.replacements?.includes(survivor.replacement) ?? true;
}
