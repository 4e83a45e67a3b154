// What the façade remembers: across a restart, across processes, until it is forgotten; and the
// calls that it owes to clients.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Bus, createBus, defineCommand } from "spillway";
import { embedded } from "spillway/embedded";
import {
  CallbackDue,
  createHttpFacade,
  type HttpFacade,
  type HttpFacadeOptions,
  RequestCompleted,
} from "spillway/http";
import { z } from "zod";

const Greet = defineCommand("desk.greet", {
  data: z.object({ name: z.string() }),
  replies: { greeted: z.object({ text: z.string() }) },
});

function newDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-http-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function openDesk(
  directory: string,
  options: Partial<HttpFacadeOptions> = {},
): Promise<{ bus: Bus; facade: HttpFacade; close(): Promise<void> }> {
  const bus = await createBus({ name: "desk", transport: embedded({ directory }) });
  const facade = await createHttpFacade({ bus, ...options });
  await facade.accept(Greet, { path: "/greetings" });
  const close = async () => {
    await facade.close();
    await bus.close();
  };
  return { bus, facade, close };
}

const handleGreet = (bus: Bus) =>
  bus.handle(Greet, ({ data }) => Greet.replies.greeted({ text: `Good day, ${data.name}` }));

function greet(facade: HttpFacade, headers: Record<string, string> = {}): Promise<Response> {
  const request = new Request("http://desk.test/greetings", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ name: "Ann" }),
  });
  return facade.fetch(request);
}

async function statusAt(facade: HttpFacade, location: string, waitSeconds = 0): Promise<Response> {
  const headers = { prefer: `wait=${waitSeconds}` };
  return facade.fetch(new Request(`http://desk.test${location}`, { headers }));
}

const textOf = async (response: Response) =>
  ((await response.json()) as { outcome: { data: { text: string } } }).outcome.data.text;

test("what was accepted before a restart is completed and told after it", async (t) => {
  const directory = newDirectory(t);
  const before = await openDesk(directory);
  const location = (await greet(before.facade)).headers.get("location") ?? "";
  await before.close();

  const handling = await createBus({ name: "greeter", transport: embedded({ directory }) });
  const greeter = await handleGreet(handling);
  for (;;) {
    const { channels } = await handling.stats();
    const replies = channels.find(({ channel }) => channel === "desk.http-replies");
    if (replies?.depth === 1) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await greeter.close();
  await handling.close();

  const after = await openDesk(directory);
  assert.equal(await textOf(await statusAt(after.facade, location, 20)), "Good day, Ann");
  await after.close();
  const later = await openDesk(directory);
  assert.equal(await textOf(await statusAt(later.facade, location)), "Good day, Ann");
  await later.close();
});

test("any process of the service answers for what another one accepted", async (t) => {
  const directory = newDirectory(t);
  const one = await openDesk(directory);
  const other = await openDesk(directory);
  const location = (await greet(one.facade)).headers.get("location") ?? "";
  const polls = [statusAt(one.facade, location, 20), statusAt(other.facade, location, 20)];
  await handleGreet(one.bus);
  for (const poll of polls) assert.equal(await textOf(await poll), "Good day, Ann");
  await other.close();
  await one.close();
});

test("an outcome is an event for other services, and forgotten after keepMs", async (t) => {
  const directory = newDirectory(t);
  const { bus, facade, close } = await openDesk(directory, { keepMs: 400 });
  await handleGreet(bus);
  const location = (await greet(facade)).headers.get("location") ?? "";
  for await (const { data } of bus.read(RequestCompleted, { follow: true })) {
    assert.equal(data.command, Greet.type);
    assert.deepEqual(data.outcome, { type: "greeted", data: { text: "Good day, Ann" } });
    break;
  }
  // A second process has no memory of its own: what it says comes from what is stored.
  const second = await openDesk(directory, { keepMs: 400 });
  for (;;) {
    const { status } = await statusAt(second.facade, location);
    if (status === 410) break;
    assert.equal(status, 200);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await second.close();
  await close();
});

interface Call {
  readonly key: string | undefined;
  readonly body: unknown;
}

async function openCallee(
  t: TestContext,
  statuses: number[],
): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const key = request.headers["idempotency-key"];
      calls.push({ key: String(key), body: JSON.parse(Buffer.concat(chunks).toString()) });
      response.statusCode = statuses.shift() ?? 200;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/done`, calls };
}

const allowLoopback = { allow: (url: URL) => url.hostname === "127.0.0.1" };

test("a client that wants to be called is called until it takes the outcome", async (t) => {
  const { url, calls } = await openCallee(t, [500]);
  const { bus, facade, close } = await openDesk(newDirectory(t), { callback: allowLoopback });
  const accepted = await greet(facade, { "callback-url": url });
  assert.equal(accepted.status, 202);
  const { id } = (await accepted.json()) as { id: string };
  await handleGreet(bus);
  while (calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  const outcome = { type: "greeted", data: { text: "Good day, Ann" } };
  for (const { body } of calls) assert.deepEqual(body, { id, command: Greet.type, outcome });
  assert.equal(calls[0]?.key, calls[1]?.key, "the second call is known as a repeat of the first");
  await close();
});

test("a callback asked for after the outcome is called too", async (t) => {
  const { url, calls } = await openCallee(t, []);
  const { bus, facade, close } = await openDesk(newDirectory(t), { callback: allowLoopback });
  await handleGreet(bus);
  const key = { "idempotency-key": "one" };
  assert.equal((await greet(facade, { ...key, prefer: "wait=20" })).status, 200);
  assert.equal((await greet(facade, { ...key, "callback-url": url })).ok, true);
  while (calls.length < 1) await new Promise((resolve) => setTimeout(resolve, 10));
  await close();
});

test("a callback to an address that may not be called is refused", async (t) => {
  const { facade, close } = await openDesk(newDirectory(t), { callback: allowLoopback });
  for (const url of ["http://169.254.1.1/", "ftp://127.0.0.1/", "nonsense"]) {
    const refused = await greet(facade, { "callback-url": url });
    assert.equal(refused.status, 400, url);
    assert.match(((await refused.json()) as { detail: string }).detail, /callback-url/);
  }
  await close();
  const without = await openDesk(newDirectory(t));
  const refused = await greet(without.facade, { "callback-url": "http://127.0.0.1/" });
  assert.equal(refused.status, 400);
  await without.close();
});

test("a callee that is gone for good is a dead letter, not called again", async (t) => {
  const { url, calls } = await openCallee(t, [410]);
  const { bus, facade, close } = await openDesk(newDirectory(t), { callback: allowLoopback });
  await handleGreet(bus);
  await greet(facade, { "callback-url": url });
  for (;;) {
    const dead: string[] = [];
    for await (const { envelope } of bus.deadLetters(CallbackDue)) dead.push(envelope.type);
    if (dead.length === 1) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(calls.length, 1);
  await close();
});
