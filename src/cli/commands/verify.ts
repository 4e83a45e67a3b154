// `spillway verify`: looks for damage in a journal while others use it. Its flags, its progress and
// its report; the work is verifyJournal().
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { inspectionProgress } from "../inspection/inspection-progress.ts";
import { lossLines, verifyLines } from "../inspection/verify-text.ts";
import { assertJournal, directoryFlag, directoryOf } from "../journal-access.ts";

/** The command. */
export const verifyCommand: Command = {
  name: "verify",
  summary: "look for damage in a journal, while it is used",
  usage: "[--directory DIRECTORY] [--accept-loss]",
  description: [
    "Checks every batch and row against its checksum, that no offset is missing, that cursors lie",
    "within their logs, and SQLite's own structure. Services may go on: it works in short steps,",
    "in a process of its own, and changes nothing. Exit code 1 where something is damaged or it",
    "was stopped before its end. With --accept-loss a journal that lost its end goes on without",
    "it: the lost offsets become gaps, which readers are told of; try `spillway repair` first.",
  ],
  flags: {
    directory: directoryFlag,
    "accept-loss": { type: "boolean", summary: "go on without what is missing at the end" },
  },
  positionalsMax: 0,
  examples: [
    "spillway verify --directory ./data",
    "spillway verify --json",
    "spillway verify --accept-loss",
  ],
  run: verify,
};

async function verify(call: CommandCall): Promise<number> {
  const { io, json } = call;
  const directory = directoryOf(call);
  assertJournal(directory);
  // Loaded here, so that a command's help needs no journal at all.
  const { acceptLoss, verifyJournal } = await import("../../adapters/embedded/index.ts");
  const loss = call.flags["accept-loss"] === true ? await acceptLoss(directory) : undefined;
  const progress = inspectionProgress(io, json);
  let report: Awaited<ReturnType<typeof verifyJournal>>;
  try {
    report = await verifyJournal(directory, {
      signal: io.signal,
      onProgress: (state) => progress.update(state),
    });
  } finally {
    progress.close();
  }
  if (json) io.stdout.write(`${JSON.stringify({ ...report, acceptedLoss: loss })}\n`);
  else {
    const { style } = io.stdout;
    const accepted = loss === undefined ? [] : lossLines(loss, style);
    io.stdout.write(`${[...accepted, ...verifyLines(report, style)].join("\n")}\n`);
  }
  return report.sound && report.complete ? exitCodes.success : exitCodes.failure;
}
