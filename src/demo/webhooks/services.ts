// The services that run in the demo's own process: an audit trail, a notifier whose downstream
// fails and recovers, and a read model per repository. Each has its own group, knows nothing of
// the others, and leaves a record of its effects that the ledger reads.
import type { Bus } from "../../bus/bus.ts";
import { Reject } from "../../errors/handler-outcomes.ts";
import { CallLog } from "./call-log.ts";
import type { Downstream } from "./downstream.ts";
import { NotificationSent, repositoryRow, trailRow } from "./effect-contracts.ts";
import {
  type DeliveryChannelName,
  deliveryChannelNames,
  deliveryChannels,
} from "./github-contracts.ts";
import { addTo, type RepositoryTotal } from "./ledger.ts";

/** The groups of the demo, in the order in which they are shown. */
export const groupNames = ["audit", "read-model", "notifier", "enrichment"] as const;

/** The name of one of the groups. */
export type GroupName = (typeof groupNames)[number];

/** What the notifier tells about: issues, and what the machines report. */
export const notifierChannels: readonly DeliveryChannelName[] = ["issues", "ci"];

/** The attribute that carries a delivery's number through the demo. */
export const numberAttribute = "deliverynumber";

/** A running service. */
export interface Service {
  readonly group: GroupName;
  readonly channels: readonly DeliveryChannelName[];
  readonly log: CallLog;
  close(): Promise<void>;
}

/** A service that keeps single records in state: how often each delivery was recorded. */
export interface AuditService extends Service {
  tally(): Promise<ReadonlyMap<string, number>>;
}

/** Writes every delivery into a trail, exactly once. */
export async function startAudit(bus: Bus): Promise<AuditService> {
  const log = new CallLog();
  const subscriptions = await Promise.all(
    deliveryChannelNames.map((name) =>
      bus.subscribe(
        deliveryChannels[name],
        {
          group: "audit",
          delivery: "effectively-once",
          concurrency: 32,
          state: { trail: trailRow },
        },
        async (message, context) => {
          log.called(message.id, context.attempt);
          // Were a delivery written a second time, the count would show it.
          const before = await context.state.trail.get(message.id);
          await context.state.trail.set(message.id, {
            type: message.type,
            subject: message.key ?? "",
            times: (before?.times ?? 0) + 1,
          });
        },
      ),
    ),
  );
  return {
    group: "audit",
    channels: deliveryChannelNames,
    log,
    async tally() {
      const tally = new Map<string, number>();
      for (const { state } of subscriptions) {
        for await (const [id, row] of state.trail.entries()) {
          tally.set(id, (tally.get(id) ?? 0) + row.times);
        }
      }
      return tally;
    },
    close: () => closeAll(subscriptions),
  };
}

/** A service that keeps totals in state. */
export interface ReadModelService extends Service {
  totals(): Promise<ReadonlyMap<string, RepositoryTotal>>;
  /** Deliveries that were handled after a later one of the same repository. */
  disordered(): Promise<number>;
}

/** Counts what each repository received, in order, exactly once. */
export async function startReadModel(bus: Bus): Promise<ReadModelService> {
  const log = new CallLog();
  const subscriptions = await Promise.all(
    deliveryChannelNames.map((name) =>
      bus.subscribe(
        deliveryChannels[name],
        {
          group: "read-model",
          delivery: "effectively-once",
          order: "key",
          state: { repositories: repositoryRow },
        },
        async (message, context) => {
          log.called(message.id, context.attempt);
          const key = message.key ?? "";
          const before = await context.state.repositories.get(key);
          const late = before !== undefined && before.lastOffset >= message.offset;
          await context.state.repositories.set(key, {
            ...addTo(before, message.id),
            lastType: message.type,
            lastOffset: message.offset,
            disordered: (before?.disordered ?? 0) + (late ? 1 : 0),
          });
        },
      ),
    ),
  );
  const rows = async function* (): AsyncGenerator<
    readonly [string, RepositoryTotal & { readonly disordered: number }]
  > {
    for (const { state } of subscriptions) yield* state.repositories.entries();
  };
  return {
    group: "read-model",
    channels: deliveryChannelNames,
    log,
    async totals() {
      const totals = new Map<string, RepositoryTotal>();
      for await (const [key, row] of rows()) {
        const before = totals.get(key);
        totals.set(key, {
          deliveries: row.deliveries + (before?.deliveries ?? 0),
          fingerprint: (row.fingerprint + (before?.fingerprint ?? 0)) >>> 0,
        });
      }
      return totals;
    },
    async disordered() {
      let count = 0;
      for await (const [, row] of rows()) count += row.disordered;
      return count;
    },
    close: () => closeAll(subscriptions),
  };
}

/** How patient the notifier is with its downstream. */
export interface NotifierRetry {
  readonly attempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Tells a chat service about issues and checks; what it told is recorded as an event. */
export async function startNotifier(
  bus: Bus,
  downstream: Downstream,
  retry: NotifierRetry,
): Promise<Service> {
  const log = new CallLog();
  const subscriptions = await Promise.all(
    notifierChannels.map((name) =>
      bus.subscribe(
        deliveryChannels[name],
        { group: "notifier", delivery: "effectively-once", order: "none", concurrency: 32, retry },
        async (message, context) => {
          log.called(message.id, context.attempt);
          const number = Number(message.extensions[numberAttribute]);
          const result = await downstream.call(number, context.signal);
          if (result === "unavailable") throw new Error("the chat service answers 503");
          if (result === "unknown-addressee") throw new Reject("the addressee does not exist");
          return NotificationSent.message({
            delivery: message.id,
            text: `${message.type} in ${message.key ?? "github"}`,
            attempt: context.attempt,
          });
        },
      ),
    ),
  );
  return {
    group: "notifier",
    channels: notifierChannels,
    log,
    close: () => closeAll(subscriptions),
  };
}

async function closeAll(subscriptions: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(subscriptions.map((subscription) => subscription.close()));
}
