// Whether a producer still supplies what its consumers read: their recorded fields against its
// contracts and examples. Pure.
import type { AnyContract } from "../../contracts/contract.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { validData } from "../fakes/fake-message.ts";
import type { ConsumerContract, ReadContract } from "./consumer-reads.ts";

/** A contract as its producer publishes it, with data that its schema accepts. */
export interface ProducedContract {
  readonly contract: AnyContract;
  /** One at least; what is optional should be absent in one of them. */
  readonly examples: readonly unknown[];
}

/** Something that a consumer reads and would no longer find. */
export interface BrokenConsumer {
  readonly consumer: string;
  readonly type: string;
  /** The version that the consumer reads. */
  readonly version: number;
  /** Undefined: the contract as a whole. */
  readonly field: string | undefined;
  /** For people. */
  readonly message: string;
}

/**
 * For a producer's build: names every consumer, field and version that would break. Contracts that
 * are not in `produced` at all are left to their own producers. Throws VALIDATION_FAILED for an
 * example that its own schema refuses, INVALID_ARGUMENT for consumers that are none.
 *
 * @example
 * import { defineEvent } from "spillway";
 * import { brokenConsumers } from "spillway/testing";
 * import { z } from "zod";
 * const Paid = defineEvent("order.paid", { data: z.object({ id: z.string() }) });
 * const contracts = [{ type: "order.paid", version: 1, fields: ["cents"], optional: [] }];
 * const produced = [{ contract: Paid, examples: [{ id: "7" }] }];
 * const [broken] = brokenConsumers([{ consumer: "billing", contracts }], produced);
 * console.log(broken?.consumer, broken?.field, broken?.version); // billing cents 1
 */
export function brokenConsumers(
  consumers: readonly ConsumerContract[],
  produced: readonly ProducedContract[],
): readonly BrokenConsumer[] {
  for (const each of consumers) {
    if (Array.isArray(each?.contracts)) continue;
    const text =
      "brokenConsumers: a consumer has no `contracts`: give what ConsumerReads.toJSON() gave, a " +
      "file's text through JSON.parse() first";
    throw new SpillwayError("INVALID_ARGUMENT", text);
  }
  const examples = new Map(
    produced.map(({ contract, examples: given }) => [
      `${contract.type} ${contract.version}`,
      given.map((example) => validData(contract, example)),
    ]),
  );
  const types = new Set(produced.map(({ contract }) => contract.type));
  return consumers.flatMap(({ consumer, contracts }) =>
    contracts
      .filter(({ type }) => types.has(type))
      .flatMap((read) => missingIn(consumer, read, examples.get(`${read.type} ${read.version}`))),
  );
}

function missingIn(
  consumer: string,
  { type, version, fields }: ReadContract,
  examples: readonly unknown[] | undefined,
): readonly BrokenConsumer[] {
  const place = { consumer, type, version };
  if (examples === undefined || examples.length === 0) {
    const why = examples === undefined ? "is not published any more" : "has no example";
    const message = `'${consumer}' reads '${type}' version ${version}, which ${why}`;
    return [{ ...place, field: undefined, message }];
  }
  return fields
    .filter((field) => !examples.every((example) => supplies(example, stepsOf(field))))
    .map((field) => {
      const what = `'${consumer}' reads '${field}' of '${type}' version ${version}`;
      return { ...place, field, message: `${what}, which not every example has` };
    });
}

/** "lines[].sku" is lines, [], sku. */
function stepsOf(field: string): readonly string[] {
  return field.replaceAll("[]", ".[]").split(".").filter(Boolean);
}

/** Whether the path is there; in a list, in each of its elements. */
function supplies(value: unknown, [step, ...rest]: readonly string[]): boolean {
  if (step === undefined) return value !== undefined;
  if (typeof value !== "object" || value === null) return false;
  if (step === "[]") return Array.isArray(value) && value.every((each) => supplies(each, rest));
  return Object.hasOwn(value, step) && supplies(Reflect.get(value, step), rest);
}
