// The left side takes orders back as long as it takes, also what a killed process left lying. Real
// databases and real HTTP: only the services behind are played.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Clock, delay, systemClock } from "../../../kernel/clock.ts";
import { systemRandom } from "../../../kernel/random.ts";
import { JsonClient } from "../http/json-client.ts";
import { JsonServer } from "../http/json-server.ts";
import type { Order } from "../orders/order.ts";
import { timeOutsOf } from "../time-outs.ts";
import { Cancellations, cancellationsMax } from "./cancellations.ts";
import { intakeSchema, openOrdersQuery, OrderRecords } from "./order-records.ts";
import { PeerCaller } from "./peer-caller.ts";
import { ServiceDatabase } from "./service-database.ts";

const timeOuts = timeOutsOf(1);
const orderOf = (id: string): Order => ({ id, customer: "c", sku: "a", quantity: 1, cents: 100 });

/** An intake's database, and services that answer as `statusOf` says. */
async function setUp(t: TestContext, statusOf: (path: string, id: string) => number) {
  const directory = mkdtempSync(join(tmpdir(), "spillway-cancellations-"));
  const database = new ServiceDatabase(directory, "intake", intakeSchema, systemClock);
  const server = await JsonServer.listen(async ({ path, key }) => {
    return { status: statusOf(path, key), body: {} };
  });
  const client = new JsonClient({ clock: systemClock, connectionsMax: 64 });
  const peers = new PeerCaller(client, systemClock, systemRandom, timeOuts);
  const ports = [server.port];
  peers.meet({ intake: ports, stock: ports, payment: ports, shipping: ports });
  const opened: Cancellations[] = [];
  const cancellations = (holder: string, clock: Clock = systemClock): Cancellations => {
    const records = new OrderRecords(database, holder);
    const made = new Cancellations({ records, peers, clock, random: systemRandom, timeOuts });
    opened.push(made);
    return made;
  };
  t.after(async () => {
    await Promise.all(opened.map((each) => each.close()));
    client.close();
    await server.close();
    database.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const untilAllEnded = async (): Promise<void> => {
    while (database.get(openOrdersQuery)?.["count"] !== 0) await delay(systemClock, 10);
  };
  const stateOf = (id: string): unknown =>
    database.get("SELECT state FROM orders WHERE order_id = ?", id)?.["state"];
  return { database, cancellations, untilAllEnded, stateOf };
}

test("an order is taken back however often the others fail", async (t) => {
  let refusals = 20;
  const calls: string[] = [];
  const { database, cancellations, untilAllEnded, stateOf } = await setUp(t, (path) => {
    if (path === "/voids" && refusals-- > 0) return 503;
    calls.push(path);
    return 200;
  });
  const records = new OrderRecords(database, "intake-1");
  assert.equal(await records.take(orderOf("1"), systemClock.wallMs(), 60_000), "mine");
  assert.equal(await cancellations("intake-1").start(orderOf("1"), "failed"), true);
  await untilAllEnded();
  assert.equal(stateOf("1"), "failed");
  assert.equal(refusals, -1, "all refusals were met");
  assert.deepEqual(calls.slice(-2), ["/voids", "/releases"]);
});

test("a parcel that is on its way completes the order", async (t) => {
  const { database, cancellations, untilAllEnded, stateOf } = await setUp(t, (path) =>
    path === "/cancellations" ? 409 : 500,
  );
  const records = new OrderRecords(database, "intake-1");
  await records.take(orderOf("1"), systemClock.wallMs(), 60_000);
  await cancellations("intake-1").start(orderOf("1"), "failed");
  await untilAllEnded();
  assert.equal(stateOf("1"), "completed");
});

test("what killed processes left lying is taken over, more than there is room for", async (t) => {
  const released = new Set<string>();
  const { database, cancellations, untilAllEnded, stateOf } = await setUp(t, (path, id) => {
    if (path === "/releases") released.add(id);
    return 200;
  });
  const gone = new OrderRecords(database, "intake-1");
  const long = systemClock.wallMs() - 3_600_000;
  const ids = Array.from({ length: 3 * cancellationsMax }, (_, at) => `${at}`);
  for (const id of ids) await gone.take(orderOf(id), long, 1_000);
  await gone.startCancelling("0", "declined", long);
  // One whose customer may still ask again is left to that customer.
  await gone.take(orderOf("fresh"), systemClock.wallMs(), 60_000);
  cancellations("intake-2").open();
  while (released.size < ids.length) await delay(systemClock, 10);
  await new OrderRecords(database, "intake-1").end("fresh", "pending", "completed");
  await untilAllEnded();
  assert.deepEqual(
    [stateOf("0"), stateOf("1"), stateOf("fresh")],
    ["declined", "failed", "completed"],
  );
});

test("whoever lost an order to somebody else does not end it", async (t) => {
  const { database } = await setUp(t, () => 200);
  const [first, second] = [new OrderRecords(database, "1"), new OrderRecords(database, "2")];
  const nowMs = systemClock.wallMs();
  await first.take(orderOf("1"), nowMs, 10);
  assert.equal(await second.take(orderOf("1"), nowMs + 11, 60_000), "mine");
  assert.equal(await first.end("1", "pending", "completed"), false);
  assert.equal(await first.startCancelling("1", "failed", nowMs), false);
  assert.equal(await second.end("1", "pending", "completed"), true);
});
