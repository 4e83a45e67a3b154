// Uses a journal that may be damaged, through the transport port: reads all of it, is delivered
// everything, and where it works, works on. Every message that is given must be the one that was
// stored there, and every wait must have an end. Violations are text.
import { embedded } from "../../../src/adapters/embedded/index.ts";
import { SpillwayError } from "../../../src/errors/spillway-error.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { priorities } from "../../../src/message/envelope.ts";
import { OutgoingBatch } from "../../../src/message/outgoing-batch.ts";
import { gapEnd, isGap } from "../../../src/ports/gap.ts";
import type { Consumer, DeliveryBatch, Transport } from "../../../src/ports/transport.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import {
  type GroupName,
  type LogName,
  type Names,
  namesWithin,
  type Snapshot,
  snapshotOf,
} from "./snapshot.ts";
import { messageAt } from "./stored-messages.ts";
import { valueText, type World } from "./world.ts";

/** What was heard of a journal. */
export interface Hearing {
  /** "refused": it could not even be opened for reading. */
  status: "ok" | "degraded" | "failed" | "refused";
  /** Whether damage was reported, by its health or by an error. */
  isReported: boolean;
  /** What its tables said right after opening; undefined where they cannot be read. */
  snapshot: Snapshot | undefined;
  /** Offsets read, by log, and offsets that gaps cover. */
  readonly read: Map<number, Set<number>>;
  readonly gaps: Map<number, Set<number>>;
  /** "group/log/offset" of everything delivered. */
  readonly delivered: Set<string>;
  readonly reports: string[];
  readonly violations: string[];
}

/** Codes by which damage may be reported. */
const reporting: readonly string[] = ["JOURNAL_DAMAGED", "JOURNAL_FORMAT"];
/** Virtual time after which something has waited for ever. */
const waitMsMax = 60_000;
const stepMs = 500;
/** Processes that were killed are taken for dead after so long. */
const leaseMs = 100;
/** How often a consumer joins again after the journal closed and opened itself. */
const joinsMax = 4;

class EndlessWait extends Error {}

/**
 * Opens `directory` and hears everything; `works`: acknowledges, publishes, lets time pass.
 * `mayBeOlder`: it may be what it was at an earlier commit, before some of its channels.
 */
export async function hear(
  directory: string,
  world: World,
  names: Names,
  works: boolean,
  mayBeOlder = false,
): Promise<Hearing> {
  const listener = new Listener(directory, world, names, mayBeOlder);
  await listener.run(works);
  return listener.hearing;
}

class Listener {
  readonly hearing: Hearing = {
    status: "refused",
    isReported: false,
    snapshot: undefined,
    read: new Map(),
    gaps: new Map(),
    delivered: new Set(),
    reports: [],
    violations: [],
  };
  readonly #directory: string;
  readonly #world: World;
  #names: Names;
  readonly #mayBeOlder: boolean;
  readonly #clock: VirtualClock;
  readonly #transport: Transport;
  /** Offsets given to what was published here, by log. */
  readonly #published = new Map<number, Set<number>>();

  constructor(directory: string, world: World, names: Names, mayBeOlder: boolean) {
    this.#mayBeOlder = mayBeOlder;
    this.#directory = directory;
    this.#world = world;
    this.#names = names;
    this.#clock = new VirtualClock({ wallMs: world.wallMs + 100 });
    this.#transport = embedded({ directory, engine: "direct", leaseMs });
  }

  async run(works: boolean): Promise<void> {
    const { hearing } = this;
    const opened = await this.#attempt("opening", async () => {
      const random = seededRandom(5);
      await this.#transport.open({ clock: this.#clock, random, name: "faults" });
      return true;
    });
    if (opened !== true) return;
    hearing.status = this.#transport.health().status;
    if (hearing.status === "failed") this.#report(this.#transport.health().reasons.join());
    else
      await this.#attempt("its tables", async () => {
        hearing.snapshot = snapshotOf(this.#directory);
      });
    // Which commit it is, and that this had no other channels, is compared with the snapshot.
    const there = hearing.snapshot?.channels;
    if (this.#mayBeOlder && there !== undefined) this.#names = namesWithin(this.#names, there);
    for (const log of this.#names.logs) await this.#attempt("reading", () => this.#read(log));
    await this.#attempt("state", () => this.#readState());
    if (hearing.status !== "failed") {
      // Whoever was killed is taken for dead.
      if (hearing.snapshot?.processes !== 1) await this.#clock.advance(3 * leaseMs);
      await this.#consumeAll(works);
    }
    if (works) await this.#workOn();
    await this.#attempt("closing", () => this.#transport.close());
  }

  /** Where damage is told of, that is noted; anything else must not happen. */
  async #attempt<Result>(what: string, action: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await this.#within(what, action());
    } catch (error) {
      const code = error instanceof SpillwayError ? error.code : "";
      if (reporting.includes(code)) this.#report(`${what}: ${String(error)}`);
      else this.#violation(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
      return undefined;
    }
  }

  #report(text: string): void {
    this.hearing.isReported = true;
    this.hearing.reports.push(text);
  }

  #violation(text: string): void {
    this.hearing.violations.push(text);
  }

  /** Lets time pass until a promise settles. */
  async #within<Result>(what: string, promise: Promise<Result>): Promise<Result> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    for (let passedMs = 0; passedMs < waitMsMax; passedMs += stepMs) {
      for (let turn = 0; turn < 3 && !settled; turn++) await this.#clock.settle();
      if (settled) return promise;
      await this.#clock.advance(stepMs);
    }
    throw new EndlessWait(`${what} has no end`);
  }

  async #read({ log, channel, priority }: LogName): Promise<void> {
    const { read, gaps } = this.hearing;
    const offsets = new Set<number>();
    const gone = new Set<number>();
    read.set(log, offsets);
    gaps.set(log, gone);
    for await (const found of this.#transport.read(channel, { from: "earliest", priority })) {
      if (isGap(found)) {
        for (let at = found.firstOffset; at < gapEnd(found); at++) gone.add(at);
        continue;
      }
      for (let index = 0; index < found.count; index++) {
        const offset = found.offsetAt(index);
        this.#compare(log, offset, messageAt(found, index).text, "reading");
        offsets.add(offset);
      }
    }
  }

  #compare(log: number, offset: number, text: string, what: string): void {
    const stored = this.#world.messages.get(log)?.get(offset)?.text;
    if (stored === text || this.#published.get(log)?.has(offset) === true) return;
    if (this.#world.delayed.has(text) && !this.#isGivenOut(log, offset)) return;
    this.#violation(`wrong read: ${what} gives ${text} at ${log}/${offset}, stored: ${stored}`);
  }

  /** Every value must be one that was stored; where nothing is reported, the last one. */
  async #readState(): Promise<void> {
    const { snapshot } = this.hearing;
    const last = snapshot && new Set([...snapshot.state].map(valueText));
    for (const { id, channel, name } of this.#names.groups) {
      const rows = this.#transport.state?.entries({ channel, group: name }, name) ?? [];
      for await (const { key, value } of rows) {
        const place = `${id}/${name}/${key}`;
        const text = `${place} ${value}`;
        if (last === undefined ? this.#world.values.has(text) : last.has(text)) continue;
        this.#violation(`wrong read: state ${place} is ${value}`);
      }
    }
  }

  async #consumeAll(works: boolean): Promise<void> {
    for (const group of this.#names.groups) {
      for (let joins = 1; ; joins++) {
        const isDone = await this.#attempt(`group '${group.name}'`, () =>
          this.#consume(group, works),
        );
        if (isDone !== false || joins === joinsMax) break;
        await this.#clock.advance(10_000);
      }
    }
  }

  /** Takes everything that there is; false where the journal closed itself meanwhile. */
  async #consume({ id, channel, name }: GroupName, works: boolean): Promise<boolean> {
    const options = { channel, group: name, from: "earliest", types: undefined } as const;
    let consumer: Consumer | undefined;
    try {
      consumer = await this.#transport.consume(options);
      for (let sequence = 1; ; sequence++) {
        const batch = await this.#next(consumer);
        if (batch === undefined) break;
        this.#take(id, channel, batch);
        if (works) await this.#acknowledge(consumer, batch, sequence);
      }
      return true;
    } catch (error) {
      if (error instanceof SpillwayError && error.code === "TRANSPORT_INTERRUPTED") return false;
      throw error;
    } finally {
      await consumer?.close().catch((error: unknown) => {
        this.#violation(`leaving group '${name}': ${String(error)}`);
      });
    }
  }

  /** The next delivery, or undefined when there is none now. */
  async #next(consumer: Consumer): Promise<DeliveryBatch | undefined> {
    const stop = new AbortController();
    const next = consumer.next(1_000, stop.signal);
    // What it rejects with is met below.
    next.catch(() => undefined);
    await this.#clock.settle();
    stop.abort();
    return next;
  }

  #take(group: number, channel: string, batch: DeliveryBatch): void {
    const { stored, records } = batch;
    const log = this.#logOf(channel, stored.priority);
    for (const record of records) {
      const offset = stored.offsetAt(record);
      this.#compare(log, offset, messageAt(stored, record).text, `group ${group}`);
      this.hearing.delivered.add(`${group}/${log}/${offset}`);
    }
  }

  #logOf(channel: string, priority: string): number {
    const named = this.#names.logs.find(
      (log) => log.channel === channel && log.priority === priority,
    );
    return named?.log ?? 0;
  }

  async #acknowledge(consumer: Consumer, batch: DeliveryBatch, sequence: number): Promise<void> {
    const settlements = [{ batch, records: batch.records, outcomes: undefined }];
    const unit = { sequence, settlements, publishes: [], state: [] };
    const { kind } = await consumer.commit(unit);
    if (kind !== "committed") this.#violation(`an acknowledgement was ${kind}`);
  }

  /** New messages, a repeat, and what is delayed: everything takes its usual way. */
  async #workOn(): Promise<void> {
    for (const log of this.#names.logs) await this.#attempt("publishing", () => this.#publish(log));
    await this.#attempt("repeating", () => this.#repeat());
    await this.#consumeAll(true);
    for (const { id, channel: of } of this.#names.groups) {
      for (const { log, channel } of this.#names.logs) {
        for (const offset of channel === of ? (this.#published.get(log) ?? []) : []) {
          if (this.hearing.delivered.has(`${id}/${log}/${offset}`)) continue;
          if (this.hearing.isReported) continue;
          this.#violation(`group ${id} was not delivered the new message ${log}/${offset}`);
        }
      }
    }
    this.#clock.jumpWall(172_800_000);
    await this.#clock.advance(2_000);
    await this.#attempt("delayed messages", () => this.#checkDelayed());
  }

  async #publish({ log, channel, priority }: LogName): Promise<void> {
    const batch = new OutgoingBatch(channel, priority, seededRandom(log));
    batch.add(template, '"new"', this.#clock.wallMs());
    const [result] = await this.#transport.append([batch]);
    const offset = result?.firstOffset ?? -1;
    this.#published.set(log, new Set([offset]));
    if (this.#isGivenOut(log, offset)) {
      this.#violation(`offset ${log}/${offset} was given out twice`);
    }
  }

  /** Whether the offset was another message's that was acknowledged. */
  #isGivenOut(log: number, offset: number): boolean {
    return offset < (this.#world.ends.get(log) ?? 0);
  }

  /** A message with a given id, as it is stored, is found again. */
  async #repeat(): Promise<void> {
    const isGiven = (log: number, offset: number): boolean =>
      this.#world.messages.get(log)?.get(offset)?.isGiven === true;
    for (const { log, channel, priority } of this.#names.logs) {
      if (priority !== "normal" || this.hearing.read.get(log)?.size === 0) continue;
      let repeated = 0;
      for await (const stored of this.#transport.read(channel, { from: "earliest" })) {
        for (let index = 0; !isGap(stored) && index < stored.count; index++) {
          const offset = stored.offsetAt(index);
          if (!isGiven(log, offset) || repeated++ >= repeatsMax) continue;
          const batch = new OutgoingBatch(channel, "normal", seededRandom(3));
          const { id = stored.idAt(index), ...attributes } = stored.attributesAt(index);
          const wallMs = this.#clock.wallMs();
          const payload = stored.payloadTextAt(index);
          batch.add(stored.templateAt(index), payload, wallMs, stored.keyAt(index), attributes, id);
          const [result] = await this.#transport.append([batch]);
          const found = result?.exceptions?.get(0);
          const first = found !== undefined && "offset" in found ? found.offset : undefined;
          if (first !== offset)
            this.#violation(`a repeat of ${id} is told ${first}, not ${offset}`);
        }
      }
    }
  }

  async #checkDelayed(): Promise<void> {
    const stats = await this.#transport.stats();
    const left = stats.reduce((sum, { delayed }) => sum + delayed, 0);
    if (left > 0) this.#violation(`${left} delayed messages never become due`);
    const { status, reasons } = this.#transport.health();
    if (status !== "ok") this.#violation(`after all it is ${status}: ${reasons.join()}`);
  }
}

const repeatsMax = 3;
const template = {
  type: "com.acme.sample",
  version: 1,
  source: "faults",
  contentType: "application/json",
};

/** Every "group/log/offset" that must be delivered when these rows are what is true. */
export function dueIn(world: World, names: Names, snapshot: Snapshot): Set<string> {
  const due = new Set<string>();
  for (const { id, channel, partitions } of names.groups) {
    for (const { log, channel: of, priority } of names.logs) {
      if (of !== channel || !priorities.includes(priority)) continue;
      const end = snapshot.ends.get(log) ?? 0;
      for (const [offset, { slot }] of world.messages.get(log) ?? []) {
        const range = (slot * partitions) >>> 16;
        const place = `${id}/${log}/${range}`;
        if (offset >= end) continue;
        const isOpen = snapshot.open.has(`${place}/${offset}`);
        if (isOpen || offset >= (snapshot.cursors.get(place) ?? 0))
          due.add(`${id}/${log}/${offset}`);
      }
    }
  }
  return due;
}
