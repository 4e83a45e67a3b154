// A tail written anew for a journal that nobody has open: after a loss was accepted, a backup
// restored, or a repair. Always true: both slots say the same, and are on the disk.
import type { JournalEnd } from "./tail-compare.ts";
import { TailFile } from "./tail-file.ts";
import { TailLogs } from "./tail-logs.ts";

/** Makes the file, or replaces what it says. The caller closes it. */
export function replaceTail(directory: string, end: JournalEnd): TailFile {
  const logs = new TailLogs(end.incarnation);
  for (const { log, channel, lane, end: offset } of end.logs) {
    logs.set(log, lane, offset, end.commit, () => channel);
  }
  const slot = logs.slot.seal(end.commit);
  const file = TailFile.open(directory, slot);
  try {
    file.replace(slot);
    file.sync();
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}
