// The process that accepts a loss: looks at the journal, keeps a copy of its write-ahead log, and
// notes what is missing. Always true: the copy is made before SQLite may write anything, because
// what lies behind a broken place of the log is gone then.
import { copyFileSync, existsSync, renameSync, statSync } from "node:fs";
import { damagedJournal } from "../journal/damage.ts";
import { acceptLossOf } from "../journal/accept-loss.ts";
import { walPath } from "../journal/directory.ts";
import { prepareDirectory } from "../journal/directory-access.ts";
import { inspectJournal } from "../journal/soundness.ts";
import { readTail } from "../journal/tail-file.ts";
import { serveTask } from "../task/task-process.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { AcceptedLoss, AcceptLossRequest } from "./accepted-loss.ts";

const nothing: AcceptedLoss = {
  accepted: false,
  commits: undefined,
  ranges: [],
  otherIncarnation: false,
  walCopy: undefined,
};

serveTask(async (request: AcceptLossRequest, { clock, random }): Promise<AcceptedLoss> => {
  const { directory, busyTimeoutMs } = request;
  prepareDirectory(directory);
  const soundness = inspectJournal(directory, { clock, durability: "fsync", busyTimeoutMs });
  if (soundness.kind === "new") {
    throw new SpillwayError("JOURNAL_FORMAT", `there is no journal in ${directory}`);
  }
  if (soundness.kind === "sound") return nothing;
  if (!soundness.damage.isLoss) throw damagedJournal(directory, soundness.damage);
  const walCopy = keepWal(directory);
  const loss = acceptLossOf(directory, soundness.damage, { clock, random, busyTimeoutMs });
  const { commit, commitBefore, missing, otherIncarnation } = loss;
  return {
    accepted: loss.commits > 0 || missing.length > 0 || otherIncarnation,
    commits: loss.commits === 0 ? undefined : { from: commit + 1, to: commitBefore },
    ranges: missing.map(({ channel, priority, fromOffset, toOffset, exact }) => {
      return { channel, priority, fromOffset, toOffset, exact };
    }),
    otherIncarnation,
    walCopy,
  };
});

/** What the write-ahead log holds stays, whatever is written now; returns where. */
function keepWal(directory: string): string | undefined {
  const wal = walPath(directory);
  if (!existsSync(wal) || statSync(wal).size === 0) return undefined;
  const copy = `${wal}.lost-${readTail(directory).tail?.commit ?? 0}`;
  if (existsSync(copy)) return copy;
  copyFileSync(wal, `${copy}.part`);
  renameSync(`${copy}.part`, copy);
  return copy;
}
