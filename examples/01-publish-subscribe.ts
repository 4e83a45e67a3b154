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
import { createBus, defineEvent, ValidationError } from "spillway";
import { memory } from "spillway/memory";
import { z } from "zod";

// The contract: name, data and key in one object. Every type below is inferred from it.
const OrderPlaced = defineEvent("com.acme.order.placed", {
  data: z.object({ orderId: z.string(), cents: z.int().positive() }),
  key: (order) => order.orderId,
});

await using bus = await createBus({ name: "shop", transport: memory() });

// Each group gets every message; subscriptions of one group share them.
const billed = Promise.withResolvers<string>();
await bus.subscribe(OrderPlaced, { group: "billing" }, ({ data }) => {
  billed.resolve(`billing: order ${data.orderId} costs ${data.cents} cents`);
});
const packed = Promise.withResolvers<string>();
await bus.subscribe(OrderPlaced, { group: "shipping" }, ({ data }) => {
  packed.resolve(`shipping: pack order ${data.orderId}`);
});

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
