// What a backup says of itself: of which journal it is, which snapshot of it is complete, and
// which ranges it lacks. Pure shapes and their text. Always true: a manifest that does not match
// its checksum is refused.
import type { Priority } from "../../../message/envelope.ts";
import { rowCrc } from "../journal/format-crc.ts";

/** A log in a snapshot: every message from `start` to before `end`. */
export interface LogRange {
  readonly channel: string;
  readonly priority: Priority;
  readonly start: number;
  readonly end: number;
}

/** Something that a backup could not copy, or that does not match its checksum. */
export interface BackupDamage {
  /** Undefined for a row that belongs to no log. */
  readonly channel?: string | undefined;
  readonly priority?: Priority | undefined;
  /** First offset concerned. */
  readonly offset?: number | undefined;
  /** How many offsets. */
  readonly count?: number | undefined;
  readonly reason: string;
}

/** The consistent state that a backup holds. */
export interface BackupSnapshot {
  /** The journal's identity: a restored journal gets another one. */
  readonly incarnation: string;
  /** The journal's last commit that is in the backup. */
  readonly commit: number;
  /** When it was taken, wall milliseconds. */
  readonly takenAtMs: number;
  /** The journal's format. */
  readonly format: number;
  readonly batches: number;
  readonly bytes: number;
  readonly logs: readonly LogRange[];
  /** Empty where the snapshot is whole. */
  readonly damage: readonly BackupDamage[];
}

/** Most entries of damage that a manifest lists. */
export const damageListedMax = 1_000;

/** Tables that only a copy has; a journal that is restored has none of them. */
export const copyTables = `
CREATE TABLE backup_manifest (
  name TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE backup_hole (
  log INTEGER NOT NULL, base INTEGER NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (log, base)
) STRICT, WITHOUT ROWID;
`;

/** Names of the tables above. */
export const copyTableNames: ReadonlySet<string> = new Set(["backup_manifest", "backup_hole"]);

/** The checksum of a row of the manifest. */
export function manifestCrc(name: string, value: string): number {
  return rowCrc(["backup", name, value]);
}
