// The ledger: what the services recorded, against what the receiver's list says was sent. Pure: it
// sees records and lists, no counters of the library except for messages that expired or were
// dropped unread, which leave no record. Always true: every sent delivery of a service's channels
// is counted exactly once, as recorded, dead-lettered, expired, dropped or lost.
import type { DeliveryLogContent, LoggedDelivery } from "./delivery-log.ts";

/** How often each delivery was recorded, by id. */
export type Tally = ReadonlyMap<string, number>;

/** What one service left behind, one record for each delivery. */
export interface RecordedEffects {
  readonly group: string;
  readonly channels: readonly string[];
  readonly recorded: Tally;
  readonly deadLettered: Tally;
  /** From the group's counters, because neither leaves a record. */
  readonly expired: number;
  readonly dropped: number;
  readonly redelivered: number;
  readonly retries: number;
}

/** One line of the ledger. */
export interface LedgerLine {
  readonly group: string;
  /** Deliveries sent on the channels that it reads. */
  readonly expected: number;
  /** Of these, deliveries with a recorded effect. */
  readonly recorded: number;
  readonly deadLettered: number;
  /** Their time had passed before a handler saw them. */
  readonly expired: number;
  /** Removed by retention before they were read. */
  readonly dropped: number;
  /** None of these. */
  readonly lost: number;
  /** Effects that exist more than once. */
  readonly duplicated: number;
  /** Effects of deliveries that nobody sent. */
  readonly unexpected: number;
  /** Times that a handler was called again for a delivery without having failed. */
  readonly redelivered: number;
  /** Times that it was called again because it had failed. */
  readonly retries: number;
}

/** The ledger line of a service that records every delivery. */
export function compareEffects(sent: DeliveryLogContent, effects: RecordedEffects): LedgerLine {
  const expected = [...sent.stored.values()].filter((each) => reads(effects.channels, each));
  const { recorded, deadLettered } = effects;
  let done = 0;
  let setAside = 0;
  let missing = 0;
  for (const { id } of expected) {
    if (recorded.has(id)) done++;
    else if (deadLettered.has(id)) setAside++;
    else missing++;
  }
  return {
    group: effects.group,
    expected: expected.length,
    recorded: done,
    deadLettered: setAside,
    ...accountFor(missing, effects),
    duplicated: surplus(recorded) + surplus(deadLettered) + overlap(recorded, deadLettered),
    unexpected: strangers(sent, recorded) + strangers(sent, deadLettered),
    redelivered: effects.redelivered,
    retries: effects.retries,
  };
}

/** What the read model says about one repository: how many deliveries, and a sum over their ids. */
export interface RepositoryTotal {
  readonly deliveries: number;
  /** See fingerprintOf(): tells one delivery too many and one too few from none of both. */
  readonly fingerprint: number;
}

/** The ledger line of the read model, which keeps totals instead of single records. */
export function compareTotals(
  sent: DeliveryLogContent,
  totals: ReadonlyMap<string, RepositoryTotal>,
  effects: Omit<RecordedEffects, "recorded" | "deadLettered">,
): LedgerLine {
  const expected = totalsOf(sent.stored.values(), effects.channels);
  const perhaps = totalsOf(sent.unconfirmed.values(), effects.channels);
  let count = 0;
  let missing = 0;
  let duplicated = 0;
  let unexpected = 0;
  for (const [key, total] of expected) {
    count += total.deliveries;
    const found = totals.get(key) ?? emptyTotal;
    // What was offered and not acknowledged may count or not, so only the rest is surplus.
    const allowed = perhaps.get(key)?.deliveries ?? 0;
    missing += Math.max(0, total.deliveries - found.deliveries);
    duplicated += Math.max(0, found.deliveries - total.deliveries - allowed);
    const same = found.deliveries === total.deliveries && allowed === 0;
    if (!same || found.fingerprint === total.fingerprint) continue;
    missing++;
    duplicated++;
  }
  for (const [key, found] of totals) {
    if (!expected.has(key) && !perhaps.has(key)) unexpected += found.deliveries;
  }
  return {
    group: effects.group,
    expected: count,
    recorded: count - missing,
    deadLettered: 0,
    ...accountFor(missing, effects),
    duplicated,
    unexpected,
    redelivered: effects.redelivered,
    retries: effects.retries,
  };
}

/** What became of deliveries without a record, as far as the group's counters say. */
function accountFor(
  missing: number,
  counted: Pick<RecordedEffects, "expired" | "dropped">,
): Pick<LedgerLine, "expired" | "dropped" | "lost"> {
  const expired = Math.min(counted.expired, missing);
  const dropped = Math.min(counted.dropped, missing - expired);
  return { expired, dropped, lost: missing - expired - dropped };
}

function totalsOf(
  deliveries: Iterable<LoggedDelivery>,
  channels: readonly string[],
): ReadonlyMap<string, RepositoryTotal> {
  const totals = new Map<string, RepositoryTotal>();
  for (const delivery of deliveries) {
    if (!reads(channels, delivery)) continue;
    totals.set(delivery.key, addTo(totals.get(delivery.key), delivery.id));
  }
  return totals;
}

/** The total of nothing. */
export const emptyTotal: RepositoryTotal = { deliveries: 0, fingerprint: 0 };

/** A total with one delivery more. */
export function addTo(total: RepositoryTotal | undefined, id: string): RepositoryTotal {
  const { deliveries, fingerprint } = total ?? emptyTotal;
  return { deliveries: deliveries + 1, fingerprint: (fingerprint + fingerprintOf(id)) >>> 0 };
}

/** 32 bits of an id; totals add them up, so the order does not matter. */
export function fingerprintOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** Whether nothing is lost, doubled or made up, in any line. */
export function isBalanced(lines: readonly LedgerLine[]): boolean {
  return lines.every((line) => line.lost + line.duplicated + line.unexpected === 0);
}

function reads(channels: readonly string[], delivery: LoggedDelivery): boolean {
  return channels.includes(delivery.channel);
}

function surplus(tally: Tally): number {
  let count = 0;
  for (const times of tally.values()) count += times - 1;
  return count;
}

function overlap(left: Tally, right: Tally): number {
  let count = 0;
  for (const id of right.keys()) if (left.has(id)) count++;
  return count;
}

function strangers(sent: DeliveryLogContent, tally: Tally): number {
  let count = 0;
  for (const id of tally.keys()) if (!sent.stored.has(id) && !sent.unconfirmed.has(id)) count++;
  return count;
}
