// What must hold after any number of crash cycles: the history that all processes noted, and the
// whole log read once, go to the history checker; the accounts are compared with what is stored.
// Violations are text.
import type { Bus } from "spillway";
import { HistoryChecker } from "spillway/testing";
import { consumerNames, type CycleEnd, notesOf, publisherNames } from "./crash-cycle.ts";
import {
  accountCount,
  groups,
  isRecording,
  ledgerGroup,
  openingCents,
  recordingGroups,
  transfers,
} from "./fixtures/bank.ts";
import { steadyNowMs } from "./history/history-notes.ts";
import { notedIn } from "./history/note-files.ts";

/** What a check found. */
export interface CheckResult {
  readonly stored: number;
  readonly acknowledged: number;
  /** Deliveries beyond the first of each message to each group that does not keep accounts. */
  readonly redelivered: number;
  readonly violations: readonly string[];
}

/** So long, after everything was put right, nothing may be finished; then it is stuck. */
const stuckMs = 5_000;
const log = transfers.name;

/** Checks everything; `accounts` are the balances of a ledger group that has settled all. */
export async function checkAll(
  bus: Bus,
  notes: string,
  accounts: ReadonlyMap<string, number> | undefined,
  { isDrained, calmAtMs }: CycleEnd,
): Promise<CheckResult> {
  const checker = new HistoryChecker({ isDense: true, stuckMs });
  for (const group of groups) {
    checker.add({ kind: "subscribe", atMs: 0, group, log, from: 0, hasSettlements: true });
  }
  let [acknowledged, delivered, stored] = [0, 0, 0];
  const names = [...publisherNames, ...consumerNames];
  for (const event of notedIn(...names.map((name) => notesOf({ notes }, name)))) {
    checker.add(event);
    if (event.kind === "ok") acknowledged++;
    if (event.kind === "delivery" && isRecording(event.group)) delivered++;
  }
  const expected = new Map<string, number>();
  const add = (account: number, cents: number): void => {
    expected.set(`${account}`, (expected.get(`${account}`) ?? openingCents) + cents);
  };
  const atMs = steadyNowMs();
  let endOffset = 0;
  for await (const { data, id, key, offset } of bus.read(transfers, { from: "earliest" })) {
    const value = JSON.stringify(data);
    checker.add({ kind: "replay", atMs, log, id, key, offset, value });
    add(data.from, -data.cents);
    add(data.to, data.cents);
    endOffset = offset + 1;
    stored++;
  }
  checker.add({ kind: "replay-end", atMs, log, startOffset: 0, endOffset });
  if (isDrained) for (const group of groups) checker.add({ kind: "drained", atMs, group, log });
  else checker.add({ kind: "calm", atMs: calmAtMs });
  const violations = checker.finish().map(({ kind, message }) => `${kind}: ${message}`);
  if (!isDrained && violations.length === 0) violations.push("stuck: hardly anything moves");
  if (accounts !== undefined) violations.push(...wrongAccounts(accounts, expected));
  const redelivered = delivered - stored * recordingGroups.length;
  return { stored, acknowledged, redelivered, violations };
}

/** Money that is not where the messages have moved it. */
function wrongAccounts(
  accounts: ReadonlyMap<string, number>,
  expected: ReadonlyMap<string, number>,
): string[] {
  const violations: string[] = [];
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
  return violations;
}
