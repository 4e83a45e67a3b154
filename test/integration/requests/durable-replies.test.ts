// Answers that outlive those who asked: a shop and a stock are killed again and again, and in the
// end every order has its one answer, seen once.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { createBus, Reject, type Transport } from "spillway";
import { seededRandom } from "../../../src/kernel/random.ts";
import { withoutGaps } from "../../../src/ports/gap.ts";
import { collect, directoryFor, eventually, journalIn, testOnEach } from "../bus-subjects.ts";
import { answersChannel, isRejected, Reserve, reserved, Reserved, seenTables } from "./stock.ts";

const seed = Number(process.env["SPILLWAY_SEED"] ?? 4_211);
const isLong = process.env["SPILLWAY_TEST_LONG"] === "1";
const orders = isLong ? 3_000 : 300;
const killsMin = isLong ? 40 : 6;

testOnEach("answers to what was sent arrive, whatever they are", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const seen: string[] = [];
  await bus.replies(Reserve, { replyTo: answersChannel }, async (reply, context) => {
    const { type, requestId, correlationId } = reply;
    seen.push([type, requestId, correlationId, context.message.channel].join(" "));
    if (type === "failed") assert.deepEqual([reply.code, reply.attempts], ["REJECTED", 1]);
    return type === "reserved" ? Reserved.message({ sku: String(reply.data.left) }) : undefined;
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  await bus.handle(Reserve, { concurrency: 1 }, async ({ data }) => {
    if (data.sku === "slow") await promise;
    if (data.sku === "none") throw new Reject("no such article");
    return reserved(data.count);
  });
  const ask = (sku: string, id: string, expiresInMs: number) =>
    bus.send(Reserve, { sku, count: 3 }, { id, replyTo: answersChannel, expiresInMs });
  await ask("slow", "1", 60_000);
  await ask("late", "2", 1);
  await bus.send(
    Reserve,
    { sku: "none", count: 1 },
    { id: "3", correlationId: "c", replyTo: answersChannel },
  );
  await new Promise((done) => setTimeout(done, 5));
  resolve();
  await eventually(() => seen.length === 3);
  const expected = ["expired 2 2", "failed 3 c", "reserved 1 1"];
  assert.deepEqual(
    seen.toSorted(),
    expected.map((each) => `${each} ${answersChannel}`),
  );
  await eventually(async () => (await collect(bus.read(Reserved))).length === 1);
});

/** A service that can be killed. */
class Service {
  readonly #role: string;
  readonly #directory: string;
  #child: ChildProcess | undefined;

  constructor(t: TestContext, role: string, directory: string) {
    this.#role = role;
    this.#directory = directory;
    t.after(() => this.kill());
  }

  /** Starts it, and lets it work until it has said so `times` times, or nothing more happens. */
  async work(times: number): Promise<void> {
    this.#child ??= fork(
      fileURLToPath(new URL("fixtures/shop-process.ts", import.meta.url)),
      [this.#role, this.#directory, String(orders)],
      {
        execArgv: ["--conditions=spillway:source", "--no-warnings"],
        env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      },
    );
    const child = this.#child;
    const signal = AbortSignal.timeout(5_000);
    for (let told = 0; told < times; told++) {
      await once(child, "message", { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

test(`every answer arrives once, whoever is killed (seed ${seed})`, {
  timeout: 300_000,
}, async (t) => {
  const directory = directoryFor();
  const random = seededRandom(seed);
  const shop = new Service(t, "shop", directory);
  const stock = new Service(t, "stock", directory);
  for (let kills = 0; kills < killsMin; kills++) {
    const victim = random.float() < 0.6 ? shop : stock;
    const times = 1 + Math.floor(random.float() * 6);
    await Promise.all([shop.work(1), stock.work(1)]);
    await victim.work(times);
    await victim.kill();
  }
  await Promise.all([shop.work(1), stock.work(1)]);
  await auditOrders(await journalIn(directory));
});

async function auditOrders(transport: Transport): Promise<void> {
  await using bus = await createBus({ name: "shop", transport });
  // A member of the shop's group like any other, which finishes what is left.
  const replies = await bus.replies(
    Reserve,
    { replyTo: answersChannel, delivery: "effectively-once", state: seenTables },
    async (reply, context) => {
      const times = (await context.state.times.get(reply.requestId)) ?? 0;
      await context.state.times.set(reply.requestId, times + 1);
      await context.state.answers.set(reply.requestId, reply.type);
    },
  );
  const answers = new Map<string, string>();
  const settled = async (): Promise<boolean> => {
    for await (const [id, type] of replies.state.answers.entries()) answers.set(id, type);
    return answers.size === orders && (await replies.stats()).depth === 0;
  };
  while (!(await settled())) await new Promise((resolve) => setTimeout(resolve, 50));
  for (let index = 0; index < orders; index++) {
    const expected = isRejected(index) ? "failed" : "reserved";
    assert.equal(answers.get(`order-${index}`), expected, `order ${index}`);
  }
  for await (const [id, times] of replies.state.times.entries()) assert.equal(times, 1, id);
  const stored = new Map<string, number>();
  for await (const batch of withoutGaps(transport.read(answersChannel, { from: "earliest" }))) {
    for (let record = 0; record < batch.count; record++) {
      const id = batch.attributesAt(record).causationId ?? "";
      stored.set(id, (stored.get(id) ?? 0) + 1);
    }
  }
  assert.ok([...stored.values()].every((times) => times === 1));
  assert.equal(stored.size, orders);
}
