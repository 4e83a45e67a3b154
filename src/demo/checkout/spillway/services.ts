// The services of the right side. Each reads what concerns it, does its part, and returns what has
// happened; the bus stores both together. Nobody waits for anybody.
import { embedded } from "../../../adapters/embedded/index.ts";
import type { Bus } from "../../../bus/bus.ts";
import type { Subscription } from "../../../bus/subscription.ts";
import { createBus } from "../../../bus/create-bus.ts";
import { capacityOf, patientRetry } from "../capacity.ts";
import { JsonClient } from "../http/json-client.ts";
import { openingUnits } from "../orders/order.ts";
import { OutsideCaller } from "../outside/outside-caller.ts";
import { chaos } from "../../../testing/faults/chaos.ts";
import type { RunningService, ServiceHost } from "../running-service.ts";
import type { StartOrder } from "../service-protocol.ts";
import {
  OrderCancelled,
  OrderPlaced,
  OrderShipped,
  orders,
  PaymentDeclined,
  PaymentTaken,
  payments,
  reservations,
  shelfRow,
  shopChannels,
  SoldOut,
  StockReserved,
} from "./contracts.ts";
import { openIntake } from "./intake.ts";

/** A bank that is away for a while is no reason to give an order up. */
const retry = patientRetry;
const once = "effectively-once";
/** What chaos does to each process: a tenth of the calls, and no message more than twice. */
const chaosBounds = { share: 0.1, faultsMax: 100_000, delayMsMax: 500, attemptsMax: 2 } as const;

/** Starts the service that the order names. */
export async function startSpillwayService(
  host: ServiceHost,
  order: StartOrder,
): Promise<RunningService> {
  const { clock, random } = host;
  const { chaosSeed: seed } = order;
  const monkey = seed === undefined ? undefined : chaos({ ...chaosBounds, seed, clock });
  const bus = await createBus({
    // The service's name, the same in all its processes: messages are told apart by source and id,
    // so that a customer who asks another process again is recognized.
    name: order.service,
    transport: embedded({ directory: order.directory }),
    channels: [...shopChannels],
    use: monkey === undefined ? [] : [monkey],
    shutdownSignals: [],
    clock,
    random,
  });
  const { connectionsMax } = capacityOf[order.service];
  const client = new JsonClient({ clock, connectionsMax });
  const outside = new OutsideCaller(client, order);
  const door = order.service === "intake" ? await openIntake(bus) : undefined;
  if (order.service === "stock") await keepStock(bus);
  if (order.service === "payment") await takePayments(bus, outside);
  if (order.service === "shipping") await ship(bus, outside);
  return {
    port: door?.port,
    numbers: () => ({
      waiting: door?.waiting ?? 0,
      timeouts: client.timeouts,
      retries: outside.retries,
    }),
    meet: () => undefined,
    calm: () => monkey?.abort(),
    async close() {
      await door?.close();
      await bus.close();
      client.close();
    },
  };
}

/** Sets pieces aside; puts them back when the bank declined. */
export function keepStock(bus: Bus): Promise<StockSubscription> {
  const { slots } = capacityOf.stock;
  return bus.subscribe(
    orders,
    { group: "stock", delivery: once, concurrency: slots, state: { shelves: shelfRow }, retry },
    async (message, { state }) => {
      const { sku, quantity } = message.data;
      const units = (await state.shelves.get(sku))?.units ?? openingUnits;
      switch (message.type) {
        case OrderPlaced.type:
          if (units < quantity) return SoldOut.message(message.data);
          await state.shelves.set(sku, { units: units - quantity });
          return StockReserved.message(message.data);
        case PaymentDeclined.type:
          return state.shelves.set(sku, { units: units + quantity });
        default:
          return message satisfies never;
      }
    },
  );
}

/** The stock service as whoever started it sees it. */
export type StockSubscription = Subscription<{ readonly shelves: typeof shelfRow }>;

async function takePayments(bus: Bus, outside: OutsideCaller): Promise<void> {
  const { slots } = capacityOf.payment;
  await bus.subscribe(
    reservations,
    { group: "payment", delivery: once, concurrency: slots, order: "none", retry },
    async (message, { idempotencyKey, attempt }) => {
      if (message.type === SoldOut.type) return undefined;
      outside.noteAttempt(attempt);
      const result = await outside.charge(idempotencyKey, message.data);
      return result === "taken"
        ? PaymentTaken.message(message.data)
        : PaymentDeclined.message(message.data);
    },
  );
}

async function ship(bus: Bus, outside: OutsideCaller): Promise<void> {
  const { slots } = capacityOf.shipping;
  const options = { group: "shipping", delivery: once, concurrency: slots, retry } as const;
  await bus.subscribe(payments, options, async (message, { idempotencyKey, attempt }) => {
    outside.noteAttempt(attempt);
    await outside.ship(idempotencyKey, message.data);
    return OrderShipped.message(message.data);
  });
  // Customers whose order comes to nothing are told.
  const telling = { group: "notification", delivery: once, retry } as const;
  await bus.subscribe(reservations, telling, async (message) => {
    return message.type === SoldOut.type ? OrderCancelled.message(message.data) : undefined;
  });
  await bus.subscribe(orders, telling, async (message) => {
    return message.type === PaymentDeclined.type ? OrderCancelled.message(message.data) : undefined;
  });
}
