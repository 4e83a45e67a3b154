// The façade in every kind of server that it names, each with a bus; what must outlive the process
// is tested in http-durable.test.ts.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Bus, createBus, defineCommand, Reject } from "spillway";
import { createHttpFacade, type HttpFacadeOptions } from "spillway/http";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import { z } from "zod";
import { servers, type Site } from "./http-servers.ts";

const PlaceOrder = defineCommand("shop.order.place", {
  data: z.object({ sku: z.string(), count: z.int().positive() }),
  replies: { placed: z.object({ order: z.string() }), soldOut: z.object({}) },
});
const CancelOrder = defineCommand("shop.order.cancel", {
  data: z.object({ order: z.string() }),
  replies: { cancelled: z.object({ order: z.string() }) },
});

interface Shop {
  readonly bus: Bus;
  readonly site: Site;
  /** Orders are handled once this is called. */
  release(): void;
  readonly handled: string[];
  /** As a client would send it. */
  post(path: string, data: unknown, headers?: Record<string, string>): Promise<Response>;
}

async function openShop(
  t: TestContext,
  server: string,
  options: Partial<HttpFacadeOptions> = {},
): Promise<Shop> {
  const bus = await createBus({ name: "shop", transport: memory() });
  const open = Promise.withResolvers<void>();
  const handled: string[] = [];
  await bus.handle(PlaceOrder, { retry: { attempts: 1 } }, async ({ data }) => {
    await open.promise;
    handled.push(data.sku);
    if (data.sku === "refused") throw new Reject("we do not sell that");
    return data.count > 100
      ? PlaceOrder.replies.soldOut({})
      : PlaceOrder.replies.placed({ order: `order of ${data.sku}` });
  });
  await bus.handle(CancelOrder, ({ data }) => CancelOrder.replies.cancelled(data));
  const facade = await createHttpFacade({ bus, ...options });
  const tenant = (call: { header(name: string): string | undefined }) => call.header("x-tenant");
  await facade.accept(PlaceOrder, { path: "/orders", tenant });
  await facade.accept(CancelOrder, {
    path: "/orders/cancellations",
    waitMs: 20_000,
    answer: (outcome) =>
      outcome.type === "cancelled"
        ? { status: 201, body: { gone: outcome.data.order }, headers: { "x-shop": "yes" } }
        : { status: 502 },
  });
  const site = await (servers[server] as (typeof servers)[string])(facade);
  t.after(async () => {
    open.resolve();
    await facade.close();
    await site.close();
    await bus.close();
  });
  return {
    bus,
    site,
    handled,
    release: open.resolve,
    post: (path, data, headers) =>
      site.call(site.mount + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof data === "string" ? data : JSON.stringify(data),
      }),
  };
}

const order = { sku: "a", count: 1 };

for (const server of Object.keys(servers)) {
  test(`${server}: accepts with 202, then tells what became of it`, async (t) => {
    const { post, site, release } = await openShop(t, server);
    const accepted = await post("/orders", order);
    assert.equal(accepted.status, 202);
    const location = accepted.headers.get("location") ?? "";
    const { id, ...status } = (await accepted.json()) as Record<string, string>;
    assert.deepEqual(status, { status: "pending", href: location });
    assert.ok(location.startsWith(`${site.mount}/orders/requests/`), location);

    const waiting = await site.call(location);
    assert.equal(waiting.status, 200);
    assert.equal(waiting.headers.get("retry-after"), "1");
    assert.deepEqual(await waiting.json(), { id, status: "pending", href: location });

    const longPoll = site.call(location, { headers: { prefer: "wait=20" } });
    release();
    const done = await longPoll;
    assert.equal(done.status, 200);
    const outcome = { type: "placed", data: { order: "order of a" } };
    assert.deepEqual(await done.json(), { id, status: "completed", outcome });
    assert.deepEqual(await (await site.call(location)).json(), {
      id,
      status: "completed",
      outcome,
    });
  });

  test(`${server}: a client that waits has the outcome in the first response`, async (t) => {
    const { post, release } = await openShop(t, server);
    release();
    const response = await post("/orders", { sku: "b", count: 500 }, { prefer: "wait=20" });
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-location") ?? "", /\/orders\/requests\//);
    const { outcome } = (await response.json()) as { outcome: unknown };
    assert.deepEqual(outcome, { type: "soldOut", data: {} });
  });

  test(`${server}: a route can wait by itself and answer as the old service did`, async (t) => {
    const { post } = await openShop(t, server);
    const response = await post("/orders/cancellations", { order: "7" });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-shop"), "yes");
    assert.deepEqual(await response.json(), { gone: "7" });
  });

  test(`${server}: what cannot be accepted is refused before anything is stored`, async (t) => {
    const { post, bus } = await openShop(t, server, { bodyBytesMax: 200 });
    const invalid = await post("/orders", { sku: 5, count: 0 });
    assert.equal(invalid.status, 400);
    const { code, issues } = (await invalid.json()) as { code: string; issues: { path: string }[] };
    assert.equal(code, "VALIDATION_FAILED");
    assert.deepEqual(issues.map(({ path }) => path).sort(), ["count", "sku"]);
    assert.equal((await post("/orders", "{ no json")).status, 400);
    const unparsed = !["fastify", "express, bodies parsed"].includes(server);
    if (unparsed) {
      assert.equal((await post("/orders", "a=1", { "content-type": "text/plain" })).status, 415);
      assert.equal((await post("/orders", { ...order, more: "x".repeat(200) })).status, 413);
    }
    const { channels } = await bus.stats();
    assert.equal(channels.find(({ channel }) => channel === PlaceOrder.type)?.depth ?? 0, 0);
  });

  test(`${server}: a repeat with the same idempotency key is one request`, async (t) => {
    const { post, handled, release, site } = await openShop(t, server);
    const key = { "idempotency-key": "k 1/%41" };
    const [first, second] = [await post("/orders", order, key), await post("/orders", order, key)];
    assert.equal(first.status, 202);
    assert.equal(second.status, 202);
    const location = first.headers.get("location") ?? "";
    assert.equal(second.headers.get("location"), location);
    const other = await post("/orders", { ...order, count: 2 }, key);
    assert.equal(other.status, 422);
    assert.equal(((await other.json()) as { code: string }).code, "ID_REUSED");
    release();
    const done = await site.call(location, { headers: { prefer: "wait=20" } });
    assert.equal(((await done.json()) as { status: string }).status, "completed");
    assert.deepEqual(handled, ["a"]);
    const late = await post("/orders", order, { ...key, prefer: "wait=20" });
    assert.equal(late.status, 200, "the outcome of the first");
  });

  test(`${server}: addresses that nobody gave out are not found`, async (t) => {
    const { post, site } = await openShop(t, server);
    const location = (await post("/orders", order)).headers.get("location") ?? "";
    const { mount } = site;
    for (const path of [
      `${mount}/orders/requests/nonsense`,
      `${mount}/orders/requests/n999-unknown`,
      location.replace(/-.*$/, "-another"),
      `${mount}/orders/requests/n0-%E0%A4%A`,
      `${mount}/unknown`,
    ]) {
      const { status } = await site.call(path);
      assert.ok(status === 404 || (status === 400 && path.includes("%E0")), `${path}: ${status}`);
    }
  });
}

test("a refused command has the status failed, with the handler's reason", async (t) => {
  const { post, release } = await openShop(t, "web-standard");
  release();
  const response = await post("/orders", { sku: "refused", count: 1 }, { prefer: "wait=20" });
  const { status, outcome } = (await response.json()) as {
    status: string;
    outcome: { code: string; reason: string };
  };
  assert.equal(status, "failed");
  assert.equal(outcome.code, "REJECTED");
  assert.match(outcome.reason, /we do not sell that/);
});

test("another method is refused with those that are possible", async (t) => {
  const { site } = await openShop(t, "node:http");
  const response = await site.call("/orders", { method: "DELETE" });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "POST");
});

test("a request of one tenant cannot be seen by another", async (t) => {
  const { post, site, release } = await openShop(t, "web-standard");
  release();
  const accepted = await post("/orders", order, { "x-tenant": "north" });
  const location = accepted.headers.get("location") ?? "";
  const prefer = { prefer: "wait=20" };
  const own = await site.call(location, { headers: { ...prefer, "x-tenant": "north" } });
  assert.equal(((await own.json()) as { status: string }).status, "completed");
  assert.equal((await site.call(location, { headers: { "x-tenant": "south" } })).status, 404);
  assert.equal((await site.call(location)).status, 404);
});

test("more clients than may wait are told at once", { timeout: 20_000 }, async (t) => {
  // Time stands still: one who waits, waits for ever.
  const clock = new VirtualClock();
  const { post, site } = await openShop(t, "web-standard", { waitingMax: 1, clock });
  const location = (await post("/orders", order)).headers.get("location") ?? "";
  const leave = new AbortController();
  const waits = site.call(location, {
    headers: { prefer: "wait=20" },
    signal: leave.signal,
  });
  // The first one waits in its turn of the event loop; this one finds the place taken.
  const refused = await site.call(location, { headers: { prefer: "wait=20" } });
  assert.equal(((await refused.json()) as { status: string }).status, "pending");
  leave.abort();
  await waits;
});

test("a client that waits for long is told that it is pending", async (t) => {
  const { post } = await openShop(t, "web-standard", { waitMsMax: 30 });
  const response = await post("/orders", order, { prefer: "respond-async, wait=60" });
  assert.equal(response.status, 202);
});

test("closing lets everybody who waits go, and refuses what comes then", async (t) => {
  const bus = await createBus({ name: "shop", transport: memory() });
  t.after(() => bus.close());
  const facade = await createHttpFacade({ bus });
  await facade.accept(PlaceOrder, { path: "/orders", waitMs: 30_000 });
  const request = () =>
    new Request("http://shop.test/orders", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(order),
    });
  const waiting = facade.fetch(request());
  for await (const stored of bus.read(PlaceOrder, { follow: true })) {
    assert.equal(stored.data.sku, "a");
    break;
  }
  const closed = facade.close();
  assert.equal((await waiting).status, 202);
  await closed;
  const refused = await facade.fetch(request());
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
});

test("options that cannot work are refused by name", async (t) => {
  const bus = await createBus({ name: "shop", transport: memory() });
  t.after(() => bus.close());
  const code = "INVALID_ARGUMENT";
  await assert.rejects(createHttpFacade({ bus, keepMs: 0 }), { code, message: /keepMs is 0/ });
  const none = undefined as unknown as Bus;
  await assert.rejects(createHttpFacade({ bus: none }), { code, message: /bus is missing/ });
  const facade = await createHttpFacade({ bus });
  await facade.accept(PlaceOrder, { path: "/orders" });
  for (const path of ["orders", "/orders/:id", "/orders?x", ""]) {
    await assert.rejects(facade.accept(CancelOrder, { path }), { code, message: /path is/ });
  }
  const twice = facade.accept(CancelOrder, { path: "/orders" });
  await assert.rejects(twice, { code, message: /'\/orders' accepts a command already/ });
  await facade.close();
});
