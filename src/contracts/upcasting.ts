// Upcasting: how data of an older version of a contract becomes data of a newer one. Each step
// knows its two neighbours only; contract-index.ts joins steps to chains. Always true: a step gets
// data that its older contract has validated, and leads to a higher version of the same type.
import { SpillwayError } from "../errors/spillway-error.ts";
import type { AnyContract, Contract, Upcast } from "./contract.ts";
import type { OutputOf, StandardResult, StandardSchema } from "./standard-schema.ts";
import { validate } from "./validation.ts";

/**
 * One step from an older version to the version in whose `upcasts` it stands. `apply` gets the
 * older contract's validated data and returns input of the newer one; it must be pure.
 *
 * @example
 * import { defineEvent, upcastFrom } from "spillway";
 * import { z } from "zod";
 * const name = "com.acme.customer.moved";
 * const MovedV1 = defineEvent(name, { data: z.object({ address: z.string() }) });
 * const MovedV2 = defineEvent(name, {
 *   version: 2,
 *   data: z.object({ street: z.string(), city: z.string() }),
 *   upcasts: [upcastFrom(MovedV1, (old) => ({ street: old.address, city: "unknown" }))],
 * });
 * console.log(MovedV2.upcasts[0]?.from.version); // 1
 */
export function upcastFrom<
  Kind extends "event" | "command",
  Type extends string,
  Version extends number,
  Schema extends StandardSchema,
  Input,
>(
  older: Contract<Kind, Type, Version, Schema>,
  apply: (older: OutputOf<Schema>) => Input,
): Upcast<Input> {
  return Object.freeze({ from: older, apply });
}

/**
 * Throws INVALID_ARGUMENT unless each upcast comes from a lower version of the same contract, which
 * also makes a cycle impossible, and no version has two.
 */
export function assertUpcasts(
  contract: Pick<AnyContract, "kind" | "type" | "version" | "upcasts">,
): void {
  const seen = new Set<number>();
  for (const upcast of contract.upcasts) {
    const fault = faultOf(contract, upcast, seen);
    if (fault !== undefined) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `${contract.kind} '${contract.type}' version ${contract.version}: upcasts ${fault}`,
      );
    }
    seen.add(upcast.from.version);
  }
}

function faultOf(
  contract: Pick<AnyContract, "kind" | "type" | "version">,
  upcast: Upcast,
  seen: ReadonlySet<number>,
): string | undefined {
  if (typeof upcast?.apply !== "function" || upcast.from === undefined) {
    return "holds something that is not an upcast: use upcastFrom(OlderContract, (old) => …)";
  }
  const { kind, type, version } = upcast.from;
  if (kind !== contract.kind || type !== contract.type) {
    return `names ${kind} '${type}' as a source: upcast from an older version of this contract`;
  }
  if (version >= contract.version) {
    return (
      `names version ${version} as a source: upcast from a lower version, ` +
      "so that no chain ends in itself"
    );
  }
  if (seen.has(version)) return `names version ${version} twice: keep one of them`;
  return undefined;
}

/**
 * Brings stored data of `steps[0].from` to input of the last step's target: validates it with each
 * older contract, then applies that contract's step. The caller validates the end result with the
 * target's own schema. Synchronous unless a validator is not. Throws, or rejects with,
 * UPCAST_FAILED where a step throws.
 */
export function applyUpcasts(
  steps: readonly Upcast[],
  data: unknown,
): StandardResult<unknown> | Promise<StandardResult<unknown>> {
  let value = data;
  for (const [index, step] of steps.entries()) {
    const result = validate(step.from.schema, value);
    if (result instanceof Promise) {
      return result.then((settled) => {
        if (settled.issues !== undefined) return settled;
        return applyUpcasts(steps.slice(index + 1), applyStep(step, settled.value));
      });
    }
    if (result.issues !== undefined) return result;
    value = applyStep(step, result.value);
  }
  return { value };
}

function applyStep(step: Upcast, older: unknown): unknown {
  try {
    return step.apply(older);
  } catch (cause) {
    const { type, version } = step.from;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SpillwayError(
      "UPCAST_FAILED",
      `the upcast from '${type}' version ${version} threw: ${reason}`,
      { cause, details: { type, version } },
    );
  }
}
