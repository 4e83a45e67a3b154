// What a consumer reads of the messages it handles: recorded while its handlers are tested, so that
// producers can be held to it. Owns the recording. Always true: a handler sees the same data as
// without it; what is recorded is contract, version and the paths of fields, never their values.
import type { AnyMessage } from "../../contracts/contract.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";

/** Most fields that are recorded of one contract. */
export const consumerFieldsMax = 1_000;

/** The fields of one contract that a consumer reads. Plain data, to be kept as JSON. */
export interface ReadContract {
  readonly type: string;
  readonly version: number;
  /** Paths that were always there, as in "customer.name" or "lines[].sku"; sorted. */
  readonly fields: readonly string[];
  /** Paths that were read and not always there: nobody has to supply them. */
  readonly optional: readonly string[];
}

/** Everything that a consumer reads. Plain data, to be kept as JSON. */
export interface ConsumerContract {
  readonly consumer: string;
  readonly contracts: readonly ReadContract[];
}

interface Fields {
  readonly type: string;
  readonly version: number;
  readonly present: Set<string>;
  readonly absent: Set<string>;
}

/**
 * Records what a consumer's handlers read: give them watched messages in their tests, then keep
 * toJSON() in a file for the producers, who check it with brokenConsumers().
 *
 * @example
 * import { defineEvent } from "spillway";
 * import { ConsumerReads, fakeMessage } from "spillway/testing";
 * import { z } from "zod";
 * const Paid = defineEvent("order.paid", { data: z.object({ id: z.string(), cents: z.int() }) });
 * const reads = new ConsumerReads("billing");
 * const message = reads.watch(fakeMessage(Paid, { id: "7", cents: 5 }));
 * console.log(message.data.cents); // 5
 * console.log(reads.toJSON().contracts[0]?.fields); // [ 'cents' ]
 */
export class ConsumerReads {
  readonly #consumer: string;
  readonly #contracts = new Map<string, Fields>();

  /** `consumer` is the name that a producer is told. Throws INVALID_ARGUMENT without one. */
  constructor(consumer: string) {
    if (typeof consumer !== "string" || consumer === "") {
      const text = "ConsumerReads: give the consumer's name, which a producer is told";
      throw new SpillwayError("INVALID_ARGUMENT", text);
    }
    this.#consumer = consumer;
  }

  /** The same message; what is read of its data is recorded. */
  watch<Message extends AnyMessage>(message: Message): Message {
    const { type, version } = message;
    const name = `${type} ${version}`;
    let fields = this.#contracts.get(name);
    if (fields === undefined) {
      fields = { type, version, present: new Set(), absent: new Set() };
      this.#contracts.set(name, fields);
    }
    // A copy: reading through frozen data could not be watched further down.
    const data = watched(structuredClone(message.data), "", fields);
    return new Proxy(message, {
      get: (target, member) => (member === "data" ? data : Reflect.get(target, member, target)),
    });
  }

  /** What was read so far, sorted. */
  toJSON(): ConsumerContract {
    const contracts = Array.from(this.#contracts.values(), ({ type, version, present, absent }) => {
      const fields = [...present].filter((path) => !absent.has(path)).toSorted();
      return { type, version, fields, optional: [...absent].toSorted() };
    });
    const order = (one: ReadContract): string => `${one.type} ${one.version}`;
    contracts.sort((one, other) => (order(one) < order(other) ? -1 : 1));
    return { consumer: this.#consumer, contracts };
  }
}

function watched(value: unknown, path: string, fields: Fields): unknown {
  if (typeof value !== "object" || value === null || !isPlain(value)) return value;
  const note = (member: string | symbol, found: unknown): string | undefined => {
    if (typeof member === "symbol") return undefined;
    const isList = Array.isArray(value);
    if (isList ? !/^\d+$/.test(member) : member in Object.prototype) return undefined;
    const at = isList ? `${path}[]` : path === "" ? member : `${path}.${member}`;
    const set = found === undefined ? fields.absent : fields.present;
    if (!isList || found !== undefined) keep(set, at, fields);
    return at;
  };
  return new Proxy(value, {
    get(target, member) {
      const found: unknown = Reflect.get(target, member, target);
      const at = note(member, found);
      return at === undefined ? found : watched(found, at, fields);
    },
    has(target, member) {
      note(member, Reflect.get(target, member, target));
      return Reflect.has(target, member);
    },
  });
}

/** Also where the object comes from globals other than these: Jest has its own in every file. */
function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function keep(set: Set<string>, path: string, { type, present, absent }: Fields): void {
  if (present.size + absent.size >= consumerFieldsMax && !set.has(path)) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `ConsumerReads: more than ${consumerFieldsMax} fields of '${type}': give it smaller examples`,
    );
  }
  set.add(path);
}
