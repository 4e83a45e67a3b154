import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { HandClock, makeDirectory, removeDirectory } from "../../../../test/journal/core-rig.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { reservePath } from "./directory.ts";
import { DiskSpace, freeBytesMinDefault } from "./disk-space.ts";
import type { EngineNotice } from "./engine.ts";
import { Health } from "./health.ts";
import { growReserve, hasRoom, releaseReserve, reserveBytesMax } from "./reserve-file.ts";

const mebibyte = 1_048_576;
const gibibyte = 1_024 * mebibyte;
const fullDisk = new SpillwayError("JOURNAL_FULL", "committing failed (the disk is full)");
const append = { appends: [{} as never], state: undefined };
const settlement = { appends: [], state: undefined };
const change = { appends: [], state: {} as never };

describe("the space of a disk", () => {
  let directory: string;
  let clock: HandClock;
  let free: number;
  let total: number;
  let looks: number;
  let notices: Extract<EngineNotice, { kind: "health" }>[];
  beforeEach(() => {
    directory = makeDirectory();
    clock = new HandClock();
    [free, total, looks, notices] = [10 * gibibyte, 100 * gibibyte, 0, []];
  });
  afterEach(() => removeDirectory(directory));

  const make = (freeBytesMin?: number, isMaker = true): DiskSpace =>
    new DiskSpace({
      directory,
      freeBytesMin,
      health: new Health((notice) => notice.kind === "health" && notices.push(notice)),
      nowMs: () => clock.monotonicMs(),
      isMaker: () => isMaker,
      measure: () => {
        looks++;
        return { free, total };
      },
    });
  const look = (space: DiskSpace): void => {
    clock.pass(Math.max(0, space.dueAtMs - clock.monotonicMs()));
    space.look();
  };
  const reserve = (): number => statSync(reservePath(directory)).size;

  test("publishers wait below the floor, and go on by themselves an eighth above it", () => {
    const space = make(64 * mebibyte);
    free = 64 * mebibyte - 1;
    look(space);
    assert.equal(notices.at(-1)?.appendsStopped, true);
    const [reason = ""] = notices.at(-1)?.reasons ?? [];
    assert.match(reason, /67108863 bytes free, less than freeBytesMin 67108864: publishers wait/);
    assert.match(reason, new RegExp(`disk of ${directory} .*free some space.*75497472 bytes free`));
    free = 72 * mebibyte - 1;
    look(space);
    assert.equal(notices.length, 2, "more free space is told, though not enough");
    assert.equal(space.isShort, true);
    free = 72 * mebibyte;
    look(space);
    assert.deepEqual([notices.at(-1)?.status, space.isShort], ["ok", false]);
    assert.equal(notices.length, 3);
  });

  test("the floor is 64 MiB by default, less on a small disk, and none where it is 0", () => {
    free = freeBytesMinDefault - 1;
    assert.equal(make().isShort, true);
    total = 100 * mebibyte;
    assert.equal(make().isShort, false);
    free = 10 * mebibyte - 1;
    assert.equal(make().isShort, true);
    free = 2 * mebibyte;
    assert.equal(make(0).isShort, false);
  });

  test("what is written is counted: space is measured again when it may have become short", () => {
    const space = make(64 * mebibyte);
    free = 80 * mebibyte;
    look(space);
    const before = looks;
    space.wrote(mebibyte);
    assert.equal(looks, before);
    free = 60 * mebibyte;
    space.wrote(2 * mebibyte);
    assert.deepEqual([looks, space.isShort], [before + 1, true]);
  });

  test("the reserve is made in parts, a while after opening, and is not sparse", () => {
    const space = make();
    look(space);
    assert.equal(existsSync(reservePath(directory)), false);
    clock.pass(1_000);
    for (let part = 1; part <= 8; part++) {
      look(space);
      assert.equal(reserve(), part * mebibyte);
    }
    look(space);
    assert.equal(reserve(), reserveBytesMax);
    assert.ok(statSync(reservePath(directory)).blocks * 512 >= reserveBytesMax);
    assert.deepEqual(notices, []);
  });

  test("only one process makes it, and only where there is room besides", () => {
    const other = make(64 * mebibyte, false);
    clock.pass(2_000);
    look(other);
    assert.equal(existsSync(reservePath(directory)), false);
    free = 80 * mebibyte - 1;
    const space = make(64 * mebibyte);
    clock.pass(2_000);
    look(space);
    assert.equal(existsSync(reservePath(directory)), false);
    free += 1;
    look(space);
    assert.equal(reserve(), mebibyte);
  });

  test("a full disk: the reserve is given up, and made again before anything is published", () => {
    const space = make(64 * mebibyte);
    clock.pass(1_000);
    for (let part = 0; part < 9; part++) look(space);
    free = 0;
    assert.equal(space.met(new SpillwayError("JOURNAL_BUSY", "not this")), false);
    assert.equal(space.isShort, false);
    assert.equal(space.met(fullDisk), true);
    assert.equal(reserve(), 0);
    assert.match(notices.at(-1)?.reasons[0] ?? "", /is full .*settlements, leases and retention/);
    assert.equal(space.met(fullDisk), false, "there is nothing more to give up");
    free = 8 * mebibyte;
    look(space);
    assert.deepEqual(
      [append, settlement, change].map((unit) => space.refuses(unit)),
      [true, false, false],
    );
    free = 4 * mebibyte - 1;
    look(space);
    assert.equal(space.refuses(change), true);
    free = 80 * mebibyte;
    for (let part = 1; part <= 8; part++) {
      look(space);
      assert.deepEqual([reserve(), space.refuses(append)], [part * mebibyte, true]);
    }
    look(space);
    assert.deepEqual([space.isShort, space.refuses(append)], [false, false]);
    assert.equal(notices.at(-1)?.status, "ok");
  });

  test("it is given up before the last byte, for the sake of checkpoints", () => {
    const space = make(0);
    growReserve(directory, mebibyte);
    free = mebibyte;
    look(space);
    assert.equal(reserve(), mebibyte);
    free -= 1;
    look(space);
    assert.equal(reserve(), 0);
  });

  test("a journal opened on a full disk, or filled by another process, knows from the file", () => {
    const space = make();
    growReserve(directory, mebibyte);
    look(space);
    assert.equal(space.refuses(append), false);
    releaseReserve(directory);
    look(space);
    assert.equal(space.refuses(append), true);
    assert.equal(make().refuses(append), true);
  });

  test("on a very small disk the reserve is small, too, so that it can be made", () => {
    total = 16 * mebibyte;
    free = 15 * mebibyte;
    const space = make();
    releaseReserve(directory);
    look(space);
    clock.pass(1_000);
    for (let part = 0; part < 3; part++) look(space);
    assert.deepEqual([reserve(), space.isShort], [2 * mebibyte, false]);
  });

  test("what cannot be measured changes nothing", () => {
    const space = new DiskSpace({
      directory,
      health: new Health(() => assert.fail("nothing to tell")),
      nowMs: () => clock.monotonicMs(),
      isMaker: () => false,
      measure: () => {
        throw new Error("EIO");
      },
    });
    look(space);
    assert.equal(space.isShort, false);
  });

  test("a try to write leaves nothing behind; a missing directory is no full disk", () => {
    assert.equal(hasRoom(directory), true);
    assert.equal(existsSync(`${reservePath(directory)}.probe`), false);
    assert.equal(hasRoom(`${directory}/none`), true);
    writeFileSync(reservePath(directory), "");
    truncateSync(reservePath(directory), 5);
    assert.equal(releaseReserve(directory), true);
  });

  test("a reserve that is being made is never empty: that means it was given up", async () => {
    const look = `
      const { statSync } = require("node:fs");
      const { parentPort, workerData } = require("node:worker_threads");
      let empty = 0;
      parentPort.postMessage("looking");
      while (Atomics.load(workerData.stop, 0) === 0) {
        if (statSync(workerData.path, { throwIfNoEntry: false })?.size === 0) empty++;
      }
      parentPort.postMessage(empty);`;
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const workerData = { stop, path: reservePath(directory) };
    const looker = new Worker(look, { eval: true, workerData });
    await once(looker, "message");
    for (let round = 0; round < 200; round++) {
      growReserve(directory, reserveBytesMax);
      rmSync(reservePath(directory));
    }
    const answer = once(looker, "message");
    Atomics.store(stop, 0, 1);
    assert.deepEqual(await answer, [0]);
  });
});
