// One start of a service on a journal: measures how long its first steps take, or works until it is
// killed; started by restart.ts.
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { publishWindowed } from "../bare/publish.ts";
import { OrderPlaced, orders } from "../order-contract.ts";
import { makeOrder } from "../payloads.ts";

/** What a process is started for. */
export interface RestartParameters {
  readonly directory: string;
  readonly mode: "measure" | "load";
}

/** Milliseconds from the start of createBus(). */
export interface RestartTimes {
  readonly readMs: number;
  /** Until a message was handled for a group that existed, and its acknowledgement is durable. */
  readonly ackMs: number;
  /** From there: a publish, and one with an id given, which has to look for repeats. */
  readonly publishMs: number;
  readonly publishGivenIdMs: number;
}

const { directory, mode } = JSON.parse(process.argv[2] ?? "{}") as RestartParameters;
const bytes = 100;
const group = "service";

function openBus() {
  return createBus({ name: "restart", transport: embedded({ directory }), channels: [orders] });
}

async function load(): Promise<void> {
  const bus = await openBus();
  await bus.subscribe(orders, { group }, async () => undefined);
  process.send?.({ kind: "ready" });
  await publishWindowed(
    (index) => bus.publish(OrderPlaced, makeOrder(index, bytes), idOf(index)),
    Number.MAX_SAFE_INTEGER,
    2_000,
  );
}

/** Some messages carry an id of their own, as those of a service do whose senders may repeat. */
function idOf(index: number): { readonly id?: string } {
  return index % 10 === 0 ? { id: `given-${process.pid}-${index}` } : {};
}

async function measure(): Promise<void> {
  const startedAt = performance.now();
  const bus = await openBus();
  for await (const message of bus.read(orders)) {
    if (message.data.cents < 0) throw new Error("no such order");
    break;
  }
  const readMs = performance.now() - startedAt;
  const acked = Promise.withResolvers<void>();
  const subscription = await bus.subscribe(orders, { group, concurrency: 1 }, async () => {
    acked.resolve();
  });
  // Something to handle, whatever the group has left.
  const published = bus.publish(OrderPlaced, makeOrder(0, bytes));
  await acked.promise;
  await subscription.close();
  const ackMs = performance.now() - startedAt;
  await published;
  const time = async (id?: string): Promise<number> => {
    const from = performance.now();
    await bus.publish(OrderPlaced, makeOrder(1, bytes), id === undefined ? {} : { id });
    return performance.now() - from;
  };
  const publishMs = await time();
  const times: RestartTimes = {
    readMs,
    ackMs,
    publishMs,
    publishGivenIdMs: await time(`given-${process.pid}`),
  };
  process.send?.(times);
  await bus.close();
  process.disconnect?.();
}

await (mode === "load" ? load() : measure());
