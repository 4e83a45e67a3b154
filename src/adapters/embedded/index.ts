// The embedded transport's public surface: a durable journal in a directory, in SQLite, shared by
// any number of processes of one machine.
import type { Transport } from "../../ports/transport.ts";
import { type EmbeddedOptions, resolveOptions } from "./options.ts";
import { EmbeddedTransport } from "./transport/embedded-transport.ts";

export { backupJournal, type BackupOptions } from "./backup/backup-journal.ts";
export type { RestoreReport } from "./backup/build-journal.ts";
export type { BackupDamage, BackupSnapshot, LogRange } from "./backup/manifest.ts";
export { restoreJournal, type RestoreOptions } from "./backup/restore-journal.ts";
export type { BackupProgress, BackupReport } from "./backup/take-backup.ts";
export type { FindingKind, InspectionFinding } from "./inspection/finding.ts";
export { repairJournal, type RepairOptions } from "./inspection/repair-journal.ts";
export type {
  RepairedLog,
  RepairGap,
  RepairNote,
  RepairNoteKind,
  RepairProgress,
  RepairReport,
  RepairStep,
} from "./inspection/repair-report.ts";
export { verifyJournal, type VerifyOptions } from "./inspection/verify-journal.ts";
export type { VerifyProgress, VerifyReport, VerifyStep } from "./inspection/verify-report.ts";
export { acceptLoss } from "./loss/accept-loss.ts";
export type { AcceptedLoss, LostRange } from "./loss/accepted-loss.ts";
export type { EmbeddedOptions } from "./options.ts";

/**
 * A journal in a local directory. Nothing is opened before a bus uses it.
 * Throws INVALID_ARGUMENT with every fault of the options.
 *
 * @example
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { embedded } from "spillway/embedded";
 * const transport = embedded({ directory: mkdtempSync(join(tmpdir(), "journal-")) });
 * console.log(transport.name, transport.capabilities.durable); // embedded native
 */
export function embedded(options: EmbeddedOptions): Transport {
  return new EmbeddedTransport(resolveOptions(options));
}
