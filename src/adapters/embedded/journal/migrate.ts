// Brings a journal of an older format up to this library's, in one transaction when a writer opens
// it. Knows only the difference between one format and the next. Always true: after a crash the
// journal has the old format or the new one, complete; while a process of the older library works
// on the directory nothing is changed.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { pauseThread } from "../../../kernel/pause.ts";
import {
  type Connection,
  type ConnectionOptions,
  journalFormat,
  retryWhileBusy,
} from "./connection.ts";
import { checkRowCrc } from "./format-crc.ts";
import { leaseCrc } from "./row-checksums.ts";
import { cursorCopyTable, doubtTable, gapTable, stateTables } from "./schema.ts";

/** From format n (the key) to format n + 1. */
const steps: Readonly<Record<number, string>> = {
  1: `
${gapTable}
ALTER TABLE grp ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grp ADD COLUMN warned_at REAL NOT NULL DEFAULT 0;
ALTER TABLE grp ADD COLUMN ended_at REAL NOT NULL DEFAULT 0;
ALTER TABLE grp ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;
${doubtTable}
ALTER TABLE state RENAME TO state_1;
${stateTables}
INSERT INTO state_table (grp, name) SELECT DISTINCT grp, name FROM state_1;
INSERT INTO state (tbl, key, version, value, crc)
  SELECT state_table.id, key, version, value, state_1.crc
  FROM state_1 JOIN state_table USING (grp, name);
DROP TABLE state_1;
${cursorCopyTable}
`,
};

/** What a step does besides its statements. */
const rewrites: Readonly<Record<number, (connection: Connection) => void>> = { 1: tagLeases };

/** Migrates where that is needed; throws JOURNAL_FORMAT while an older process works on it. */
export function migrate(
  connection: Connection,
  directory: string,
  options: ConnectionOptions & { readonly leaseMs: number },
): void {
  const format = formatOf(connection);
  if (format === 0 || format === journalFormat) return;
  assertNobodyWorks(connection, directory, options.leaseMs);
  retryWhileBusy(`migrating the journal in ${directory}`, options, () => {
    connection.exec("BEGIN IMMEDIATE");
    try {
      // Another process may have been first.
      for (let from = formatOf(connection); from < journalFormat; from++) {
        connection.exec(steps[from] as string);
        rewrites[from]?.(connection);
        connection.exec(`PRAGMA user_version = ${from + 1}`);
      }
      connection.exec("COMMIT");
    } catch (error) {
      connection.exec("ROLLBACK");
      throw error;
    }
  });
}

/** The checksum of a lease says that it is one. */
function tagLeases(connection: Connection): void {
  const update = connection.prepare("UPDATE lease SET crc = ? WHERE grp = ? AND range = ?");
  const rows = connection.prepare("SELECT grp, range, epoch, member, crc FROM lease").all();
  for (const row of rows) {
    const [group = 0, range = 0, epoch = 0, member = 0, crc = 0] = Object.values(row).map(Number);
    // A backup that this library restored has its leases tagged already.
    if (crc === leaseCrc(group, range, epoch, member)) continue;
    checkRowCrc("a lease", crc, [group, range, epoch, member]);
    update.run(leaseCrc(group, range, epoch, member), group, range);
  }
}

/** A process that works beats; rows that stand still for a lease were left by a crash. */
function assertNobodyWorks(connection: Connection, directory: string, leaseMs: number): void {
  const beats = (): string =>
    JSON.stringify(connection.prepare("SELECT id, beat FROM process ORDER BY id").all());
  const before = beats();
  if (before === "[]") return;
  pauseThread(leaseMs);
  if (beats() === before || formatOf(connection) === journalFormat) return;
  throw new SpillwayError(
    "JOURNAL_FORMAT",
    `the journal in ${directory} has an older format and a process with the older library still ` +
      "works on it: stop that process, then open it again; nothing was changed",
    { details: { directory } },
  );
}

function formatOf(connection: Connection): number {
  return Number(connection.prepare("PRAGMA user_version").get()?.["user_version"]);
}
