// Bare consuming: read a batch → JSON.parse each → await the handler → commit the cursor, at most
// two cursor commits under way. With `state`, one upsert a message joins the cursor's transaction.
import { DatabaseSync } from "node:sqlite";
import type { Order } from "../payloads.ts";
import { envelopeBytes } from "./publish.ts";
import type { BareWriter } from "./writer.ts";

export type BareHandler = (order: Order) => Promise<void>;

/** Consumes `count` messages as group `name`; waits for batches that are not there yet. */
export async function bareConsume(
  writer: BareWriter,
  count: number,
  name: string,
  handler: BareHandler,
  state?: (order: Order) => readonly [string, string],
): Promise<void> {
  const database = new DatabaseSync(writer.file);
  database.exec("PRAGMA query_only=ON");
  const select = database.prepare(
    "SELECT base, count, data FROM batch WHERE base >= ? ORDER BY base LIMIT 1",
  );
  const underWay: Promise<void>[] = [];
  let position = 0;
  while (position < count) {
    const row = select.get(position) as
      | { base: number; count: number; data: Uint8Array }
      | undefined;
    if (row === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    const changes = await handleBatch(row.data, row.count, handler, state);
    position = row.base + row.count;
    if (underWay.length === 2) await underWay.shift();
    underWay.push(writer.send({ kind: "move", name, position, state: changes }));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(underWay);
  database.close();
}

async function handleBatch(
  data: Uint8Array,
  count: number,
  handler: BareHandler,
  state: ((order: Order) => readonly [string, string]) | undefined,
): Promise<readonly (readonly [string, string])[]> {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString(
    "latin1",
    count * envelopeBytes,
  );
  const changes: (readonly [string, string])[] = [];
  let start = 0;
  for (let index = 0; index < count; index++) {
    const end = text.indexOf("},", start);
    const order = JSON.parse(end < 0 ? text.slice(start, -1) : text.slice(start, end + 1)) as Order;
    start = end + 2;
    await handler(order);
    if (state !== undefined) changes.push(state(order));
  }
  return changes;
}
