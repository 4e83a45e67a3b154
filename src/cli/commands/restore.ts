// `spillway restore`: makes a journal of a backup. Its flags, its progress and its report; the work
// is restoreJournal().
import type { RestoreReport } from "../../adapters/embedded/index.ts";
import { formatTime } from "../../kernel/timestamp.ts";
import { withCopyProgress } from "../backup/copy-progress.ts";
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { counted, formatBytes, formatCount, formatDuration } from "../terminal/number-format.ts";

/** The command. */
export const restoreCommand: Command = {
  name: "restore",
  summary: "make a journal of a backup, in a new or empty directory",
  usage: "--from DIRECTORY --to DIRECTORY",
  description: [
    "Everything is checked while it is copied and once more at the end; the journal appears in its",
    "directory complete or not at all. It gets an incarnation of its own: offsets that somebody",
    "kept of the old one may mean other messages now, and are refused where they are given with",
    "their incarnation. An incomplete backup is refused.",
  ],
  flags: {
    from: {
      type: "string",
      placeholder: "DIRECTORY",
      summary: "where the backup lies (required)",
      required: true,
    },
    to: {
      type: "string",
      placeholder: "DIRECTORY",
      summary: "a new or empty directory for the journal (required)",
      required: true,
    },
  },
  positionalsMax: 0,
  examples: ["spillway restore --from /mnt/backup/data --to ./data"],
  run: restore,
};

async function restore(call: CommandCall): Promise<number> {
  const { io, json, flags } = call;
  // Loaded here, so that a command's help needs no journal at all.
  const { restoreJournal } = await import("../../adapters/embedded/index.ts");
  const stopped = "stopped: what was begun is removed again";
  const report = await withCopyProgress(call, stopped, async (onProgress) =>
    restoreJournal(String(flags["from"]), {
      to: String(flags["to"]),
      signal: io.signal,
      onProgress,
    }),
  );
  if (report === undefined) return exitCodes.failure;
  io.stdout.write(`${json ? JSON.stringify(report) : textOf(report)}\n`);
  return exitCodes.success;
}

function textOf({ to, incarnation, snapshot, elapsedMs }: RestoreReport): string {
  const messages = snapshot.logs.reduce((sum, { start, end }) => sum + end - start, 0);
  const taken = formatTime(snapshot.takenAtMs);
  return (
    `restored into ${to}: ${counted(messages, "message")} (${formatBytes(snapshot.bytes)}) ` +
    `as of commit ${formatCount(snapshot.commit)}, ${taken}, in ${formatDuration(elapsedMs)}\n` +
    `its incarnation is ${incarnation}, before it was ${snapshot.incarnation}`
  );
}
