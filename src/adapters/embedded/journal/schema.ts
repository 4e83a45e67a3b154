// The tables of a journal (docs/adr/0001 and 0003), and their creation. Always true: creation is
// one transaction, so that of several processes that open a new directory at once exactly one
// makes it.
import { type Connection, journalApplicationId, journalFormat } from "./connection.ts";
import { metaCrc } from "./row-checksums.ts";

/** Ranges of offsets whose messages are gone: lost at the end, or quarantined (docs/adr/0006). */
export const gapTable = `
CREATE TABLE gap (
  log INTEGER NOT NULL, base INTEGER NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL,
  noted_at REAL NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (log, base)
) STRICT, WITHOUT ROWID;
`;

/** Positions of cursors a few seconds ago, for the repair of damaged ones. */
export const cursorCopyTable = `
CREATE TABLE cursor_copy (
  grp INTEGER NOT NULL, log INTEGER NOT NULL, range INTEGER NOT NULL,
  position INTEGER NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (grp, log, range)
) STRICT, WITHOUT ROWID;
`;

/** Rows of state name their group and table by one small number: every byte is written twice. */
export const stateTables = `
CREATE TABLE state_table (
  id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, name TEXT NOT NULL,
  UNIQUE (grp, name)
) STRICT;
CREATE TABLE state (
  tbl INTEGER NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL,
  crc INTEGER NOT NULL,
  PRIMARY KEY (tbl, key)
) STRICT, WITHOUT ROWID;
`;

/**
 * Appends that a publisher could not be told the end of, because the disk failed while they were
 * committed: by range of offsets of a log, or (lane 3) of timers. Their ids count as given.
 */
export const doubtTable = `
CREATE TABLE doubt (
  id INTEGER PRIMARY KEY AUTOINCREMENT, channel INTEGER NOT NULL, lane INTEGER NOT NULL,
  base INTEGER NOT NULL, end INTEGER NOT NULL, noted_at REAL NOT NULL, crc INTEGER NOT NULL
) STRICT;
CREATE INDEX doubt_of_channel ON doubt (channel, id);
`;

/** The lane number of each priority in `log.lane` and `timer.lane` is its index in `priorities`. */
const tables = `
CREATE TABLE meta (
  name TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE channel (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
  retention TEXT NOT NULL, compression TEXT NOT NULL, crc INTEGER NOT NULL
) STRICT;
CREATE TABLE log (
  id INTEGER PRIMARY KEY, channel INTEGER NOT NULL, lane INTEGER NOT NULL,
  start INTEGER NOT NULL, end INTEGER NOT NULL, bytes INTEGER NOT NULL,
  appended_at REAL NOT NULL, last_crc INTEGER NOT NULL, crc INTEGER NOT NULL,
  UNIQUE (channel, lane)
) STRICT;
CREATE TABLE batch (
  id INTEGER PRIMARY KEY, log INTEGER NOT NULL, base INTEGER NOT NULL, count INTEGER NOT NULL,
  appended_at REAL NOT NULL, previous_crc INTEGER NOT NULL, crc INTEGER NOT NULL,
  given INTEGER NOT NULL, place TEXT, data BLOB NOT NULL,
  UNIQUE (log, base)
) STRICT;
CREATE INDEX batch_given ON batch (log, base) WHERE given = 1;
CREATE TABLE grp (
  id INTEGER PRIMARY KEY, channel INTEGER NOT NULL, name TEXT NOT NULL, selection TEXT NOT NULL,
  seen_at REAL NOT NULL, dropped INTEGER NOT NULL, crc INTEGER NOT NULL,
  expired INTEGER NOT NULL DEFAULT 0, warned_at REAL NOT NULL DEFAULT 0,
  ended_at REAL NOT NULL DEFAULT 0, lost INTEGER NOT NULL DEFAULT 0,
  UNIQUE (channel, name)
) STRICT;
CREATE TABLE cursor (
  grp INTEGER NOT NULL, log INTEGER NOT NULL, range INTEGER NOT NULL,
  position INTEGER NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (grp, log, range)
) STRICT, WITHOUT ROWID;
CREATE TABLE open (
  grp INTEGER NOT NULL, log INTEGER NOT NULL, range INTEGER NOT NULL, base INTEGER NOT NULL,
  entries BLOB NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (grp, log, range, base)
) STRICT, WITHOUT ROWID;
CREATE INDEX open_of_batch ON open (log, base);
CREATE TABLE lease (
  grp INTEGER NOT NULL, range INTEGER NOT NULL, epoch INTEGER NOT NULL, member INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  PRIMARY KEY (grp, range)
) STRICT, WITHOUT ROWID;
CREATE TABLE member (
  id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL, process INTEGER NOT NULL
) STRICT;
CREATE INDEX member_of_group ON member (grp);
CREATE TABLE process (
  id INTEGER PRIMARY KEY AUTOINCREMENT, beat INTEGER NOT NULL, bell TEXT NOT NULL
) STRICT;
CREATE TABLE timer (
  id INTEGER PRIMARY KEY AUTOINCREMENT, channel INTEGER NOT NULL, lane INTEGER NOT NULL,
  due_at REAL NOT NULL, accepted_at REAL NOT NULL, given INTEGER NOT NULL,
  crc INTEGER NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE INDEX timer_due ON timer (due_at, channel);
CREATE INDEX timer_given ON timer (channel, id) WHERE given = 1;
${gapTable}${doubtTable}${stateTables}${cursorCopyTable}`;

/** Whether the tables exist already. */
export function hasSchema(connection: Connection): boolean {
  return connection.prepare("PRAGMA user_version").get()?.["user_version"] === journalFormat;
}

/** Creates all tables; inside a write transaction of a database without them. */
export function createSchema(connection: Connection, incarnation: string): void {
  connection.exec(tables);
  const meta = connection.prepare("INSERT INTO meta (name, value, crc) VALUES (?, ?, ?)");
  for (const [name, value] of [
    ["incarnation", incarnation],
    ["commit", "0"],
    ["members", "0"],
  ] as const) {
    meta.run(name, value, metaCrc(name, value));
  }
  connection.exec(`PRAGMA application_id = ${journalApplicationId}`);
  connection.exec(`PRAGMA user_version = ${journalFormat}`);
}
