// The transports that the bus is tested on, and what its tests share: contracts, waiting,
// collecting.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { defineChannel, defineEvent, type Transport } from "spillway";
import { memory } from "spillway/memory";
import { z } from "zod";

/** A transport that a test can make anew. */
export interface BusSubject {
  readonly name: "memory" | "embedded";
  /** A transport with nothing in it; what it leaves on disk goes with the test. */
  create(context: TestContext): Promise<Transport>;
}

/** Every transport of this release. */
export const busSubjects: readonly BusSubject[] = [
  { name: "memory", create: async () => memory() },
  { name: "embedded", create: () => journalIn(directoryFor()) },
];

/** A journal in that directory. */
export async function journalIn(directory: string): Promise<Transport> {
  const { embedded } = await import("spillway/embedded");
  return embedded({ directory });
}

const directories: string[] = [];
// Not with the test: processes that it started, and that its last hook kills, may write until then.
process.once("exit", () => {
  for (const directory of directories) {
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
});

/** A temporary directory that goes with the file of the test. */
export function directoryFor(): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-bus-"));
  directories.push(directory);
  return directory;
}

/** Registers one test per transport. */
export function testOnEach(
  name: string,
  run: (transport: Transport, context: TestContext) => Promise<void>,
): void {
  for (const subject of busSubjects) {
    test(`${subject.name}: ${name}`, { timeout: 60_000 }, async (context) =>
      run(await subject.create(context), context),
    );
  }
}

/** Waits until `condition` holds; the test's own timeout is the limit. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Everything an iterable gives, at most `most` elements. */
export async function collect<Item>(
  items: AsyncIterable<Item>,
  most: number = Number.POSITIVE_INFINITY,
): Promise<Item[]> {
  const collected: Item[] = [];
  if (most === 0) return collected;
  for await (const item of items) if (collected.push(item) === most) break;
  return collected;
}

/** An order was placed; keyed by order. */
export const OrderPlaced = defineEvent("test.order.placed", {
  data: z.object({ orderId: z.string(), cents: z.int() }),
  key: (order) => order.orderId,
});

/** An order was cancelled; keyed by order. */
export const OrderCancelled = defineEvent("test.order.cancelled", {
  data: z.object({ orderId: z.string() }),
  key: (order) => order.orderId,
});

/** An invoice was issued; has no key. */
export const InvoiceIssued = defineEvent("test.invoice.issued", {
  data: z.object({ orderId: z.string() }),
});

/** Both order events. */
export const orders = defineChannel("orders", {
  messages: [OrderPlaced, OrderCancelled],
  partitions: 4,
});

/** `count` orders with ids of their own. */
export function someOrders(count: number, start = 0): { orderId: string; cents: number }[] {
  return Array.from({ length: count }, (_, index) => ({
    orderId: `order-${start + index}`,
    cents: start + index,
  }));
}
