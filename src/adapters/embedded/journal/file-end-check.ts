// Whether the database's file is as long as its pages need. SQLite asks that only of a database
// without a write-ahead log, and takes for zeros what is not there, but where it reads a long value
// straight from the file. Always true: of a sound journal every page behind the file's end is in
// the log; others may commit and copy meanwhile.
import { statSync } from "node:fs";
import type { Snapshot } from "../inspection/snapshot.ts";
import { pageBytes } from "./connection.ts";
import { databasePath, walPath } from "./directory.ts";

const walHeaderBytes = 32;
const frameBytes = pageBytes + 24;
/** What may be longer than a page. */
const longColumns = { batch: "data", timer: "data", state: "value", open: "entries" } as const;

/**
 * What is wrong, one line each; inside a transaction. `readsAll`: also reads every long value,
 * where some of them may lie behind the end; else only what sizes tell.
 */
export function fileEndProblems(
  directory: string,
  snapshot: Snapshot,
  readsAll: boolean,
): string[] {
  const row = snapshot.first<{ page_count: number }>("PRAGMA page_count");
  const pages = row?.page_count ?? 0;
  // In this order: where the log began anew meanwhile, the file has all of its pages.
  const frames = Math.floor((bytesOf(walPath(directory)) - walHeaderBytes) / frameBytes);
  const stored = Math.floor(bytesOf(databasePath(directory)) / pageBytes);
  if (stored >= pages) return [];
  const end = `${databasePath(directory)} ends after page ${stored} of ${pages}`;
  if (pages - stored > Math.max(0, frames)) {
    return [`${end}, and its write-ahead log has not the rest`];
  }
  if (!readsAll) return [];
  return Object.entries(longColumns).flatMap(([table, column]) => {
    // Its last byte is had by reading all of it.
    const sql = `SELECT count(substr(${column}, -1)) AS bytes FROM ${table}`;
    const { failure } = snapshot.read(sql);
    return failure === undefined ? [] : [`${end}, and rows of ${table} lie behind it: ${failure}`];
  });
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
