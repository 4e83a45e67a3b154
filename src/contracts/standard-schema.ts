// The validator port: the interface that the Standard Schema specification (version 1) describes,
// so that zod, valibot, arktype and others are accepted without any of them being a dependency.

/** One fault a validator reports. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** What validating gives: the value, or the faults. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<StandardIssue> };

/**
 * Any validator that implements Standard Schema, version 1. `Input` is what goes over the wire,
 * `Output` what a handler receives.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** Whether a value is a validator that implements Standard Schema. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  const candidate = value as Partial<StandardSchema> | null | undefined;
  return typeof candidate?.["~standard"]?.validate === "function";
}

/**
 * What a schema accepts: the data as it is published. Readonly, so that data which was received can
 * be published again as it is.
 */
export type InputOf<Schema extends StandardSchema> = DeepReadonly<
  NonNullable<Schema["~standard"]["types"]>["input"]
>;

/** What a schema gives: the data as a handler sees it. */
export type OutputOf<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["output"];

/**
 * The same data, deeply readonly: messages are immutable. Text that carries a brand, functions,
 * bytes, and objects that know their own JSON form (dates, URLs) count as one value.
 */
export type DeepReadonly<Data> = Data extends Whole
  ? Data
  : Data extends ReadonlyMap<infer Key, infer Value>
    ? ReadonlyMap<Key, DeepReadonly<Value>>
    : Data extends ReadonlySet<infer Value>
      ? ReadonlySet<DeepReadonly<Value>>
      : Data extends readonly unknown[]
        ? ReadonlyList<Data>
        : Data extends object
          ? { readonly [Key in keyof Data]: DeepReadonly<Data[Key]> }
          : Data;

/** An array by itself, apart from tuples: so that a type that contains itself ends here. */
type ReadonlyList<List extends readonly unknown[]> = List[number][] extends List
  ? readonly DeepReadonly<List[number]>[]
  : { readonly [Index in keyof List]: DeepReadonly<List[Index]> };

type Whole =
  | string
  | number
  | bigint
  | boolean
  | symbol
  | ArrayBufferView
  | ((...parameters: never[]) => unknown)
  | { toJSON(...parameters: never[]): unknown };
