// Random faults in the files of a journal, repaired: nothing is lost but what the fault touched,
// and whatever is, is named. A hundred and some faults as a rule, thousands in a long run.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { seededRandom } from "../../src/kernel/random.ts";
import { isLongRun, recordEvidence } from "../evidence.ts";
import {
  flipBit,
  frameHeaderBytes,
  framePlace,
  pageBytes,
  type Place,
  remove,
  sizeOf,
  truncate,
  zero,
} from "../journal/damage.ts";
import { type BatchPlaces, type Fault, placesOf, tryFault } from "../journal/repair-check.ts";
import { makeWorlds, type World } from "../journal/repair-world.ts";

const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
const factor = isLongRun ? 40 : 1;
const root = mkdtempSync(join(tmpdir(), "spillway-repair-"));
const random = seededRandom(seed);
const pick = (below: number): number => random.uint32() % below;
const files = { db: "journal.db", wal: "journal.db-wal" } as const;
const counts = { faults: 0, messagesLost: 0, notes: 0 };
const violations: string[] = [];

const flip = (place: Place): Fault => {
  const byte = place.from + pick(place.to - place.from);
  const bit = pick(8);
  return {
    name: `bit ${bit} of byte ${byte} of the ${place.file}`,
    plant: (directory) => flipBit(join(directory, files[place.file]), byte, bit),
    places: [{ file: place.file, from: byte, to: byte + 1 }],
  };
};
const wipe = (place: Place): Fault => ({
  name: `zeros from ${place.from} to ${place.to} of the ${place.file}`,
  plant: (directory) => {
    zero(join(directory, files[place.file]), place.from, place.to - place.from);
  },
  places: [place],
});
const page = (number: number): Place => {
  return { file: "db", from: (number - 1) * pageBytes, to: number * pageBytes };
};
const pick1 = (count: number): number => 1 + pick(count);

describe(`repair after random faults, seed ${seed}`, () => {
  let closed: World;
  let crashed: World;
  let closedPlaces: BatchPlaces;
  let crashedPlaces: BatchPlaces;
  let pages = 0;
  let frames = 0;
  before(() => {
    ({ closed, crashed } = makeWorlds(join(root, "worlds"), seed));
    closedPlaces = placesOf(closed);
    crashedPlaces = placesOf(crashed);
    pages = sizeOf(join(closed.directory, files.db)) / pageBytes;
    const walBytes = sizeOf(join(crashed.directory, files.wal));
    frames = Math.floor((walBytes - 32) / (pageBytes + frameHeaderBytes));
  });
  after(async () => {
    rmSync(root, { recursive: true, force: true });
    await recordEvidence("repair", { seed, counts, violations });
  });

  async function run(world: World, faults: readonly Fault[]): Promise<void> {
    const places = world === closed ? closedPlaces : crashedPlaces;
    const found: string[] = [];
    for (const fault of faults) {
      const verdict = await tryFault(join(root, "try"), world, places, fault);
      counts.faults++;
      counts.messagesLost += verdict.messagesLost;
      counts.notes += verdict.notes;
      found.push(...verdict.violations.map((violation) => `${fault.name}: ${violation}`));
    }
    violations.push(...found);
    assert.deepEqual(found, []);
  }
  const many = (count: number, make: () => Fault): Fault[] =>
    Array.from({ length: count * factor }, make);

  test("without a fault everything is there", async () => {
    assert.equal(closedPlaces.size, closed.batches.length);
    assert.equal(crashedPlaces.size, crashed.batches.length);
    const none: Fault = { name: "none", plant: () => undefined, places: [] };
    await run(closed, [none]);
    await run(crashed, [none]);
    assert.deepEqual(counts, { faults: 2, messagesLost: 0, notes: 0 });
  });

  test("flipped bits in the database", async () => {
    await run(
      closed,
      many(30, () => flip(page(pick1(pages)))),
    );
  });

  test("flipped bits in the headers of pages", async () => {
    const header = (): Place => {
      const { from } = page(pick1(pages));
      return { file: "db", from, to: from + 64 };
    };
    await run(
      closed,
      many(12, () => flip(header())),
    );
  });

  test("pages of zeros in the database", async () => {
    await run(
      closed,
      many(16, () => wipe(page(pick1(pages)))),
    );
  });

  test("flipped bits in the write-ahead log", async () => {
    await run(
      crashed,
      many(20, () => flip(framePlace(pick(frames)))),
    );
  });

  test("flipped bits in the headers of the write-ahead log's frames, and in its own", async () => {
    // A frame whose header is damaged is a damaged frame: its page may be the older one.
    const header = (): Fault => {
      const frame = framePlace(pick(frames));
      const fault = flip({ file: "wal", from: frame.from, to: frame.from + frameHeaderBytes });
      return { ...fault, places: [frame] };
    };
    await run(crashed, many(10, header));
    await run(
      crashed,
      many(4, () => flip({ file: "wal", from: 0, to: 32 })),
    );
  });

  test("sectors and frames of zeros in the write-ahead log", async () => {
    const sector = (): Place => {
      const from = pick((frames * pageBytes) / 4_096) * 4_096;
      return { file: "wal", from, to: from + 4_096 };
    };
    await run(
      crashed,
      many(8, () => wipe(sector())),
    );
    await run(
      crashed,
      many(4, () => wipe(framePlace(pick(frames)))),
    );
  });

  test("a write-ahead log that is cut, or gone", async () => {
    const cut = (from: number): Fault => ({
      name: `the log cut at ${from}`,
      plant: (directory) => truncate(join(directory, files.wal), from),
      places: [{ file: "wal", from, to: Number.MAX_SAFE_INTEGER }],
    });
    await run(
      crashed,
      many(5, () => cut(pick(framePlace(frames).from))),
    );
    const gone: Fault = {
      name: "the log gone",
      plant: (directory) => remove(join(directory, files.wal)),
      places: [{ file: "wal", from: 0, to: Number.MAX_SAFE_INTEGER }],
    };
    await run(crashed, [gone]);
  });

  test("several faults at once", async () => {
    const several = (): Fault => {
      const faults = [flip(framePlace(pick(frames))), flip(page(pick1(pages)))];
      if (pick(2) === 0) faults.push(flip(framePlace(pick(frames))));
      return {
        name: faults.map(({ name }) => name).join(" and "),
        plant: (directory) => faults.forEach((fault) => fault.plant(directory)),
        places: faults.flatMap((fault) => fault.places),
      };
    };
    await run(crashed, many(8, several));
  });
});
