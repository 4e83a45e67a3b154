// Counters, diagnostics channel names and trace context: what other parts rely on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../kernel/random.ts";
import { diagnostics } from "./channels.ts";
import { GroupCounters, latencyMsMax } from "./counters.ts";
import { continueTraceparent, newSpanId, parseTraceparent } from "./trace-context.ts";

const valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("a traceparent is continued with the same trace id and flags and a new span id", () => {
  const before = parseTraceparent(valid);
  const after = parseTraceparent(continueTraceparent(valid, seededRandom(1)));
  assert.equal(after?.traceId, before?.traceId);
  assert.equal(after?.flags, "01");
  assert.notEqual(after?.spanId, before?.spanId);
});

test("what does not follow the specification is not continued", () => {
  const wrong = [
    undefined,
    "",
    valid.toUpperCase(),
    valid.replace("00-", "ff-"),
    `${valid}-more`,
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    valid.slice(0, -1),
  ];
  for (const traceparent of wrong) {
    assert.equal(continueTraceparent(traceparent, seededRandom(1)), undefined);
  }
});

test("a later version with further parts is continued as version 00", () => {
  const continued = continueTraceparent(`${valid.replace("00-", "01-")}-more`, seededRandom(1));
  assert.match(continued ?? "", /^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
});

test("a span id is never all zero", () => {
  assert.equal(newSpanId({ uint32: () => 0, float: () => 0 }), "0000000000000001");
});

test("the latency histogram takes any number, also none and too large a one", () => {
  const counters = new GroupCounters();
  for (const ms of [-5, 0, 0.4, Number.NaN, 12.4, latencyMsMax * 3, Number.POSITIVE_INFINITY]) {
    counters.recordLatency(ms);
  }
  assert.equal(counters.latency.count, 7);
  assert.equal(counters.latency.exceeds, 0);
  assert.equal(counters.latency.min, 1);
});

test("the diagnostics channels have their fixed names", () => {
  assert.deepEqual(
    Object.values(diagnostics).map((one) => one.name),
    [
      "spillway:publish",
      "spillway:overflow",
      "spillway:deliver",
      "spillway:settle",
      "spillway:retry",
      "spillway:dead-letter",
      "spillway:invalid",
      "spillway:discard",
      "spillway:circuit",
      "spillway:sequence",
      "spillway:lease",
      "spillway:gap",
      "spillway:group",
      "spillway:log",
      "spillway:reply",
    ],
  );
});
