// `spillway demo webhooks`: its flags, its temporary directory, and what it prints at the end. The
// demo itself is in src/demo, what it looks like in cli/demo.
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databasePath } from "../../adapters/embedded/journal/directory.ts";
import { hasDeliveryLog } from "../../demo/webhooks/delivery-log.ts";
import { loopsMax, quickPace, watchedPace, watchedRate } from "../../demo/webhooks/demo-options.ts";
import { readRecordedDeliveries } from "../../demo/webhooks/recorded-deliveries.ts";
import { WebhooksDemo } from "../../demo/webhooks/webhooks-demo.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { forkWorker, isForked, runWorkerProcess, workerWord } from "../demo/demo-processes.ts";
import { ledgerAsJson, renderLedger } from "../demo/demo-report.ts";
import { demoScreen } from "../demo/demo-screen.ts";
import { nearest } from "../nearest.ts";
import { UsageError } from "../usage-error.ts";

const demos = ["webhooks"];

/** The command. */
export const demoCommand: Command = {
  name: "demo",
  summary: "watch real events flow through services that fail and recover",
  usage: "webhooks [FLAGS]",
  description: [
    "webhooks: replays 329 recorded GitHub deliveries through a journal. A receiver validates and",
    "stores them as typed events on four channels; an audit trail, a notifier whose downstream",
    "fails and recovers, two competing worker processes and a read model consume them, each in its",
    "own group. It ends with a ledger that compares what the services recorded with what was sent.",
    "Ctrl-C ends the receiving; what was received is settled, and the ledger printed. Exit code 1",
    "if the ledger does not balance.",
  ],
  flags: {
    loops: {
      type: "count",
      min: 1,
      max: loopsMax,
      placeholder: "COUNT",
      summary: "how often the deliveries are replayed (default: 1)",
    },
    rate: {
      type: "number",
      min: 0.1,
      max: 1_000_000,
      placeholder: "COUNT",
      summary: "deliveries a second (default: no limit; on a terminal 14 s in all)",
    },
    directory: {
      type: "string",
      short: "d",
      placeholder: "DIRECTORY",
      summary: "keep the journal here (default: a temporary one, removed at the end)",
    },
    crash: { type: "boolean", summary: "kill a worker process in the middle, and start it again" },
    seed: {
      type: "count",
      max: 4_294_967_295,
      placeholder: "NUMBER",
      summary: "repeats the choice of what fails and what is sent twice (default: 1)",
    },
  },
  positionalsMax: 1,
  examples: [
    "spillway demo webhooks",
    "spillway demo webhooks --crash --loops 5",
    "spillway demo webhooks --json | jq .balanced",
  ],
  async run(call) {
    const [name] = call.positionals;
    if (name === workerWord && isForked()) {
      await runWorkerProcess(call.io);
      return exitCodes.success;
    }
    if (name === undefined || !demos.includes(name)) throw unknownDemo(name);
    return runWebhooks(call);
  },
};

function unknownDemo(name: string | undefined): UsageError {
  const list = `there is ${demos.map((demo) => `'spillway demo ${demo}'`).join(", ")}`;
  if (name === undefined) return new UsageError(`demo needs a name: ${list}`, "demo");
  const suggestion = nearest(name, demos);
  const hint = suggestion === undefined ? list : `did you mean '${suggestion}'?`;
  return new UsageError(`there is no demo '${name}': ${hint}`, "demo");
}

async function runWebhooks(call: CommandCall): Promise<number> {
  const given = call.flags["directory"];
  const directory =
    given === undefined
      ? mkdtempSync(join(tmpdir(), "spillway-demo-"))
      : useDirectory(String(given));
  try {
    return await playWebhooks(call, directory, given !== undefined);
  } finally {
    if (given === undefined) rmSync(directory, { recursive: true, force: true });
  }
}

async function playWebhooks(call: CommandCall, directory: string, kept: boolean): Promise<number> {
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
    fork: forkWorker,
    clock: io.clock,
    random: io.random,
    signal: io.signal,
    onEvent: (event) => screen.tell(event),
    onSample: () => screen.update(),
  });
  const screen = demoScreen(io, json, () => demo.view());
  const result = await demo.run().finally(() => screen.close());
  const { stdout } = io;
  if (json) {
    const context = { loops, seed, directory: kept ? directory : undefined };
    stdout.write(`${ledgerAsJson(result, context)}\n`);
  } else
    stdout.write(`\n${renderLedger(result, stdout.columns ?? 100, stdout.style).join("\n")}\n`);
  return result.balanced ? exitCodes.success : exitCodes.failure;
}

/** A directory of the user's own may hold an earlier demo, but no other journal. */
function useDirectory(directory: string): string {
  const isJournal = statSync(databasePath(directory), { throwIfNoEntry: false }) !== undefined;
  if (isJournal && !hasDeliveryLog(directory)) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `'${directory}' holds a journal that is not the demo's: give an empty or new --directory`,
    );
  }
  mkdirSync(directory, { recursive: true });
  return directory;
}
