// The journals that the fault suite damages, and everything that was acknowledged in them, by
// commit. One journal is written on and on; copies are taken where it was closed, where a kill
// would leave it, and where a kill would leave it after its write-ahead log began anew. Each has
// channels with and without compression, priorities, a gap, groups of two processes with cursors
// and open messages, state, given ids and delayed messages.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { PageStore } from "../../../src/adapters/embedded/inspection/salvage/page-store.ts";
import { acceptLossOf } from "../../../src/adapters/embedded/journal/accept-loss.ts";
import { viewOf } from "../../../src/adapters/embedded/journal/format.ts";
import { inspectJournal } from "../../../src/adapters/embedded/journal/soundness.ts";
import { CheckpointTail } from "../../../src/adapters/embedded/journal/tail-checkpoint.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { CoreRig, HandClock } from "../../journal/core-rig.ts";
import { framePlace, pageBytes, sizeOf, truncate } from "../../journal/damage.ts";
import { copyFiles } from "../../journal/damaged-directories.ts";
import { WorkRound } from "../../journal/work-round.ts";
import { type Placed, placesOf } from "./places.ts";
import { type Names, namesOf, rowsOf, sameContent, type Snapshot, snapshotOf } from "./snapshot.ts";
import { messageAt, type StoredMessage, storedMessages } from "./stored-messages.ts";

/** How a journal was left. */
export type Moment = "young" | "closed" | "killed" | "reused" | "begun";

/** What a journal may give to its readers. */
export interface Contents {
  /** By log and offset. */
  readonly messages: ReadonlyMap<number, ReadonlyMap<number, StoredMessage>>;
  /** Texts of all messages that ever were delayed: they may get an offset at any time. */
  readonly delayed: ReadonlySet<string>;
  /** Every "group/table/key value" that there ever was. */
  readonly values: ReadonlySet<string>;
}

/** A journal's files, and what they hold. */
export interface World extends Names, Contents {
  readonly moment: Moment;
  readonly directory: string;
  /** Directories with its files as they were earlier; the last one is another journal's. */
  readonly earlier: readonly string[];
  /** What that other journal holds. */
  readonly other: Contents;
  /** Every batch, with the bytes that it takes in the files. */
  readonly batches: readonly Placed[];
  /** Log → the offset behind the last message that was acknowledged. */
  readonly ends: ReadonlyMap<number, number>;
  /** By commit, oldest first; the last one is the end. */
  readonly history: readonly Snapshot[];
  /** How many commits at the end were not acknowledged: they may be there or not. */
  readonly unacknowledged: number;
  readonly wallMs: number;
}

/** Ranges of the channel that has groups. */
const partitions = 4;
const rounds = { beforeLoss: 4, closed: 12, killed: 4, reused: 4 };
const files = ["database", "wal", "shm", "tail"] as const;

/** Makes all worlds below `root`. */
export function makeWorlds(root: string, seed: number): World[] {
  const foreign = join(root, "foreign");
  const other = new WorldMaker(join(root, "foreign-live"), seed + 1).makeForeign(foreign);
  return new WorldMaker(join(root, "live"), seed).make(root, foreign, other);
}

class WorldMaker {
  readonly #clock = new HandClock();
  readonly #pick: (below: number) => number;
  readonly #history: Snapshot[] = [];
  /** The commit that was noted last. */
  #noted = 0;
  readonly #delayed = new Set<string>();
  #directory: string;
  #rig: CoreRig;
  #round = 0;

  constructor(directory: string, seed: number) {
    const random = seededRandom(seed);
    this.#pick = (below) => random.uint32() % below;
    this.#directory = directory;
    this.#rig = this.#open();
    this.#note();
    this.#rig.declare("orders", { partitions });
    this.#note();
    this.#rig.declare("audit", { partitions: 2, compression: "zstd" });
    this.#note();
  }

  #open(): CoreRig {
    return new CoreRig(this.#directory, this.#clock, { durability: "fsync" });
  }

  makeForeign(to: string): Contents {
    this.#goOn(rounds.beforeLoss);
    copyFiles(this.#directory, to, files);
    this.#rig.close();
    // Before, all of it stood in the log.
    copyFiles(this.#directory, to, ["database"]);
    const contents = this.#contents(this.#directory);
    rmSync(this.#directory, { recursive: true });
    return contents;
  }

  make(root: string, foreign: string, contents: Contents): World[] {
    const earlier: string[] = [];
    const keep = (): void => {
      earlier.push(join(root, `earlier-${earlier.length + 1}`));
      copyFiles(this.#directory, earlier.at(-1) as string, files);
    };
    const record = (moment: Moment, unacknowledged = 0): World =>
      this.#record(
        { moment, directory: join(root, moment), earlier: [...earlier, foreign], other: contents },
        unacknowledged,
      );
    this.#goOn(rounds.beforeLoss);
    const worlds = [record("young")];
    this.#loseAnEnd(`${this.#directory}-cut`);
    this.#goOn(rounds.closed / 2);
    keep();
    this.#goOn(rounds.closed / 2);
    this.#rest();
    this.#rig.close();
    this.#note();
    worlds.push(record("closed"));
    this.#rig = this.#open();
    this.#goOn(rounds.killed / 2);
    keep();
    this.#goOn(rounds.killed / 2);
    keep();
    this.#rest();
    worlds.push(record("killed"));
    this.#checkpoint();
    this.#goOn(rounds.reused);
    this.#rest();
    const other = this.#joinTwice();
    worlds.push(record("reused"));
    const begun = join(root, "begun");
    copyFiles(this.#directory, begun, ["tail"]);
    this.#rig.publish("orders", ['"begun"', '"too"']);
    this.#note();
    copyFiles(this.#directory, begun, ["database", "wal", "shm"]);
    worlds.push(record("begun", 1));
    other.close();
    this.#rig.close();
    rmSync(this.#directory, { recursive: true });
    return worlds;
  }

  /** The end of the log is lost and that is accepted: from then on there is a gap. */
  #loseAnEnd(to: string): void {
    copyFiles(this.#directory, to);
    this.#rig.close();
    rmSync(this.#directory, { recursive: true });
    this.#directory = to;
    const wal = join(to, "journal.db-wal");
    truncate(wal, Math.floor((sizeOf(wal) * 5) / 6));
    const options = { clock: this.#clock, durability: "fsync", busyTimeoutMs: 100 } as const;
    const found = inspectJournal(to, options);
    if (found.kind !== "damaged") throw new Error("nothing was lost");
    acceptLossOf(to, found.damage, { ...options, random: seededRandom(1) });
    // What was lost never was: nothing goes back to a commit before the loss.
    this.#history.length = 0;
    this.#noted = Number.POSITIVE_INFINITY;
    this.#note();
    this.#rig = this.#open();
    this.#note();
    this.#rest();
  }

  /** Everything is copied into the database: the next commit begins the log anew. */
  #checkpoint(): void {
    const options = {
      directory: this.#directory,
      clock: this.#clock,
      durability: "fsync",
    } as const;
    this.#rig.withConnection((connection) => {
      const tail = new CheckpointTail(connection, options);
      tail.before();
      connection.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
      tail.complete(true);
      tail.close();
    });
  }

  /** Two processes share a group, and hold its ranges, when everything stops. */
  #joinTwice(): CoreRig {
    const other = this.#open();
    for (const [rig, group] of [
      [this.#rig, "billing"],
      [other, "billing"],
      [other, "mailing"],
    ] as const) {
      rig.join("orders", group);
      this.#note();
    }
    this.#rig.core.tick();
    this.#note();
    return other;
  }

  /** What is delayed for a short time only has become due, and who was killed is known dead. */
  #rest(): void {
    for (let step = 0; step < 10; step++) {
      this.#clock.pass(500);
      this.#rig.core.tick();
      this.#note();
    }
  }

  /** What was there after every commit since the last note: a step may be several. */
  #note(): void {
    const now = snapshotOf(this.#directory);
    const between = now.commit > this.#noted + 1 ? this.#commitsSince(this.#noted) : [];
    for (const commit of [...between.filter((each) => each.commit < now.commit), now]) {
      const last = this.#history.at(-1);
      if (last === undefined || !sameContent(last, commit)) this.#history.push(commit);
    }
    this.#noted = now.commit;
  }

  /** As a log that is cut behind each of its transactions gives them. */
  #commitsSince(commit: number): Snapshot[] {
    const directory = `${this.#directory}-commits`;
    copyFiles(this.#directory, directory, ["database", "wal"]);
    const store = new PageStore(directory, 0);
    const ends = store.wal.frames.filter(({ databasePages }) => databasePages > 0);
    store.close();
    const found: Snapshot[] = [];
    for (const { at } of ends.toReversed()) {
      truncate(join(directory, "journal.db-wal"), at + pageBytes);
      const snapshot = snapshotOf(directory);
      if (snapshot.commit <= commit) break;
      found.unshift(snapshot);
    }
    rmSync(directory, { recursive: true });
    return found;
  }

  #record(
    kept: Pick<World, "moment" | "directory" | "earlier" | "other">,
    unacknowledged: number,
  ): World {
    const { moment, directory } = kept;
    if (moment !== "begun") copyFiles(this.#directory, directory, files);
    const looked = `${directory}-looked`;
    copyFiles(directory, looked);
    const world = {
      ...kept,
      ...namesOf(looked),
      ...this.#contents(looked),
      batches: placesOf(directory),
      ends: this.#history.at(-1 - unacknowledged)?.ends ?? new Map<number, number>(),
      history: [...this.#history],
      unacknowledged,
      wallMs: this.#clock.wall,
    };
    rmSync(looked, { recursive: true });
    return world;
  }

  #contents(directory: string): Contents {
    return {
      messages: storedMessages(directory),
      delayed: new Set(this.#delayed),
      values: new Set(this.#history.flatMap(({ state }) => [...state].map(valueText))),
    };
  }

  #goOn(count: number): void {
    for (let done = 0; done < count; done++) {
      this.#clock.pass(500);
      this.#rig.core.tick();
      this.#note();
      const joined = (): void => this.#note();
      const work = { partitions, rows: 8, keys: 300, joined };
      for (const step of new WorkRound(this.#rig, this.#round, this.#pick, work).steps()) {
        step();
        this.#noteDelayed();
        this.#note();
      }
      this.#round++;
    }
  }

  /** What is delayed may get an offset at any time from now on. */
  #noteDelayed(): void {
    for (const { data } of rowsOf(this.#directory, "SELECT data FROM timer")) {
      this.#delayed.add(messageAt(viewOf(data as Uint8Array), 0).text);
    }
  }
}

/** A row of state without its version. */
export function valueText([place, value]: readonly [string, string]): string {
  return `${place} ${value.slice(value.indexOf(" ") + 1)}`;
}

/** The last frame of a write-ahead log that nobody damaged. */
export function lastFrameOf(wal: Buffer): { readonly from: number; readonly to: number } {
  const salts = wal.subarray(16, 24);
  let last = framePlace(0);
  for (let frame = 0; framePlace(frame).to <= wal.length; frame++) {
    const place = framePlace(frame);
    if (!wal.subarray(place.from + 8, place.from + 16).equals(salts)) break;
    last = place;
  }
  return last;
}
