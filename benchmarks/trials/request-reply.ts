// Request and reply in one process with one caller, beside the smallest commit of a database made
// the same way in the same directory: in turn, block by block, so that both meet the same disk.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createBus, defineCommand } from "spillway";
import { embedded } from "spillway/embedded";
import { z } from "zod";
import { inScratch } from "../leavings.ts";
import { measureFsync } from "../measure.ts";
import {
  diskFigures,
  emptyHistogram,
  type Histogram,
  percentile,
  percentilesOf,
  phaseSeconds,
  record,
  type Trial,
  type TrialReport,
} from "./trial.ts";

const ratioMax = 5;
const warmUp = 3_000;
const commitsPerBlock = 50;
const requestsPerBlock = 100;

const Reserve = defineCommand("com.acme.stock.reserve", {
  data: z.object({ sku: z.string(), count: z.int() }),
  replies: { reserved: z.object({ left: z.int() }), outOfStock: z.object({}) },
});

export const requestReplyTrial: Trial = {
  description: "request and reply, one caller, one process, beside one-page commits",
  baseline: "commits of one page to a database made the same way",
  async run({ seconds = phaseSeconds, progress }): Promise<TrialReport> {
    return inScratch("request", async (root) => {
      const fsync = measureFsync();
      const commit = openBare(join(root, "bare.db"));
      const transport = embedded({ directory: join(root, "journal") });
      await using bus = await createBus({ name: "stock", transport });
      await bus.handle(Reserve, async ({ data }) => Reserve.replies.reserved({ left: data.count }));
      const request = async (): Promise<void> => {
        const outcome = await bus.request(Reserve, { sku: "a-1", count: 3 });
        if (outcome.type !== "reserved") throw new Error(`the outcome was ${outcome.type}`);
      };
      progress("warming up");
      await measure(emptyHistogram(), warmUp, request);
      await measure(emptyHistogram(), warmUp, commit);
      const requests = emptyHistogram();
      const commits = emptyHistogram();
      const endsAt = performance.now() + seconds * 1_000;
      while (performance.now() < endsAt) {
        await measure(commits, commitsPerBlock, commit);
        await measure(requests, requestsPerBlock, request);
        progress(`${requests.count} requests`);
      }
      return report(requests, commits, fsync);
    });
  },
};

/** The smallest commit: one short row, as durable as the journal's. */
function openBare(file: string): () => void {
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA page_size=16384; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;
    PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000;
    CREATE TABLE row(id INTEGER PRIMARY KEY, data BLOB);`);
  const insert = database.prepare("INSERT OR REPLACE INTO row(id, data) VALUES(1, ?)");
  const data = new Uint8Array(200);
  return () => {
    database.exec("BEGIN IMMEDIATE");
    insert.run(data);
    database.exec("COMMIT");
  };
}

async function measure(
  histogram: Histogram,
  times: number,
  action: () => void | Promise<void>,
): Promise<void> {
  for (let index = 0; index < times; index++) {
    const startedAt = performance.now();
    const done = action();
    if (done !== undefined) await done;
    record(histogram, performance.now() - startedAt);
  }
}

function report(
  requests: Histogram,
  commits: Histogram,
  fsync: { readonly p50Ms: number; readonly p99Ms: number },
): TrialReport {
  const ratio = (share: number): number => percentile(requests, share) / percentile(commits, share);
  return {
    figures: {
      ...percentilesOf("request", requests),
      ...percentilesOf("commit", commits),
      requests: requests.count,
      ratioP50: Number(ratio(0.5).toFixed(2)),
      ratioP99: Number(ratio(0.99).toFixed(2)),
      ...diskFigures(fsync),
    },
    bounds: [{ name: "p99 of a request over that of a commit", value: ratio(0.99), max: ratioMax }],
    distributions: [
      { name: "a one-page commit", histogram: commits },
      { name: "a request with its reply", histogram: requests },
    ],
  };
}
