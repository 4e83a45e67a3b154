// Restart: a journal with ten million messages whose process was killed while it published and
// consumed; how long until the next process has read and acknowledged a first message, beside the
// same on a journal with one message.
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { inScratch } from "../leavings.ts";
import { measureFsync, median } from "../measure.ts";
import type { FillParameters } from "./fill-process.ts";
import { runProcess, startProcess } from "./publisher.ts";
import type { RestartParameters, RestartTimes } from "./restart-process.ts";
import { diskFigures, type Trial, type TrialReport } from "./trial.ts";

const messagesDefault = 10_000_000;
const messageBytes = 100;
const rounds = 5;
/** How long the process works before it is killed. */
const loadMs = 2_000;
const emptyStartsMax = 20;
const startMsMin = 100;

export const restartTrial: Trial = {
  description: "first read and first acknowledgement after a kill -9, ten million messages stored",
  baseline: "the same on a journal with one message",
  async run({ messages = messagesDefault, progress }): Promise<TrialReport> {
    return inScratch("restart", async (root) => {
      const fsync = measureFsync();
      const [full, empty] = [join(root, "full"), join(root, "empty")];
      progress(`storing ${messages} messages`);
      await runProcess("fill-process", fillOf(full, messages));
      await runProcess("fill-process", fillOf(empty, 1));
      // The group exists before, as it would in a service.
      await timesOf(full);
      await timesOf(empty);
      const found: { readonly full: RestartTimes; readonly empty: RestartTimes; wal: number }[] =
        [];
      for (let round = 1; round <= rounds; round++) {
        progress(`round ${round} of ${rounds}`);
        await killUnderLoad(full);
        const wal = statSync(join(full, "journal.db-wal")).size;
        found.push({ full: await timesOf(full), empty: await timesOf(empty), wal });
      }
      return report(found, messages, fsync);
    });
  },
};

function fillOf(directory: string, messages: number): FillParameters {
  return { directory, bytes: messageBytes, messages };
}

/** A process that publishes and consumes as fast as it can, until it is killed. */
async function killUnderLoad(directory: string): Promise<void> {
  const parameters: RestartParameters = { directory, mode: "load" };
  const child = startProcess("restart-process", parameters);
  await once(child, "message");
  await new Promise((resolve) => setTimeout(resolve, loadMs));
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

function timesOf(directory: string): Promise<RestartTimes> {
  const parameters: RestartParameters = { directory, mode: "measure" };
  return runProcess<RestartTimes>("restart-process", parameters);
}

function report(
  found: readonly { readonly full: RestartTimes; readonly empty: RestartTimes; wal: number }[],
  messages: number,
  fsync: { readonly p50Ms: number; readonly p99Ms: number },
): TrialReport {
  const middle = (of: (round: (typeof found)[number]) => number): number =>
    Number(median(found.map(of)).toFixed(2));
  const most = (of: (round: (typeof found)[number]) => number): number =>
    Number(Math.max(...found.map(of)).toFixed(2));
  const emptyReadMs = middle(({ empty }) => empty.readMs);
  const emptyAckMs = middle(({ empty }) => empty.ackMs);
  const readMs = middle(({ full }) => full.readMs);
  const ackMs = middle(({ full }) => full.ackMs);
  const bound = (emptyMs: number): number => Math.max(emptyStartsMax * emptyMs, startMsMin);
  return {
    figures: {
      messages,
      emptyReadMs,
      emptyAckMs,
      readMs,
      ackMs,
      readMaxMs: most(({ full }) => full.readMs),
      ackMaxMs: most(({ full }) => full.ackMs),
      emptyPublishMs: middle(({ empty }) => empty.publishMs),
      publishMs: middle(({ full }) => full.publishMs),
      publishGivenIdMs: middle(({ full }) => full.publishGivenIdMs),
      walMiB: middle(({ wal }) => wal / 1_048_576),
      ...diskFigures(fsync),
    },
    bounds: [
      { name: "first read, ms", value: readMs, max: bound(emptyReadMs) },
      { name: "first acknowledgement, ms", value: ackMs, max: bound(emptyAckMs) },
    ],
    distributions: [],
  };
}
