// What happens on a disk that fills up, one scenario a process, on a small tmpfs in a mount
// namespace of its own. A scenario that finds something wrong throws.
import assert from "node:assert/strict";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Bus, createBus, defineChannel, defineEvent, type Receipt } from "spillway";
import { embedded, verifyJournal } from "spillway/embedded";
import { z } from "zod";
import { reserveBytesMax } from "../../src/adapters/embedded/journal/reserve-file.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import { IoRig } from "./io-rig.ts";
import { SmallDisk } from "./small-disk.ts";

/** What may be played. */
export type Scenario =
  | "atTheFloor"
  | "toTheLastByte"
  | "opening"
  | "nothingLeft"
  | "anyWrite"
  | "killed";

/** What a scenario is started with. */
export interface FullDiskPlan {
  readonly scenario: Scenario;
  readonly folder: string;
  readonly seed: number;
  readonly rounds: number;
}

const mebibyte = 1_048_576;
const diskMebibytes = 64;
const waitMsMax = 60_000;
const filler = "x".repeat(1_000);

const data = z.object({ number: z.int(), filler: z.string() });
const key = ({ number }: { number: number }): string => `k${number % 10}`;
const Noted = defineEvent("test.entry.noted", { data, key });
const Asked = defineEvent("test.entry.asked", { data, key });
const Answered = defineEvent("test.entry.answered", { data, key });
const entries = defineChannel("entries", {
  messages: [Noted],
  partitions: 4,
  retention: { bytes: mebibyte },
});
const asked = defineChannel("asked", { messages: [Asked], partitions: 4 });
const answered = defineChannel("answered", { messages: [Answered], partitions: 4 });
const sumSchema = z.object({ count: z.int() });

interface OpenOptions {
  readonly freeBytesMin: number;
  readonly spaceWaitMs?: number;
  readonly pendingMax?: number;
  readonly drainTimeoutMs?: number;
}

const journalOf = (disk: SmallDisk): string => join(disk.point, "journal");

function open(disk: SmallDisk, options: OpenOptions): Promise<Bus> {
  const { freeBytesMin, spaceWaitMs = 3_600_000, ...rest } = options;
  return createBus({
    name: "full",
    transport: embedded({ directory: journalOf(disk), freeBytesMin, spaceWaitMs, leaseMs: 600 }),
    channels: [entries, asked, answered],
    ...rest,
  });
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < waitMsMax; waitedMs += 20) {
    if (await isSo()) return;
    await pause(20);
  }
  throw new Error(`never came: ${what}`);
}

const reserveBytes = (disk: SmallDisk): number =>
  statSync(join(journalOf(disk), "reserve"), { throwIfNoEntry: false })?.size ?? -1;

const hasReserve = (disk: SmallDisk): boolean => reserveBytes(disk) === reserveBytesMax;

async function isShort(bus: Bus, text: RegExp): Promise<boolean> {
  const { status, reasons } = await bus.health();
  return status === "degraded" && reasons.some((reason) => text.test(reason));
}

const isWell = async (bus: Bus): Promise<boolean> => (await bus.health()).status === "ok";

async function depthOf(bus: Bus, group: string): Promise<number> {
  const { channels } = await bus.stats();
  const all = channels.flatMap(({ groups }) => groups);
  return all.find((each) => each.group === group)?.depth ?? -1;
}

const numbered = (from: number, count: number): { number: number; filler: string }[] =>
  Array.from({ length: count }, (_, index) => ({ number: from + index, filler }));

/** Handlers wait for it to open. */
class Gate {
  readonly #opened = Promise.withResolvers<void>();
  handled = 0;

  open(): void {
    this.#opened.resolve();
  }

  async pass(): Promise<void> {
    await this.#opened.promise;
    this.handled++;
  }
}

/** Below the floor publishers wait, and nobody else; space comes back, and they go on. */
async function atTheFloor(disk: SmallDisk): Promise<void> {
  const freeBytesMin = 20 * mebibyte;
  const bus = await open(disk, { freeBytesMin, pendingMax: 5 });
  const impatient = await open(disk, { freeBytesMin, spaceWaitMs: 200 });
  const closing = await open(disk, { freeBytesMin, drainTimeoutMs: 100 });
  const gate = new Gate();
  await bus.subscribe(entries, { group: "gated" }, () => gate.pass());
  await bus.publishMany(Noted, numbered(0, 200));
  await until("the reserve", () => hasReserve(disk));
  disk.fill(16 * mebibyte);
  for (const each of [bus, impatient, closing]) {
    await until("the floor is noticed", () => isShort(each, /less than freeBytesMin 20971520/));
  }
  const publish = (by: Bus, signal?: AbortSignal): Promise<Receipt> =>
    by.publish(Noted, { number: 1, filler }, signal === undefined ? {} : { signal });
  let settled = 0;
  const waiting = [1, 2, 3].map(() => publish(bus).finally(() => settled++));
  const abort = new AbortController();
  const aborted = publish(bus, abort.signal);
  abort.abort();
  await assert.rejects(aborted, { code: "ABORTED", certainty: "definite" });
  const more = [4, 5].map(() => publish(bus));
  await assert.rejects(publish(bus), { code: "BACK_PRESSURE" });
  await assert.rejects(publish(impatient), (error: Error & Record<string, unknown>) => {
    const { code, certainty, retryable, message } = error;
    assert.deepEqual([code, certainty, retryable], ["JOURNAL_FULL", "definite", true]);
    assert.match(message, /within 200 ms: the disk of .*journal has 1[0-9]{7} bytes free/);
    assert.match(message, /less than freeBytesMin 20971520.*free some space.*23592960 bytes/);
    return true;
  });
  const refused = assert.rejects(publish(closing), { code: "CLOSED", certainty: "definite" });
  await closing.close().catch(() => undefined);
  await refused;
  gate.open();
  await until("everything is settled", async () => (await depthOf(bus, "gated")) === 0);
  assert.deepEqual([gate.handled, settled], [200, 0]);
  assert.ok(hasReserve(disk), "settlements at the floor need no reserve");
  disk.empty();
  const receipts = await Promise.all([...waiting, ...more]);
  assert.equal(new Set(receipts.map(({ offset }) => offset)).size, 5);
  await until("health is well", () => isWell(bus));
  await until("the new ones are settled", async () => (await depthOf(bus, "gated")) === 0);
  assert.equal(gate.handled, 205);
  await Promise.all([bus.close(), impatient.close()]);
}

/** Full to the last byte: settlements and retention go on, and make the space to go on with. */
async function toTheLastByte(disk: SmallDisk): Promise<void> {
  const options = { freeBytesMin: 4 * mebibyte };
  const bus = await open(disk, options);
  const other = await open(disk, options);
  const gate = new Gate();
  const sums = await bus.subscribe(
    entries,
    { group: "sums", delivery: "effectively-once", state: { sums: sumSchema } },
    async ({ data }, { state }) => {
      await gate.pass();
      const key = `${data.number % 10}`;
      await state.sums.set(key, { count: ((await state.sums.get(key))?.count ?? 0) + 1 });
    },
  );
  await bus.subscribe(asked, { group: "answering" }, async ({ data }) => {
    await gate.pass();
    return Answered.message(data);
  });
  await bus.publishMany(Asked, numbered(0, 100));
  await bus.publishMany(Noted, numbered(0, 20_000));
  await until("the reserve", () => hasReserve(disk));
  disk.fill();
  for (const each of [bus, other]) {
    await until("the full disk is noticed", () => isShort(each, /is full .*nothing is published/));
  }
  assert.equal(reserveBytes(disk), 0);
  let settled = 0;
  const waiting = [bus, other].map((each) =>
    each.publish(Noted, { number: 0, filler }).finally(() => settled++),
  );
  gate.open();
  await until("retention made space by itself", () => isWell(bus));
  await until("the other process knows", () => isWell(other));
  assert.ok(hasReserve(disk), "made again before anything is published");
  assert.equal((await Promise.all(waiting)).length, settled);
  await until("all is settled", async () => {
    return (await depthOf(bus, "sums")) === 0 && (await depthOf(bus, "answering")) === 0;
  });
  let count = 0;
  for (let key = 0; key < 10; key++) {
    count += (await sums.state.sums.get(`${key}`))?.count ?? 0;
  }
  assert.equal(count, 20_002);
  const answers: number[] = [];
  for await (const { data } of bus.read(answered, { from: "earliest" })) answers.push(data.number);
  assert.deepEqual(
    answers.toSorted((left, right) => left - right),
    numbered(0, 100).map(({ number }) => number),
  );
  await Promise.all([bus.close(), other.close()]);
}

/** A journal is opened on a full disk, works as far as it can, and goes on when there is space. */
async function opening(disk: SmallDisk): Promise<void> {
  const options = { freeBytesMin: 4 * mebibyte };
  const before = await open(disk, options);
  await (await before.subscribe(entries, { group: "late" }, () => undefined)).close();
  await before.publishMany(Noted, numbered(0, 500));
  await until("the reserve", () => hasReserve(disk));
  await before.close();
  disk.fill();
  assert.ok(disk.free < 4_096, "nothing is left");
  const bus = await open(disk, options);
  assert.equal(reserveBytes(disk), 0);
  let handled = 0;
  await bus.subscribe(entries, { group: "late" }, () => void handled++);
  await until("all is settled", async () => (await depthOf(bus, "late")) === 0);
  assert.equal(handled, 500);
  assert.ok(await isShort(bus, /is full/));
  const waiting = bus.publish(Noted, { number: 1, filler });
  await pause(300);
  disk.empty();
  assert.equal((await waiting).offset, 500);
  assert.ok(hasReserve(disk));
  await bus.close();
  assert.equal((await verifyJournal(journalOf(disk))).findings.length, 0);
}

/** Without any reserve: what cannot be opened says why, and nothing of it is lost. */
async function nothingLeft(disk: SmallDisk): Promise<void> {
  const options = { freeBytesMin: 0 };
  const before = await open(disk, options);
  await before.publishMany(Noted, numbered(0, 500));
  await before.close();
  disk.fill();
  const full = { code: "JOURNAL_FULL", certainty: "definite" };
  if (hasReserve(disk)) throw new Error("closed too late for this");
  // Where opening needs no space the first publish does.
  const openAndPublish = async (): Promise<void> => {
    await using bus = await open(disk, { ...options, spaceWaitMs: 200 });
    await bus.publishMany(Noted, numbered(0, 1_000));
  };
  await assert.rejects(openAndPublish, full);
  disk.empty();
  const bus = await open(disk, options);
  const numbers = [];
  for await (const { data } of bus.read(entries, { from: "earliest" })) numbers.push(data.number);
  assert.deepEqual(
    numbers.slice(0, 500),
    numbered(0, 500).map(({ number }) => number),
  );
  await bus.close();
}

/** The disk becomes full at any write of anything, again and again. */
async function anyWrite(disk: SmallDisk, { seed, rounds }: FullDiskPlan): Promise<void> {
  const random = seededRandom(seed);
  await using rig = new IoRig({ freeBytesMin: 0, spaceWaitMs: 100 }, disk.point);
  await rig.start();
  await rig.order({ kind: "open" });
  await rig.order({ kind: "consume" });
  for (let round = 0; round < rounds; round++) {
    await until("the reserve", () => hasReserve(disk));
    // The reserve is given up early where nearly nothing is left; this meets the end itself.
    disk.fill(mebibyte + (random.uint32() % mebibyte));
    // Enough that a fast machine is not done before the disk is full.
    const published = rig.publish(3_000);
    await pause(random.uint32() % 60);
    if (random.uint32() % 4 > 0) disk.fill();
    await pause(random.uint32() % 300);
    disk.empty();
    const report = await published;
    assert.deepEqual([report.error, report.indefinite], [undefined, 0], JSON.stringify(report));
  }
  assert.match(await rig.drained(), /^ok/);
  assert.deepEqual(await rig.violations(), []);
  assert.ok(rig.totals.definite > 0, "no publish ever met the full disk");
  process.send?.({ ...rig.totals, codes: [...rig.codes] });
}

/** Killed while the disk is full, and opened again on it. */
async function killed(disk: SmallDisk, { rounds }: FullDiskPlan): Promise<void> {
  await using rig = new IoRig({ freeBytesMin: 0, spaceWaitMs: 100 }, disk.point);
  for (let round = 0; round < rounds; round++) {
    await rig.start();
    await rig.order({ kind: "open" });
    await rig.order({ kind: "consume" });
    await until("the reserve", () => hasReserve(disk));
    await rig.killWhilePublishing(5_000, async () => {
      await pause(50);
      disk.fill();
      await until("it is given up", () => reserveBytes(disk) === 0);
      await pause(50);
    });
    await rig.start();
    await rig.order({ kind: "open" }).then(({ error }) => assert.equal(error, undefined));
    await rig.order({ kind: "consume" });
    disk.empty();
    const report = await rig.publish(100);
    assert.deepEqual([report.error, report.indefinite], [undefined, 0]);
    await rig.order({ kind: "drain" });
    await rig.order({ kind: "close" });
  }
  await rig.start();
  await rig.order({ kind: "open" });
  assert.deepEqual(await rig.violations(), []);
}

const scenarios: Record<Scenario, (disk: SmallDisk, plan: FullDiskPlan) => Promise<void>> = {
  atTheFloor,
  toTheLastByte,
  opening,
  nothingLeft,
  anyWrite,
  killed,
};

const plan = JSON.parse(process.argv[2] ?? "{}") as FullDiskPlan;
const disk = SmallDisk.mount(plan.folder, diskMebibytes);
await scenarios[plan.scenario](disk, plan);
if (process.connected) {
  process.disconnect?.();
  await once(process, "disconnect").catch(() => undefined);
}
