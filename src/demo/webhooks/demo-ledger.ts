// Collects what the services recorded: rows of their state, events of their own, dead letters. It
// reads the journal as any other reader would; the comparison is in ledger.ts.
import type { Bus } from "../../bus/bus.ts";
import type { DeliveryLogContent } from "./delivery-log.ts";
import { enriched, notifications } from "./effect-contracts.ts";
import { deliveryChannelNames, deliveryChannels } from "./github-contracts.ts";
import { compareEffects, compareTotals, type LedgerLine, type Tally } from "./ledger.ts";
import type { AuditService, GroupName, ReadModelService, Service } from "./services.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** The services, at rest. */
export interface DemoServices {
  readonly audit: AuditService;
  readonly readModel: ReadModelService;
  readonly notifier: Service;
  readonly workers: WorkerPool;
}

/** One line for each group. */
export async function makeLedger(
  bus: Bus,
  sent: DeliveryLogContent,
  services: DemoServices,
): Promise<readonly LedgerLine[]> {
  const { audit, readModel, notifier, workers } = services;
  const unread = await unreadByGroup(bus);
  const told = await tallyOf(bus.read(notifications));
  const found = await tallyOf(bus.read(enriched));
  const line = async (service: Service, recorded: Tally): Promise<LedgerLine> => {
    const { group, channels, log } = service;
    return compareEffects(sent, {
      group,
      channels,
      recorded,
      deadLettered: await deadLettersOf(bus, group),
      ...unread(group),
      redelivered: log.redelivered,
      retries: log.retries,
    });
  };
  return [
    await line(audit, await audit.tally()),
    compareTotals(sent, await readModel.totals(), {
      group: readModel.group,
      channels: readModel.channels,
      ...unread("read-model"),
      redelivered: readModel.log.redelivered,
      retries: readModel.log.retries,
    }),
    await line(notifier, told),
    compareEffects(sent, {
      group: "enrichment",
      channels: deliveryChannelNames,
      recorded: found,
      deadLettered: await deadLettersOf(bus, "enrichment"),
      ...unread("enrichment"),
      redelivered: workers.log.redelivered,
      retries: workers.log.retries,
    }),
  ];
}

async function tallyOf(
  records: AsyncIterable<{ readonly data: { readonly delivery: string } }>,
): Promise<Tally> {
  const tally = new Map<string, number>();
  for await (const { data } of records) {
    tally.set(data.delivery, (tally.get(data.delivery) ?? 0) + 1);
  }
  return tally;
}

/** Dead letters say which group set them aside, and keep the id of the delivery. */
async function deadLettersOf(bus: Bus, group: GroupName): Promise<Tally> {
  const tally = new Map<string, number>();
  for (const name of deliveryChannelNames) {
    for await (const { envelope } of bus.deadLetters(deliveryChannels[name])) {
      if (envelope.attributes.extensions?.["deadlettergroup"] !== group) continue;
      tally.set(envelope.id, (tally.get(envelope.id) ?? 0) + 1);
    }
  }
  return tally;
}

type Unread = Pick<LedgerLine, "expired" | "dropped">;

/** What each group never handled, over all its channels. */
async function unreadByGroup(bus: Bus): Promise<(group: GroupName) => Unread> {
  const groups = (await bus.stats()).channels.flatMap((channel) => channel.groups);
  return (name) => {
    const own = groups.filter(({ group }) => group === name);
    return {
      expired: own.reduce((sum, { expired }) => sum + expired, 0),
      dropped: own.reduce((sum, { dropped }) => sum + dropped, 0),
    };
  };
}
