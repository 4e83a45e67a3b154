// `spillway demo webhooks`: its flags, and what it prints. The demo itself is in src/demo/webhooks.
import { statSync } from "node:fs";
import { databasePath } from "../../adapters/embedded/journal/directory.ts";
import { hasDeliveryLog } from "../../demo/webhooks/delivery-log.ts";
import { loopsMax, quickPace, watchedPace, watchedRate } from "../../demo/webhooks/demo-options.ts";
import { runEnrichmentWorker } from "../../demo/webhooks/enrichment-worker.ts";
import { readRecordedDeliveries } from "../../demo/webhooks/recorded-deliveries.ts";
import { WebhooksDemo } from "../../demo/webhooks/webhooks-demo.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { type CommandCall, exitCodes } from "../command.ts";
import { inDemoDirectory } from "./demo-directory.ts";
import type { DemoEntry } from "./demo-entry.ts";
import { forkOf, runForked } from "./demo-processes.ts";
import { demoScreen } from "./demo-screen.ts";
import { ledgerAsJson, renderLedger } from "./webhooks-report.ts";
import { renderDemo, renderPlain } from "./webhooks-view.ts";

const processWord = "webhooks-worker";

/** The demo. */
export const webhooksDemo: DemoEntry = {
  name: "webhooks",
  flags: {
    loops: {
      type: "count",
      min: 1,
      max: loopsMax,
      placeholder: "COUNT",
      summary: "webhooks: how often the deliveries are replayed (default: 1)",
    },
    crash: {
      type: "boolean",
      summary: "webhooks: kill a worker process in the middle, and start it again",
    },
  },
  processWord,
  runProcess: (io) => runForked(io, runEnrichmentWorker),
  play: (call) => {
    const given = call.flags["directory"];
    const directory = given === undefined ? undefined : checkDirectory(String(given));
    return inDemoDirectory(directory, (used) => play(call, used, directory));
  },
};

async function play(
  call: CommandCall,
  directory: string,
  kept: string | undefined,
): Promise<number> {
  const { flags, io, json } = call;
  const watched = !json && io.stdout.isTerminal;
  const loops = typeof flags["loops"] === "number" ? flags["loops"] : 1;
  const seed = typeof flags["seed"] === "number" ? flags["seed"] : 1;
  const total = readRecordedDeliveries().length * loops;
  const rate = typeof flags["rate"] === "number" ? flags["rate"] : undefined;
  const demo = new WebhooksDemo({
    directory,
    loops,
    perSecond: rate ?? (watched ? watchedRate(total) : undefined),
    crash: flags["crash"] === true,
    seed,
    pace: watched ? watchedPace : quickPace,
    fork: forkOf(processWord),
    clock: io.clock,
    random: io.random,
    signal: io.signal,
    onEvent: (event) => screen.tell(event),
    onSample: () => screen.update(),
  });
  const screen = demoScreen(io, json, {
    elapsedMs: () => demo.view().elapsedMs,
    frame: (events, columns, style) => renderDemo(demo.view(), events, columns, style),
    line: () => renderPlain(demo.view()),
  });
  const result = await demo.run().finally(() => screen.close());
  const { stdout } = io;
  if (json) stdout.write(`${ledgerAsJson(result, { loops, seed, directory: kept })}\n`);
  else stdout.write(`\n${renderLedger(result, stdout.columns ?? 100, stdout.style).join("\n")}\n`);
  return result.balanced ? exitCodes.success : exitCodes.failure;
}

/** A directory of the user's own may hold an earlier run of this demo, but no other journal. */
function checkDirectory(directory: string): string {
  const isJournal = statSync(databasePath(directory), { throwIfNoEntry: false }) !== undefined;
  if (isJournal && !hasDeliveryLog(directory)) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `'${directory}' holds a journal that is not the demo's: give an empty or new --directory`,
    );
  }
  return directory;
}
