// The four ways in which answers find their caller, each with the same cases: where answers stand,
// several callers at once, answers that are late or come twice, a caller that dies; and what a
// temporary channel leaves behind: nothing.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type Bus,
  type BusOptions,
  type Clock,
  createBus,
  type ReplyStrategy,
  type Transport,
} from "spillway";
import { memory } from "spillway/memory";
import { systemClock } from "../../../src/kernel/clock.ts";
import { directoryFor, eventually, journalIn, testOnEach } from "../bus-subjects.ts";
import { strategies } from "./strategies.ts";
import { Reserve, reserved, unawaitedAnswers } from "./stock.ts";

const wanted = { sku: "a", count: 1 };

function shopOn(transport: Transport, strategy: ReplyStrategy, more: Partial<BusOptions> = {}) {
  return createBus({ name: "shop", transport, replies: { strategy }, ...more });
}

async function replyChannels(transport: Transport): Promise<string[]> {
  const channels = (await transport.stats()).map(({ channel }) => channel);
  return channels.filter((channel) => channel.includes("repl"));
}

for (const [strategy, channel] of strategies) {
  testOnEach(`${strategy}: an answer comes, in its channel`, async (transport) => {
    await using bus = await shopOn(transport, strategy);
    await bus.handle(Reserve, async ({ data }) => reserved(data.count));
    const outcome = await bus.request(Reserve, { sku: "a", count: 3 });
    assert.deepEqual(outcome, { type: "reserved", data: { left: 3 } });
    const [found = "", ...others] = await replyChannels(transport);
    assert.match(found, channel);
    assert.deepEqual(others, []);
    const scattered = await bus.scatter(Reserve, wanted);
    assert.deepEqual([scattered.type, scattered.parts.length], ["all", 1]);
  });

  test(`${strategy}: several callers at once get each its own answers`, async () => {
    const directory = directoryFor();
    const buses: Bus[] = [];
    for (const name of ["shop", "shop", "depot", "office"]) {
      buses.push(await shopOn(await journalIn(directory), strategy, { name }));
    }
    await buses[2]?.handle(Reserve, async ({ data }) => reserved(data.count));
    const asked = buses.flatMap((bus, caller) =>
      Array.from({ length: 100 }, async (_, index) => {
        const count = caller * 1_000 + index;
        const outcome = await bus.request(Reserve, { sku: "a", count });
        assert.deepEqual(outcome, { type: "reserved", data: { left: count } });
      }),
    );
    await Promise.all(asked);
    for (const bus of buses) {
      const { answered, late, duplicates, pending } = (await bus.stats()).requests;
      assert.deepEqual([answered, late, duplicates, pending], [100, 0, 0, 0]);
    }
    for (const bus of buses) await bus.close();
  });

  testOnEach(`${strategy}: late and further answers are told apart`, async (transport, context) => {
    const heard = unawaitedAnswers(context);
    await using bus = await shopOn(transport, strategy);
    const [begun, late] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await bus.handle(Reserve, { group: "slow" }, async () => {
      begun.resolve();
      await late.promise;
      return reserved(1);
    });
    const controller = new AbortController();
    const outcome = bus.request(Reserve, wanted, { signal: controller.signal });
    await begun.promise;
    controller.abort();
    await assert.rejects(outcome, { code: "ABORTED" });
    late.resolve();
    await eventually(async () => (await bus.stats()).requests.late === 1);
    await bus.handle(Reserve, { group: "quick", from: "latest" }, async () => reserved(2));
    assert.equal((await bus.request(Reserve, wanted)).type, "reserved");
    await eventually(async () => (await bus.stats()).requests.duplicates === 1);
    assert.deepEqual(heard.map(({ kind }) => kind).sort(), ["duplicate", "late"]);
  });

  test(`${strategy}: a caller dies; others are answered as before`, {
    timeout: 60_000,
  }, async (context) => {
    const directory = directoryFor();
    const transport = await journalIn(directory);
    await using bus = await shopOn(transport, strategy);
    const slow = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const handled: number[] = [];
    await bus.handle(Reserve, { concurrency: 8 }, async ({ data }) => {
      if (data.sku === "slow") begun.resolve();
      if (data.sku === "slow") await slow.promise;
      handled.push(data.count);
      return reserved(data.count);
    });
    const asker = startAsker(context, strategy, directory);
    await once(asker, "message");
    await begun.promise;
    asker.kill("SIGKILL");
    await once(asker, "exit");
    slow.resolve();
    assert.equal((await bus.request(Reserve, { sku: "a", count: 3 })).type, "reserved");
    await eventually(async () => (await depthOf(transport)) === 0);
    assert.deepEqual(
      handled.toSorted((left, right) => left - right),
      [1, 2, 3],
    );
    const { late, duplicates } = (await bus.stats()).requests;
    assert.deepEqual([late, duplicates], [0, 0], "what was for the dead caller is nobody's");
  });
}

function startAsker(context: TestContext, strategy: ReplyStrategy, directory: string) {
  const child = fork(
    fileURLToPath(new URL("fixtures/asker-process.ts", import.meta.url)),
    [strategy, directory],
    {
      execArgv: ["--conditions=spillway:source", "--no-warnings"],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    },
  );
  context.after(() => child.kill("SIGKILL"));
  return child;
}

/** Commands that are not settled yet. */
async function depthOf(transport: Transport): Promise<number> {
  const stats = await transport.stats();
  const groups = stats.find(({ channel }) => channel === Reserve.type)?.groups ?? [];
  return groups.reduce((sum, { depth }) => sum + depth, 0);
}

test("a temporary channel goes when its bus closes", async () => {
  const directory = directoryFor();
  const transport = await journalIn(directory);
  await using stock = await createBus({ name: "stock", transport });
  await stock.handle(Reserve, async () => reserved(1));
  for (let round = 0; round < 3; round++) {
    const bus = await shopOn(await journalIn(directory), "temporary-channel");
    assert.equal((await bus.request(Reserve, wanted)).type, "reserved");
    assert.equal((await replyChannels(transport)).length, 1);
    await bus.close();
    assert.deepEqual(await replyChannels(transport), []);
  }
});

/** The system's clock, some time later. */
function laterBy(ms: number): Clock {
  const { wallMs, monotonicMs, after, soon } = systemClock;
  return { monotonicMs, after, soon, wallMs: () => wallMs() + ms };
}

test("one whose owner was killed goes with the next bus, some minutes later", {
  timeout: 60_000,
}, async (context) => {
  const directory = directoryFor();
  const transport = await journalIn(directory);
  await using stock = await createBus({ name: "stock", transport });
  await stock.handle(Reserve, async () => reserved(1));
  const asker = startAsker(context, "temporary-channel", directory);
  await once(asker, "message");
  const [orphan = ""] = await replyChannels(transport);
  assert.match(orphan, /^spillway\.temporary-replies\./);
  asker.kill("SIGKILL");
  const owners = async () => {
    const stats = await transport.stats();
    return stats.find(({ channel }) => channel === orphan)?.groups[0]?.members;
  };
  await eventually(async () => (await owners()) === 0);
  const ask = async (clock: Clock): Promise<void> => {
    const more = { name: "next", clock };
    const bus = await shopOn(await journalIn(directory), "temporary-channel", more);
    assert.equal((await bus.request(Reserve, wanted)).type, "reserved");
    await bus.close();
  };
  await ask(laterBy(540_000 - 180_000));
  assert.deepEqual(await replyChannels(transport), [orphan], "it may have come back");
  await ask(laterBy(660_000));
  assert.deepEqual(await replyChannels(transport), []);
});

testOnEach("a temporary channel stays while its owner lives", async (transport) => {
  await using bus = await shopOn(transport, "temporary-channel");
  await bus.handle(Reserve, async () => reserved(1));
  await bus.request(Reserve, wanted);
  const [channel = ""] = await replyChannels(transport);
  await assert.rejects(transport.remove(channel), { code: "CHANNEL_IN_USE" });
  assert.equal((await bus.request(Reserve, wanted)).type, "reserved");
});

test("a transport that cannot remove channels refuses temporary ones at once", async () => {
  const transport = memory();
  Object.defineProperty(transport, "capabilities", {
    value: { ...transport.capabilities, channelRemoval: "no" },
  });
  await assert.rejects(shopOn(transport, "temporary-channel"), { code: "UNSUPPORTED" });
  await assert.rejects(shopOn(transport, "pigeon" as never), /shared-channel or/);
});
