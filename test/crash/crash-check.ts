// What must hold after any number of crash cycles, checked from the outside: the publishers' notes,
// the consumers' notes, the whole log read once, and the accounts. Returns violations as text.
import type { Bus } from "spillway";
import { acknowledgedIds, consumerNames, linesOf, notesOf, publisherNames } from "./crash-cycle.ts";
import {
  accountCount,
  ledgerGroup,
  openingCents,
  recordingGroups,
  transfers,
} from "./fixtures/bank.ts";

export interface CheckResult {
  readonly stored: number;
  readonly acknowledged: number;
  readonly redelivered: number;
  readonly violations: readonly string[];
}

interface Stored {
  readonly id: string;
  readonly key: string;
  readonly sequence: number;
}

/** Checks everything; `accounts` are the balances that the ledger group committed. */
export async function checkAll(
  bus: Bus,
  notes: string,
  accounts: ReadonlyMap<string, number>,
): Promise<CheckResult> {
  const violations: string[] = [];
  const site = { notes };
  const expected = new Map<string, number>();
  const stored = await readLog(bus, expected, violations);
  // Offsets are dense, else readLog has found a hole: the place in the list is the offset.
  const storedIds = new Map(stored.map((message, offset) => [message.id, offset]));
  if (storedIds.size !== stored.length) violations.push("duplicate: an id is stored twice");
  const acknowledged = acknowledgedIds(site);
  for (const [id, offset] of acknowledged) {
    const found = storedIds.get(id);
    if (found === undefined) violations.push(`lost: ${id} was acknowledged`);
    else if (found !== offset) violations.push(`moved: ${id} is at ${found}, not at ${offset}`);
  }
  const tried = triedIds(notes);
  for (const id of storedIds.keys())
    if (!tried.has(id)) violations.push(`phantom: ${id} was never sent`);
  checkOrder("log", stored, violations);
  let redelivered = 0;
  for (const group of recordingGroups) {
    const handled = handledBy(notes, group);
    const first = firstHandlings(handled);
    redelivered += handled.length - first.length;
    const seen = new Set(first.map((message) => message.id));
    for (const id of storedIds.keys())
      if (!seen.has(id)) violations.push(`undelivered: ${id} to ${group}`);
    for (const id of seen)
      if (!storedIds.has(id)) violations.push(`phantom: ${group} handled ${id}`);
    checkOrder(group, first, violations);
  }
  checkAccounts(accounts, expected, violations);
  return { stored: stored.length, acknowledged: acknowledged.size, redelivered, violations };
}

async function readLog(
  bus: Bus,
  expected: Map<string, number>,
  violations: string[],
): Promise<Stored[]> {
  const stored: Stored[] = [];
  const add = (account: number, cents: number): void => {
    expected.set(`${account}`, (expected.get(`${account}`) ?? openingCents) + cents);
  };
  for await (const message of bus.read(transfers, { from: "earliest" })) {
    if (message.offset !== stored.length) {
      violations.push(`hole: offset ${message.offset} follows ${stored.length - 1}`);
    }
    const { key, sequence, from, to, cents } = message.data;
    stored.push({ id: message.id, key, sequence });
    add(from, -cents);
    add(to, cents);
  }
  return stored;
}

function triedIds(notes: string): Set<string> {
  const ids = new Set<string>();
  for (const name of publisherNames) {
    for (const line of linesOf(notesOf({ notes }, name))) {
      const [word, id] = line.split(" ");
      if (word === "try" && id !== undefined) ids.add(id);
    }
  }
  return ids;
}

function handledBy(notes: string, group: string): (Stored & { readonly at: bigint })[] {
  const handled: (Stored & { readonly at: bigint })[] = [];
  for (const name of consumerNames) {
    for (const line of linesOf(notesOf({ notes }, name))) {
      const [at = "0", of, id = "", key = "", sequence] = line.split(" ");
      if (of === group) handled.push({ at: BigInt(at), id, key, sequence: Number(sequence) });
    }
  }
  return handled.sort((one, other) => (one.at < other.at ? -1 : 1));
}

function firstHandlings<Handled extends Stored>(handled: readonly Handled[]): Handled[] {
  const seen = new Set<string>();
  return handled.filter(({ id }) => !seen.has(id) && seen.add(id));
}

function checkOrder(where: string, messages: readonly Stored[], violations: string[]): void {
  const last = new Map<string, number>();
  for (const { key, sequence, id } of messages) {
    const before = last.get(key) ?? -1;
    if (sequence <= before) violations.push(`order: ${where}: ${id} comes after number ${before}`);
    last.set(key, sequence);
  }
}

function checkAccounts(
  accounts: ReadonlyMap<string, number>,
  expected: ReadonlyMap<string, number>,
  violations: string[],
): void {
  let total = 0;
  for (let account = 0; account < accountCount; account++) {
    const cents = accounts.get(`${account}`) ?? openingCents;
    total += cents;
    const wanted = expected.get(`${account}`) ?? openingCents;
    if (cents !== wanted) {
      violations.push(
        `${ledgerGroup}: account ${account} has ${cents} cents, should have ${wanted}`,
      );
    }
  }
  const wanted = accountCount * openingCents;
  if (total !== wanted)
    violations.push(`${ledgerGroup}: ${total} cents in all, should be ${wanted}`);
}
