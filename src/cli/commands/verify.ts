// `spillway verify`: looks for damage in a journal while others use it. Its flags, its progress and
// its report; the work is verifyJournal().
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { InspectionProgress } from "../inspection/inspection-progress.ts";
import { verifyLines } from "../inspection/verify-text.ts";
import { assertJournal, directoryFlag, directoryOf } from "../journal-access.ts";

/** The command. */
export const verifyCommand: Command = {
  name: "verify",
  summary: "look for damage in a journal, while it is used",
  usage: "[--directory DIRECTORY]",
  description: [
    "Checks every batch and row against its checksum, that no offset is missing, that cursors lie",
    "within their logs, and SQLite's own structure. Services may go on: it works in short steps,",
    "in a process of its own, and changes nothing. Exit code 1 where something is damaged or it",
    "was stopped before its end.",
  ],
  flags: { directory: directoryFlag },
  positionalsMax: 0,
  examples: ["spillway verify --directory ./data", "spillway verify --json"],
  run: verify,
};

async function verify(call: CommandCall): Promise<number> {
  const { io, json } = call;
  const directory = directoryOf(call);
  assertJournal(directory);
  // Loaded here, so that a command's help needs no journal at all.
  const { verifyJournal } = await import("../../adapters/embedded/index.ts");
  const progress = new InspectionProgress(io, json);
  let report: Awaited<ReturnType<typeof verifyJournal>>;
  try {
    report = await verifyJournal(directory, {
      signal: io.signal,
      onProgress: (state) => progress.update(state),
    });
  } finally {
    progress.close();
  }
  const text = json ? JSON.stringify(report) : verifyLines(report, io.stdout.style).join("\n");
  io.stdout.write(`${text}\n`);
  return report.sound && report.complete ? exitCodes.success : exitCodes.failure;
}
