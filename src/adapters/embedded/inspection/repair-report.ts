// What repairJournal() tells: its progress, and its report at the end. Plain data, so that it
// crosses from the repairing process to the asking one.
import type { Priority } from "../../../message/envelope.ts";
import type { InspectionFinding } from "./finding.ts";

/** What is asked of a repair. */
export interface RepairRequest {
  readonly from: string;
  readonly to: string;
}

/** The steps of a repair, in order. */
export type RepairStep = "reading" | "batches" | "rows" | "checking";

/** How far a repair has come. */
export interface RepairProgress {
  readonly step: RepairStep;
  /** Share of the step that is done, 0 to 1. */
  readonly share: number;
  readonly batches: number;
  readonly messages: number;
  readonly bytes: number;
  /** What could not be saved as it was, so far. */
  readonly losses: number;
}

/** Most notes that a report lists; further ones are only counted. */
export const notesMax = 1_000;

/** What a note is about. */
export type RepairNoteKind =
  | "other-journal"
  | "write-ahead-log"
  | "channel"
  | "group"
  | "messages-lost"
  | "cursor"
  | "open-list"
  | "state"
  | "delayed-message"
  | "other-rows";

/** One thing that is not as it was, or that somebody should know. */
export interface RepairNote {
  readonly kind: RepairNoteKind;
  readonly message: string;
}

/** A range of offsets whose messages are gone. */
export interface RepairGap {
  readonly fromOffset: number;
  /** First offset after the gap. */
  readonly toOffset: number;
  readonly reason: string;
  /** Whether the old journal knew of it already. */
  readonly known: boolean;
}

/** One log of the new journal. */
export interface RepairedLog {
  readonly channel: string;
  readonly priority: Priority;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly batches: number;
  readonly messages: number;
  readonly bytes: number;
  readonly gaps: readonly RepairGap[];
}

/** What a repair made of a journal. */
export interface RepairReport {
  readonly from: string;
  readonly to: string;
  /** The new journal's incarnation: positions of the old one mean nothing to it. */
  readonly incarnation: string;
  readonly logs: readonly RepairedLog[];
  readonly messages: number;
  /** Messages that are gone and were not known to be. */
  readonly messagesLost: number;
  readonly rows: number;
  /** At most `notesMax`; `noteCounts` has all of them. */
  readonly notes: readonly RepairNote[];
  readonly noteCounts: Partial<Readonly<Record<RepairNoteKind, number>>>;
  /** Whether the new journal was found sound when it was looked at as a whole. */
  readonly sound: boolean;
  /** What was found when it was; its gaps are among it. */
  readonly findings: readonly InspectionFinding[];
  readonly elapsedMs: number;
}

/** Collects notes; at most `notesMax` of them. */
export class RepairNotes {
  readonly #notes: RepairNote[] = [];
  readonly #counts = new Map<RepairNoteKind, number>();
  #total = 0;

  /** The notes kept, in the order of adding. */
  get notes(): readonly RepairNote[] {
    return this.#notes;
  }

  /** How many there were by kind. */
  get counts(): Partial<Record<RepairNoteKind, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** How many there were. */
  get total(): number {
    return this.#total;
  }

  /** Adds a note. */
  add(kind: RepairNoteKind, message: string): void {
    this.#total++;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (this.#notes.length < notesMax) this.#notes.push({ kind, message });
  }
}
