// Scatter and gather that outlives its process: a message begins an aggregate, its questions go out
// with it and with its deadline, answers are kept in state, and the end is told once. Knows nothing
// of buses. Always true: what begins an aggregate stands before its answers in the same key; what
// ends it deletes it in the unit that tells so; answers that come then are late. Where the handler
// fails for good at the deadline, the unit that sets that aside says that it is abandoned.
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyContract, AnyMessage, OutgoingMessage } from "../contracts/contract.ts";
import { outgoing, uncheckedContractOf } from "../contracts/event.ts";
import type { StandardSchema } from "../contracts/standard-schema.ts";
import type { HandlerContext, StateTable } from "../delivery/handler-context.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { textId } from "../kernel/id.ts";
import type { AggregateEnd, AnyAggregated, AnyAggregateRules } from "./aggregate-outcome.ts";
import { type AggregateRow, isNew, missingOf, type StoredAnswer } from "./aggregate-rows.ts";
import { answeredByExtension, callerExtension } from "./answering.ts";
import { understoodAnswer } from "./read-answer.ts";
import { answerContractsOf, answerNameOf, answerTypeOf, serviceOf } from "./reply-contracts.ts";
import { reportUnawaited } from "./reply-reader.ts";
import type { RequestCounters } from "./request-counters.ts";
import { assertQuorum, timeoutMsOf } from "./request-options.ts";

/** Most questions of one aggregate. */
export const questionsMax = 1_000;
/** Tables of aggregates under way and of their answers; no table of a user's has such a name. */
export const aggregateTables = {
  rows: "spillway.aggregates",
  answers: "spillway.aggregate-answers",
} as const;

const anything: StandardSchema = {
  "~standard": { version: 1, vendor: "spillway", validate: (value) => ({ value }) },
};

/** The state schemas of the tables above. */
export const aggregateState = {
  [aggregateTables.rows]: anything,
  [aggregateTables.answers]: anything,
};

/** What aggregates are lent. */
export interface AggregatesParts {
  /** Where their answers go; also the name of their group. */
  readonly channel: string;
  readonly rules: AnyAggregateRules;
  readonly counters: RequestCounters;
  /** The groups that handle a command now. */
  handledBy(command: AnyCommand): Promise<readonly string[]>;
  /** The user's handler; gives what is to be published. */
  onEnd(result: AnyAggregated, context: HandlerContext): unknown;
}

/** See the head of this file. */
export class Aggregates {
  /** Begins an aggregate, in its own channel. */
  readonly begun: AnyContract;
  /** Comes delayed. */
  readonly deadline: AnyContract;
  /** Says that the handler failed for good at the end: what is kept of the aggregate goes. */
  readonly abandoned: AnyContract;
  /** Every answer that can come, as it is stored: it is understood when the aggregate ends. */
  readonly answers: readonly AnyContract[];
  readonly #parts: AggregatesParts;
  readonly #timeoutMs: number;
  readonly #byType: ReadonlyMap<string, AnyCommand>;

  /** Throws INVALID_ARGUMENT. */
  constructor(parts: AggregatesParts) {
    const { channel, rules } = parts;
    this.#parts = parts;
    this.#timeoutMs = timeoutMsOf(rules.name, rules);
    assertQuorum(rules.name, rules.quorum);
    this.#byType = new Map(rules.commands.map((command) => [command.type, command]));
    this.begun = plainContract(`${channel}.begun`);
    this.deadline = plainContract(`${channel}.deadline`);
    this.abandoned = plainContract(`${channel}.abandoned`);
    this.answers = rules.commands.flatMap((command) =>
      [...answerContractsOf(command).keys()].map((name) =>
        plainContract(answerTypeOf(command.type, name)),
      ),
    );
  }

  /** What a message leads to: the aggregate, its deadline, its questions; for one unit. */
  async begin(message: AnyMessage): Promise<OutgoingMessage[]> {
    const { rules, channel } = this.#parts;
    const questions = await rules.ask(message);
    this.#assertQuestions(questions);
    const { tenant = "", source, id: startId } = message;
    const key = textId(JSON.stringify([channel, tenant, source, startId]));
    const asked = await Promise.all(
      questions.map(async ({ contract }) => {
        const command = contract;
        const groups = rules.answers === "every" ? await this.#parts.handledBy(command) : null;
        return { command: command.type, groups };
      }),
    );
    const kept = rules.keep?.(message);
    const row: AggregateRow = { startId, kept, asked, answered: [], counted: 0 };
    const delayMs = this.#timeoutMs;
    return [
      this.begun.message(row, { key }),
      this.deadline.message({}, { key, delayMs }),
      ...questions.map(({ contract, data, options }, index) =>
        outgoing(contract, data, {
          expiresInMs: delayMs,
          ...options,
          id: `${key}.${index}`,
          replyTo: channel,
          extensions: { ...options?.extensions, [callerExtension]: key },
        }),
      ),
    ];
  }

  #assertQuestions(questions: readonly OutgoingMessage[]): void {
    const { name } = this.#parts.rules;
    const fault =
      questions.length > questionsMax
        ? `${questions.length} questions: ask at most ${questionsMax}`
        : questions.find(({ contract }) => this.#byType.get(contract.type) !== contract);
    if (fault === undefined) return;
    const what =
      typeof fault === "string"
        ? fault
        : `'${fault.contract.type}', which is not in 'commands': list every command that it asks`;
    throw new SpillwayError("INVALID_ARGUMENT", `aggregate '${name}' asked ${what}`);
  }

  /** Handles a message of the aggregates' channel; gives what is to be published. */
  async receive(message: AnyMessage, context: HandlerContext): Promise<unknown> {
    const { key = "", type } = message;
    const rows = context.state[aggregateTables.rows] as StateTable;
    const row = (await rows.get(key)) as AggregateRow | undefined;
    if (type === this.begun.type) {
      // Begun once; the questions of a repeat are repeats themselves.
      if (row !== undefined) return undefined;
      return this.#go(key, message.data as AggregateRow, context);
    }
    if (type === this.deadline.type) {
      return row === undefined ? undefined : this.#end(key, row, "deadline", context);
    }
    if (type === this.abandoned.type) return this.#abandon(key, row, context);
    const question = questionOf(message.causationId, key);
    const group = String(message.extensions[answeredByExtension] ?? "");
    if (row === undefined) return this.#unawaited("late", message);
    if (!isNew(row, question, group)) return this.#unawaited("duplicate", message);
    const { command = "" } = row.asked[question] ?? {};
    const name = answerNameOf(command, type) ?? "";
    const answers = context.state[aggregateTables.answers] as StateTable;
    await answers.set(answerKey(key, question, group), { name, data: message.data });
    const counted = row.counted + (this.#counts(command, name) ? 1 : 0);
    const answered = [...row.answered, [question, group] as const];
    return this.#go(key, { ...row, answered, counted }, context);
  }

  #counts(command: string, name: string): boolean {
    const { counts } = this.#parts.rules;
    const isReply = Object.hasOwn(this.#byType.get(command)?.replySchemas ?? {}, name);
    return isReply && (counts === undefined || counts.includes(name));
  }

  #unawaited(kind: "late" | "duplicate", message: AnyMessage): undefined {
    const { counters } = this.#parts;
    if (kind === "late") counters.late++;
    else counters.duplicates++;
    const { channel, type, id, causationId: requestId = "" } = message;
    reportUnawaited({ kind, channel, type, id, requestId });
  }

  /** Ends where enough has come, else keeps what there is. */
  async #go(key: string, row: AggregateRow, context: HandlerContext): Promise<unknown> {
    const { quorum } = this.#parts.rules;
    if (missingOf(row).length === 0) return this.#end(key, row, "all", context);
    if (quorum !== undefined && row.counted >= quorum) {
      return this.#end(key, row, "quorum", context);
    }
    const rows = context.state[aggregateTables.rows] as StateTable;
    await rows.set(key, row);
    return undefined;
  }

  async #abandon(
    key: string,
    row: AggregateRow | undefined,
    context: HandlerContext,
  ): Promise<undefined> {
    this.#parts.counters.aggregatesFailed++;
    if (row === undefined) return;
    const answers = context.state[aggregateTables.answers] as StateTable;
    for (const [question, group] of row.answered) {
      await answers.delete(answerKey(key, question, group));
    }
    await (context.state[aggregateTables.rows] as StateTable).delete(key);
  }

  async #end(
    key: string,
    row: AggregateRow,
    type: AggregateEnd,
    context: HandlerContext,
  ): Promise<unknown> {
    const parts = [];
    const answers = context.state[aggregateTables.answers] as StateTable;
    const inOrder = row.answered.toSorted(([left], [right]) => left - right);
    for (const [question, group] of inOrder) {
      const place = answerKey(key, question, group);
      const { name, data } = (await answers.get(place)) as StoredAnswer;
      await answers.delete(place);
      const { command = "" } = row.asked[question] ?? {};
      const asked = this.#byType.get(command);
      // A version that asks other commands takes over what this one no longer knows.
      if (asked === undefined) continue;
      const outcome = await understoodAnswer(asked, name, data);
      parts.push({ command, question, handler: serviceOf(group, command), outcome });
    }
    await (context.state[aggregateTables.rows] as StateTable).delete(key);
    const { startId, kept } = row;
    return this.#parts.onEnd({ type, startId, kept, parts, missing: missingOf(row) }, context);
  }
}

function plainContract(type: string): AnyContract {
  return uncheckedContractOf("event", type, { data: anything });
}

function answerKey(key: string, question: number, group: string): string {
  return `${key}/${question}/${group}`;
}

/** The index in the id of a question; −1 for an id that is none of this aggregate's. */
function questionOf(requestId: string | undefined, key: string): number {
  const text = requestId?.startsWith(`${key}.`) ? requestId.slice(key.length + 1) : "";
  return /^\d+$/.test(text) ? Number(text) : -1;
}
