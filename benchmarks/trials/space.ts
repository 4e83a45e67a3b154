// Space: most of a directory becomes obsolete while publishing goes on; how long until the disk has
// it back, and what publishers notice of it. A bystander, who writes and syncs a file of its own
// beside the journal, tells a slow disk from slow steps.
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { inScratch } from "../leavings.ts";
import { measureFsync } from "../measure.ts";
import { Publisher, runProcess } from "./publisher.ts";
import type { FillParameters } from "./fill-process.ts";
import {
  diskFigures,
  emptyHistogram,
  type Histogram,
  percentilesOf,
  phaseSeconds,
  record,
  type Trial,
  type TrialReport,
} from "./trial.ts";

const gibibyte = 1_073_741_824;
/** What a directory of one GiB has to be below in the end, after 90 % of it became obsolete. */
const sizeShareMax = 200 / 1_024;
const secondsMax = 60;
const obsoleteShare = 0.9;
const moderateRate = 1_000;
const messageBytes = { fill: 2_000, publish: 200 } as const;
/** Bytes that a message of the fill takes in the file, measured. */
const storedBytes = 2_070;
/** Give up waiting after this, times the allowed time of one GiB for each GiB. */
const patience = 20;
/** How often the bystander syncs. */
const bystanderMs = 20;

export const spaceTrial: Trial = {
  description: "90 % of a directory becomes obsolete while 1,000 messages a second are published",
  baseline: "the bounds alone; the same publisher goes on afterwards",
  async run({ gibibytes, seconds = phaseSeconds, limitSeconds, progress }): Promise<TrialReport> {
    return inScratch("space", async (directory) => {
      const fsync = measureFsync();
      progress(`filling ${gibibytes} GiB`);
      const messages = Math.ceil((gibibytes * gibibyte) / storedBytes);
      const fill: FillParameters = { directory, bytes: messageBytes.fill, messages };
      await runProcess("fill-process", fill);
      const before = sizeOf(directory);
      const publisher = await Publisher.start({
        directory,
        bytes: messageBytes.publish,
        messagesPerSecond: moderateRate,
        retentionBytes: Math.round(before * (1 - obsoleteShare)),
      });
      const target = before * sizeShareMax;
      const startedAt = performance.now();
      const elapsed = (): number => (performance.now() - startedAt) / 1_000;
      const limit = limitSeconds ?? secondsMax * patience * gibibytes;
      const bystander = new Bystander(`${directory}-bystander`);
      while (sizeOf(directory) > target && elapsed() < limit) {
        await bystander.watch(100);
        progress(
          `${Math.round(sizeOf(directory) / 1_048_576)} MiB after ${elapsed().toFixed(1)} s`,
        );
      }
      const took = elapsed();
      const during = await publisher.phase();
      const left = sizeOf(directory);
      progress("the same publisher, as the trial ends");
      const bystanderDuring = bystander.phase();
      await bystander.watch(seconds * 1_000);
      const bystanderAfter = bystander.close();
      const after = await publisher.stop();
      const found = { during, after, fsync, gibibytes, bystanderDuring, bystanderAfter };
      return report(before, left, took, found);
    });
  },
};

/** Writes and syncs a file that nobody else uses, and notes how long that takes. */
class Bystander {
  readonly #path: string;
  readonly #file: number;
  readonly #page = Buffer.alloc(4_096, 1);
  #histogram = emptyHistogram();

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, "w");
  }

  /** Goes on for so long. */
  async watch(durationMs: number): Promise<void> {
    for (const end = performance.now() + durationMs; performance.now() < end; ) {
      const startedAt = performance.now();
      writeSync(this.#file, this.#page, 0, this.#page.length, 0);
      fdatasyncSync(this.#file);
      record(this.#histogram, performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, bystanderMs));
    }
  }

  /** What was noted since the last phase. */
  phase(): Histogram {
    const ended = this.#histogram;
    this.#histogram = emptyHistogram();
    return ended;
  }

  close(): Histogram {
    closeSync(this.#file);
    rmSync(this.#path);
    return this.phase();
  }
}

type Phase = Awaited<ReturnType<Publisher["phase"]>>;

function report(
  before: number,
  left: number,
  seconds: number,
  found: {
    readonly during: Phase;
    readonly after: Phase;
    readonly fsync: { readonly p50Ms: number; readonly p99Ms: number };
    readonly gibibytes: number;
    readonly bystanderDuring: Histogram;
    readonly bystanderAfter: Histogram;
  },
): TrialReport {
  const { during, after, fsync, gibibytes, bystanderDuring, bystanderAfter } = found;
  return {
    figures: {
      beforeMiB: Math.round(before / 1_048_576),
      afterMiB: Math.round(left / 1_048_576),
      seconds: Number(seconds.toFixed(1)),
      steps: during.step.count,
      ...percentilesOf("step", during.step),
      ...percentilesOf("vacuum", during.vacuum),
      ...percentilesOf("publish", during.publish),
      ...percentilesOf("publishAfterwards", after.publish),
      ...percentilesOf("bystander", bystanderDuring),
      ...percentilesOf("bystanderAfterwards", bystanderAfter),
      ...diskFigures(fsync),
    },
    bounds: [
      { name: "MiB left of each GiB", value: left / 1_048_576 / gibibytes, max: 200 },
      { name: "seconds", value: seconds, max: secondsMax * gibibytes },
      { name: "longest publish (ms)", value: during.publish.maxMs, max: 100 },
    ],
    distributions: [
      { name: "publishes while space is given back", histogram: during.publish },
      { name: "publishes afterwards", histogram: after.publish },
      { name: "steps of giving back", histogram: during.step },
    ],
  };
}

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => {
    return sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0);
  }, 0);
}
