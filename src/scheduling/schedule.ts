// A schedule as messages of its own channel (docs/adr/0020): definitions, ticks and firings, which
// one group with state handles. Knows nothing of buses. Always true: a tick moves the schedule on
// and sends the next tick and the firings in the unit that acknowledges it; a tick that is not the
// one the state waits for does nothing; so each due time is handled once, whoever dies.
import type { AnyContract, AnyMessage, OutgoingMessage } from "../contracts/contract.ts";
import { outgoing, uncheckedContractOf } from "../contracts/event.ts";
import type { StandardSchema } from "../contracts/standard-schema.ts";
import type { HandlerContext, StateTable } from "../delivery/handler-context.ts";
import type { Clock } from "../kernel/clock.ts";
import { formatTime } from "../kernel/timestamp.ts";
import { CronExpression } from "./cron-expression.ts";
import {
  definitionOf,
  dueTimes,
  type Firing,
  type FiringHandler,
  type WholeRules,
} from "./schedule-rules.ts";

/** The table with the one row of a schedule; no table of a user's has such a name. */
export const scheduleTable = "spillway.schedule";
/** The key of that row. */
export const scheduleKey = "row";

/** What the state holds of a schedule. */
export interface ScheduleRow {
  readonly definition: string;
  /** The due time of the tick under way; null: there is no further one. */
  readonly dueAtMs: number | null;
}

const anything: StandardSchema = {
  "~standard": { version: 1, vendor: "spillway", validate: (value) => ({ value }) },
};

/** The state schemas of a schedule. */
export const scheduleState = { [scheduleTable]: anything };

/** What the channel of a schedule carries. */
export class ScheduleContracts {
  readonly channel: string;
  readonly defined: AnyContract;
  readonly ticked: AnyContract;
  readonly fired: AnyContract;
  readonly removed: AnyContract;

  constructor(channel: string) {
    const contract = (name: string): AnyContract =>
      uncheckedContractOf("event", `${channel}.${name}`, { data: anything });
    this.channel = channel;
    this.defined = contract("defined");
    this.ticked = contract("ticked");
    this.fired = contract("fired");
    this.removed = contract("removed");
  }

  get all(): readonly AnyContract[] {
    return [this.defined, this.ticked, this.fired, this.removed];
  }
}

/** What a schedule is lent. */
export interface ScheduleParts {
  readonly name: string;
  readonly contracts: ScheduleContracts;
  readonly rules: WholeRules;
  readonly clock: Clock;
  /** The user's handler. */
  readonly onFiring: FiringHandler;
}

/** See the head of this file. */
export class Schedule {
  /** The definition of this process. */
  readonly definition: string;
  readonly #parts: ScheduleParts;

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
    this.definition = definitionOf(parts.rules);
  }

  /** Handles a message of the channel; gives what is to be published. */
  async receive(message: AnyMessage, context: HandlerContext): Promise<unknown> {
    const { type, data } = message;
    const { fired, removed, defined } = this.#parts.contracts;
    if (type === fired.type) return this.#parts.onFiring(data as Firing);
    const table = context.state[scheduleTable] as StateTable;
    const row = (await table.get(scheduleKey)) as ScheduleRow | undefined;
    if (type === removed.type) {
      await table.delete(scheduleKey);
      return undefined;
    }
    if (type === defined.type) return this.#define(data as ScheduleRow, row, table);
    return this.#tick(data as ScheduleRow, row, table);
  }

  async #define(
    { definition }: Pick<ScheduleRow, "definition">,
    row: ScheduleRow | undefined,
    table: StateTable,
  ): Promise<OutgoingMessage[]> {
    // Again, in case that it was lost: the second one of a due time does nothing.
    if (row?.definition === definition) return this.#tickFor(row);
    const { clock } = this.#parts;
    const next = { definition, dueAtMs: expressionOf(definition).after(clock.wallMs()) ?? null };
    await table.set(scheduleKey, next);
    return this.#tickFor(next);
  }

  async #tick(
    tick: ScheduleRow,
    row: ScheduleRow | undefined,
    table: StateTable,
  ): Promise<OutgoingMessage[]> {
    const isStale = row?.definition !== tick.definition || row.dueAtMs !== tick.dueAtMs;
    if (isStale || tick.dueAtMs === null) return [];
    const { clock, contracts, name } = this.#parts;
    const firedAtMs = clock.wallMs();
    const rules = JSON.parse(tick.definition) as WholeRules;
    const expression = expressionOf(tick.definition);
    const due = dueTimes(rules, expression, tick.dueAtMs, firedAtMs);
    const dueAtMs = expression.after(Math.max(firedAtMs, tick.dueAtMs)) ?? null;
    const next = { definition: tick.definition, dueAtMs };
    await table.set(scheduleKey, next);
    const firings = due.map((each) => {
      const firing: Firing = { name, dueAtMs: each, firedAtMs };
      return outgoing(contracts.fired, firing, { correlationId: this.#correlationOf(each) });
    });
    return [...this.#tickFor(next), ...firings];
  }

  #tickFor(row: ScheduleRow): OutgoingMessage[] {
    if (row.dueAtMs === null) return [];
    const correlationId = this.#correlationOf(row.dueAtMs);
    return [
      outgoing(this.#parts.contracts.ticked, row, { deliverAtMs: row.dueAtMs, correlationId }),
    ];
  }

  /** Each due time is a conversation of its own. */
  #correlationOf(dueAtMs: number): string {
    return `${this.#parts.contracts.channel}/${formatTime(dueAtMs)}`;
  }
}

function expressionOf(definition: string): CronExpression {
  const { cron, timeZone } = JSON.parse(definition) as WholeRules;
  return new CronExpression(cron, timeZone);
}
