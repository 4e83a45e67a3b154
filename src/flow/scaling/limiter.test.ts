// The limiter alone, before downstreams that are one formula each.
import assert from "node:assert/strict";
import { test } from "node:test";
import { limited, type LimiterEvent, limiterStart, type LimiterState } from "./limiter.ts";

const bounds = { min: 1, max: 100 };

/** A downstream that is kept busy up to the ceiling. */
class Downstream {
  state: LimiterState;
  readonly events: LimiterEvent[] = [];
  latencyMs: (inFlight: number) => number;

  constructor(latencyMs: (inFlight: number) => number, initial = 1) {
    this.latencyMs = latencyMs;
    this.state = limiterStart(initial, bounds.max);
  }

  get ceiling(): number {
    return Math.floor(this.state.ceiling);
  }

  /** So many seconds; the ceilings of its ticks. */
  run(seconds: number, inFlightMax = Number.POSITIVE_INFINITY): number[] {
    return Array.from({ length: seconds * 10 }, () => {
      const inFlight = Math.min(this.ceiling, inFlightMax);
      const latencyMs = this.latencyMs(inFlight);
      const ended = (inFlight * 100) / latencyMs;
      const sums = { ended, endedMs: ended * latencyMs, squaresMs: ended * latencyMs ** 2 };
      const flight = { inFlight, inFlightMean: inFlight, isSaturated: inFlight >= this.ceiling };
      const { state, event } = limited(this.state, { elapsedMs: 100, ...sums, ...flight }, bounds);
      this.state = state;
      if (event !== undefined) this.events.push(event);
      return this.ceiling;
    });
  }
}

/** So many servers, and a queue before them. */
const servers = (count: number, workMs: number) => (inFlight: number) =>
  workMs * Math.max(1, inFlight / count);

test("a downstream that takes everything is given everything, in doubled steps", () => {
  const downstream = new Downstream(() => 20);
  const ceilings = [downstream.ceiling, ...downstream.run(10)];
  assert.deepEqual([...new Set(ceilings)], [4, 8, 16, 32, 64, 100]);
  assert.deepEqual(downstream.events, []);
});

test("before ten servers it settles near ten, and stays there", () => {
  const downstream = new Downstream(servers(10, 20));
  downstream.run(30);
  const settled = downstream.run(60);
  assert.ok(Math.min(...settled) >= 8 && Math.max(...settled) <= 14, settled.join());
  assert.ok(downstream.events.some(({ kind }) => kind === "slower"));
  assert.ok(downstream.events.some(({ kind }) => kind === "fewer-will-do"));
  assert.ok(downstream.events.some(({ kind }) => kind === "all-needed"));
});

test("when everything becomes ten times slower the base is found anew", () => {
  const downstream = new Downstream(servers(10, 20));
  downstream.run(2, 6);
  downstream.latencyMs = servers(10, 200);
  downstream.run(60);
  assert.ok(downstream.events.some(({ kind }) => kind === "rebased"));
  const settled = downstream.run(60);
  assert.ok(Math.min(...settled) >= 8 && Math.max(...settled) <= 14, settled.join());
  assert.ok((downstream.state.baseMs ?? 0) >= 140, `base ${downstream.state.baseMs}`);
});

test("when it is fast again it is given more again", () => {
  const downstream = new Downstream(servers(5, 100));
  downstream.run(60);
  assert.ok(downstream.ceiling <= 8);
  downstream.latencyMs = servers(50, 20);
  downstream.run(60);
  assert.ok(downstream.ceiling >= 40, `${downstream.ceiling}`);
});

test("where more in flight get less done it goes back at once, for longer each time", () => {
  const cliff = (inFlight: number): number => (inFlight > 20 ? 10 * inFlight : 100);
  const downstream = new Downstream(cliff);
  const ceilings = downstream.run(8);
  const [event] = downstream.events;
  assert.equal(event?.kind, "stepped-back");
  assert.ok(event?.kind === "stepped-back" && event.to.perSecond < event.from.perSecond * 0.95);
  const { steppedBack, stepBackMs } = downstream.state;
  assert.ok((steppedBack?.most ?? 0) <= 20 && (steppedBack?.leftMs ?? 0) <= 10_000);
  assert.equal(stepBackMs, 20_000, "the next one lasts twice as long");
  assert.ok(ceilings.slice(-30).every((ceiling) => ceiling <= 20));
});

test("slow at the lower bound is taken for what it is, in the end", () => {
  const downstream = new Downstream(() => 20);
  downstream.run(1, 1);
  downstream.latencyMs = () => 100;
  downstream.run(20, 1);
  assert.ok(Math.abs((downstream.state.baseMs ?? 0) - 100) < 1, `${downstream.state.baseMs}`);
});

test("the ceiling is within the bounds, whatever calls do", () => {
  for (const workMs of [1, 20, 5_000]) {
    for (const count of [1, 3, 1_000]) {
      const ceilings = new Downstream(servers(count, workMs)).run(120);
      assert.ok(
        ceilings.every((each) => each >= 1 && each <= 100),
        `${count} × ${workMs} ms`,
      );
    }
  }
});
