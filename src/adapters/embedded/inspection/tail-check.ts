// Whether a journal ends where its tail file says it must (docs/adr/0006). Always true: what
// others commit while it looks is never taken for a difference.
import type { Connection, ConnectionOptions } from "../journal/connection.ts";
import { retryWhileBusy } from "../journal/connection.ts";
import { removedUpToSql } from "../journal/removed-rows.ts";
import { compareTail, type MissingRange } from "../journal/tail-compare.ts";
import type { TailReading } from "../journal/tail-file.ts";
import { readTailLogs } from "../journal/tail-logs.ts";
import type { FindingList } from "./finding.ts";
import { Snapshot } from "./snapshot.ts";

/** Compares a tail that was read before with the journal as it is now. */
export function checkTail(
  reading: TailReading,
  connection: Connection,
  findings: FindingList,
  options: ConnectionOptions,
): void {
  const { state, tail } = reading;
  if (tail === undefined) {
    findings.add(
      "tail-unreadable",
      `the file 'tail', which knows where the journal ends: ${state}`,
    );
    return;
  }
  const snapshot = new Snapshot(connection);
  const difference = retryWhileBusy("reading the journal", options, () =>
    snapshot.within(() => {
      const meta = snapshot.read<{ name: string; value: string }>("SELECT name, value FROM meta");
      const values = new Map(meta.rows.map(({ name, value }) => [name, value]));
      const now = {
        incarnation: values.get("incarnation") ?? tail.incarnation,
        commit: Number(values.get("commit") ?? tail.commit),
        logs: readTailLogs((sql) => snapshot.read(sql).rows),
      };
      const removed = snapshot.first<{ value: string }>(removedUpToSql)?.value ?? 0;
      return compareTail(tail, now, Number(removed));
    }),
  );
  if (difference.otherIncarnation) {
    findings.add(
      "tail-ahead",
      "the file 'tail' belongs to another journal, or to another life of it",
    );
  }
  if (difference.commits > 0) {
    findings.add("tail-ahead", `the last ${difference.commits} commits are missing`);
  }
  for (const range of difference.missing) findings.addRange("tail-ahead", whyOf(range), range);
}

function whyOf({ exact }: MissingRange): string {
  return exact ? "stored, and missing at the end" : "missing at the end, at most so many";
}
