// Walks the rows of one small table by its key, a slice at a time. Knows nothing of what a row
// means. Always true: where a page of the table cannot be read, the rows on both sides of it are
// still looked at.
import type { InspectedCounts } from "./log-walk.ts";
import type { FindingList } from "./finding.ts";
import type { Row, Snapshot } from "./snapshot.ts";

/** Most rows of one slice. */
export const rowsAtOnce = 512;

/** How one table is looked at. */
export interface RowCheck {
  readonly table: string;
  /** The columns that order the rows, as the statement names them. */
  readonly key: readonly string[];
  /** SELECT … FROM …, without WHERE and ORDER BY; its columns hold the key under its last name. */
  readonly select: string;
  /** What is wrong with a row: [how its finding is called, what]; undefined for a sound one. */
  readonly problem: (row: Row) => readonly ["row-damaged" | "row-inconsistent", string] | undefined;
}

/** See the head of this file. */
export class RowWalk {
  readonly #snapshot: Snapshot;
  readonly #findings: FindingList;
  readonly #counts: InspectedCounts;
  readonly #check: RowCheck;
  #direction: "ASC" | "DESC" = "ASC";
  #last: readonly (string | number)[] | undefined;
  #failedAfter = "";

  constructor(
    check: RowCheck,
    parts: {
      readonly snapshot: Snapshot;
      readonly findings: FindingList;
      readonly counts: InspectedCounts;
    },
  ) {
    this.#check = check;
    this.#snapshot = parts.snapshot;
    this.#findings = parts.findings;
    this.#counts = parts.counts;
  }

  /** Looks at the next rows; false once there are no more. */
  slice(): boolean {
    const { rows, failure } = this.#snapshot.read(this.#sql(), ...(this.#last ?? []));
    for (const row of rows) this.#look(row);
    const last = rows.at(-1);
    if (last !== undefined) this.#last = this.#keyOf(last);
    if (failure === undefined) {
      if (rows.length === rowsAtOnce) return true;
      if (this.#direction === "DESC") this.#reportHole("the beginning of the table");
      return false;
    }
    if (this.#direction === "DESC") {
      this.#reportHole(this.#nameOf(this.#last));
      return false;
    }
    this.#failedAfter = `after ${this.#nameOf(this.#last)} cannot be read (${failure})`;
    // The rows behind the unreadable page, from the table's other end.
    this.#direction = "DESC";
    this.#last = undefined;
    return true;
  }

  #sql(): string {
    const { key, select } = this.#check;
    const names = key.join(", ");
    const marks = key.map(() => "?").join(", ");
    const sign = this.#direction === "ASC" ? ">" : "<";
    const where = this.#last === undefined ? "" : ` WHERE (${names}) ${sign} (${marks})`;
    const order = key.map((name) => `${name} ${this.#direction}`).join(", ");
    return `${select}${where} ORDER BY ${order} LIMIT ${rowsAtOnce}`;
  }

  #look(row: Row): void {
    this.#counts.rows++;
    const problem = this.#check.problem(row);
    if (problem === undefined) return;
    const [kind, what] = problem;
    const { table } = this.#check;
    this.#findings.add(kind, `${table} (${this.#keyOf(row).join(", ")}): ${what}`, { table });
  }

  #reportHole(before: string): void {
    const { table } = this.#check;
    const message = `${table}: what comes ${this.#failedAfter}, up to ${before}`;
    this.#findings.add("row-damaged", message, { table });
  }

  #keyOf(row: Row): (string | number)[] {
    return this.#check.key.map((name) => {
      const value = row[name.slice(name.lastIndexOf(".") + 1)];
      return typeof value === "number" ? value : String(value);
    });
  }

  #nameOf(key: readonly (string | number)[] | undefined): string {
    return key === undefined ? "the table's end" : `(${key.join(", ")})`;
  }
}
