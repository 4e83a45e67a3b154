// State tables in memory for one fake context: same rules for keys and values as a subscription's.
// Owns the rows. Always true: what is read is a copy; what is stored has been validated.
import type { StandardSchema } from "../../contracts/standard-schema.ts";
import { toValidationIssues, validate } from "../../contracts/validation.ts";
import type { StateSchemas, StateTable } from "../../delivery/handler-context.ts";
import { assertStateKey, encodeStateValue } from "../../delivery/state-values.ts";
import { SpillwayError, ValidationError } from "../../errors/spillway-error.ts";

/** The rows of each table: key → value. */
export type FakeRows<Schemas extends StateSchemas> = {
  readonly [Table in keyof Schemas & string]?: Readonly<Record<string, unknown>>;
};

/** One table. */
class FakeTable implements StateTable {
  readonly #name: string;
  readonly #schema: StandardSchema;
  readonly #rows = new Map<string, string>();

  constructor(name: string, schema: StandardSchema, rows: Readonly<Record<string, unknown>>) {
    this.#name = name;
    this.#schema = schema;
    for (const [key, value] of Object.entries(rows)) {
      this.#rows.set(key, encodeStateValue(name, key, value));
    }
  }

  async get(key: string): Promise<never> {
    assertStateKey(this.#name, key);
    const text = this.#rows.get(key);
    // What was stored fitted the schema, which is what the table's types say.
    return (text === undefined ? undefined : await this.#valid(key, JSON.parse(text))) as never;
  }

  async set(key: string, value: unknown): Promise<void> {
    assertStateKey(this.#name, key);
    await this.#valid(key, value);
    this.#rows.set(key, encodeStateValue(this.#name, key, value));
  }

  async delete(key: string): Promise<void> {
    assertStateKey(this.#name, key);
    this.#rows.delete(key);
  }

  rows(): Record<string, unknown> {
    return Object.fromEntries(Array.from(this.#rows, ([key, text]) => [key, JSON.parse(text)]));
  }

  async #valid(key: string, value: unknown): Promise<unknown> {
    const result = await validate(this.#schema, value);
    if (result.issues === undefined) return result.value;
    const subject = `state '${this.#name}' of key ${JSON.stringify(key)}`;
    throw new ValidationError(subject, toValidationIssues(result.issues));
  }
}

/** The tables of one fake context. */
export class FakeState {
  readonly #tables = new Map<string, FakeTable>();
  readonly tables: Readonly<Record<string, StateTable>>;

  constructor(schemas: StateSchemas, rows: FakeRows<StateSchemas>) {
    for (const [name, schema] of Object.entries(schemas)) {
      this.#tables.set(name, new FakeTable(name, schema, rows[name] ?? {}));
    }
    for (const name of Object.keys(rows)) this.#table(name, "rows");
    this.tables = Object.fromEntries(this.#tables);
  }

  /** What a table holds now, as plain data. */
  rows(name: string): Readonly<Record<string, unknown>> {
    return this.#table(name, "rows()").rows();
  }

  #table(name: string, what: string): FakeTable {
    const table = this.#tables.get(name);
    if (table !== undefined) return table;
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `fakeContext: ${what}: table '${name}' has no schema: name it in \`state\``,
    );
  }
}
