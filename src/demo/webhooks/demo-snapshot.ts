// The numbers that are shown while the demo runs: depth, rate, lag, retries, dead letters of each
// group, and what lies on each channel. For people only; the ledger uses none of them.
import type { BusStats } from "../../bus/bus-stats.ts";
import { deadLetterChannelOf } from "../../contracts/names.ts";
import type { CallLog } from "./call-log.ts";
import { type DeliveryChannelName, deliveryChannelNames } from "./github-contracts.ts";
import { type GroupName, groupNames, notifierChannels } from "./services.ts";

/** One group, over its channels. */
export interface GroupSnapshot {
  readonly group: GroupName;
  /** Deliveries settled in this run. */
  readonly settled: number;
  readonly perSecond: number;
  readonly depth: number;
  readonly lagMs: number;
  readonly members: number;
  readonly retries: number;
  readonly redelivered: number;
  readonly deadLetters: number;
}

/** One channel. */
export interface ChannelSnapshot {
  readonly channel: DeliveryChannelName;
  /** Deliveries stored in this run. */
  readonly stored: number;
  readonly perSecond: number;
}

/** Everything that is shown. */
export interface DemoNumbers {
  readonly channels: readonly ChannelSnapshot[];
  readonly groups: readonly GroupSnapshot[];
}

interface Sample {
  readonly atMs: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Rates are means over this time. */
const rateWindowMs = 2_000;
/** Samples kept for rates. */
const samplesMax = 64;

/** Turns statistics into numbers to show; remembers enough for rates. */
export class DemoSnapshots {
  readonly #logs: Readonly<Record<GroupName, CallLog>>;
  readonly #samples: Sample[] = [];
  #first: ReadonlyMap<string, number> | undefined;
  #numbers: DemoNumbers = { channels: [], groups: [] };

  constructor(logs: Readonly<Record<GroupName, CallLog>>) {
    this.#logs = logs;
  }

  /** The numbers as of the last sample. */
  get numbers(): DemoNumbers {
    return this.#numbers;
  }

  /** Deliveries that some group has not settled. */
  get unsettled(): number {
    return this.#numbers.groups.reduce((sum, group) => sum + group.depth, 0);
  }

  /** Takes new statistics. */
  add(stats: BusStats, atMs: number): void {
    const totals = totalsOf(stats);
    const counts = new Map<string, number>();
    for (const name of deliveryChannelNames) counts.set(name, totals.stored.get(name) ?? 0);
    for (const name of groupNames) counts.set(name, totals.settled.get(name) ?? 0);
    for (const name of groupNames) counts.set(`dead:${name}`, totals.dead.get(name) ?? 0);
    this.#first ??= counts;
    this.#samples.push({ atMs, counts });
    const [oldest] = this.#samples;
    const tooOld = oldest !== undefined && oldest.atMs < atMs - rateWindowMs;
    if ((tooOld && this.#samples.length > 2) || this.#samples.length > samplesMax) {
      this.#samples.shift();
    }
    this.#numbers = {
      channels: deliveryChannelNames.map((channel) => ({
        channel,
        stored: this.#since(channel),
        perSecond: this.#perSecond(channel),
      })),
      groups: groupNames.map((group) => ({
        group,
        settled: this.#since(group),
        perSecond: this.#perSecond(group),
        depth: totals.depth.get(group) ?? 0,
        lagMs: totals.lagMs.get(group) ?? 0,
        members: totals.members.get(group) ?? 0,
        retries: this.#logs[group].retries,
        redelivered: this.#logs[group].redelivered,
        deadLetters: this.#since(`dead:${group}`),
      })),
    };
  }

  #since(name: string): number {
    return (this.#samples.at(-1)?.counts.get(name) ?? 0) - (this.#first?.get(name) ?? 0);
  }

  #perSecond(name: string): number {
    const [oldest] = this.#samples;
    const newest = this.#samples.at(-1);
    if (oldest === undefined || newest === undefined || newest.atMs <= oldest.atMs) return 0;
    const growth = (newest.counts.get(name) ?? 0) - (oldest.counts.get(name) ?? 0);
    return (growth / (newest.atMs - oldest.atMs)) * 1_000;
  }
}

interface Totals {
  readonly stored: Map<string, number>;
  readonly settled: Map<string, number>;
  readonly depth: Map<string, number>;
  readonly lagMs: Map<string, number>;
  readonly members: Map<string, number>;
  readonly dead: Map<string, number>;
}

function totalsOf(stats: BusStats): Totals {
  const totals: Totals = {
    stored: new Map(),
    settled: new Map(),
    depth: new Map(),
    lagMs: new Map(),
    members: new Map(),
    dead: new Map(),
  };
  const add = (map: Map<string, number>, name: string, count: number): void => {
    map.set(name, (map.get(name) ?? 0) + count);
  };
  const deadLetterChannels = notifierChannels.map((name) => deadLetterChannelOf(name));
  for (const { channel, depth: stored, groups } of stats.channels) {
    // Of the demo's services only the notifier gives up on a delivery.
    if (deadLetterChannels.includes(channel)) add(totals.dead, "notifier", stored);
    if (!(deliveryChannelNames as readonly string[]).includes(channel)) continue;
    totals.stored.set(channel, stored);
    for (const { group, depth, lagMs, members } of groups) {
      add(totals.settled, group, stored - depth);
      add(totals.depth, group, depth);
      add(totals.members, group, members);
      totals.lagMs.set(group, Math.max(totals.lagMs.get(group) ?? 0, lagMs));
    }
  }
  return totals;
}
