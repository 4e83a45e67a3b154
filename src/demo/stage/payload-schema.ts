// A validator of our own in a few lines, to show that any Standard Schema will do: it checks the
// fields that the services rely on and lets all others pass, as a receiver of somebody else's data
// should. Always true: it reports every faulty path, and gives the value itself back.
import type { StandardIssue, StandardSchema } from "../../contracts/standard-schema.ts";

type Path = readonly PropertyKey[];
type Check = (value: unknown, path: Path, issues: StandardIssue[]) => void;

/** A part of a schema that checks one value of type `Value`. */
export interface Part<Value> {
  readonly check: Check;
  /** Exists in the types only. */
  readonly value?: Value;
}

type Fields = Readonly<Record<string, Part<unknown>>>;
type ValueOf<Each> = Each extends Part<infer Value> ? Value : never;
type OptionalNames<Of extends Fields> = {
  [Name in keyof Of]: undefined extends ValueOf<Of[Name]> ? Name : never;
}[keyof Of];
type RecordOf<Of extends Fields> = {
  readonly [Name in Exclude<keyof Of, OptionalNames<Of>>]: ValueOf<Of[Name]>;
} & { readonly [Name in OptionalNames<Of>]?: ValueOf<Of[Name]> };

const expected = (what: string, test: (value: unknown) => boolean): Check => {
  return (value, path, issues) => {
    if (test(value)) return;
    const found = value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;
    issues.push({ message: `expected ${what}, found ${found}`, path });
  };
};

/** Any text. */
export const text: Part<string> = { check: expected("text", (value) => typeof value === "string") };

/** A whole number. */
export const wholeNumber: Part<number> = {
  check: expected("a whole number", (value) => Number.isSafeInteger(value)),
};

/** True or false. */
export const flag: Part<boolean> = {
  check: expected("true or false", (value) => typeof value === "boolean"),
};

/** The same, or absent, or null, as GitHub writes what it does not know. */
export function optional<Value>(part: Part<Value>): Part<Value | null | undefined> {
  return {
    check(value, path, issues) {
      if (value !== undefined && value !== null) part.check(value, path, issues);
    },
  };
}

/** A list of one kind of value. */
export function listOf<Value>(part: Part<Value>): Part<readonly Value[]> {
  const isList = expected("a list", Array.isArray);
  return {
    check(value, path, issues) {
      isList(value, path, issues);
      if (!Array.isArray(value)) return;
      for (const [index, item] of value.entries()) part.check(item, [...path, index], issues);
    },
  };
}

/** An object with at least these fields. */
export function object<const Of extends Fields>(fields: Of): Part<RecordOf<Of>> {
  const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = Object.entries(fields);
  const asObject = expected("an object", isObject);
  return {
    check(value, path, issues) {
      asObject(value, path, issues);
      if (!isObject(value)) return;
      for (const [name, part] of entries) part.check(value[name], [...path, name], issues);
    },
  };
}

/** Makes a Standard Schema of a part. */
export function payloadSchema<Value>(part: Part<Value>): StandardSchema<Value> {
  return {
    "~standard": {
      version: 1,
      vendor: "spillway-demo",
      validate(value) {
        const issues: StandardIssue[] = [];
        part.check(value, [], issues);
        return issues.length === 0 ? { value: value as Value } : { issues };
      },
    },
  };
}
