// The shop's door on the right side: an order is checked, stored, and confirmed. Always true: a
// customer who was told yes has an order that is on disk.
import type { Bus } from "../../../bus/bus.ts";
import { BackPressureError, ValidationError } from "../../../errors/spillway-error.ts";
import { capacityOf, waitingPerSlot } from "../capacity.ts";
import { type JsonAnswer, JsonServer } from "../http/json-server.ts";
import { NoRoom, Slots } from "../http/slots.ts";
import type { Order } from "../orders/order.ts";
import { OrderPlaced } from "./contracts.ts";

/** An open door. */
export interface IntakeDoor {
  readonly port: number;
  readonly waiting: number;
  close(): Promise<void>;
}

/** Opens it. */
export async function openIntake(bus: Bus): Promise<IntakeDoor> {
  const { slots: slotsMax } = capacityOf.intake;
  const slots = new Slots(slotsMax, slotsMax * waitingPerSlot);
  const server = await JsonServer.listen(async (request) => {
    try {
      return await slots.run(() => accept(bus, request.body as Order));
    } catch (error) {
      if (error instanceof NoRoom) return { status: 503, body: { error: error.message } };
      throw error;
    }
  });
  return {
    port: server.port,
    get waiting() {
      return slots.waiting;
    },
    close: () => server.close(),
  };
}

async function accept(bus: Bus, order: Order): Promise<JsonAnswer> {
  try {
    // The order's number is the message's id: a customer who asks again is stored once.
    await bus.publish(OrderPlaced, order, { id: order.id });
    return { status: 202, body: { order: order.id } };
  } catch (error) {
    if (error instanceof ValidationError) return { status: 400, body: { error: error.message } };
    if (error instanceof BackPressureError) return { status: 503, body: { error: error.message } };
    throw error;
  }
}
