// `spillway repair`: builds a new journal from a damaged one. Its flags, its progress and its
// report; the work is repairJournal().
import { existsSync } from "node:fs";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { listHolders } from "../doctor/journal-holders.ts";
import { inspectionProgress } from "../inspection/inspection-progress.ts";
import { repairLines } from "../inspection/repair-text.ts";
import { directoryFlag, directoryOf } from "../journal-access.ts";

/** The command. */
export const repairCommand: Command = {
  name: "repair",
  summary: "build a new journal from a damaged one",
  usage: "--to DIRECTORY [--directory DIRECTORY]",
  description: [
    "Reads the pages of the database and of its write-ahead log one by one and keeps every batch",
    "and row that matches its checksum. Messages that are lost become gaps, which readers are told",
    "of; cursors that are lost fall back to their last copy, so that messages come again rather",
    "than never. The old directory is only read. Stop the services that use it first. Exit code 1",
    "where it fails or the new journal is not sound.",
  ],
  flags: {
    directory: directoryFlag,
    to: {
      type: "string",
      placeholder: "DIRECTORY",
      summary: "a new or empty directory for the new journal (required)",
      required: true,
    },
  },
  positionalsMax: 0,
  examples: ["spillway repair --directory ./data --to ./repaired"],
  run: repair,
};

async function repair(call: CommandCall): Promise<number> {
  const { io, json, flags } = call;
  const from = directoryOf(call);
  assertNobodyWorks(from);
  // Loaded here, so that a command's help needs no journal at all.
  const { repairJournal } = await import("../../adapters/embedded/index.ts");
  const progress = inspectionProgress(io, json);
  let report: Awaited<ReturnType<typeof repairJournal>>;
  try {
    report = await repairJournal({
      from,
      to: String(flags["to"]),
      signal: io.signal,
      onProgress: ({ losses, ...state }) => progress.update({ ...state, damage: losses }),
    });
  } finally {
    progress.close();
  }
  const text = json ? JSON.stringify(report) : repairLines(report, io.stdout.style).join("\n");
  io.stdout.write(`${text}\n`);
  return report.sound ? exitCodes.success : exitCodes.failure;
}

/** What a process wrote meanwhile would be missing from the new journal. */
function assertNobodyWorks(directory: string): void {
  if (!existsSync(directory)) {
    throw new SpillwayError(
      "JOURNAL_DIRECTORY",
      `there is no directory '${directory}': check the path, or give another --directory`,
    );
  }
  const holders = listHolders(directory) ?? [];
  if (holders.length === 0) return;
  const list = holders.map(({ pid, name }) => `${pid} (${name})`).join(", ");
  throw new SpillwayError(
    "JOURNAL_BUSY",
    `the journal in '${directory}' is open in process ${list}: stop it, then repair again`,
    { details: { processes: holders.map(({ pid }) => pid) } },
  );
}
