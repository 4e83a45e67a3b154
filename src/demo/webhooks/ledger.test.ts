// The ledger finds each kind of fault that it is there to find, and the list it reads survives
// runs.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  DeliveryLog,
  type DeliveryLogContent,
  hasDeliveryLog,
  type LoggedDelivery,
} from "./delivery-log.ts";
import {
  addTo,
  compareEffects,
  compareTotals,
  isBalanced,
  type LedgerLine,
  type RepositoryTotal,
} from "./ledger.ts";

const delivery = (id: string, channel: "code" | "ci" = "code", key = "a/b"): LoggedDelivery => ({
  id,
  channel,
  key,
});
const sent: DeliveryLogContent = {
  stored: new Map(
    [delivery("1"), delivery("2"), delivery("3", "code", "c/d"), delivery("4", "ci")].map(
      (each) => [each.id, each],
    ),
  ),
  unconfirmed: new Map([["9", delivery("9")]]),
};
const tally = (...ids: string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
};
const effects = (
  recorded: string[],
  deadLettered: string[] = [],
  expired = 0,
  dropped = 0,
): LedgerLine =>
  compareEffects(sent, {
    group: "audit",
    channels: ["code"],
    recorded: tally(...recorded),
    deadLettered: tally(...deadLettered),
    expired,
    dropped,
    redelivered: 2,
    retries: 1,
  });
const faults = ({
  recorded,
  deadLettered,
  expired,
  lost,
  duplicated,
  unexpected,
}: LedgerLine): number[] => [recorded, deadLettered, expired, lost, duplicated, unexpected];

test("every sent delivery is recorded, set aside, expired or lost", () => {
  assert.deepEqual(faults(effects(["1", "2", "3"])), [3, 0, 0, 0, 0, 0]);
  assert.deepEqual(faults(effects(["1", "2"], ["3"])), [2, 1, 0, 0, 0, 0]);
  assert.deepEqual(faults(effects(["1", "2"])), [2, 0, 0, 1, 0, 0]);
  assert.deepEqual(faults(effects(["1"], [], 1)), [1, 0, 1, 1, 0, 0]);
  assert.equal(effects(["1", "2", "3"]).expected, 3);
});

test("what was dropped unread is no loss, and explains no more than is missing", () => {
  const line = effects([], [], 1, 1);
  assert.deepEqual([line.expired, line.dropped, line.lost], [1, 1, 1]);
  const whole = effects(["1", "2", "3"], [], 4, 5);
  assert.deepEqual([whole.expired, whole.dropped, whole.lost], [0, 0, 0]);
});

test("an effect that exists twice is found, also as effect and dead letter", () => {
  assert.deepEqual(faults(effects(["1", "2", "2", "2", "3"])), [3, 0, 0, 0, 2, 0]);
  assert.deepEqual(faults(effects(["1", "2", "3"], ["3"])), [3, 0, 0, 0, 1, 0]);
});

test("an effect of something never sent is found; of something unconfirmed it is none", () => {
  assert.deepEqual(faults(effects(["1", "2", "3", "77"])), [3, 0, 0, 0, 0, 1]);
  assert.deepEqual(faults(effects(["1", "2", "3", "9"])), [3, 0, 0, 0, 0, 0]);
});

const totals = (
  entries: Readonly<Record<string, readonly string[]>>,
  content = sent,
): LedgerLine => {
  const found = new Map<string, RepositoryTotal>();
  for (const [key, ids] of Object.entries(entries)) {
    for (const id of ids) found.set(key, addTo(found.get(key), id));
  }
  const shared = {
    group: "read-model",
    channels: ["code"],
    expired: 0,
    dropped: 0,
    redelivered: 0,
    retries: 0,
  };
  return compareTotals(content, found, shared);
};

test("totals that miss, double, swap or make up a delivery are found", () => {
  const exact = { ...sent, unconfirmed: new Map() };
  assert.deepEqual(faults(totals({ "a/b": ["2", "1"], "c/d": ["3"] }, exact)), [3, 0, 0, 0, 0, 0]);
  assert.deepEqual(faults(totals({ "a/b": ["1"], "c/d": ["3"] }, exact)), [2, 0, 0, 1, 0, 0]);
  assert.deepEqual(
    faults(totals({ "a/b": ["1", "2", "2"], "c/d": ["3"] }, exact)),
    [3, 0, 0, 0, 1, 0],
  );
  assert.deepEqual(faults(totals({ "a/b": ["1", "1"], "c/d": ["3"] }, exact)), [2, 0, 0, 1, 1, 0]);
  assert.deepEqual(
    faults(totals({ "a/b": ["1", "2"], "c/d": ["3"], "e/f": ["5"] }, exact)),
    [3, 0, 0, 0, 0, 1],
  );
});

test("a total may hold what was offered and never acknowledged, but not more", () => {
  assert.deepEqual(faults(totals({ "a/b": ["1", "2", "9"], "c/d": ["3"] })), [3, 0, 0, 0, 0, 0]);
  assert.deepEqual(
    faults(totals({ "a/b": ["1", "2", "9", "9"], "c/d": ["3"] })),
    [3, 0, 0, 0, 1, 0],
  );
});

test("a ledger balances only when nothing is lost, doubled or made up", () => {
  assert.equal(isBalanced([effects(["1", "2", "3"]), effects(["1", "2"], ["3"])]), true);
  assert.equal(isBalanced([effects(["1", "2", "3"]), effects(["1", "2"])]), false);
  assert.equal(isBalanced([effects(["1", "2", "3", "3"])]), false);
  assert.equal(isBalanced([effects(["1", "2", "3", "77"])]), false);
});

test("the receiver's list tells stored from unconfirmed and goes on in a second run", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "spillway-log-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  assert.equal(hasDeliveryLog(directory), false);
  const first = new DeliveryLog(directory);
  first.offered([delivery("1"), delivery("2")]);
  first.stored(["1"]);
  const second = new DeliveryLog(directory);
  second.offered([delivery("3", "ci")]);
  second.stored(["3"]);
  const content = second.read();
  assert.deepEqual([...content.stored.keys()], ["1", "3"]);
  assert.deepEqual([...content.unconfirmed.keys()], ["2"]);
  assert.equal(content.stored.get("3")?.channel, "ci");
  assert.equal(hasDeliveryLog(directory), true);
});
