// The gaps that a journal knows of: ranges of offsets whose messages are gone, and that readers
// have not all passed by retention yet.
import { type Priority, priorities } from "../../../message/envelope.ts";
import { type ConnectionOptions, openConnection, retryWhileBusy } from "../journal/connection.ts";
import { Snapshot } from "./snapshot.ts";

/** A gap of one log. */
export interface KnownGap {
  readonly channel: string;
  readonly priority: Priority;
  readonly fromOffset: number;
  /** First offset after the gap. */
  readonly toOffset: number;
  /** Why: "unreadable", "lost". */
  readonly reason: string;
  /** When it was noted, wall ms. */
  readonly notedAtMs: number;
}

/** Most gaps that are listed. */
export const gapsListedMax = 1_000;

/** The gaps of the journal in `directory`, by channel and offset. */
export function listGaps(directory: string, options: ConnectionOptions): KnownGap[] {
  const connection = openConnection(directory, "inspector", options);
  try {
    const { rows } = retryWhileBusy("reading the journal", options, () =>
      new Snapshot(connection).read(
        "SELECT name, lane, base, count, reason, noted_at FROM gap " +
          "JOIN log ON log.id = gap.log JOIN channel ON channel.id = log.channel " +
          `WHERE base + count > start ORDER BY name, lane, base LIMIT ${gapsListedMax}`,
      ),
    );
    return rows.map((row) => ({
      channel: String(row["name"]),
      priority: priorities[Number(row["lane"])] ?? "normal",
      fromOffset: Number(row["base"]),
      toOffset: Number(row["base"]) + Number(row["count"]),
      reason: String(row["reason"]),
      notedAtMs: Number(row["noted_at"]),
    }));
  } finally {
    connection.close();
  }
}
