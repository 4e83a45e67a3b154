// Handlers in threads: what they see and return, and that a thread which misbehaves costs a retry
// and nothing else.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { subscribe as listen, unsubscribe } from "node:diagnostics_channel";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Bus, createBus, type WorkerHandlerOptions, workerHandler } from "spillway";
import { embedded } from "spillway/embedded";
import { Count, Counted, Noted, Scanned, wordsOf } from "./contracts.ts";

const fixture = (name: string): URL => new URL(`./fixtures/${name}.ts`, import.meta.url);

async function openBus(t: TestContext): Promise<{ bus: Bus; directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), "spillway-workers-"));
  const bus = await createBus({ name: "archive", transport: embedded({ directory }) });
  t.after(async () => {
    await bus.close();
    rmSync(directory, { recursive: true });
  });
  return { bus, directory };
}

/** The pages of the next `count` notes. */
async function notes(bus: Bus, count: number): Promise<string[]> {
  const pages: string[] = [];
  for await (const { data } of bus.read(Noted, { follow: true })) {
    pages.push(data.page);
    if (pages.length === count) break;
  }
  return pages;
}

function misbehaving(options: WorkerHandlerOptions<readonly [typeof Noted]> = {}) {
  return workerHandler(fixture("misbehave"), { returns: [Noted], threadsMax: 1, ...options });
}

const quick = { retry: { attempts: 3, initialMs: 1, maxMs: 10 } };

test("a handler in a thread has its state, publishes, logs and returns as any other", async (t) => {
  const { bus } = await openBus(t);
  const logged: unknown[] = [];
  const onLog = (entry: unknown): void => void logged.push(entry);
  listen("spillway:log", onLog);
  t.after(() => unsubscribe("spillway:log", onLog));
  const handler = workerHandler(fixture("count"), { returns: [Counted, Noted] });
  const subscription = await bus.subscribe(
    Scanned,
    { delivery: "effectively-once", state: { pages: wordsOf } },
    handler,
  );
  const texts = { a: "one two three", b: "one", c: "one two", d: "" };
  for (const [page, text] of Object.entries(texts)) await bus.publish(Scanned, { page, text });

  const counted: [string, number][] = [];
  for await (const { data, subject, causationId } of bus.read(Counted, { follow: true })) {
    assert.equal(subject, "from a thread");
    assert.ok(causationId);
    counted.push([data.page, data.words]);
    if (counted.length === 4) break;
  }
  assert.deepEqual(
    new Map(counted),
    new Map([
      ["a", 3],
      ["b", 1],
      ["c", 2],
      ["d", 1],
    ]),
  );
  assert.equal(await subscription.state.pages.get("all"), 7);
  assert.equal(await subscription.state.pages.get("a"), 3);
  assert.equal(await subscription.state.pages.get("d"), undefined);
  assert.equal(new Set(await notes(bus, 4)).size, 4);
  assert.equal(logged.length >= 4, true);
  const { level, text, fields } = logged[0] as Record<string, unknown>;
  assert.deepEqual([level, text, (fields as { attempt: number }).attempt], ["info", "counted", 1]);
});

test("a command is answered from a thread", async (t) => {
  const { bus } = await openBus(t);
  await bus.handle(Count, workerHandler(fixture("reply"), { returns: [Count, Noted] }));
  const options = { timeoutMs: 60_000 };
  const counted = await bus.request(Count, { text: "one two" }, options);
  assert.deepEqual(counted, { type: "counted", data: { words: 2 } });
  assert.deepEqual(await notes(bus, 1), ["replied"]);
  assert.equal((await bus.request(Count, { text: "" }, options)).type, "empty");
  const refused = await bus.request(Count, { text: "refused" }, options);
  assert.equal(refused.type, "failed");
  assert.equal(refused.type === "failed" && refused.code, "REJECTED");
});

for (const what of ["exit", "throw-outside", "retry", "throw"]) {
  test(`${what}: the message is delivered again, and handled`, async (t) => {
    const { bus } = await openBus(t);
    await bus.subscribe(Scanned, quick, misbehaving());
    await bus.publish(Scanned, { page: "a", text: what });
    assert.deepEqual(await notes(bus, 1), ["a 2"]);
  });
}

test("a handler that never ends is ended with its thread, and the next one runs", async (t) => {
  const { bus } = await openBus(t);
  const handler = misbehaving({ stopMs: 10 });
  // Its time includes that of a new thread to start, which takes a second on a busy machine.
  const retry = { attempts: 1_000, initialMs: 1, maxMs: 10 };
  await bus.subscribe(Scanned, { retry, timeoutMs: 3_000 }, handler);
  await bus.publish(Scanned, { page: "a", text: "spin" });
  const [page] = await notes(bus, 1);
  assert.match(page ?? "", /^a \d+$/);
  assert.notEqual(page, "a 1");
  assert.ok(handler.load.threads <= 1);
});

test("a handler that observes its signal keeps its thread", async (t) => {
  const { bus } = await openBus(t);
  const handler = misbehaving({ stopMs: 60_000 });
  const subscription = await bus.subscribe(Scanned, { ...quick, timeoutMs: 500 }, handler);
  await bus.publish(Scanned, { page: "a", text: "wait-for-signal" });
  for await (const { envelope } of bus.deadLetters(Scanned, { follow: true })) {
    assert.match(JSON.stringify(envelope.attributes), /HANDLER_TIMEOUT/);
    break;
  }
  await subscription.close();
  assert.deepEqual(handler.load, { threads: 1, waiting: 0 });
  handler.close();
});

test("a handler that outgrows its heap fails alone", async (t) => {
  const { bus } = await openBus(t);
  await bus.subscribe(Scanned, quick, misbehaving({ heapBytesMax: 33_554_432 }));
  await bus.publish(Scanned, { page: "a", text: "fill" });
  assert.deepEqual(await notes(bus, 1), ["a 2"]);
});

test("the thread of the bus is free while handlers keep theirs busy", async (t) => {
  const { bus, directory } = await openBus(t);
  const flag = `${directory}-flag`;
  t.after(() => rmSync(flag));
  await bus.subscribe(Scanned, misbehaving());
  await bus.publish(Scanned, { page: "a", text: `wait-for ${flag}` });
  // Only a thread of its own lets this one come to the line that ends the wait.
  await bus.publish(Scanned, { page: "b", text: "nothing" });
  writeFileSync(flag, "");
  assert.deepEqual((await notes(bus, 2)).sort(), ["a 1", "b 1"]);
});

test("no more wait for a thread than the subscription has under way", async (t) => {
  const { bus, directory } = await openBus(t);
  const flag = `${directory}-flag`;
  t.after(() => rmSync(flag));
  const handler = misbehaving();
  await bus.subscribe(Scanned, { concurrency: 4 }, handler);
  const text = `wait-for ${flag}`;
  const pages = Array.from({ length: 50 }, (_, page) => `page ${page}`);
  await bus.publishMany(
    Scanned,
    pages.map((page) => ({ page, text })),
  );
  while (handler.load.waiting < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(handler.load, { threads: 1, waiting: 3 });
  writeFileSync(flag, "");
  const done = await notes(bus, 50);
  assert.deepEqual(done.sort(), pages.map((page) => `${page} 1`).sort());
});

const faults: readonly (readonly [string, URL, string, RegExp])[] = [
  ["a module without a handler", fixture("no-handler"), "x", /exports no function/],
  ["a module that is not there", fixture("absent"), "x", /Cannot find module/],
  ["a result that is no message", fixture("misbehave"), "strange", /type number/],
  ["a contract that is not listed", fixture("misbehave"), "nothing", /list its contract/],
];
for (const [name, module, text, reason] of faults) {
  test(`${name} is named in the dead letter`, async (t) => {
    const { bus } = await openBus(t);
    const returns = text === "strange" ? [Noted] : [];
    const retry = { attempts: 1 };
    await bus.subscribe(Scanned, { retry }, workerHandler(module, { returns }));
    await bus.publish(Scanned, { page: "a", text });
    for await (const { envelope } of bus.deadLetters(Scanned, { follow: true })) {
      assert.match(JSON.stringify(envelope.attributes), reason);
      break;
    }
  });
}

test("closing the handler ends its threads; what they ran is not lost", async (t) => {
  const { bus, directory } = await openBus(t);
  const flag = `${directory}-flag`;
  t.after(() => rmSync(flag, { force: true }));
  const handler = misbehaving();
  const first = await bus.subscribe(Scanned, quick, handler);
  await bus.publish(Scanned, { page: "a", text: `wait-for ${flag}` });
  while (handler.load.threads === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  handler.close();
  await first.close();
  writeFileSync(flag, "");
  await bus.subscribe(Scanned, quick, misbehaving());
  assert.match((await notes(bus, 1))[0] ?? "", /^a /);
});

test("idle threads keep no process alive", async () => {
  const script = fileURLToPath(fixture("leave"));
  const words = ["--conditions=spillway:source", "--no-warnings", script];
  const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 60_000 });
  assert.equal(stdout.trim(), "a 1");
});

test("options that cannot work are refused by name", () => {
  const module = fixture("count");
  const code = "INVALID_ARGUMENT";
  const refuse = (message: RegExp, make: () => unknown) => assert.throws(make, { code, message });
  refuse(/threadsMax is 0/, () => workerHandler(module, { threadsMax: 0 }));
  refuse(/stopMs is NaN/, () => workerHandler(module, { stopMs: Number.NaN }));
  refuse(/heapBytesMax is 1/, () => workerHandler(module, { heapBytesMax: 1 }));
  refuse(/module is https/, () => workerHandler(new URL("https://a.test/b.js")));
});
