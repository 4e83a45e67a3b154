// Cursors behind their log's end. Always true: they are noted, and no damage by themselves: a group
// may be made to start at an offset that does not exist yet.
import { type ConnectionOptions, retryWhileBusy } from "../journal/connection.ts";
import type { Connection } from "../journal/connection.ts";
import type { FindingList } from "./finding.ts";
import { Snapshot } from "./snapshot.ts";

/** Most cursors that are looked at; as many findings there may be. */
const cursorsMax = 1_000;

/** Notes the cursors that wait for offsets that no message has yet. */
export function checkCursors(
  connection: Connection,
  findings: FindingList,
  options: ConnectionOptions,
): void {
  const { rows } = retryWhileBusy("reading the journal", options, () =>
    new Snapshot(connection).read(
      "SELECT grp.name AS grp, channel.name AS channel, range, position, log.end FROM cursor " +
        "JOIN log ON log.id = cursor.log JOIN grp ON grp.id = cursor.grp " +
        `JOIN channel ON channel.id = log.channel WHERE position > log.end LIMIT ${cursorsMax}`,
    ),
  );
  for (const { grp, channel, range, position, end } of rows) {
    const what = `range ${Number(range)} waits at offset ${Number(position)}`;
    findings.add(
      "cursor-ahead",
      `group '${String(grp)}' on '${String(channel)}': ${what}, the log ends at ${Number(end)}`,
      { table: "cursor", channel: String(channel) },
    );
  }
}
