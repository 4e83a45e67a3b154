// A program as a user of the package writes it: every type in it is inferred. The package test
// compiles it against the packed declarations and runs it on each supported Node.js.
import { rmSync } from "node:fs";
import { createBus, defineChannel, defineEvent, ValidationError } from "spillway";
import { embedded } from "spillway/embedded";
import { memory } from "spillway/memory";
import { z } from "zod";

const OrderPlaced = defineEvent("com.acme.order.placed", {
  data: z.object({ orderId: z.string(), cents: z.int() }),
  key: (order) => order.orderId,
});
const InvoiceIssued = defineEvent("com.acme.invoice.issued", {
  data: z.object({ orderId: z.string(), total: z.int() }),
});
const orders = defineChannel("orders", { messages: [OrderPlaced], partitions: 2 });
const directory = process.argv[2] ?? "journal";

for (const transport of [embedded({ directory }), memory()]) {
  const bus = await createBus({ name: "shop", transport, channels: [orders] });
  const issued = Promise.withResolvers<string>();
  const billing = await bus.subscribe(
    orders,
    { delivery: "effectively-once", state: { totals: z.object({ cents: z.int() }) } },
    async ({ data }, { state }) => {
      const before = await state.totals.get(data.orderId);
      const total = (before?.cents ?? 0) + data.cents;
      await state.totals.set(data.orderId, { cents: total });
      return InvoiceIssued.message({ orderId: data.orderId, total });
    },
  );
  await bus.subscribe(InvoiceIssued, { from: "earliest" }, (message) => {
    issued.resolve(`${message.type} ${message.data.total.toFixed(2)}`);
  });
  const receipt = await bus.publish(OrderPlaced, { orderId: "7", cents: 990 });
  const line = await issued.promise;
  const total = await billing.state.totals.get("7");
  console.log(receipt.channel, line, total?.cents.toString());
  // @ts-expect-error -- the data of a contract is inferred from its schema
  await bus.publish(OrderPlaced, { orderId: 7 }).catch((error: unknown) => {
    console.log(error instanceof ValidationError && error.code);
  });
  await bus.close();
}
rmSync(directory, { recursive: true, force: true });
