// A running schedule as its owner sees it. Always true: closing it leaves the schedule to the other
// processes; removing it ends it for all.
import type { StateSchemas } from "../delivery/handler-context.ts";
import { scheduleKey, type ScheduleRow, scheduleTable } from "../scheduling/schedule.ts";
import type { Subscription } from "./subscription.ts";

/** What a running schedule asks of its bus. */
export interface ScheduleOwner {
  /** Removes the schedule for all processes. */
  remove(): Promise<void>;
  /** It was left: the name is free on this bus. */
  closed(): void;
}

/** A schedule that this bus takes part in: given by bus.schedule(), closed with the bus. */
export class RunningSchedule implements AsyncDisposable {
  readonly name: string;
  /** The channel with its ticks and firings; its dead letters are beside it. */
  readonly channel: string;
  readonly #subscription: Subscription<StateSchemas>;
  readonly #bus: ScheduleOwner;

  /** Made by the bus. */
  constructor(name: string, subscription: Subscription<StateSchemas>, bus: ScheduleOwner) {
    this.name = name;
    this.channel = subscription.channel;
    this.#subscription = subscription;
    this.#bus = bus;
  }

  /** When it is due next, wall ms; undefined before it is defined, and where it never is again. */
  async nextAtMs(): Promise<number | undefined> {
    const row = await this.#subscription.state[scheduleTable]?.get(scheduleKey);
    return (row as ScheduleRow | undefined)?.dueAtMs ?? undefined;
  }

  /** Ends the schedule in all processes, and leaves; what has fired is handled all the same. */
  async remove(): Promise<void> {
    await this.#bus.remove();
    await this.close();
  }

  /** Leaves: other processes go on with the schedule; without one it waits. */
  async close(): Promise<void> {
    await this.#subscription.close();
    this.#bus.closed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
