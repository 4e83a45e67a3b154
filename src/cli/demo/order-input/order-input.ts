// Orders of the user's own, from a file or from standard input: JSON, one object a line or an
// array, or CSV with a header. Read piece by piece while customers come, so that its size does not
// matter. Always true: each order it gives has an id that no order before it had; a record that is
// no order is told with its file and line, counted, and left out.
import type { Order } from "../../../demo/checkout/orders/order.ts";
import type { OrderSource } from "../../../demo/checkout/orders/order-source.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { InputSource } from "../../publish/input-source.ts";
import { RecordSplitter } from "../../publish/record-splitter.ts";
import { counted } from "../../terminal/number-format.ts";
import { CsvSplitter } from "./csv-splitter.ts";
import { BadOrder, type ColumnNames, type InputFields, orderOf } from "./order-columns.ts";

/** Longest record, in bytes or characters. */
export const recordMax = 16_384;

/** A record that was left out. */
export interface BadLine {
  readonly line: number;
  readonly reason: string;
}

/** A record with its line, or why there is none. */
type Entry = { readonly line: number; readonly fields: InputFields } | BadLine;

/** Orders from one input. */
export class OrderInput implements OrderSource {
  /** Records that were left out. */
  skipped = 0;
  readonly name: string;
  readonly #source: InputSource;
  readonly #columns: ColumnNames;
  readonly #onBad: (bad: BadLine) => void;
  readonly #ids = new Set<string>();
  readonly #entries: AsyncGenerator<Entry, undefined>;
  #first: Order | undefined;
  #isClosed = false;

  private constructor(source: InputSource, columns: ColumnNames, onBad: (bad: BadLine) => void) {
    this.name = source.name;
    this.#source = source;
    this.#columns = columns;
    this.#onBad = onBad;
    this.#entries = entriesOf(source);
  }

  /**
   * Begins to read. Rejects with INPUT_INVALID when there is nothing, or when the first record is
   * no order: then the columns are most likely called differently.
   */
  static async open(
    source: InputSource,
    columns: ColumnNames,
    onBad: (bad: BadLine) => void,
  ): Promise<OrderInput> {
    const input = new OrderInput(source, columns, onBad);
    const result = await input.#read();
    if (result.done === true) {
      throw new SpillwayError("INPUT_INVALID", `${input.name} holds no orders`);
    }
    const order = input.#orderOf(result.value);
    if ("id" in order) input.#first = order;
    else {
      input.close();
      const message = `${input.name}, line ${order.line}: ${order.reason}`;
      throw new SpillwayError("INPUT_INVALID", message, { details: { ...order } });
    }
    return input;
  }

  /** The next order. Rejects with INPUT_INVALID when the file cannot be read any further. */
  async next(): Promise<Order | undefined> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return first;
    for (;;) {
      const result = await this.#read();
      if (result.done === true || this.#isClosed) return undefined;
      const order = this.#orderOf(result.value);
      if ("id" in order) return order;
      this.skipped++;
      this.#onBad(order);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#source.chunks.destroy();
  }

  async #read(): Promise<IteratorResult<Entry, undefined>> {
    try {
      return await this.#entries.next();
    } catch (error) {
      if (this.#isClosed) return { done: true, value: undefined };
      throw error;
    }
  }

  #orderOf(entry: Entry): Order | BadLine {
    if ("reason" in entry) return entry;
    const { line } = entry;
    try {
      const order = orderOf(entry.fields, this.#columns, line);
      if (this.#ids.has(order.id)) {
        const reason = `the order '${order.id}' came before: each record is an order of its own`;
        return { line, reason };
      }
      this.#ids.add(order.id);
      return order;
    } catch (error) {
      if (error instanceof BadOrder) return { line, reason: error.message };
      throw error;
    }
  }
}

/** JSON or CSV, whichever the first visible byte says. */
async function* entriesOf(source: InputSource): AsyncGenerator<Entry, undefined> {
  let cut: ((chunk: Uint8Array | undefined) => Entry[]) | undefined;
  for await (const chunk of chunksOf(source)) {
    cut ??= isJson(chunk) ? jsonEntries() : csvEntries();
    yield* cut(chunk);
  }
  if (cut !== undefined) yield* cut(undefined);
  return undefined;
}

async function* chunksOf(source: InputSource): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of source.chunks) yield chunk as Uint8Array;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `cannot read ${source.name}: ${reason}`;
    throw new SpillwayError("INPUT_INVALID", message, { cause });
  }
}

function isJson(chunk: Uint8Array): boolean {
  return /^\uFEFF?\s*[[{]/.test(Buffer.from(chunk.subarray(0, recordMax)).toString("utf8"));
}

function jsonEntries(): (chunk: Uint8Array | undefined) => Entry[] {
  const splitter = new RecordSplitter(recordMax);
  return (chunk) => {
    const records = chunk === undefined ? splitter.end() : splitter.push(chunk);
    return records.map((record) => {
      if ("problem" in record) return { line: record.line, reason: record.problem };
      return parsed(record.line, record.text);
    });
  };
}

function parsed(line: number, text: string): Entry {
  try {
    const value = JSON.parse(text) as unknown;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? { line, fields: value as InputFields } : { line, reason: "not an object" };
  } catch (error) {
    return { line, reason: `not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function csvEntries(): (chunk: Uint8Array | undefined) => Entry[] {
  const splitter = new CsvSplitter(recordMax);
  let header: readonly string[] | undefined;
  return (chunk) => {
    const entries: Entry[] = [];
    for (const record of chunk === undefined ? splitter.end() : splitter.push(chunk)) {
      const { line } = record;
      if ("problem" in record) entries.push({ line, reason: record.problem });
      else if (header === undefined) header = record.fields.map((name) => name.trim());
      else entries.push(rowOf(header, line, record.fields));
    }
    return entries;
  };
}

function rowOf(header: readonly string[], line: number, fields: readonly string[]): Entry {
  if (fields.length !== header.length) {
    const reason = `${counted(fields.length, "field")} where the header has ${header.length}`;
    return { line, reason };
  }
  return { line, fields: Object.fromEntries(header.map((name, at) => [name, fields[at]])) };
}
