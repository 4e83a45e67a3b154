// The state store's read side: rows of a group's state as last committed by any process. Writing is
// the engine's, inside units. Always true: every row handed out matched its checksum; each page of
// entries comes from one snapshot, and nothing is held open between pages.
import type { StateRow, StateScope, StateStore } from "../../../ports/state-store.ts";
import { damaged } from "../journal/format.ts";
import { stateCrc } from "../journal/row-checksums.ts";
import type { ReadConnection, ReadStatement, Row } from "./guarded-connection.ts";

/** Rows in one page of entries(). */
export const statePageRows = 256;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

const absent: StateRow = Object.freeze({ value: undefined, version: 0 });

/** Reads state on the connection it is given. */
export class StateReader implements StateStore {
  readonly #selectGroup: ReadStatement;
  readonly #selectRow: ReadStatement;
  readonly #selectPage: ReadStatement;
  readonly #groups = new Map<string, number>();

  constructor(connection: ReadConnection) {
    this.#selectGroup = connection.prepare(
      "SELECT grp.id FROM grp JOIN channel ON channel.id = grp.channel " +
        "WHERE channel.name = ? AND grp.name = ?",
    );
    const [key, value] = cutsTexts(connection)
      ? ["CAST(key AS BLOB)", "CAST(value AS BLOB)"]
      : ["key", "value"];
    const rows =
      `SELECT ${key} AS keyText, version, ${value} AS valueText, crc ` +
      "FROM state WHERE tbl = (SELECT id FROM state_table WHERE grp = ? AND name = ?)";
    this.#selectRow = connection.prepare(`${rows} AND key = ?`);
    this.#selectPage = connection.prepare(`${rows} AND key >= ? ORDER BY key LIMIT ?`);
  }

  read(scope: StateScope, table: string, key: string): StateRow {
    const group = this.#groupId(scope);
    if (group === undefined) return absent;
    const row = this.#selectRow.get(group, table, key);
    return row === undefined ? absent : checkedRow(group, table, row);
  }

  async *entries(
    scope: StateScope,
    table: string,
  ): AsyncGenerator<{ readonly key: string; readonly value: string }> {
    const group = this.#groupId(scope);
    if (group === undefined) return;
    let from = "";
    for (;;) {
      const page = this.#selectPage.all(group, table, from, statePageRows);
      for (const row of page) {
        const { value } = checkedRow(group, table, row);
        const key = textOf(row["keyText"]);
        // The next text in SQLite's order of bytes.
        from = `${key}\0`;
        if (value !== undefined) yield { key, value };
      }
      if (page.length < statePageRows) return;
    }
  }

  /** Channels were removed: what a name stood for may be gone. */
  forgetGroups(): void {
    this.#groups.clear();
  }

  #groupId({ channel, group }: StateScope): number | undefined {
    const name = `${channel}/${group}`;
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const row = this.#selectGroup.get(channel, group);
    if (row === undefined) return undefined;
    const id = Number(row["id"]);
    this.#groups.set(name, id);
    return id;
  }
}

/** Whether this Node ends a text that it reads at its first NUL, as 22 does; bytes stay whole. */
function cutsTexts(connection: ReadConnection): boolean {
  return connection.prepare("SELECT char(97, 0, 98) AS text").get()?.["text"] === "a";
}

function textOf(column: Row[string] | undefined): string {
  return column instanceof Uint8Array ? utf8.decode(column) : String(column);
}

function checkedRow(group: number, table: string, row: Row): StateRow {
  const key = textOf(row["keyText"]);
  const version = Number(row["version"]);
  const value = textOf(row["valueText"]);
  if (stateCrc(group, table, key, version, value) === Number(row["crc"])) return { value, version };
  throw damaged(`state '${table}' of key '${key}' does not match its checksum`, { table, key });
}
