// How commands reach a journal. Always true: looking never creates one, and whatever was opened is
// closed again, also after a failure.
import { statSync } from "node:fs";
import { databasePath } from "../adapters/embedded/journal/directory.ts";
import { tailPath } from "../adapters/embedded/journal/tail-file.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Transport } from "../ports/transport.ts";
import type { CommandCall, Flag } from "./command.ts";

/** Where a journal lies unless told otherwise. */
export const directoryDefault = "./data";

/** The flag that every command on a journal has. */
export const directoryFlag: Flag = {
  type: "string",
  short: "d",
  placeholder: "DIRECTORY",
  summary: `where the journal lies (default: ${directoryDefault})`,
};

/** The directory that a call is about. */
export function directoryOf(call: CommandCall): string {
  return String(call.flags["directory"] ?? directoryDefault);
}

/** Throws unless the directory holds a journal, saying what it is instead. */
export function assertJournal(directory: string): void {
  const stats = statSync(directory, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new SpillwayError(
      "JOURNAL_DIRECTORY",
      `there is no directory '${directory}': check the path, or give another --directory`,
    );
  }
  // An empty database file would be made a journal by whoever opens it.
  const database = statSync(databasePath(directory), { throwIfNoEntry: false });
  if (database !== undefined && database.size > 0) return;
  // There was one: whoever opens it says what is missing.
  if (statSync(tailPath(directory), { throwIfNoEntry: false }) !== undefined) return;
  const what = stats.isDirectory() ? "it holds no journal" : "it is no directory";
  throw new SpillwayError(
    "JOURNAL_FORMAT",
    `there is no journal in '${directory}', ${what}: check the path, or give another --directory`,
  );
}

/** Opens the journal, calls `action`, and closes it whatever happens. */
export async function withJournal<Result>(
  call: CommandCall,
  options: { readonly create: boolean },
  action: (transport: Transport) => Promise<Result>,
): Promise<Result> {
  const directory = directoryOf(call);
  if (!options.create) assertJournal(directory);
  const { clock, random } = call.io;
  // Loaded here, so that a command's help needs no journal at all.
  const { embedded } = await import("../adapters/embedded/index.ts");
  const transport = embedded({ directory });
  await transport.open({ clock, random, name: "spillway-cli" });
  try {
    const { status, reasons } = transport.health();
    // What can still be read is read; whoever looks at it must know.
    if (status === "failed") call.io.stderr.write(`spillway: ${reasons.join("\nspillway: ")}\n`);
    return await action(transport);
  } finally {
    await transport.close();
  }
}

/** Throws UNKNOWN_CHANNEL, with the channels there are, unless the journal has this one. */
export async function assertChannel(transport: Transport, name: string): Promise<void> {
  const channels = (await transport.stats()).map((stats) => stats.channel);
  if (channels.includes(name)) return;
  const list = channels.length === 0 ? "it has none" : `it has ${channels.join(", ")}`;
  throw new SpillwayError("UNKNOWN_CHANNEL", `the journal has no channel '${name}': ${list}`);
}
