// `spillway backup`: copies a journal while others work with it. Its flags, its progress and its
// report; the work is backupJournal().
import type { BackupReport } from "../../adapters/embedded/index.ts";
import { withCopyProgress } from "../backup/copy-progress.ts";
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { assertJournal, directoryFlag, directoryOf } from "../journal-access.ts";
import { counted, formatBytes, formatCount, formatDuration } from "../terminal/number-format.ts";
import { UsageError } from "../usage-error.ts";

/** The command. */
export const backupCommand: Command = {
  name: "backup",
  summary: "copy a journal while it is used; again into the same place: only what is new",
  usage: "--to DIRECTORY [--directory DIRECTORY]",
  description: [
    "The backup holds the journal as of one commit, checked. Until a newer one is complete the one",
    "before stays as it was. What is interrupted goes on where it stopped when the same command is",
    "run again. It works in a process of its own and rests while others publish. Damage in the",
    "journal is named, and exit code 1: a damaged batch is never copied.",
  ],
  flags: {
    directory: directoryFlag,
    to: {
      type: "string",
      placeholder: "DIRECTORY",
      summary: "a new or empty directory, or this journal's backup (required)",
      required: true,
    },
    verify: {
      type: "string",
      placeholder: "all|new",
      summary: "read back the whole backup (default), or what was copied now",
    },
  },
  positionalsMax: 0,
  examples: [
    "spillway backup --directory ./data --to /mnt/backup/data",
    "spillway backup -d ./data --to /mnt/backup/data --verify new --json",
  ],
  run: backup,
};

async function backup(call: CommandCall): Promise<number> {
  const { io, json, flags } = call;
  const verify = flags["verify"] ?? "all";
  if (verify !== "all" && verify !== "new") {
    throw new UsageError(`--verify is '${String(verify)}': give all or new`, "backup");
  }
  const directory = directoryOf(call);
  assertJournal(directory);
  // Loaded here, so that a command's help needs no journal at all.
  const { backupJournal } = await import("../../adapters/embedded/index.ts");
  const stopped = "stopped: run the same command again, it goes on where it stopped";
  const report = await withCopyProgress(call, stopped, async (onProgress) =>
    backupJournal(directory, { to: String(flags["to"]), verify, signal: io.signal, onProgress }),
  );
  if (report === undefined) return exitCodes.failure;
  io.stdout.write(`${json ? JSON.stringify(report) : textOf(report)}\n`);
  return exitCodes.success;
}

function textOf(report: BackupReport): string {
  const { batches, bytes, commit, incremental, bytesCopied, rowsCopied, elapsedMs, to } = report;
  const messages = report.logs.reduce((sum, { start, end }) => sum + end - start, 0);
  const size = `${counted(batches, "batch", "batches")} (${formatBytes(bytes)})`;
  const news = incremental ? "new since the last backup" : "copied";
  const copied = `${formatBytes(bytesCopied)} and ${counted(rowsCopied, "row")} ${news}`;
  return (
    `complete and checked, as of commit ${formatCount(commit)}: ` +
    `${counted(messages, "message")} in ${size} in ${to}\n` +
    `${copied}, in ${formatDuration(elapsedMs)}`
  );
}
