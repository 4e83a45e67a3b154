import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
} from "../../../../test/journal/core-rig.ts";
import { seededRandom } from "../../../kernel/random.ts";
import { type Connection, openConnection } from "./connection.ts";
import type { EngineOptions } from "./engine.ts";
import { GiveBack } from "./give-back.ts";
import { Health } from "./health.ts";
import { Processes } from "./processes.ts";
import { describeShortage } from "./space-shortage.ts";
import { Writer } from "./writer.ts";

const dayMs = 86_400_000;
const payload = "x".repeat(200_000);

function pragma(connection: Connection, name: string): number {
  return Number(Object.values(connection.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

describe("space", () => {
  let directory: string;
  let clock: HandClock;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
  });
  afterEach(() => removeDirectory(directory));

  const pagesOf = (rig: CoreRig): number =>
    rig.withConnection((connection) => pragma(connection, "page_count"));

  test("over several windows of churn the file stays as large as one window needs", () => {
    const rig = new CoreRig(directory, clock);
    rig.declare("orders", { retention: { days: 1 } });
    const sizes: number[] = [];
    for (let window = 0; window < 6; window++) {
      for (let n = 0; n < 40; n++) {
        rig.publish("orders", [payload]);
        clock.pass(dayMs / 40);
        rig.core.tick();
      }
      sizes.push(pagesOf(rig));
    }
    rig.close();
    const [, second = 0, ...later] = sizes;
    assert.ok(Math.max(...later) <= second * 1.1, sizes.join(" "));
  });

  test("what is free beyond a quarter is given back, and then nothing more", () => {
    const rig = new CoreRig(directory, clock);
    rig.declare("orders", { retention: { days: 1 } });
    for (let n = 0; n < 100; n++) rig.publish("orders", [payload]);
    const full = pagesOf(rig);
    clock.pass(2 * dayMs);
    for (let n = 0; n < 60; n++) rig.publish("orders", [payload]);
    for (let round = 0; round < 100; round++) {
      clock.pass(1_000);
      rig.core.tick();
    }
    const left = pagesOf(rig);
    rig.close();
    assert.ok(left < full, `${left} of ${full}`);
    // 60 batches of 13 pages are in use; a fifth more may stay free.
    assert.ok(left > 60 * 13 && left < 60 * 13 * 1.35, `${left}`);
  });
});

describe("steps of giving back", () => {
  let directory: string;
  let clock: HandClock;
  let options: EngineOptions;
  let writer: Writer;
  let giveBack: GiveBack;
  let health: Health;
  let steps: number[];
  /** What SQLite takes for one page, as the clock sees it. */
  let pageMs: number;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    steps = [];
    pageMs = 0.01;
    const rig = new CoreRig(directory, clock);
    rig.close();
    options = { ...rig.options, walBytesMax: 4_194_304 };
    writer = new Writer(openConnection(directory, "writer", { ...options, clock }), {
      ...options,
      clock,
      random: seededRandom(1),
      onWaiting: () => undefined,
    });
    const connection = writer.connection;
    connection.exec(
      "CREATE TABLE large (data BLOB); " +
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) " +
        "INSERT INTO large SELECT zeroblob(200000) FROM n; " +
        "DELETE FROM large WHERE rowid <= 350; PRAGMA wal_checkpoint(TRUNCATE)",
    );
    const exec = connection.exec.bind(connection);
    connection.exec = (sql) => {
      exec(sql);
      const pages = /incremental_vacuum\((\d+)\)/.exec(sql)?.[1];
      if (pages === undefined) return;
      steps.push(Number(pages));
      clock.pass(Number(pages) * pageMs);
    };
    const processes = new Processes(writer, clock, "", options.leaseMs);
    health = new Health(() => undefined);
    giveBack = new GiveBack({ options, health, processes, writer, clock });
  });
  afterEach(() => {
    writer.close();
    removeDirectory(directory);
  });

  /** Waits until a step is due, and lets it happen. */
  const step = (): void => {
    clock.pass(Math.max(0, giveBack.dueAtMs - clock.monotonicMs()));
    giveBack.step();
  };

  test("a step is as large as 2 ms allow, whatever a page costs", () => {
    for (let n = 0; n < 5; n++) step();
    assert.equal(steps.at(-1), 200);
    pageMs = 0.5;
    step();
    step();
    assert.equal(steps.at(-1), 4);
    pageMs = 50;
    step();
    step();
    assert.equal(steps.at(-1), 1);
    pageMs = 0.01;
    for (let n = 0; n < 10; n++) step();
    assert.equal(steps.at(-1), 200);
  });

  test("steps take a quarter of the time, a tenth beside publishers, 4 % while busy", () => {
    const share = (work: (sinceMs: number) => number, forMs: number): number => {
      const before = steps.length;
      const startedAtMs = clock.monotonicMs();
      let workedAtMs = startedAtMs;
      while (clock.monotonicMs() < startedAtMs + forMs) {
        clock.pass(1);
        giveBack.worked(work(clock.monotonicMs() - workedAtMs));
        workedAtMs = clock.monotonicMs();
        if (workedAtMs >= giveBack.dueAtMs) giveBack.step();
      }
      const tookMs = steps.slice(before).reduce((sum, pages) => sum + pages * pageMs, 0);
      return tookMs / (clock.monotonicMs() - startedAtMs);
    };
    clock.pass(1_000);
    pageMs = 1;
    const idle = share(() => 0, 400);
    assert.ok(idle > 0.15 && idle <= 0.3, `${idle}`);
    const shared = share((sinceMs) => sinceMs * 0.2, 1_000);
    assert.ok(shared > 0.05 && shared <= 0.13, `${shared}`);
    const flooded = share((sinceMs) => sinceMs * 0.9, 2_000);
    assert.ok(flooded > 0.01 && flooded <= 0.06, `${flooded}`);
    assert.ok(share(() => 0, 1_000) > 0.15, "more again when there is room");
  });

  test("while a reader keeps the log from being copied, the log does not grow by it", () => {
    const reader = openConnection(directory, "reader", {
      clock,
      durability: "relaxed",
      busyTimeoutMs: 100,
    });
    reader.exec("BEGIN; SELECT count(*) FROM large");
    for (let n = 0; n < 60; n++) step();
    const held = steps.length;
    assert.ok(held > 0 && held < 30, `${held} steps`);
    step();
    assert.equal(steps.length, held);
    reader.close();
    for (let n = 0; n < 60; n++) step();
    assert.ok(steps.length > held);
    const free = pragma(writer.connection, "freelist_count");
    assert.ok(free <= pragma(writer.connection, "page_count") * 0.25, `${free} free`);
  });

  test("only the process that opened the journal first gives back", () => {
    const other = new Writer(openConnection(directory, "writer", { ...options, clock }), {
      ...options,
      clock,
      random: seededRandom(2),
      onWaiting: () => undefined,
    });
    const processes = new Processes(other, clock, "", 3_000);
    processes.observe();
    assert.equal(processes.isEldest(), false);
    const younger = new GiveBack({
      options,
      health,
      processes,
      writer: other,
      clock,
    });
    const pages = (): number => pragma(other.connection, "page_count");
    const before = pages();
    for (let n = 0; n < 5; n++) {
      clock.pass(1_000);
      younger.step();
    }
    assert.equal(pages(), before);
    step();
    assert.ok(pages() < before);
    other.close();
  });

  test("while the disk is short of space everything free is given back, in small steps", () => {
    const free = (): number => pragma(writer.connection, "freelist_count");
    const used = pragma(writer.connection, "page_count") - free();
    health.reportSpace(
      describeShortage({
        directory,
        freeBytes: 0,
        freeBytesMin: 1,
        freeBytesToGoOn: 2,
        isFull: true,
      }),
      1,
    );
    for (let n = 0; n < 600; n++) step();
    assert.ok(free() < 16, `${free()} pages are free, ${used} in use`);
    assert.ok(Math.max(...steps) <= 32, `${Math.max(...steps)} pages at once`);
  });
});
