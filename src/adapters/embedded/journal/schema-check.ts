// Whether a journal's tables and indexes are the ones that this library makes, and begin with pages
// of their own kind. SQLite's own check sees neither: a definition that says something else is as
// good to it, and so is the page of another table where that one is empty. Always true: a journal
// that was migrated from an older format has the same columns as a new one.
import type { Snapshot } from "../inspection/snapshot.ts";
import { createSchema } from "./schema.ts";
import { DatabaseSync } from "./sqlite.ts";

const columnsSql =
  "SELECT m.name AS owner, c.name AS name, lower(c.type) AS type, c.pk AS place " +
  "FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' " +
  "UNION ALL SELECT m.name, ifnull(c.name, 'rowid'), 'index', c.seqno " +
  "FROM sqlite_schema AS m JOIN pragma_index_xinfo(m.name) AS c WHERE m.type = 'index'";
const indexesSql =
  "SELECT m.name AS name, m.tbl_name AS owner, l.partial AS partial " +
  "FROM sqlite_schema AS m JOIN pragma_index_list(m.tbl_name) AS l ON l.name = m.name " +
  "WHERE m.type = 'index' ORDER BY m.name";

interface ColumnRow {
  readonly owner: string;
  readonly name: string;
  readonly type: string;
  readonly place: number;
}

interface IndexRow {
  readonly name: string;
  readonly owner: string;
  readonly partial: number;
}

/** What a new journal has: its definitions as text, and their columns. */
interface Expected {
  readonly definitions: string;
  readonly columns: ReadonlySet<string>;
}

/** Both partial indexes are of what has given ids. */
const givenOnly = "WHERE given = 1";
const definitionsSql = "SELECT name, sql FROM sqlite_schema ORDER BY name";
let known: Expected | undefined;

/** What is wrong, one line each; `isSmall`: the database is small enough to be walked through. */
export function schemaProblems(snapshot: Snapshot, isSmall: boolean): string[] {
  known ??= expected();
  const definitions = snapshot.read(definitionsSql);
  if (JSON.stringify(definitions.rows) === known.definitions) {
    return rootProblems(snapshot, isSmall);
  }
  const { rows, failure = definitions.failure } = snapshot.read<ColumnRow>(columnsSql);
  if (failure !== undefined) return [`its tables cannot be listed: ${failure}`];
  const found = new Set(rows.map(textOf));
  const missing = [...known.columns].filter((text) => !found.has(text));
  if (missing.length > 0) return missing.map((text) => `the definition of ${text} is gone`);
  return rootProblems(snapshot, isSmall);
}

/** Reads the first entry of every index: each must be an index. */
function rootProblems(snapshot: Snapshot, isSmall: boolean): string[] {
  return snapshot.read<IndexRow>(indexesSql).rows.flatMap((index) => {
    const { name, owner, partial } = index;
    if (partial === 1 && isSmall) return partialProblems(snapshot, index);
    const where = partial === 1 ? givenOnly : "";
    const sql = `SELECT 1 FROM "${owner}" INDEXED BY "${name}" ${where} LIMIT 1`;
    const { failure } = snapshot.read(sql);
    return failure === undefined ? [] : [`index '${name}' cannot be read: ${failure}`];
  });
}

/** Entries that belong to no row are what SQLite looks for in whole indexes only. */
function partialProblems(snapshot: Snapshot, { name, owner }: IndexRow): string[] {
  const countSql = (how: string): string => `SELECT count(*) FROM "${owner}" ${how} ${givenOnly}`;
  const { rows, failure } = snapshot.read<{ listed: number; stored: number }>(
    `SELECT (${countSql(`INDEXED BY "${name}"`)}) AS listed, ` +
      `(${countSql("NOT INDEXED")}) AS stored`,
  );
  const [{ listed, stored } = { listed: 0, stored: 0 }] = rows;
  if (failure !== undefined) return [`index '${name}' cannot be read: ${failure}`];
  return listed === stored ? [] : [`index '${name}' has ${listed} entries for ${stored} rows`];
}

function expected(): Expected {
  const connection = new DatabaseSync(":memory:");
  try {
    createSchema(connection, "");
    const columns = connection.prepare(columnsSql).all() as unknown as ColumnRow[];
    const definitions = JSON.stringify(connection.prepare(definitionsSql).all());
    return { definitions, columns: new Set(columns.map(textOf)) };
  } finally {
    connection.close();
  }
}

function textOf({ owner, name, type, place }: ColumnRow): string {
  return `column ${place} '${name}' (${type}) of '${owner}'`;
}
