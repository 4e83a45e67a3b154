// The controller alone, fed with made-up ticks.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  controllerStart,
  type ControllerState,
  decided,
  type SizeDecision,
  wantedMax,
} from "./controller.ts";
import type { ScalingObservation } from "./scaling-decision.ts";
import { type ScaledConcurrency, scalingOf, type ScalingSettings } from "./scaling-options.ts";

const tickMs = 100;

function settingsOf(given: Partial<ScaledConcurrency> = {}): ScalingSettings {
  return scalingOf("concurrency", { min: 1, max: 50, goalMs: 500, ...given }, 1_000);
}

/** A pool whose handlers take as long as `workMs` says, and a queue before it. */
class Pool {
  readonly decisions: SizeDecision[] = [];
  readonly #settings: ScalingSettings;
  readonly #workMs: (inFlight: number) => number;
  #state: ControllerState;
  size: number;
  #waiting = 0;
  #done = 0;
  #nowMs = 0;

  constructor(settings: ScalingSettings, workMs: (inFlight: number) => number) {
    this.#settings = settings;
    this.#workMs = workMs;
    this.#state = controllerStart(settings);
    this.size = settings.initial;
  }

  get state(): ControllerState {
    return this.#state;
  }

  /** `ticks` times so many arrivals. */
  run(ticks: number, arrivals: number): SizeDecision[] {
    return Array.from({ length: ticks }, () => this.#tick(arrivals));
  }

  #tick(arrived: number): SizeDecision {
    this.#nowMs += tickMs;
    this.#waiting += arrived;
    const busy = Math.min(this.size, this.#waiting);
    const latencyMs = this.#workMs(Math.max(1, busy));
    this.#done += Math.min(this.#waiting, (busy * tickMs) / latencyMs);
    const ended = Math.floor(this.#done);
    this.#done -= ended;
    this.#waiting -= ended;
    const inFlight = Math.min(this.size, this.#waiting);
    return this.see({
      arrived,
      waiting: Math.max(0, this.#waiting - inFlight),
      inFlight,
      inFlightAgeMs: latencyMs / 2,
      inFlightMean: busy,
      ended,
      endedMs: ended * latencyMs,
      squaresMs: ended * latencyMs ** 2,
      latencyP99Ms: latencyMs,
    });
  }

  see(seen: Omit<ScalingObservation, "atMs" | "elapsedMs" | "limit">): SizeDecision {
    const tick = { ...seen, atMs: this.#nowMs, elapsedMs: tickMs, limit: this.size };
    const { state, decision } = decided(this.#state, tick, this.#settings);
    this.#state = state;
    this.size = decision.to;
    this.decisions.push(decision);
    return decision;
  }
}

test("the pool follows what comes: Little's law, and something on top", () => {
  const pool = new Pool(settingsOf(), () => 20);
  pool.run(50, 30);
  assert.ok(pool.size >= 6 && pool.size <= 9, `${pool.size} for a load of 6`);
  assert.equal(pool.decisions.at(-1)?.reason, "arrivals");
  assert.match(pool.decisions.at(-1)?.text ?? "", /300 messages a second are expected, 20 ms each/);
});

test("it grows at once, and shrinks only when fewer were enough for the hold", () => {
  const pool = new Pool(settingsOf({ holdMs: 2_000 }), () => 20);
  pool.run(30, 50);
  assert.ok(pool.size >= 10, `${pool.size} for a load of 10`);
  const falling = pool.run(19, 5);
  assert.ok(
    falling.every(({ to }) => to >= 10),
    `within the hold it stays: ${falling.map(({ to }) => to).join()}`,
  );
  pool.run(30, 5);
  assert.ok(pool.size <= 4, `${pool.size}`);
  assert.ok(pool.decisions.some(({ reason }) => reason === "quiet"));
});

test("arrivals that go up and down do not make the pool go up and down", () => {
  const pool = new Pool(settingsOf(), () => 20);
  for (let round = 0; round < 20; round++) {
    pool.run(2, 50);
    pool.run(2, 10);
  }
  const settled = pool.decisions.slice(20);
  const changes = settled.filter(({ from, to }) => from !== to).length;
  assert.ok(changes <= 4, `${changes} changes in ${settled.length} ticks`);
});

test("it stays within its bounds, and says that it would go beyond", () => {
  const pool = new Pool(settingsOf({ min: 3, max: 10 }), () => 20);
  assert.equal(pool.run(1, 0)[0]?.to, 3);
  pool.run(60, 200);
  assert.equal(pool.size, 10);
  const last = pool.decisions.at(-1);
  assert.equal(last?.reason, "max");
  assert.match(last?.text ?? "", /stays at 10: \d+ were wanted, and max is 10/);
  pool.run(2_000, 0);
  assert.equal(pool.size, 3);
  assert.match(pool.decisions.at(-1)?.text ?? "", /nothing calls for more than min, which is 3/);
  assert.ok(pool.decisions.every(({ to }) => to >= 3 && to <= 10));
});

test("where more handlers get less done it steps back, and says so", () => {
  // The base is learned while it is slow already, so that only the throughput tells.
  const slow = (inFlight: number): number => (inFlight <= 10 ? 100 : 100 + (inFlight - 10) * 25);
  const pool = new Pool(settingsOf(), slow);
  pool.run(600, 40);
  const settled = pool.decisions.slice(-100).map(({ to }) => to);
  assert.ok(Math.max(...settled) <= 14, `settled at ${Math.max(...settled)}`);
  assert.ok(Math.min(...settled) >= 8, `settled at ${Math.min(...settled)}`);
});

test("while no call ends nothing is added", () => {
  const pool = new Pool(settingsOf({ initial: 10 }), () => 20);
  pool.run(20, 40);
  const { size } = pool;
  const hanging = { arrived: 40, ended: 0, endedMs: 0, squaresMs: 0, latencyP99Ms: 20 };
  const stalled = pool.see({
    ...hanging,
    waiting: 400,
    inFlight: size,
    inFlightAgeMs: 90,
    inFlightMean: size,
  });
  assert.equal(stalled.reason, "stalled");
  assert.equal(stalled.to, size);
  assert.match(stalled.text, /none of \d+ running handlers ends: none is added/);
});

test("messages that wait for their keys get no handlers that would find nothing", () => {
  const pool = new Pool(settingsOf({ initial: 10 }), () => 20);
  const seen = { arrived: 50, ended: 20, endedMs: 400, squaresMs: 8_000, latencyP99Ms: 400 };
  for (let tick = 0; tick < 30; tick++) {
    pool.see({ ...seen, waiting: 500, inFlight: 2, inFlightAgeMs: 10, inFlightMean: 2 });
  }
  assert.equal(pool.size, 3);
  assert.match(
    pool.decisions.find(({ reason }) => reason === "nothing-to-start")?.text ?? "",
    /500 messages wait for their keys, a rate or a circuit: 2 handlers run/,
  );
});

test("what it remembers is bounded, however long the hold is", () => {
  const pool = new Pool(settingsOf({ holdMs: 3_600_000, max: 1_000, initial: 1_000 }), () => 20);
  const idle = { arrived: 0, ended: 0, endedMs: 0, squaresMs: 0, latencyP99Ms: undefined };
  const running = { inFlight: 1_000, inFlightAgeMs: 10, inFlightMean: 1_000 };
  for (let tick = 0; tick < 200; tick++) pool.see({ ...idle, ...running, waiting: 900 - tick });
  assert.ok(pool.state.wanted.length <= wantedMax);
  assert.equal(pool.state.wanted.length, wantedMax, "the bound is reached");
});

test("the same ticks give the same decisions", () => {
  const texts = (): string[] => {
    const pool = new Pool(settingsOf(), (inFlight) => 20 + inFlight);
    pool.run(100, 40);
    pool.run(100, 3);
    return pool.decisions.map(({ text }) => text);
  };
  assert.deepEqual(texts(), texts());
});

test("bounds that cannot be are refused by name", () => {
  const refused = (given: object, message: RegExp): void => {
    const range = { min: 1, max: 8, ...given } as ScaledConcurrency;
    assert.throws(() => scalingOf("concurrency", range, 1_000), { message });
  };
  refused({ min: 0 }, /^concurrency\.min is 0: give a whole number from 1 to 1000$/);
  refused({ min: 9 }, /^concurrency\.max is 8: give a whole number from 9 to 1000$/);
  refused({ max: 1_001 }, /^concurrency\.max is 1001: give a whole number from 1 to 1000$/);
  refused({ initial: 9 }, /^concurrency\.initial is 9: give a whole number from 1 to 8$/);
  refused({ goalMs: 0 }, /^concurrency\.goalMs is 0: give a number from 1 to 3600000$/);
  refused({ tickMs: 1 }, /^concurrency\.tickMs is 1: give a number from 10 to 60000$/);
  refused({ holdMs: -1 }, /^concurrency\.holdMs is -1: give a number from 0 to 3600000$/);
  refused({ mode: "auto" }, /^concurrency\.mode is "auto": give "automatic" or "monitor"$/);
  refused({ goal: 5 }, /^concurrency: goal is not an option: did you mean goalMs\?$/);
  const wrong: unknown = null;
  const none = wrong as ScaledConcurrency;
  assert.throws(() => scalingOf("concurrency", none, 9), /is null: give a whole number, or \{/);
});
