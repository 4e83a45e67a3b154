// Loads SQLite without the warning that Node 22 prints with it: its interface is stable enough for
// what this folder uses of it, and a warning from each of three threads helps no user. Always true:
// no other warning is held back, and nothing outlives the loading.
import type * as Sqlite from "node:sqlite";

/** Calls `load` and drops the warning that SQLite is experimental, if that is what it causes. */
export function withoutSqliteWarning<Result>(load: () => Result): Result {
  // oxlint-disable-next-line typescript/unbound-method -- it is called on process, and put back
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...more: unknown[]) => {
    const ofSqlite = String(warning).startsWith("SQLite is an experimental");
    if (ofSqlite && more[0] === "ExperimentalWarning") return;
    Reflect.apply(emitWarning, process, [warning, ...more]);
  };
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

// A static import would load it before the first line of any module of this library runs.
const sqlite = withoutSqliteWarning(() => process.getBuiltinModule("node:sqlite"));

/** The class of node:sqlite. */
export const DatabaseSync: typeof Sqlite.DatabaseSync = sqlite.DatabaseSync;
/** An open database of node:sqlite. */
export type DatabaseSync = Sqlite.DatabaseSync;
