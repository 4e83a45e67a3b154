// Which state of a damaged database its units are taken from: cursors, open lists and state belong
// together, so that no effect of a handled message is lost while its cursor has passed it. Always
// true: where a page of theirs is gone, all of them are those of an earlier commit.
import type { RepairNotes } from "../repair-report.ts";
import type { PageStore, PageView } from "./page-store.ts";
import { metaValue } from "./row-values.ts";
import { type KnownTable, Tables } from "./tables.ts";

/** Tables, with their indexes, that one unit changes together. */
const unitTables: ReadonlySet<string> = new Set([
  "cursor",
  "cursor_copy",
  "open",
  "open_of_batch",
  "state",
  "state_table",
  "sqlite_autoindex_state_table_1",
]);

/** A state of the database with its tables. */
export interface UnitState {
  readonly view: PageView;
  readonly tables: Tables;
}

/** The commit number of a state; 0 where it is unreadable. */
export function commitOf(tables: Tables): number {
  for (const row of tables.rows("meta")) {
    const found = metaValue(row);
    if (found?.name === "commit") return Number(found.value);
  }
  return 0;
}

/** Chooses, and says so where it is not the newest state. */
export function unitStateOf(
  store: PageStore,
  newest: Tables,
  known: readonly KnownTable[],
  notes: RepairNotes,
  commits: { readonly known: number; readonly copied: number },
): UnitState {
  const tablesOf = (view: PageView): Tables => new Tables(store, view, known);
  const commit = commitOf(newest);
  if (commit < commits.known) {
    const missing = commits.known - commit;
    notes.add("write-ahead-log", `the last ${missing} commits are missing, with what they stored`);
  }
  const base = tablesOf(store.base);
  if (store.wal.frames.length > 0 && commitOf(base) > commit) {
    const what = "it is older than the database: only its messages were looked at";
    notes.add("write-ahead-log", what);
    return { view: store.base, tables: base };
  }
  const baseCommit = commitOf(base);
  if (store.wal.frames.length > 0 && baseCommit > 0 && baseCommit < commits.copied) {
    const what =
      `the database is older than its log: cursors, open messages and state are those of commit ` +
      `${baseCommit}, what was handled since is delivered again`;
    notes.add("write-ahead-log", what);
    return { view: store.base, tables: base };
  }
  if (!store.isLogDamaged) return { view: store.newest, tables: newest };
  const broken = store.wal.frames.filter(({ sound }) => !sound).length;
  const all = store.wal.frames.length;
  if (!store.lostUnknown && ![...store.lost].some((page) => isOfUnits(newest, page))) {
    notes.add("write-ahead-log", `${broken} of ${all} frames are damaged, none of them of units`);
    return { view: store.newest, tables: newest };
  }
  const cut = tablesOf(store.cut);
  const behind = Math.max(0, commit - commitOf(cut));
  notes.add(
    "write-ahead-log",
    `${broken} of ${all} frames are damaged: cursors, open messages and state are those of ` +
      `${behind} commits before the end; what was handled in them is delivered again`,
  );
  return { view: store.cut, tables: cut };
}

function isOfUnits(tables: Tables, page: number): boolean {
  if (page === 1 || tables.owners.entry(page)?.use === "free") return false;
  const name = tables.nameOf(page);
  return name === undefined || unitTables.has(name);
}
