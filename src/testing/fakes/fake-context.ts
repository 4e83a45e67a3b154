// The context of a delivery without a bus: for unit tests of handlers. Owns what the handler did
// with it. Always true: state and published data follow the same rules as on a bus; nothing is
// stored anywhere else.
import type {
  AnyContract,
  AnyMessage,
  MessageOptions,
  OutgoingMessage,
} from "../../contracts/contract.ts";
import type {
  HandlerContext,
  HandlerLog,
  LogFields,
  StateSchemas,
  StateTables,
} from "../../delivery/handler-context.ts";
import { idempotencyKeyOf } from "../../delivery/handler-run.ts";
import type { SequenceStanding } from "../../delivery/sequences/key-position.ts";
import { assertKnownOptions, optionNames } from "../../errors/known-options.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { validData } from "./fake-message.ts";
import { type FakeRows, FakeState } from "./fake-state.ts";

/** Options of fakeContext(); only `message` is required. */
export interface FakeContextOptions<Schemas extends StateSchemas = Record<never, never>> {
  /** What is handled; fakeMessage() makes one. */
  readonly message: AnyMessage;
  /** Default "test". */
  readonly group?: string;
  /** Default 1. */
  readonly attempt?: number;
  /** State tables: name → schema. Default: none. */
  readonly state?: Schemas;
  /** What the tables hold at first. */
  readonly rows?: FakeRows<Schemas>;
  /** Default: the message's own. */
  readonly traceparent?: string;
  /** Default: undefined, as without `sequence`. */
  readonly sequence?: SequenceStanding;
}

const known = optionNames<FakeContextOptions>({
  message: true,
  group: true,
  attempt: true,
  state: true,
  rows: true,
  traceparent: true,
  sequence: true,
});

/** One entry of context.log. */
export interface FakeLogEntry {
  readonly level: keyof HandlerLog;
  readonly text: string;
  readonly fields: LogFields;
}

/** Most messages and log entries that a fake context keeps; beyond, the call throws. */
export const fakeRecordsMax = 10_000;

/** A context that remembers; made by fakeContext(). */
export class FakeContext<Schemas extends StateSchemas = Record<never, never>>
  implements HandlerContext<Schemas>
{
  readonly message: AnyMessage;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly trace: { readonly traceparent: string | undefined };
  readonly log: HandlerLog;
  readonly sequence: SequenceStanding | undefined;
  readonly state: StateTables<Schemas>;
  /** What the handler gave to context.publish, in order. */
  readonly published: readonly OutgoingMessage[];
  /** What it said through context.log. */
  readonly logged: readonly FakeLogEntry[];
  readonly #published: OutgoingMessage[] = [];
  readonly #logged: FakeLogEntry[] = [];
  readonly #state: FakeState;
  readonly #controller = new AbortController();

  /** Made by fakeContext(). */
  constructor(options: FakeContextOptions<Schemas>) {
    const { message, group = "test", attempt = 1 } = options;
    if (!Number.isInteger(attempt) || attempt < 1) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `fakeContext: attempt is ${attempt}: give a whole number from 1 on`,
      );
    }
    this.message = message;
    this.attempt = attempt;
    this.idempotencyKey = idempotencyKeyOf(message, group);
    this.trace = { traceparent: options.traceparent ?? message.traceparent };
    this.sequence = options.sequence;
    this.#state = new FakeState(options.state ?? {}, options.rows ?? {});
    // Its tables were made from these schemas.
    this.state = this.#state.tables as never;
    this.published = this.#published;
    this.logged = this.#logged;
    const at =
      (level: keyof HandlerLog) =>
      (text: string, fields: LogFields = {}) =>
        keep(this.#logged, { level, text, fields });
    this.log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async publish(contract: AnyContract, data: unknown, options?: MessageOptions): Promise<void> {
    validData(contract, data);
    keep(this.#published, contract.message(data, options));
  }

  /** Fires the signal, as at the end of the handler's time. */
  abort(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  /** What a state table holds now. */
  rows(table: keyof Schemas & string): Readonly<Record<string, unknown>> {
    return this.#state.rows(table);
  }
}

function keep<Item>(list: Item[], item: Item): void {
  if (list.length === fakeRecordsMax) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `fakeContext: more than ${fakeRecordsMax} messages or log entries of one handler call`,
    );
  }
  list.push(item);
}

/**
 * A context for calling a handler in a unit test: with state tables, a recorder of what it
 * publishes and logs, and a signal to abort. What the handler returns is the test's to look at.
 * Throws INVALID_ARGUMENT for options that do not fit.
 *
 * @example
 * import { type ContextOf, defineEvent, type MessageOf } from "spillway";
 * import { fakeContext, fakeMessage } from "spillway/testing";
 * import { z } from "zod";
 * const Paid = defineEvent("order.paid", { data: z.object({ id: z.string(), cents: z.int() }) });
 * const state = { totals: z.int() };
 * async function addUp(message: MessageOf<typeof Paid>, context: ContextOf<typeof state>) {
 *   const before = (await context.state.totals.get("all")) ?? 0;
 *   await context.state.totals.set("all", before + message.data.cents);
 * }
 * const message = fakeMessage(Paid, { id: "7", cents: 5 });
 * const context = fakeContext({ message, state, rows: { totals: { all: 10 } } });
 * await addUp(message, context);
 * console.log(context.rows("totals")); // { all: 15 }
 */
export function fakeContext<const Schemas extends StateSchemas = Record<never, never>>(
  options: FakeContextOptions<Schemas>,
): FakeContext<Schemas> {
  assertKnownOptions(options, known, "fakeContext");
  return new FakeContext(options);
}
