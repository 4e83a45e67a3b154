// State as one handler call sees it: its own writes, else what it read first, else the newest value
// in memory or in the store. Nothing it writes is seen by others before it has finished. Always
// true: reads repeat; a call whose reads were overwritten meanwhile says so (staleRow) and is run
// again.
import type { StateSchemas, StateTable } from "./handler-context.ts";
import type { StandardResult, StandardSchema } from "../contracts/standard-schema.ts";
import { toValidationIssues, validate } from "../contracts/validation.ts";
import { ClosedError, SpillwayError, ValidationError } from "../errors/spillway-error.ts";
import { assertStateKey, encodeStateValue } from "./state-values.ts";
import type { StateRow } from "./state-row.ts";
import { rowName, type StateRows } from "./state-rows.ts";

/** A row as one handler call has seen and changed it. */
export interface RowTouch {
  readonly row: StateRow;
  /** The row's stamp when it was read; −1: it was only written. */
  stamp: number;
  isWritten: boolean;
  /** What this call sees: its own write, or what it read. */
  value: string | undefined;
}

/** A call's turn at a contended row. */
export interface RowTurn {
  readonly row: string;
  hasIt: boolean;
}

/** What a view needs of the handler call it belongs to. */
export interface StateUser {
  /** Whether the call is over, so that nothing may be added to it. */
  readonly isOver: boolean;
  /** The tenant of the message: its state is kept apart. */
  readonly tenant: string | undefined;
  /** The contended row that this call has, or waits for; it passes it on when it ends. */
  turn: RowTurn | undefined;
  /** Keeps a promise that the call must wait for. */
  track<Value>(promise: Promise<Value>): Promise<Value>;
}

/** Rows of one call that are found by going through all of them. */
const searchedMax = 8;

const done: Promise<void> = Promise.resolve();

/** The rows one handler call touched, and its tables. */
export class StateView {
  readonly tables: Readonly<Record<string, StateTable>>;
  /** In the order of their first use. */
  readonly touches: RowTouch[] = [];
  /** By rowName(); made when there are more than a search goes through quickly. */
  #byName: Map<string, RowTouch> | undefined;
  readonly user: StateUser;
  readonly #rows: StateRows;
  readonly #rowsMax: number;

  constructor(rows: StateRows, schemas: StateSchemas, user: StateUser, rowsMax: number) {
    const tables: Record<string, StateTable> = {};
    for (const name of Object.keys(schemas)) {
      tables[name] = new TableView(this, name, schemas[name] as StandardSchema);
    }
    this.tables = tables;
    this.user = user;
    this.#rows = rows;
    this.#rowsMax = rowsMax;
  }

  /** The name of a row that another call changed after this one had read it, if there is one. */
  get staleRow(): string | undefined {
    for (const { row, stamp } of this.touches) {
      if (stamp !== -1 && stamp !== row.stamp) return rowName(row.table, row.key);
    }
    return undefined;
  }

  /** Lets every row go; the call is over or starts anew. */
  release(): void {
    for (const { row } of this.touches) row.pins--;
    this.touches.length = 0;
    this.#byName = undefined;
  }

  /** The touch of a row, made when it is new; `needsValue`: its value is to be read. */
  touch(table: string, key: string, needsValue: boolean): RowTouch | Promise<RowTouch> {
    if (this.user.isOver) {
      throw overError(table);
    }
    assertStateKey(table, key);
    const { tenant } = this.user;
    const stored = tenant === undefined ? key : `\u001f${tenant}\u001f${key}`;
    const known = this.#touchOf(table, stored);
    if (known !== undefined && (!needsValue || known.isWritten || known.row.isLoaded)) return known;
    if (known === undefined && this.touches.length >= this.#rowsMax) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `state '${table}': one message touches more than ${this.#rowsMax} rows: keep what ` +
          "belongs together in one row, or use several messages",
        { details: { table, rowsMax: this.#rowsMax } },
      );
    }
    // Whoever has or waits for a turn already goes on without a second one: see row-turns.ts.
    const { turns } = this.#rows;
    if (!turns.isQuiet && this.user.turn === undefined) {
      const name = rowName(table, stored);
      if (turns.isTaken(name)) return this.#touchInTurn(name, table, stored, needsValue);
    }
    const row = this.#rows.find(table, stored, needsValue);
    return row instanceof Promise ? row.then((found) => this.#add(found)) : this.#add(row);
  }

  async #touchInTurn(
    name: string,
    table: string,
    key: string,
    needsValue: boolean,
  ): Promise<RowTouch> {
    const { turns } = this.#rows;
    const turn: RowTurn = { row: name, hasIt: false };
    this.user.turn = turn;
    await turns.enter(name);
    if (this.user.isOver) {
      turns.leave(name);
      throw overError(table);
    }
    turn.hasIt = true;
    return this.#add(await this.#rows.find(table, key, needsValue));
  }

  #touchOf(table: string, key: string): RowTouch | undefined {
    if (this.#byName !== undefined) return this.#byName.get(rowName(table, key));
    for (const touch of this.touches) {
      if (touch.row.key === key && touch.row.table === table) return touch;
    }
    return undefined;
  }

  #add(row: StateRow): RowTouch {
    const known = this.#touchOf(row.table, row.key);
    if (known !== undefined || this.user.isOver) row.pins--;
    if (known !== undefined) return known;
    const touch: RowTouch = { row, stamp: -1, isWritten: false, value: undefined };
    if (this.user.isOver) return touch;
    this.touches.push(touch);
    if (this.#byName !== undefined) this.#byName.set(rowName(row.table, row.key), touch);
    else if (this.touches.length > searchedMax) {
      const named = this.touches.map(
        (each) => [rowName(each.row.table, each.row.key), each] as const,
      );
      this.#byName = new Map(named);
    }
    return touch;
  }
}

function overError(table: string): ClosedError {
  return new ClosedError(`state '${table}' was used after its handler had settled: await it`);
}

class TableView implements StateTable {
  readonly #view: StateView;
  readonly #table: string;
  readonly #schema: StandardSchema;

  constructor(view: StateView, table: string, schema: StandardSchema) {
    this.#view = view;
    this.#table = table;
    this.#schema = schema;
  }

  // Faults are thrown at once where nothing had to be waited for: then a forgotten `await` fails
  // the handler instead of the process.

  get(key: string): Promise<unknown> {
    const touch = this.#view.touch(this.#table, key, true);
    if (touch instanceof Promise) {
      return this.#view.user.track(touch.then((found) => this.#read(found)));
    }
    const value = this.#read(touch);
    return value instanceof Promise ? this.#view.user.track(value) : Promise.resolve(value);
  }

  set(key: string, value: unknown): Promise<void> {
    const result = validate(this.#schema, value);
    const touch = this.#view.touch(this.#table, key, false);
    if (!(result instanceof Promise) && !(touch instanceof Promise)) {
      this.#write(touch, key, value, result);
      return done;
    }
    const both = Promise.all([touch, result]);
    return this.#view.user.track(
      both.then(([found, settled]) => this.#write(found, key, value, settled)),
    );
  }

  delete(key: string): Promise<void> {
    const touch = this.#view.touch(this.#table, key, false);
    if (touch instanceof Promise) {
      return this.#view.user.track(touch.then((found) => this.#put(found, undefined)));
    }
    this.#put(touch, undefined);
    return done;
  }

  #read(touch: RowTouch): unknown {
    if (touch.stamp === -1 && !touch.isWritten) {
      touch.stamp = touch.row.stamp;
      touch.value = touch.row.value;
    }
    if (touch.value === undefined) return undefined;
    const result = validate(this.#schema, JSON.parse(touch.value));
    if (result instanceof Promise) return result.then((settled) => this.#valueOf(touch, settled));
    return this.#valueOf(touch, result);
  }

  #valueOf(touch: RowTouch, result: StandardResult<unknown>): unknown {
    if (result.issues === undefined) return result.value;
    throw this.#invalid(touch.row.key, result);
  }

  #write(touch: RowTouch, key: string, value: unknown, result: StandardResult<unknown>): void {
    if (result.issues !== undefined) throw this.#invalid(key, result);
    this.#put(touch, encodeStateValue(this.#table, key, value));
  }

  #put(touch: RowTouch, value: string | undefined): void {
    touch.isWritten = true;
    touch.value = value;
  }

  #invalid(key: string, result: Extract<StandardResult<unknown>, { issues: object }>): Error {
    const subject = `state '${this.#table}' of key ${JSON.stringify(key)}`;
    return new ValidationError(subject, toValidationIssues(result.issues));
  }
}
