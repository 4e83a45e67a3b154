// `spillway doctor`: looks at everything that a journal needs, one line a check. It repairs nothing
// and creates nothing.
import { errorCodes } from "../../errors/error-codes.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { checkGaps, checkSoundness } from "../doctor/damage-checks.ts";
import { type Finding, renderFinding } from "../doctor/finding.ts";
import {
  checkDirectory,
  checkFileSystem,
  checkHolders,
  checkReaders,
  checkReserve,
  checkRuntime,
  checkSpace,
  checkWriteAheadLog,
} from "../doctor/host-checks.ts";
import {
  checkChannels,
  checkGroups,
  checkHealth,
  checkSetAside,
  checkUnread,
} from "../doctor/journal-checks.ts";
import { directoryFlag, directoryOf, withJournal } from "../journal-access.ts";

/** The command. */
export const doctorCommand: Command = {
  name: "doctor",
  summary: "check the runtime, the directory and the journal",
  usage: "[--directory DIRECTORY]",
  description: ["One line a check: ok, warn or fail, with what to do. Exit code 1 if any fails."],
  flags: { directory: directoryFlag },
  positionalsMax: 0,
  examples: ["spillway doctor --directory ./data", "spillway doctor --json"],
  async run(call) {
    const findings: Finding[] = [];
    for await (const finding of examine(call)) {
      findings.push(finding);
      if (!call.json) call.io.stdout.write(`${renderFinding(finding, call.io.stdout.style)}\n`);
    }
    const healthy = findings.every((finding) => finding.status !== "fail");
    if (call.json) call.io.stdout.write(`${JSON.stringify({ healthy, checks: findings })}\n`);
    return healthy ? exitCodes.success : exitCodes.failure;
  },
};

async function* examine(call: CommandCall): AsyncGenerator<Finding> {
  const directory = directoryOf(call);
  yield checkRuntime(process.versions);
  const found = checkDirectory(directory);
  yield found;
  if (found.status === "fail") return;
  yield checkFileSystem(directory);
  yield checkSpace(directory);
  yield checkReserve(directory);
  // Before the journal is opened, because opening it moves the WAL into the database.
  yield checkWriteAheadLog(directory);
  yield checkHolders(directory);
  yield await checkReaders(directory, call.io.clock);
  // So too: what opening finds and what the tail says, before anything is written.
  yield checkSoundness(directory, call.io.clock);
  yield checkGaps(directory, call.io.clock);
  yield* await examineJournal(call);
}

async function examineJournal(call: CommandCall): Promise<readonly Finding[]> {
  try {
    return await withJournal(call, { create: false }, async (transport) => {
      const channels = await transport.stats();
      return [
        { check: "journal", status: "ok", message: "its format is known and it opens" },
        { check: "incarnation", status: "ok", message: transport.incarnation ?? "unknown" },
        checkHealth(transport.health()),
        checkChannels(channels),
        ...checkSetAside(channels),
        ...checkGroups(channels, call.io.clock.wallMs()),
        checkUnread(channels),
      ];
    });
  } catch (error) {
    if (!(error instanceof SpillwayError)) throw error;
    const { code, message } = error;
    const remedy = errorCodes[code].remedy;
    return [{ check: "journal", status: "fail", message: `${code}: ${message}`, remedy }];
  }
}
