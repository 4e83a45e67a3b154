// The calls of a bus that have to do with time: what is delayed, and schedules; with what each
// promises. Words only; bus-scheduling.ts implements them.
import type { CancelOutcome, DelayedPage } from "../ports/delayed.ts";
import type { FiringHandler, ScheduleRules } from "../scheduling/schedule-rules.ts";
import type { RunningSchedule } from "./running-schedule.ts";
import type { Selectable } from "./selection.ts";

/** A delayed message: its receipt, an entry of bus.delayed(), or what is known of it. */
export interface DelayedReference {
  readonly channel: string;
  readonly id: string;
  /** Who published it. Default: this bus. */
  readonly source?: string | undefined;
  /** Default: whatever its tenant. */
  readonly tenant?: string | undefined;
  /** Found faster where it is given; receipts of delayed messages have it. */
  readonly dueAtMs?: number | undefined;
}

/** Which page of delayed messages. */
export interface DelayedOptions {
  /** The `next` of the page before. */
  readonly after?: string | undefined;
  /** Most messages of the page, 1 to 1,000. Default 1,000. */
  readonly messagesMax?: number | undefined;
}

/** Options of bus.schedule(). */
export interface ScheduleOptions extends ScheduleRules {
  /** Ends this bus's part in the schedule. */
  readonly signal?: AbortSignal;
}

/** Delayed messages and schedules; part of every Bus. */
export interface SchedulingCalls {
  /**
   * Cancels a delayed message. "cancelled": it was not visible and never will be, and only this
   * call did it. "already-delivered": it is in its channel. "unknown": neither, because it was
   * cancelled before, removed by retention, or never published. Exactly one of cancelling and
   * delivering happens, in whatever process. The second outcome may take reading the channel from
   * the time in the id on.
   *
   * @example
   * import { createBus, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const CartLeft = defineEvent("cart.left", { data: z.object({ id: z.string() }) });
   * await using bus = await createBus({ name: "shop", transport: memory() });
   * const reminder = await bus.publish(CartLeft, { id: "7" }, { delayMs: 3_600_000 });
   * console.log(await bus.cancelDelayed(reminder)); // cancelled
   * console.log(await bus.cancelDelayed(reminder)); // unknown
   */
  cancelDelayed(
    message: DelayedReference,
    options?: { readonly signal?: AbortSignal },
  ): Promise<CancelOutcome>;

  /**
   * A page of what is delayed in the channel of a selection, in order of due time: all types of the
   * channel, without their data.
   *
   * @example
   * import { createBus, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const CartLeft = defineEvent("cart.left", { data: z.object({ id: z.string() }) });
   * await using bus = await createBus({ name: "shop", transport: memory() });
   * await bus.publish(CartLeft, { id: "7" }, { delayMs: 3_600_000 });
   * const { messages, next } = await bus.delayed(CartLeft);
   * console.log(messages.length, messages[0]?.type, next); // 1 cart.left undefined
   */
  delayed(selection: Selectable, options?: DelayedOptions): Promise<DelayedPage>;

  /**
   * Fires at the times of a cron expression: what `onFiring` returns is published, once for each
   * due time over all processes that schedule the same name, also when some of them are killed. A
   * firing that throws is tried again, then it is a dead letter of the schedule's channel; later
   * due times do not wait for it. After a time without a process `catchUp` says what fires. Calling
   * it with another expression changes the schedule for all processes from then on.
   *
   * Rejects with INVALID_ARGUMENT, INVALID_NAME, UNSUPPORTED, CLOSED or ABORTED.
   *
   * @example
   * import { createBus, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const ReportDue = defineEvent("report.due", { data: z.object({ dueAtMs: z.int() }) });
   * await using bus = await createBus({ name: "reports", transport: memory() });
   * const nightly = await bus.schedule(
   *   "nightly-report",
   *   { cron: "30 2 * * *", timeZone: "Europe/Zurich", catchUp: "last" },
   *   ({ dueAtMs }) => ReportDue.message({ dueAtMs }),
   * );
   * console.log(nightly.name, nightly.channel); // nightly-report spillway.schedule.nightly-report
   */
  schedule(
    name: string,
    options: ScheduleOptions,
    onFiring: FiringHandler,
  ): Promise<RunningSchedule>;
}
