// What explain says of a message that came early: the number that its key waits for, in the process
// that subscribes and in any other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bus, createBus, defineEvent, type Explanation, resequence } from "spillway";
import { memory } from "spillway/memory";
import { seededRandom, VirtualClock } from "spillway/testing";
import { z } from "zod";
import { runCli } from "../cli-io.ts";
import { directoryFor, eventually, journalIn } from "../bus-subjects.ts";
import { directJournal } from "../delivery/world.ts";

const Measured = defineEvent("test.meter.measured", {
  data: z.object({ meter: z.string(), n: z.int() }),
  key: ({ meter }) => meter,
  sequence: ({ n }) => n,
});
const waitMsMax = 60_000;
const delivery = "effectively-once";

async function measured(bus: Bus, ...numbers: readonly number[]): Promise<void> {
  await bus.publishMany(
    Measured,
    numbers.map((n) => ({ meter: "m", n })),
  );
}

for (const subject of ["memory", "embedded"] as const) {
  test(`${subject}: an early message waits for a number, until a time`, async (context) => {
    const transport = subject === "memory" ? memory() : directJournal(context);
    const clock = new VirtualClock();
    const bus = await createBus({ name: "grid", transport, clock });
    const sequence = resequence({ first: 7, waitMsMax });
    const subscription = await bus.subscribe(Measured, { delivery, sequence }, async () => {});
    await measured(bus, 12, 9);
    await clock.advance(1_000);
    const dueAtMs = clock.wallMs() + waitMsMax - 1_000;
    const early = { kind: "sequence", key: "m", dueAtMs } as const;
    const unsettled = await subscription.explain(0);
    assert.equal(unsettled.state, "waiting");
    assert.deepEqual(unsettled.reasons, [{ ...early, number: 12, expected: 7 }]);
    await measured(bus, 7, 8);
    await clock.settle();
    const waiting = await subscription.explain({ key: "m" });
    assert.deepEqual(waiting.reasons, [{ ...early, number: 12, expected: 10 }]);
    assert.match(waiting.text, /number 12 of its key, which waits for number 10 until in 59000 ms/);
    await measured(bus, 10, 11);
    await clock.settle();
    assert.equal((await subscription.explain(0)).state, "done");
    await bus.close();
  });
}

test("a number that fails is said too; what is parked waits for that alone", async (context) => {
  const clock = new VirtualClock();
  // The wait before the second try is drawn: not one so short that it is over within the test.
  const random = seededRandom(1);
  const bus = await createBus({ name: "grid", transport: directJournal(context), clock, random });
  const sequence = resequence({ first: 1, waitMsMax, depthMax: 1 });
  const retry = { attempts: 9, initialMs: 50_000, maxMs: 50_000 };
  const subscription = await bus.subscribe(Measured, { delivery, sequence, retry }, async () => {
    throw new Error("down");
  });
  await measured(bus, 1, 3, 4);
  await clock.advance(10);
  const kindsAt = async (offset: number): Promise<readonly string[]> =>
    (await subscription.explain(offset)).reasons.map(({ kind }) => kind);
  assert.deepEqual(await kindsAt(1), ["sequence", "behind-key"]);
  assert.deepEqual(await kindsAt(2), ["behind-key"]);
  await bus.close();
});

test("another process knows the number, but not the first of a key", async () => {
  const directory = directoryFor();
  await using bus = await createBus({ name: "grid", transport: await journalIn(directory) });
  const sequence = resequence({ first: 1, waitMsMax });
  const subscription = await bus.subscribe(Measured, { delivery, sequence }, async () => {});
  await measured(bus, 5);
  await eventually(async () => (await subscription.explain(0)).reasons[0]?.kind === "sequence");
  const explain = async (): Promise<Explanation> => {
    const words = ["explain", "-c", Measured.type, "-d", directory, "--json", "--offset", "0"];
    const { code, stdout, stderr } = await runCli(words);
    assert.equal(code, 0, stderr);
    const { explanations } = JSON.parse(stdout) as { explanations: [Explanation] };
    return explanations[0];
  };
  const before = await explain();
  assert.deepEqual(
    before.reasons.map(({ kind }) => kind),
    ["sequence", "elsewhere"],
  );
  assert.match(before.text, /it is number 5 of its key, which waits for those before it until in/);
  await measured(bus, 1, 2);
  await eventually(async () => (await subscription.stats()).acked === 2);
  assert.match((await explain()).text, /which waits for number 3 until in/);
});
