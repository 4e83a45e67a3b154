// What goes wrong by the clock, by chance and at the press of a key, and that all of it ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../kernel/random.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { Faults, type FaultOptions } from "./faults.ts";

/** Faults of a day of 40 seconds; `told` has the second and the first words of each event. */
function setUp(options: Partial<FaultOptions> = {}) {
  const clock = new VirtualClock();
  const mood = { slow: false, dead: false };
  const told: string[] = [];
  const killed: string[] = [];
  const second = (): number => Math.round(clock.monotonicMs() / 1_000);
  const startSecond = second();
  const faults = new Faults({
    clock,
    random: seededRandom(1),
    mood,
    durationMs: 40_000,
    slow: true,
    crash: true,
    kills: 0,
    chaos: false,
    calm: () => undefined,
    crashProcess: async ({ name }) => void killed.push(`${second() - startSecond} ${name}`),
    tell: ({ text }) => told.push(`${second() - startSecond} ${text}`),
    ...options,
  });
  return { clock, mood, told, killed, faults };
}

test("by the clock the bank slows down at second 15 and a process dies at 25", async () => {
  const { clock, told, killed, faults } = setUp();
  const plan = faults.runPlan(new AbortController().signal);
  await clock.advance(40_000);
  await plan;
  assert.deepEqual(told, ["15 the bank takes 10 times as long", "30 the bank is as fast as ever"]);
  assert.deepEqual(killed, ["25 payment-1"]);
});

test("a plan ends with the day, and what is wrong ends with it", async () => {
  const { clock, mood, killed, faults } = setUp();
  const closed = new AbortController();
  const plan = faults.runPlan(closed.signal);
  await clock.advance(16_000);
  assert.equal(mood.slow, true);
  closed.abort();
  await plan;
  await faults.end();
  await clock.advance(40_000);
  assert.deepEqual([mood, killed], [{ slow: false, dead: false }, []]);
});

test("random kills are repeated by the seed", async () => {
  const run = async (seed: number): Promise<readonly string[]> => {
    const random = seededRandom(seed);
    const { clock, killed, faults } = setUp({ random, kills: 8, slow: false, crash: false });
    const plan = faults.runPlan(new AbortController().signal);
    await clock.advance(40_000);
    await plan;
    return killed;
  };
  const killed = await run(5);
  assert.equal(killed.length, 8);
  assert.deepEqual(await run(5), killed);
  assert.notDeepEqual(await run(6), killed);
});

test("keys: dead and slow go on and off, a flood ends by itself, a kill takes any", async () => {
  const { clock, mood, told, killed, faults } = setUp();
  for (const dead of [true, false, true]) {
    faults.press("dead");
    assert.equal(mood.dead, dead);
  }
  for (const slow of [true, false, true]) {
    faults.press("slow");
    assert.equal(mood.slow, slow);
  }
  faults.press("flood");
  assert.equal(faults.floodFactor, 5);
  await clock.advance(4_000);
  faults.press("flood");
  await clock.advance(4_000);
  assert.equal(faults.floodFactor, 5, "asked for again, it lasts longer");
  await clock.advance(1_000);
  assert.equal(faults.floodFactor, 1);
  faults.press("kill");
  assert.match(killed.join(), /^9 (intake|stock|payment|shipping)-\d$/);
  faults.press("flood");
  await faults.end();
  assert.deepEqual([mood, faults.floodFactor], [{ slow: false, dead: false }, 1]);
  const before = told.length;
  for (const key of ["kill", "dead", "slow", "flood"] as const) faults.press(key);
  await clock.advance(10_000);
  assert.deepEqual([told.length, killed.length], [before, 1], "nothing happens after the end");
});

test("a key ends chaos, once, and where there is none it does nothing", () => {
  let calmed = 0;
  const { told, faults } = setUp({ chaos: true, calm: () => void calmed++ });
  faults.press("calm");
  faults.press("calm");
  assert.equal(calmed, 1);
  assert.deepEqual(told, ["0 chaos has ended: handlers are left in peace"]);
  const quiet = setUp();
  quiet.faults.press("calm");
  assert.deepEqual(quiet.told, []);
});
