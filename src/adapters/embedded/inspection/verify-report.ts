// What verifyJournal() tells: its progress, and its report at the end. Plain data, so that it
// crosses from the inspecting process to the asking one.
import type { FindingKind, InspectionFinding } from "./finding.ts";

/** The steps of a verification, in order. */
export type VerifyStep = "structure" | "batches" | "rows";

/** How far a verification has come. */
export interface VerifyProgress {
  readonly step: VerifyStep;
  /** Share of all stored bytes that is checked, 0 to 1. */
  readonly share: number;
  readonly batches: number;
  readonly messages: number;
  readonly bytes: number;
  readonly rows: number;
  /** Findings of damage so far. */
  readonly damage: number;
}

/** What a verification found. */
export interface VerifyReport {
  readonly directory: string;
  /** Whether nothing that was looked at is damaged. */
  readonly sound: boolean;
  /** Whether everything was looked at; false when it was stopped before its end. */
  readonly complete: boolean;
  /** The journal's incarnation and commit number at the start; undefined where unreadable. */
  readonly incarnation: string | undefined;
  readonly commit: number | undefined;
  readonly batches: number;
  readonly messages: number;
  readonly bytes: number;
  readonly rows: number;
  readonly elapsedMs: number;
  /** At most `findingsMax`; `counts` has all of them. */
  readonly findings: readonly InspectionFinding[];
  readonly counts: Partial<Readonly<Record<FindingKind, number>>>;
}
