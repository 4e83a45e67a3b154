// `spillway redrive`: works dead letters off. Its flags, its progress and its report; the work is a
// redrive job. Always true: Ctrl-C pauses the job between two batches, and anybody can resume it.
import type { Transport } from "../../ports/transport.ts";
import type { DeadLetters } from "../../recovery/redrive/letter-desk.ts";
import {
  editBytesMax,
  type RedriveReport,
  type RedriveRules,
} from "../../recovery/redrive/redrive-job.ts";
import type { Redrive } from "../../recovery/redrive/running-redrive.ts";
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { lettersOf } from "../letters/letter-channels.ts";
import { filterOf, kindOf, letterFlags, offsetsOf } from "../letters/letter-flags.ts";
import { letterJson } from "../letters/letter-text.ts";
import { previewText, renderRedrive, reportText } from "../letters/redrive-progress.ts";
import { assertChannel, withJournal } from "../journal-access.ts";
import { nearest } from "../../kernel/nearest.ts";
import { openInput } from "../publish/input-source.ts";
import { ProgressOutput } from "../terminal/progress-output.ts";
import { UsageError } from "../usage-error.ts";

const jobActions = ["start", "resume", "cancel", "status"] as const;
type JobAction = (typeof jobActions)[number];

/** The command. */
export const redriveCommand: Command = {
  name: "redrive",
  summary: "handle dead letters again, in batches that stop when the fix does not work",
  usage: "[start|resume|cancel|status] --channel CHANNEL [FLAGS]",
  description: [
    "Each letter goes back to the group that failed, and to nobody else, in the order of its key.",
    "Batches of 1, 2, 5, 20, 50 … letters: each must be handled before the next is sent, and the",
    "job stops when too many of a batch fail again. The services that handle them must run.",
    "Ctrl-C pauses the job; after a crash it can be resumed, and no letter is redriven twice.",
    "",
    "Exit code 1 if the job stopped or was paused before its end.",
  ],
  flags: {
    ...letterFlags,
    offset: { type: "list", placeholder: "OFFSET", summary: "only this letter; may be repeated" },
    "dry-run": { type: "boolean", summary: "say what would be done, and do nothing" },
    to: { type: "string", placeholder: "CHANNEL", summary: "send them to this channel instead" },
    rate: {
      type: "number",
      min: 0.001,
      max: 1_000_000,
      placeholder: "COUNT",
      summary: "letters a second at most",
    },
    "failure-share": {
      type: "number",
      max: 1,
      placeholder: "SHARE",
      summary: "stop when more than this share of a batch fails again (default: 0.2)",
    },
    "only-matching": {
      type: "boolean",
      summary: "leave letters of the same key that the filter does not mean",
    },
    "allow-repeat": {
      type: "boolean",
      summary: "also what is older than repeats are remembered; it is recorded",
    },
    edit: {
      type: "string",
      placeholder: "FILE",
      summary: "with --offset and --author: new data as JSON, - for standard input",
    },
    author: { type: "string", placeholder: "NAME", summary: "who does it; recorded" },
    reason: { type: "string", placeholder: "TEXT", summary: "why it is edited; recorded" },
  },
  positionalsMax: 1,
  examples: [
    "spillway redrive --channel orders --dry-run",
    "spillway redrive --channel orders --group billing --error 4f1c2a90b7d3e865 --rate 100",
    "spillway redrive --channel orders --offset 17 --edit order.json --author ann",
    "spillway redrive resume --channel orders",
  ],
  async run(call) {
    const [word = "start"] = call.positionals;
    const action = jobActions.find((each) => each === word);
    if (action === undefined) throw unknownAction(word);
    const { flags } = call;
    if (flags["channel"] === undefined)
      throw new UsageError("redrive needs --channel CHANNEL", "redrive");
    const edit = await editOf(call);
    const offsets = offsetsOf((flags["offset"] ?? []) as readonly string[], "redrive");
    const filter = filterOf(call, offsets);
    return withJournal(call, { create: false }, async (transport) => {
      const channel = String(flags["channel"]);
      await assertChannel(transport, channel);
      const letters = lettersOf(call, transport, channel, kindOf(call), filter);
      return act(call, transport, letters, { action, channel, edit });
    });
  },
};

interface Asked {
  readonly action: JobAction;
  readonly channel: string;
  readonly edit: { readonly data: unknown; readonly reason?: string } | undefined;
}

async function act(
  call: CommandCall,
  transport: Transport,
  letters: DeadLetters,
  { action, channel, edit }: Asked,
): Promise<number> {
  const { io, flags, json } = call;
  if (action === "status") return printStatus(call, letters, channel);
  if (action === "cancel") {
    const report = await letters.cancel();
    io.stdout.write(json ? `${JSON.stringify(report)}\n` : reportText(report, channel));
    return exitCodes.success;
  }
  if (flags["dry-run"] === true) {
    const preview = await letters.preview(rulesOf(call));
    const samples = preview.samples.map((letter) => letterJson(channel, letter));
    const text = json
      ? `${JSON.stringify({ ...preview, samples })}\n`
      : previewText(preview, channel, io.clock.wallMs(), io.stdout);
    io.stdout.write(text);
    return exitCodes.success;
  }
  const progress = new ProgressOutput<RedriveReport>(io, json, (report, columns) =>
    renderRedrive(report, columns, io.stderr.style),
  );
  const watcher = { signal: io.signal, onProgress: (now: RedriveReport) => progress.update(now) };
  const allowRepeat = flags["allow-repeat"] === true;
  try {
    const redrive =
      action === "resume"
        ? await letters.resume({ ...watcher, allowRepeat })
        : await letters.redrive({
            ...watcher,
            ...rulesOf(call),
            ...(edit !== undefined && { edit }),
          });
    await warnOfAbsent(call, transport, channel, redrive);
    const report = await redrive.finished;
    progress.close();
    io.stdout.write(json ? `${JSON.stringify(report)}\n` : reportText(report, channel));
    return report.state === "finished" ? exitCodes.success : exitCodes.failure;
  } finally {
    progress.close();
  }
}

async function printStatus(
  { io, json }: CommandCall,
  letters: DeadLetters,
  channel: string,
): Promise<number> {
  const redrives = await letters.redrives();
  if (json) io.stdout.write(`${JSON.stringify({ redrives })}\n`);
  else if (redrives.length === 0) io.stdout.write(`nothing of '${channel}' was redriven yet\n`);
  else io.stdout.write(redrives.map((report) => reportText(report, channel)).join("\n"));
  return exitCodes.success;
}

/** A redrive waits for the services that handle what it sends: says so where none runs. */
async function warnOfAbsent(
  { io, json }: CommandCall,
  transport: Transport,
  channel: string,
  { report }: Redrive,
): Promise<void> {
  if (json || report.rules.to !== undefined || report.selected === 0) return;
  const stats = (await transport.stats()).find((each) => each.channel === channel);
  const absent = (stats?.groups ?? []).filter(({ group, members }) => {
    return members === 0 && (report.filter.group ?? group) === group;
  });
  for (const { group } of absent) {
    io.stderr.write(
      `spillway: nobody of group '${group}' runs: its letters wait until somebody does\n`,
    );
  }
}

function rulesOf({ flags }: CommandCall): RedriveRules {
  return {
    ...(flags["to"] !== undefined && { to: String(flags["to"]) }),
    ...(flags["rate"] !== undefined && { ratePerSecond: Number(flags["rate"]) }),
    ...(flags["failure-share"] !== undefined && {
      failureShareMax: Number(flags["failure-share"]),
    }),
    ...(flags["only-matching"] === true && { wholeKeys: false }),
    ...(flags["allow-repeat"] === true && { allowRepeat: true }),
    ...(flags["author"] !== undefined && { author: String(flags["author"]) }),
  };
}

async function editOf({ flags, io }: CommandCall): Promise<Asked["edit"]> {
  const file = flags["edit"];
  if (file === undefined) return undefined;
  if (flags["author"] === undefined) throw new UsageError("--edit needs --author NAME", "redrive");
  const offsets = flags["offset"];
  if (!Array.isArray(offsets) || offsets.length !== 1) {
    throw new UsageError("--edit needs the one letter that is edited: --offset OFFSET", "redrive");
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of openInput(String(file), io).chunks) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > editBytesMax) {
      throw new UsageError(`--edit ${String(file)} has more than ${editBytesMax} bytes`, "redrive");
    }
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const { reason } = flags;
  try {
    const data: unknown = JSON.parse(text);
    return { data, ...(reason !== undefined && { reason: String(reason) }) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--edit ${String(file)} is no JSON: ${why}`, "redrive");
  }
}

function unknownAction(word: string): UsageError {
  const near = nearest(word, jobActions);
  const hint =
    near === undefined ? `: there are ${jobActions.join(", ")}` : `: did you mean '${near}'?`;
  return new UsageError(`redrive cannot '${word}'${hint}`, "redrive");
}
