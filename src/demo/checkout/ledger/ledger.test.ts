// The ledger finds every kind of fault, whichever source shows it, and sums to the cent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, openingUnits, type Order } from "../orders/order.ts";
import type { Charge, Parcel } from "../outside/bank.ts";
import { makeLedger, type SideLedger } from "./ledger.ts";
import type { SideRecords } from "./side-records.ts";

const order = (id: string): Order => ({ id, customer: "c", sku: "a", quantity: 2, cents: 1_999 });
const sent = new Map(["1", "2", "3"].map((id) => [id, order(id)]));

/** What a side left behind that carried out these orders, an order for each time it did. */
function leftBehind(charged: readonly string[], shipped: readonly string[] = charged): SideRecords {
  const charges = charged.map((id, index): [string, Charge] => [
    `${index}`,
    { order: id, cents: 1_999, result: "taken", voided: false },
  ]);
  const parcels = shipped.map((id, index): [string, Parcel] => [
    `${index}`,
    { order: id, quantity: 2 },
  ]);
  return {
    charges: charges.map(([, charge]) => charge),
    shipments: parcels.map(([, parcel]) => parcel),
    cancelled: new Set(),
    shelves: new Map([["a", openingUnits - 2 * shipped.length]]),
    bank: { charges: new Map(charges) },
    carrier: { parcels: new Map(parcels) },
  };
}

const ledgerOf = (
  records: SideRecords,
  answers: Readonly<Record<string, Answer>> = { "1": "yes", "2": "yes", "3": "yes" },
): SideLedger => makeLedger(sent, new Map(Object.entries(answers)), records);

const faultsOf = ({ lost, doubled, halfDone, unexpected, balanced }: SideLedger): unknown[] => [
  lost,
  doubled,
  halfDone,
  unexpected,
  balanced,
];

test("what was accepted and carried out balances, to the cent and to the piece", () => {
  const ledger = ledgerOf(leftBehind(["1", "2", "3"]));
  assert.deepEqual(faultsOf(ledger), [0, 0, 0, 0, true]);
  assert.equal(ledger.carriedOut, 3);
  assert.deepEqual(ledger.money, { owed: 5_997, recorded: 5_997, bank: 5_997 });
  assert.deepEqual(ledger.stock, { taken: 6, shipped: 6, carrier: 6 });
});

test("a yes without any deed is lost, unless the order was cancelled", () => {
  assert.deepEqual(faultsOf(ledgerOf(leftBehind(["1", "2"]))), [1, 0, 0, 0, false]);
  const cancelled = { ...leftBehind(["1", "2"]), cancelled: new Set(["3"]) };
  assert.deepEqual(faultsOf(ledgerOf(cancelled)), [0, 0, 0, 0, true]);
});

test("charged and not shipped is lost after a yes, and half done without one", () => {
  const records = leftBehind(["1", "2", "3"], ["1", "2"]);
  assert.deepEqual(faultsOf(ledgerOf(records)), [1, 0, 0, 0, false]);
  const answers = { "1": "yes", "2": "yes", "3": "refused" } as const;
  assert.deepEqual(faultsOf(ledgerOf(records, answers)), [0, 0, 1, 0, false]);
});

test("carried out without a yes is no fault, and is counted", () => {
  const ledger = ledgerOf(leftBehind(["1", "2"]), {
    "1": "yes",
    "2": "unanswered",
    "3": "refused",
  });
  assert.deepEqual(faultsOf(ledger), [0, 0, 0, 0, true]);
  assert.equal(ledger.untold, 1);
  assert.deepEqual(ledger.answers, { yes: 1, "turned-down": 0, refused: 1, unanswered: 1 });
});

test("a second charge or parcel is found, also where only bank or carrier know of it", () => {
  assert.deepEqual(faultsOf(ledgerOf(leftBehind(["1", "2", "3", "3"]))), [0, 1, 0, 0, false]);
  const records = leftBehind(["1", "2", "3"]);
  const again: Charge = { order: "2", cents: 1_999, result: "taken", voided: false };
  const charges = new Map([...records.bank.charges, ["again", again]]);
  assert.equal(ledgerOf({ ...records, bank: { charges } }).doubled, 1);
  const voided = new Map([...records.bank.charges, ["again", { ...again, voided: true }]]);
  assert.equal(ledgerOf({ ...records, bank: { charges: voided } }).balanced, true);
});

test("a charge for an order that nobody sent is found", () => {
  assert.deepEqual(faultsOf(ledgerOf(leftBehind(["1", "2", "3", "4"]))), [0, 0, 0, 1, false]);
});

test("pieces that went nowhere do not balance", () => {
  const records = leftBehind(["1", "2", "3"]);
  const shelves = new Map([["a", openingUnits - 7]]);
  assert.equal(ledgerOf({ ...records, shelves }).balanced, false);
});

test("a cent too little does not balance", () => {
  const records = leftBehind(["1", "2", "3"]);
  const [first, ...rest] = records.charges;
  const charges = [{ order: "1", cents: (first?.cents ?? 0) - 1 }, ...rest];
  assert.equal(ledgerOf({ ...records, charges }).balanced, false);
});
