// What an inspection finds: types, and the bounded list that collects them. Knows nothing of how
// anything is found. Always true: the list keeps at most `findingsMax` findings and counts all of
// them; ranges of offsets that touch become one finding.
import type { Priority } from "../../../message/envelope.ts";

/** Most findings that a report lists; further ones are only counted. */
export const findingsMax = 1_000;

/** What is wrong; the remedy of each stands in `remedies`. */
export type FindingKind =
  | "batch-damaged"
  | "batch-missing"
  | "chain-broken"
  | "log-wrong"
  | "row-damaged"
  | "row-inconsistent"
  | "structure"
  | "tail-ahead"
  | "tail-unreadable"
  | "cursor-ahead"
  | "gap"
  | "unchecked";

/** One thing that is wrong, or worth knowing. */
export interface InspectionFinding {
  readonly kind: FindingKind;
  /** "damage" makes a journal unsound; a "note" does not. */
  readonly severity: "damage" | "note";
  /** Where and what, in one line. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
  /** The table of the row, where it is about one. */
  readonly table?: string;
  readonly channel?: string;
  readonly priority?: Priority;
  /** First offset concerned. */
  readonly fromOffset?: number;
  /** First offset after those concerned. */
  readonly toOffset?: number;
}

const repair = "stop the services, then: spillway repair --directory DIRECTORY --to NEW";

const remedies = {
  "batch-damaged": repair,
  "batch-missing": repair,
  "chain-broken": repair,
  "log-wrong": repair,
  "row-damaged": repair,
  "row-inconsistent": repair,
  structure: repair,
  "tail-ahead":
    "repair may still find what is missing; to go on without it: spillway verify --accept-loss",
  "tail-unreadable": "none needed: the next process that opens the journal writes a new one",
  "cursor-ahead": "nothing where the group was made to start there; else it misses messages",
  gap: "nothing: readers are told of it; what was lost must come from its source again",
  unchecked: "run it again in a quieter hour, or with the services stopped",
} as const satisfies Record<FindingKind, string>;

const notes: ReadonlySet<FindingKind> = new Set([
  "tail-unreadable",
  "cursor-ahead",
  "gap",
  "unchecked",
]);

/** A finding with its severity and remedy filled in. */
export function findingOf(
  kind: FindingKind,
  message: string,
  place: Pick<InspectionFinding, "table" | "channel" | "priority" | "fromOffset" | "toOffset"> = {},
): InspectionFinding {
  const severity = notes.has(kind) ? "note" : "damage";
  return { kind, severity, message, remedy: remedies[kind], ...place };
}

/** A range of one log, as findings name it. */
export interface LogRange {
  readonly channel: string;
  readonly priority: Priority;
  readonly fromOffset: number;
  readonly toOffset: number;
}

/** See the head of this file. */
export class FindingList {
  readonly #findings: InspectionFinding[] = [];
  readonly #counts = new Map<FindingKind, number>();
  #damage = 0;
  /** The range that may still grow, and how its message is made. */
  #last: { readonly why: string; range: LogRange; readonly kind: FindingKind } | undefined;

  /** What was found so far, in the order of finding. */
  get findings(): readonly InspectionFinding[] {
    return this.#findings;
  }

  /** How many findings there were by kind, those left out of the list included. */
  get counts(): Partial<Record<FindingKind, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** How many findings of damage there were. */
  get damage(): number {
    return this.#damage;
  }

  /** Adds a finding. */
  add(
    kind: FindingKind,
    message: string,
    place: Parameters<typeof findingOf>[2] = {},
  ): InspectionFinding {
    this.#last = undefined;
    return this.#keep(findingOf(kind, message, place));
  }

  /** Adds a range of offsets; it joins the finding before where both say the same and touch. */
  addRange(kind: FindingKind, why: string, range: LogRange): void {
    const last = this.#last;
    if (
      last !== undefined &&
      last.kind === kind &&
      last.why === why &&
      touches(last.range, range)
    ) {
      last.range = { ...last.range, toOffset: range.toOffset };
      this.#findings[this.#findings.length - 1] = rangeFinding(kind, why, last.range);
      return;
    }
    const full = this.#findings.length >= findingsMax;
    this.#keep(rangeFinding(kind, why, range));
    this.#last = full ? undefined : { kind, why, range };
  }

  #keep(finding: InspectionFinding): InspectionFinding {
    this.#counts.set(finding.kind, (this.#counts.get(finding.kind) ?? 0) + 1);
    if (finding.severity === "damage") this.#damage++;
    if (this.#findings.length < findingsMax) this.#findings.push(finding);
    return finding;
  }
}

function touches(before: LogRange, after: LogRange): boolean {
  const sameLog = before.channel === after.channel && before.priority === after.priority;
  return sameLog && before.toOffset === after.fromOffset;
}

function rangeFinding(kind: FindingKind, why: string, range: LogRange): InspectionFinding {
  const { channel, priority, fromOffset, toOffset } = range;
  const offsets =
    toOffset - fromOffset === 1
      ? `offset ${fromOffset}`
      : `offsets ${fromOffset} to ${toOffset - 1}`;
  return findingOf(kind, `channel '${channel}' (${priority}), ${offsets}: ${why}`, range);
}
