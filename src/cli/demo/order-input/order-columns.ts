// Makes an order of one record of the user's own file: which column is what, and what is wrong
// with a record that is none. Pure. Always true: an order that it gives has amounts that can be
// summed exactly, and names of bounded length.
import type { Order } from "../../../demo/checkout/orders/order.ts";
import { nearest } from "../../../kernel/nearest.ts";
import { counted } from "../../terminal/number-format.ts";
import { UsageError } from "../../usage-error.ts";

/** What an order is made of; `amount` is money with two decimals, in the place of `cents`. */
export const orderColumns = ["id", "customer", "sku", "quantity", "cents", "amount"] as const;

/** One of them. */
export type OrderColumn = (typeof orderColumns)[number];

/** The columns of the file, by what they are; those that are not named are called as they are. */
export type ColumnNames = Readonly<Partial<Record<OrderColumn, string>>>;

/** A record: from a CSV file a text for each column, from JSON anything. */
export type InputFields = Readonly<Record<string, unknown>>;

/** Why a record is no order. */
export class BadOrder extends Error {}

const nameCharactersMax = 200;
const quantityMax = 1_000;
/** A million orders of it can be summed exactly. */
const centsMax = 1_000_000_000;

/** Reads `--column NAME=COLUMN`, given once for each. Throws UsageError. */
export function parseColumns(words: readonly string[]): ColumnNames {
  const names: Partial<Record<OrderColumn, string>> = {};
  for (const word of words) {
    const [left = "", ...rest] = word.split("=");
    const right = rest.join("=");
    const column = orderColumns.find((each) => each === left);
    if (column === undefined || right === "") throw wrongColumn(word, left, right);
    if (names[column] !== undefined) {
      throw new UsageError(`--column ${column}= is given twice: give it once`, "demo");
    }
    names[column] = right;
  }
  if (names.cents !== undefined && names.amount !== undefined) {
    throw new UsageError("--column has both cents= and amount=: give one of them", "demo");
  }
  return names;
}

function wrongColumn(word: string, left: string, right: string): UsageError {
  const list = orderColumns.join(", ");
  if (right === "") {
    return new UsageError(`--column is '${word}': give NAME=COLUMN, NAME one of ${list}`, "demo");
  }
  const suggestion = nearest(left, orderColumns);
  const hint = suggestion === undefined ? `there are ${list}` : `did you mean '${suggestion}'?`;
  return new UsageError(`--column has no '${left}': ${hint}`, "demo");
}

/** The order of a record; `line` names it where it has no id of its own. Throws BadOrder. */
export function orderOf(fields: InputFields, columns: ColumnNames, line: number): Order {
  const named = new NamedFields(fields, columns);
  return {
    id: named.name("id", `line-${line}`),
    customer: named.name("customer", "guest"),
    sku: named.name("sku", undefined),
    quantity: named.whole("quantity", 1, quantityMax, 1),
    cents: named.isGiven("amount")
      ? centsOf(named.text("amount"), named.columnOf("amount"))
      : named.whole("cents", 0, centsMax, undefined),
  };
}

/** The fields of one record by what they are. */
class NamedFields {
  readonly #fields: InputFields;
  readonly #columns: ColumnNames;

  constructor(fields: InputFields, columns: ColumnNames) {
    this.#fields = fields;
    this.#columns = columns;
  }

  columnOf(name: OrderColumn): string {
    return this.#columns[name] ?? name;
  }

  /** Whether the record has it; what a flag names has to be there. */
  isGiven(name: OrderColumn): boolean {
    if (this.#columns[name] !== undefined) return true;
    return valueAt(this.#fields, name) !== undefined;
  }

  text(name: OrderColumn): string {
    const column = this.columnOf(name);
    const value = valueAt(this.#fields, column);
    if (value === undefined || value === null)
      throw new BadOrder(missing(this.#fields, name, column));
    if (typeof value === "string" || typeof value === "number") return String(value).trim();
    throw new BadOrder(`'${column}' is neither text nor a number`);
  }

  name(name: OrderColumn, otherwise: string | undefined): string {
    if (otherwise !== undefined && !this.isGiven(name)) return otherwise;
    const text = this.text(name);
    if (text !== "" && text.length <= nameCharactersMax) return text;
    const found = text === "" ? "empty" : `${counted(text.length, "character")} long`;
    throw new BadOrder(
      `'${this.columnOf(name)}' is ${found}: 1 to ${nameCharactersMax} are allowed`,
    );
  }

  whole(name: OrderColumn, min: number, max: number, otherwise: number | undefined): number {
    if (otherwise !== undefined && !this.isGiven(name)) return otherwise;
    const text = this.text(name);
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new BadOrder(
      `'${this.columnOf(name)}' is '${text.slice(0, 40)}': a whole number from ${min} to ${max}`,
    );
  }
}

/** A field, or one inside others, as in order.id. */
function valueAt(fields: InputFields, path: string): unknown {
  if (Object.hasOwn(fields, path)) return fields[path];
  let value: unknown = fields;
  for (const name of path.split(".")) {
    const isHolder = typeof value === "object" && value !== null && Object.hasOwn(value, name);
    value = isHolder ? (value as InputFields)[name] : undefined;
  }
  return value;
}

function missing(fields: InputFields, name: OrderColumn, column: string): string {
  const names = Object.keys(fields).slice(0, 20).join(", ");
  return `there is no '${column}' among ${names}: name the column with --column ${name}=COLUMN`;
}

function centsOf(text: string, column: string): number {
  const [, whole = "", decimals = ""] = /^(\d+)(?:\.(\d{1,2}))?$/.exec(text) ?? [];
  const cents = Number(whole) * 100 + Number(decimals.padEnd(2, "0"));
  if (whole !== "" && cents <= centsMax) return cents;
  const most = centsMax / 100;
  throw new BadOrder(
    `'${column}' is '${text.slice(0, 40)}': an amount as in 19.99, at most ${most}`,
  );
}
