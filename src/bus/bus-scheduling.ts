// bus.cancelDelayed(), delayed() and schedule(): wires them to the transport, and a schedule to a
// subscription of its own channel. Always true: a schedule that was handed out has its definition
// stored.
import type { AnyContract } from "../contracts/contract.ts";
import { defineChannel } from "../contracts/channel.ts";
import { assertName } from "../contracts/names.ts";
import type { Handler, StateSchemas } from "../delivery/handler-context.ts";
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { CancelOutcome, DelayedPage } from "../ports/delayed.ts";
import {
  Schedule,
  ScheduleContracts,
  scheduleKey,
  scheduleState,
  scheduleTable,
} from "../scheduling/schedule.ts";
import { type FiringHandler, wholeRules } from "../scheduling/schedule-rules.ts";
import type { BusGate } from "./bus-gate.ts";
import type { BusSettings } from "./bus-options.ts";
import { assertSupported } from "./capability-checks.ts";
import type { ChannelEntry, ChannelRegistry } from "./channel-registry.ts";
import type { Publisher } from "./publisher.ts";
import { type Receipt, ReceiptWaiter } from "./receipt.ts";
import { RunningSchedule } from "./running-schedule.ts";
import type {
  DelayedOptions,
  DelayedReference,
  ScheduleOptions,
  SchedulingCalls,
} from "./scheduling-calls.ts";
import { type Selectable, selectionOf } from "./selection.ts";
import type { Subscription } from "./subscription.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Prefix of the channels of schedules. */
const channelPrefix = "spillway.schedule.";
/** The one group of such a channel. */
const scheduleMembership = {
  group: "schedule",
  delivery: "effectively-once",
  state: scheduleState,
} as const;

const scheduleOptionNames = optionNames<ScheduleOptions>({
  cron: true,
  timeZone: true,
  catchUp: true,
  lateMsMax: true,
  catchUpMax: true,
  signal: true,
});
const delayedOptionNames = optionNames<DelayedOptions>({ after: true, messagesMax: true });

/** What the channel of a schedule is for this bus. */
interface Scheduled {
  readonly contracts: ScheduleContracts;
  readonly entry: ChannelEntry;
}

/** What these calls work with. */
export interface BusSchedulingParts {
  readonly settings: BusSettings;
  readonly registry: ChannelRegistry;
  readonly publisher: Publisher;
  readonly subscriptions: Subscriptions;
  readonly gate: BusGate;
}

/** Delayed messages and schedules of one bus. */
export class BusScheduling implements SchedulingCalls {
  readonly #parts: BusSchedulingParts;
  /** Schedules of this bus that run, by channel. */
  readonly #running = new Set<string>();
  /** Made once for each channel: a contract is one object. */
  readonly #known = new Map<string, Scheduled>();

  constructor(parts: BusSchedulingParts) {
    this.#parts = parts;
  }

  readonly cancelDelayed = async (
    message: DelayedReference,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<CancelOutcome> => {
    const { gate, settings } = this.#parts;
    const { transport, source } = settings;
    gate.assertOpen("cancelDelayed");
    assertSupported(transport, "delayedCancellation", "cancelDelayed");
    assertReference(message);
    const { channel, id, tenant, dueAtMs } = message;
    const identity = { id, source: message.source ?? source, tenant, dueAtMs };
    return transport.cancel(channel, identity, signal);
  };

  readonly delayed = async (
    selectable: Selectable,
    options: DelayedOptions = {},
  ): Promise<DelayedPage> => {
    const { gate, settings, registry } = this.#parts;
    gate.assertOpen("delayed");
    assertSupported(settings.transport, "delayedCancellation", "delayed");
    assertKnownOptions(options, delayedOptionNames, "delayed");
    const { entry } = selectionOf(registry, selectable);
    await entry.declare();
    return settings.transport.delayed(entry.name, options);
  };

  readonly schedule = async (
    name: string,
    options: ScheduleOptions,
    onFiring: FiringHandler,
  ): Promise<RunningSchedule> => {
    const { gate, settings, subscriptions } = this.#parts;
    gate.assertOpen("schedule");
    assertSupported(settings.transport, "atomicUnit", `schedule '${name}'`);
    assertSupported(settings.transport, "delayedDelivery", `schedule '${name}'`);
    assertKnownOptions(options, scheduleOptionNames, "schedule", name);
    const rules = wholeRules(name, options ?? {});
    const channel = this.#channelOf(name, onFiring);
    try {
      const { contracts, entry } = this.#known.get(channel) ?? this.#make(channel);
      const { clock } = settings;
      const schedule = new Schedule({ name, contracts, rules, clock, onFiring });
      const selection = { entry, contracts: contracts.all, whole: true, types: undefined };
      const receive: Handler = (message, context) => schedule.receive(message, context);
      const { signal } = options;
      const subscription = await subscriptions.subscribe(
        selection,
        { ...scheduleMembership, ...(signal === undefined ? {} : { signal }) },
        receive,
      );
      const { definition } = schedule;
      await this.#publish(entry, contracts.defined, { definition });
      return new RunningSchedule(name, subscription, {
        remove: () => this.#remove(entry, contracts, subscription),
        closed: () => this.#running.delete(channel),
      });
    } catch (error) {
      this.#running.delete(channel);
      throw error;
    }
  };

  #make(channel: string): Scheduled {
    const contracts = new ScheduleContracts(channel);
    const defined = defineChannel(channel, { messages: contracts.all, partitions: 1 });
    const made = { contracts, entry: this.#parts.registry.register(defined) };
    this.#known.set(channel, made);
    return made;
  }

  /** Resolves when the schedule is gone, whichever process removed it. */
  async #remove(
    entry: ChannelEntry,
    contracts: ScheduleContracts,
    { state }: Subscription<StateSchemas>,
  ): Promise<void> {
    const { clock } = this.#parts.settings;
    const table = state[scheduleTable];
    await this.#publish(entry, contracts.removed, {});
    while ((await table?.get(scheduleKey)) !== undefined) {
      await new Promise<void>((resolve) => clock.after(removedLookMs, resolve));
    }
  }

  #channelOf(name: string, onFiring: unknown): string {
    assertName("schedule", name);
    const channel = channelPrefix + name;
    assertName("schedule", channel);
    const fault = this.#running.has(channel)
      ? "runs on this bus already: give this one another name"
      : typeof onFiring === "function"
        ? undefined
        : "has no function to call: give one that returns a message";
    if (fault !== undefined) {
      throw new SpillwayError("INVALID_ARGUMENT", `schedule '${name}' ${fault}`);
    }
    this.#running.add(channel);
    return channel;
  }

  #publish(entry: ChannelEntry, contract: AnyContract, data: unknown): Promise<Receipt> {
    const waiter = new ReceiptWaiter();
    this.#parts.publisher.publish(entry.name, contract, data, undefined, waiter);
    return waiter.promise;
  }
}

/** How often the end of a schedule is looked for that is being removed. */
const removedLookMs = 10;

function assertReference(message: DelayedReference): void {
  const { channel, id } = message ?? {};
  if (typeof channel === "string" && typeof id === "string") return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    "cancelDelayed takes a receipt, an entry of bus.delayed(), or { channel, id }",
  );
}
