// The services of the left side: each an HTTP server with a database of its own, a bounded number
// of requests at a time, and connections to those that it calls.
import { capacityOf, type ServiceName, waitingPerSlot } from "../capacity.ts";
import { JsonClient } from "../http/json-client.ts";
import { type JsonHandler, JsonServer } from "../http/json-server.ts";
import { NoRoom, Slots } from "../http/slots.ts";
import { OutsideCaller, OutsideUnavailable } from "../outside/outside-caller.ts";
import { CallBroken, CallTimeout } from "../http/json-client.ts";
import type { RunningService, ServiceHost } from "../running-service.ts";
import type { StartOrder } from "../service-protocol.ts";
import { timeOutsOf } from "../time-outs.ts";
import { Cancellations } from "./cancellations.ts";
import { SyncIntake } from "./intake.ts";
import { intakeSchema, OrderRecords } from "./order-records.ts";
import { answerPayment, paymentSchema } from "./payment.ts";
import { PeerCaller } from "./peer-caller.ts";
import { ServiceDatabase } from "./service-database.ts";
import { answerShipping, shippingSchema } from "./shipping.ts";
import { answerStock, stockSchema } from "./stock.ts";

/** The tables of each service. */
export const schemaOf: Readonly<Record<ServiceName, string>> = {
  intake: intakeSchema,
  stock: stockSchema,
  payment: paymentSchema,
  shipping: shippingSchema,
};

/** Starts the service that the order names. */
export async function startSyncService(
  host: ServiceHost,
  order: StartOrder,
): Promise<RunningService> {
  const { clock, random } = host;
  const { slots: slotsMax, connectionsMax } = capacityOf[order.service];
  const database = new ServiceDatabase(
    order.directory,
    order.service,
    schemaOf[order.service],
    clock,
  );
  const client = new JsonClient({ clock, connectionsMax });
  const timeOuts = timeOutsOf(order.patience);
  const peers = new PeerCaller(client, clock, random, timeOuts);
  const outside = new OutsideCaller(client, order);
  const records = new OrderRecords(database, `${order.name} ${process.pid}`);
  const cancellations = new Cancellations({ records, peers, clock, random, timeOuts });
  const intake = new SyncIntake({ records, peers, cancellations, clock, timeOuts });
  const handlers: Readonly<Record<ServiceName, JsonHandler>> = {
    intake: (request) => intake.answer(request),
    stock: (request) => answerStock(database, request),
    payment: (request) => answerPayment(database, outside, request),
    shipping: (request) => answerShipping(database, outside, request),
  };
  if (order.service === "intake") cancellations.open();
  const slots = new Slots(slotsMax, slotsMax * waitingPerSlot);
  const server = await JsonServer.listen(inSlots(slots, handlers[order.service]));
  return {
    port: server.port,
    numbers: () => ({
      waiting: slots.waiting,
      timeouts: client.timeouts,
      retries: peers.retries,
    }),
    meet: (others) => peers.meet(others),
    calm: () => undefined,
    async close() {
      await server.close();
      await cancellations.close();
      client.close();
      database.close();
    },
  };
}

/** Refuses at once what would wait too long; drops what nobody waits for any more. */
function inSlots(slots: Slots, handle: JsonHandler): JsonHandler {
  return async (request) => {
    try {
      return await slots.run(async () => {
        if (request.isAbandoned()) return { status: 503, body: { error: "the caller has gone" } };
        return handle(request);
      });
    } catch (error) {
      const isPassing =
        error instanceof NoRoom ||
        error instanceof OutsideUnavailable ||
        error instanceof CallTimeout ||
        error instanceof CallBroken;
      if (isPassing) return { status: 503, body: { error: error.message } };
      throw error;
    }
  };
}
