/**
 * Publishes one event to two groups, refuses one that does not fit its contract, and reads back
 * what is stored. In memory: nothing outlives the process.
 *
 * Prints:
 *   stored in com.acme.order.placed at offset 0
 *   billing: order 7 costs 990 cents
 *   shipping: pack order 7
 *   refused: VALIDATION_FAILED
 *   read back: 0 {"orderId":"7","cents":990}
 */
import { type Bus, createBus, defineEvent, ValidationError } from "spillway";
import { memory } from "spillway/memory";
import { z } from "zod";

// The contract: name, data and key in one object. Every type below is inferred from it.
export const OrderPlaced = defineEvent("com.acme.order.placed", {
  data: z.object({ orderId: z.string(), cents: z.int().positive() }),
  key: (order) => order.orderId,
});

/** Each group gets every message; subscriptions of one group share them. */
export async function startShop(
  bus: Bus,
  bill: (line: string) => void,
  pack: (line: string) => void,
): Promise<void> {
  await bus.subscribe(OrderPlaced, { group: "billing" }, ({ data }) => {
    bill(`billing: order ${data.orderId} costs ${data.cents} cents`);
  });
  await bus.subscribe(OrderPlaced, { group: "shipping" }, ({ data }) => {
    pack(`shipping: pack order ${data.orderId}`);
  });
}

async function main(): Promise<void> {
  await using bus = await createBus({ name: "shop", transport: memory() });
  const billed = Promise.withResolvers<string>();
  const packed = Promise.withResolvers<string>();
  await startShop(bus, billed.resolve, packed.resolve);

  // Resolves when the message is stored, not when it has been handled.
  const receipt = await bus.publish(OrderPlaced, { orderId: "7", cents: 990 });
  console.log(`stored in ${receipt.channel} at offset ${receipt.offset}`);
  console.log(await billed.promise);
  console.log(await packed.promise);

  // Data that does not fit never reaches the channel.
  try {
    await bus.publish(OrderPlaced, { orderId: "8", cents: -1 });
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    console.log(`refused: ${error.code}`);
  }

  // Reading needs no group and changes nothing for those that subscribe.
  for await (const message of bus.read(OrderPlaced)) {
    console.log(`read back: ${message.offset} ${JSON.stringify(message.data)}`);
  }
}

// Its test imports this file, too.
if (process.argv[1] === import.meta.filename) await main();
