// The read side of a subscription's state: committed values, decoded and validated, readable from
// anywhere. Writing happens only inside handlers. Owns no cache.
import type { DeepReadonly, OutputOf, StandardSchema } from "../contracts/standard-schema.ts";
import { toValidationIssues, validate } from "../contracts/validation.ts";
import type { StateSchemas } from "../delivery/handler-context.ts";
import { ValidationError } from "../errors/spillway-error.ts";
import type { StateScope, StateStore } from "../ports/state-store.ts";

const separator = "\u001f";

/** Whose rows are read. */
export interface StateReadOptions {
  /** The tenant of the messages whose handlers wrote them. Default: messages without a tenant. */
  readonly tenant?: string;
}

/** One table of committed state. */
export interface StateTableView<Schema extends StandardSchema> {
  /** The committed value of a key, or undefined. */
  get(key: string, options?: StateReadOptions): Promise<DeepReadonly<OutputOf<Schema>> | undefined>;
  /** All committed rows in the order of their keys; read in pages, each from one snapshot. */
  entries(
    options?: StateReadOptions,
  ): AsyncIterable<readonly [key: string, value: DeepReadonly<OutputOf<Schema>>]>;
}

/** The tables of a subscription, for reading. */
export type StateView<State extends StateSchemas> = {
  readonly [Table in keyof State & string]: StateTableView<State[Table]>;
};

/** The tables that were declared; `store` is there whenever there are any. */
export function stateViewOf<State extends StateSchemas>(
  store: StateStore | undefined,
  scope: StateScope,
  schemas: State,
): StateView<State> {
  const tables = Object.entries(schemas).map(([table, schema]) => [
    table,
    store === undefined ? undefined : new TableView(store, scope, table, schema),
  ]);
  return Object.freeze(Object.fromEntries(tables)) as StateView<State>;
}

class TableView implements StateTableView<StandardSchema> {
  readonly #store: StateStore;
  readonly #scope: StateScope;
  readonly #table: string;
  readonly #schema: StandardSchema;

  constructor(store: StateStore, scope: StateScope, table: string, schema: StandardSchema) {
    this.#store = store;
    this.#scope = scope;
    this.#table = table;
    this.#schema = schema;
  }

  async get(key: string, options: StateReadOptions = {}): Promise<unknown> {
    const stored = prefixOf(options.tenant) + key;
    const { value } = await this.#store.read(this.#scope, this.#table, stored);
    return value === undefined ? undefined : this.#decode(key, value);
  }

  async *entries(options: StateReadOptions = {}): AsyncGenerator<readonly [string, unknown]> {
    const prefix = prefixOf(options.tenant);
    for await (const { key, value } of this.#store.entries(this.#scope, this.#table)) {
      if (!isOfTenant(key, prefix)) continue;
      yield [key.slice(prefix.length), await this.#decode(key, value)];
    }
  }

  async #decode(key: string, text: string): Promise<unknown> {
    const result = await validate(this.#schema, JSON.parse(text));
    if (result.issues === undefined) return result.value;
    const subject = `stored state '${key}' of table '${this.#table}'`;
    throw new ValidationError(subject, toValidationIssues(result.issues), {
      details: { ...this.#scope, table: this.#table, key },
    });
  }
}

/** Rows of a tenant are stored under a prefix that no key of a user can start with. */
function prefixOf(tenant: string | undefined): string {
  return tenant === undefined ? "" : `${separator}${tenant}${separator}`;
}

function isOfTenant(stored: string, prefix: string): boolean {
  return prefix === "" ? !stored.startsWith(separator) : stored.startsWith(prefix);
}
