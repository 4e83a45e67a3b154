// A circuit: when it opens, how it probes, how it closes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { pause, type PauseOptions } from "./actions.ts";
import { Circuit, type CircuitStatus } from "./circuit.ts";

/** A circuit whose waits are the longest, and what it told. */
function circuitOf(given: PauseOptions = {}, concurrency = 8) {
  const clock = new VirtualClock();
  const told: (readonly [string, number, number])[] = [];
  const onChange = ({ state, limit }: CircuitStatus): void => {
    told.push([state, limit, clock.monotonicMs()]);
  };
  const random = { uint32: () => 0, float: () => 1 };
  const { options } = pause(given);
  return { clock, told, circuit: new Circuit({ options, clock, random, concurrency, onChange }) };
}

/** As many good calls as it takes. */
function closed(circuit: Circuit): void {
  while (circuit.status.state !== "closed") circuit.succeeded();
}

test("it begins with one call, and doubles with every round that goes well", () => {
  const { circuit, told } = circuitOf();
  assert.partialDeepStrictEqual(circuit.status, {
    state: "half-open",
    limit: 1,
    probeInMs: undefined,
  });
  for (let call = 0; call < 7; call++) circuit.succeeded();
  assert.deepEqual(
    told.map(([state, limit]) => [state, limit]),
    [
      ["half-open", 2],
      ["half-open", 4],
      ["closed", Number.POSITIVE_INFINITY],
    ],
  );
  assert.equal(circuit.limit, Number.POSITIVE_INFINITY);
});

test("closed, it opens at so many failures within the window, and not before", async () => {
  const { circuit, clock } = circuitOf({ failures: 3, windowMs: 1_000, probeAfterMs: 500 });
  closed(circuit);
  for (const waitMs of [0, 600, 600, 600]) {
    await clock.advance(waitMs);
    assert.equal(circuit.failed(), 500);
    assert.equal(circuit.status.state, "closed");
  }
  await clock.advance(100);
  assert.equal(circuit.failed(), 0);
  assert.partialDeepStrictEqual(circuit.status, { state: "open", limit: 0, probeInMs: 500 });
});

test("probes come after a wait that doubles up to a bound, anew once closed", async () => {
  const { circuit, clock, told } = circuitOf({ probeAfterMs: 100, probeMsMax: 350 });
  for (let probe = 0; probe < 5; probe++) {
    circuit.failed();
    await clock.advance(350);
    assert.equal(circuit.limit, 1);
  }
  const halfOpen = told.filter(([state]) => state === "half-open").map(([, , atMs]) => atMs);
  const opened = told.filter(([state]) => state === "open").map(([, , atMs]) => atMs);
  const waits = halfOpen.map((atMs, index) => atMs - (opened[index] as number));
  assert.deepEqual(waits, [100, 200, 350, 350, 350]);
  closed(circuit);
  for (let failure = 0; failure < 5; failure++) circuit.failed();
  assert.partialDeepStrictEqual(circuit.status, { state: "open", limit: 0, probeInMs: 100 });
  circuit.stop();
});

test("failures that are just as far apart as the window is long are within it", async () => {
  const { circuit, clock } = circuitOf({ failures: 2, windowMs: 1_000, probeAfterMs: 500 });
  closed(circuit);
  assert.equal(circuit.failed(), 500);
  await clock.advance(1_000);
  assert.equal(circuit.failed(), 0);
  assert.equal(circuit.status.state, "open");
  circuit.stop();
});

test("it says since when it has not been closed, whatever its probes came to", async () => {
  const { circuit, clock } = circuitOf({ probeAfterMs: 100 });
  const sinceAtMs = clock.wallMs();
  circuit.failed();
  await clock.advance(100);
  circuit.failed();
  assert.equal(circuit.status.sinceAtMs, sinceAtMs);
  await clock.advance(200);
  closed(circuit);
  assert.equal(circuit.status.sinceAtMs, undefined);
  circuit.succeeded();
  assert.equal(circuit.status.state, "closed");
  assert.equal(circuit.limit, Number.POSITIVE_INFINITY);
});

test("waits are drawn from the upper half", () => {
  const { clock } = circuitOf();
  const { options } = pause({ probeAfterMs: 1_000 });
  for (const [drawn, expected] of [
    [0, 500],
    [0.5, 750],
    [1, 1_000],
  ] as const) {
    const random = { uint32: () => 0, float: () => drawn };
    const parts = { options, clock, random, concurrency: 1, onChange: () => undefined };
    const circuit = new Circuit(parts);
    circuit.failed();
    assert.equal(circuit.status.probeInMs, expected);
    circuit.stop();
  }
});

test("what ends while it is open changes nothing; a later failure opens it again", async () => {
  const { circuit, clock } = circuitOf({ probeAfterMs: 100 });
  circuit.failed();
  assert.equal(circuit.failed(), 0, "the message waits for the probe, and no longer");
  circuit.succeeded();
  assert.partialDeepStrictEqual(circuit.status, { state: "open", limit: 0, probeInMs: 100 });
  await clock.advance(100);
  circuit.succeeded();
  assert.equal(circuit.limit, 2);
  circuit.failed();
  assert.partialDeepStrictEqual(circuit.status, { state: "open", limit: 0, probeInMs: 200 });
  circuit.stop();
});

test("stopped and started, it probes when it would have", async () => {
  const { circuit, clock } = circuitOf({ probeAfterMs: 100 });
  circuit.failed();
  await clock.advance(30);
  circuit.stop();
  await clock.advance(30);
  assert.equal(clock.timersWaiting, 0);
  circuit.start();
  circuit.start();
  assert.equal(clock.timersWaiting, 1);
  await clock.advance(39);
  assert.equal(circuit.limit, 0);
  await clock.advance(1);
  assert.equal(circuit.limit, 1);
});
