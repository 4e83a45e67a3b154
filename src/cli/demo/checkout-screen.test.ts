// What the demo shows while it runs, and what it says at the end.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckoutResult, SideResult } from "../../demo/checkout/checkout-result.ts";
import type { SideView } from "../../demo/checkout/side-snapshot.ts";
import { type SideName, sideNames } from "../../demo/checkout/side-name.ts";
import { plainStyle, visibleWidth } from "../terminal/ansi.ts";
import { checkoutAsJson, isRightBalanced, renderCheckoutLedger } from "./checkout-report.ts";
import { renderCheckout, sparkline } from "./checkout-view.ts";

const sideView = (side: SideName): SideView => ({
  side,
  accept: { p50: 1_234, p99: 59_900 },
  answers: { yes: 999_999, "turned-down": 1, refused: 12_345, unanswered: 12_345 },
  customersWaiting: 4_000,
  carriedOut: 999_999,
  goodputPerSecond: 12_345,
  goodputSeries: Array.from({ length: 120 }, (_, at) => at),
  timeouts: 1_234_567,
  retries: 1,
  queueDepth: 123_456,
  lost: 3,
  doubled: 2,
});
const view = {
  phase: "settling",
  sent: 1_000_000,
  elapsedMs: 50_000,
  openMs: 40_000,
  sides: sideNames.map(sideView),
} as const;

test("a frame fits a terminal of 80 columns and 24 lines, whatever the numbers", () => {
  const events = Array.from(
    { length: 9 },
    () => ({ mood: "bad", text: "x".repeat(200), atMs: 1 }) as const,
  );
  const lines = renderCheckout(
    view,
    { seconds: 40, keys: true, chaos: true },
    events,
    80,
    plainStyle,
  );
  assert.ok(lines.length < 24, `${lines.length} lines`);
  for (const line of lines) assert.ok(visibleWidth(line) < 80, line);
  assert.match(lines.join("\n"), /accepted in +1\.2 s p99 59\.9 s +1\.2 s p99 59\.9 s$/m);
  assert.match(lines.at(-1) ?? "", /^k kill a process .* q quit {3}c end chaos$/);
  const quiet = renderCheckout(view, { seconds: 40, keys: false, chaos: true }, [], 80, plainStyle);
  assert.doesNotMatch(quiet.join("\n"), /q quit/);
});

test("a series of numbers is drawn to the height of its highest", () => {
  assert.equal(sparkline([0, 1, 8, 4], 3), "▂█▅");
  assert.equal(sparkline([0, 0], 3), "▁▁");
});

const sideResult = (side: SideName, lost: number): SideResult => ({
  side,
  ledger: {
    sent: 10,
    answers: { yes: 7, "turned-down": 1, refused: 1, unanswered: 1 },
    carriedOut: 7 - lost,
    untold: 0,
    cancelled: 3,
    lost,
    doubled: 0,
    halfDone: 0,
    unexpected: 0,
    missedCents: 4_205,
    money: { owed: 123_456, recorded: 123_456, bank: 123_456 },
    stock: { taken: 8, shipped: 8, carrier: 8 },
    balanced: lost === 0,
  },
  accept: { p50: 2, p99: 30 },
  delivery: { p50: 60, p99: 90 },
  timeouts: 4,
  retries: 5,
  processorSeconds: 1.25,
  settlingSeconds: 0.5,
});
const resultOf = (lost: Readonly<Record<SideName, number>>): CheckoutResult => ({
  sent: 10,
  sides: sideNames.map((side) => sideResult(side, lost[side])),
  killed: 2,
  interrupted: false,
  seconds: 41,
});

test("the right side alone decides, and what does not balance is said of either", () => {
  const leftLost = resultOf({ sync: 2, spillway: 0 });
  assert.equal(isRightBalanced(leftLost), true);
  const text = renderCheckoutLedger(leftLost, { skipped: 3 }, plainStyle).join("\n");
  assert.match(text, /services call over HTTP: does NOT balance: 2 lost, 0 doubled, 0 half done/);
  assert.match(text, /services on Spillway: balanced to the cent and to the piece\./);
  assert.match(text, /sales missed +42\.05 +42\.05/);
  assert.match(text, /money owed +1,234\.56 +1,234\.56/);
  assert.match(text, /Left out of the input: 3/);
  assert.equal(isRightBalanced(resultOf({ sync: 0, spillway: 1 })), false);
  assert.equal(isRightBalanced({ ...leftLost, sides: [] }), false);
});

test("as JSON it is one object with both ledgers and all events", () => {
  const events = [{ mood: "bad", text: "the bank is dead", atMs: 1_500 }] as const;
  const context = { seed: 1, perSecond: 100, directory: undefined, skipped: 0, events };
  const parsed = JSON.parse(checkoutAsJson(resultOf({ sync: 0, spillway: 1 }), context)) as {
    readonly [name: string]: unknown;
  };
  assert.equal(parsed["balanced"], false);
  assert.deepEqual(parsed["events"], events);
  assert.deepEqual(Object.keys(parsed).slice(0, 7), [
    "sent",
    "balanced",
    "killed",
    "interrupted",
    "seconds",
    "sync",
    "spillway",
  ]);
});
