// Fills a journal with messages of one size, and closes it.
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { OrderPlaced, orders } from "../order-contract.ts";
import { makeOrder } from "../payloads.ts";

/** What a directory is filled with. */
export interface FillParameters {
  readonly directory: string;
  /** JSON bytes of one message. */
  readonly bytes: number;
  readonly messages: number;
}

const { directory, bytes, messages } = JSON.parse(process.argv[2] ?? "{}") as FillParameters;
const atOnce = 1_000;
const inFlight = 8;

const bus = await createBus({
  name: "fill",
  transport: embedded({ directory }),
  channels: [orders],
});
let next = 0;
const lane = async (): Promise<void> => {
  while (next < messages) {
    const first = next;
    next = Math.min(messages, first + atOnce);
    const batch = Array.from({ length: next - first }, (_, index) =>
      makeOrder(first + index, bytes),
    );
    await bus.publishMany(OrderPlaced, batch);
  }
};
await Promise.all(Array.from({ length: inFlight }, lane));
await bus.close();
process.disconnect?.();
