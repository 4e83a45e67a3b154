// Accepting that the end of a journal is lost (docs/adr/0006): one transaction notes the missing
// offsets as gaps, moves each log's end past them and raises the commit number, so that no offset
// and no version is ever given twice; then the tail is written anew. Always true: a journal that
// lacks nothing is not changed; a crash in between leaves it damaged as before, or sound.
import { existsSync } from "node:fs";
import type { Clock } from "../../../kernel/clock.ts";
import type { Random } from "../../../kernel/random.ts";
import { Catalog, laneOf } from "./catalog.ts";
import { type ConnectionOptions, openConnection } from "./connection.ts";
import { damagedJournal, type JournalDamage } from "./damage.ts";
import { walPath } from "./directory.ts";
import { anyLog, insertGap, keepLostLog, lostLogName } from "./gaps.ts";
import { removedUpTo } from "./removed-rows.ts";
import { compareTail, type MissingRange, type TailDifference } from "./tail-compare.ts";
import { readTail, type TailFile } from "./tail-file.ts";
import type { Tail } from "./tail-format.ts";
import { readTailLogs } from "./tail-logs.ts";
import { replaceTail } from "./tail-replace.ts";
import { Writer } from "./writer.ts";

/** What the work needs from its surroundings. */
export interface LossEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly busyTimeoutMs: number;
}

/** What was accepted; the number of the last commit that is there, and of the last that was. */
export interface LossAccepted extends TailDifference {
  readonly commit: number;
  readonly commitBefore: number;
}

/** Accepts the loss; throws JOURNAL_DAMAGED where more than the journal's end is wrong. */
export function acceptLossOf(
  directory: string,
  damage: JournalDamage,
  { clock, random, busyTimeoutMs }: LossEnvironment,
): LossAccepted {
  if (!damage.isLoss) throw damagedJournal(directory, damage);
  const options: ConnectionOptions = { clock, durability: "fsync", busyTimeoutMs };
  const connection = openConnection(directory, "writer", options);
  const onWaiting = (): void => undefined;
  let tail: TailFile | undefined;
  try {
    const writer = new Writer(connection, { clock, random, busyTimeoutMs, onWaiting });
    const incarnation = writer.meta("incarnation");
    const accepted = writer.transaction("accepting a loss", () => accept(directory, writer, clock));
    tail = replaceTail(directory, {
      incarnation,
      commit: writer.commitNumber,
      logs: readTailLogs((sql) => writer.all(sql)),
    });
    writer.close();
    // SQLite deletes the write-ahead log once it copied all of it.
    if (!existsSync(walPath(directory))) tail.writeCopied(incarnation, writer.commitNumber);
    tail.sync();
    return accepted;
  } finally {
    tail?.close();
    if (connection.isOpen) connection.close();
  }
}

/** Compares again, under the write lock: somebody may have been first. */
function accept(directory: string, writer: Writer, clock: Clock): LossAccepted {
  const { tail } = readTail(directory);
  const commit = Number(writer.meta("commit"));
  const incarnation = writer.meta("incarnation");
  const logs = readTailLogs((sql) => writer.all(sql));
  const removed = removedUpTo(writer);
  const none: TailDifference = { otherIncarnation: false, commits: 0, missing: [] };
  const difference =
    tail === undefined ? none : compareTail(tail, { incarnation, commit, logs }, removed);
  const accepted = { ...difference, commit, commitBefore: commit + difference.commits };
  if (tail === undefined || difference.otherIncarnation) return accepted;
  const nowMs = clock.wallMs();
  const catalog = new Catalog(writer);
  for (const range of difference.missing) noteGap(writer, catalog, range, nowMs);
  if (commit < tail.unlistedCommit) keepUnknownLogs(writer, tail, nowMs);
  catalog.flush();
  writer.commitNumber = Math.max(writer.commitNumber, tail.commit + 1);
  return accepted;
}

function noteGap(writer: Writer, catalog: Catalog, range: MissingRange, nowMs: number): void {
  const { channel, priority, log, fromOffset, toOffset } = range;
  const lane = laneOf(priority);
  const known = catalog.channels().find(({ name }) => name === channel);
  const head = known === undefined ? undefined : catalog.existing(known, lane);
  // The log, and perhaps its channel, was made by a commit that is lost.
  if (head?.id !== log) {
    return keepLostLog(writer, lostLogName(channel, lane), { end: toOffset, notedAtMs: nowMs });
  }
  const count = toOffset - fromOffset;
  insertGap(writer, { log, base: fromOffset, count, reason: "lost", noted_at: nowMs });
  head.end = toOffset;
  catalog.change(head);
}

/** The tail had no room for every log: of those that are gone with their rows it knows one end. */
function keepUnknownLogs(writer: Writer, tail: Tail, nowMs: number): void {
  keepLostLog(writer, anyLog, { end: tail.unlistedEnd, notedAtMs: nowMs });
}
