// Whether a database, its write-ahead log and its tail are files of one journal and of one moment:
// pages of two of them all have checksums that are right, and together are neither. Always true: it
// changes nothing; what the database says without its log counts only with its checksum.
import { unreadableJournal } from "./damage.ts";
import { databasePath, walPath } from "./directory.ts";
import { type MetaAlone, metaAlone } from "./meta-alone.ts";
import type { TailReading } from "./tail-file.ts";

/** One look at the files of `directory`; `hasLog`: whether SQLite uses anything of the log. */
export class FilesTogether {
  readonly #directory: string;
  readonly #tail: TailReading;
  readonly #hasLog: boolean;
  /** What the database says without its log, as far as that can be known. */
  readonly #alone: MetaAlone | undefined;

  constructor(directory: string, tail: TailReading, hasLog: boolean) {
    this.#directory = directory;
    this.#tail = tail;
    this.#hasLog = hasLog;
    this.#alone = hasLog ? metaAlone(directory) : undefined;
  }

  /** Throws JOURNAL_DAMAGED where the database is another journal's than its tail. */
  assertTailsOwn(): void {
    const { tail, copied } = this.#tail;
    if (copied === 0 || this.#alone === undefined) return;
    if (this.#alone.incarnation === tail?.incarnation) return;
    const what = `${databasePath(this.#directory)} belongs to another journal than its other files`;
    throw unreadableJournal(this.#directory, what);
  }

  /** The same where its log is another's; `incarnation`: what they say together. */
  assertLogsOwn(incarnation: string): void {
    const path = databasePath(this.#directory);
    if (this.#alone !== undefined) {
      if (this.#alone.incarnation === incarnation) return;
      const what = `${walPath(this.#directory)} belongs to another journal than its database`;
      throw unreadableJournal(this.#directory, what);
    }
    if (!this.#isUnknown || this.#tail.tail?.incarnation === incarnation) return;
    const what = `${path} cannot be read without its write-ahead log, and with it, it is another's`;
    throw unreadableJournal(this.#directory, what);
  }

  /** The same where something is wrong and the database cannot say whose it is. */
  assertKnown(reasons: readonly string[]): void {
    if (!this.#isUnknown || reasons.length === 0) return;
    const what = `${databasePath(this.#directory)} cannot be read without its write-ahead log, and`;
    throw unreadableJournal(this.#directory, `${what} with it: ${reasons.join("; ")}`);
  }

  /** Whether the database was complete once, and does not say any more whose it is. */
  get #isUnknown(): boolean {
    return this.#hasLog && this.#tail.copied !== 0 && this.#alone === undefined;
  }

  /** A database that is older than what was copied into it is not the one its log belongs to. */
  staleness(): string[] {
    const { copied } = this.#tail;
    if (this.#alone === undefined || copied === 0 || this.#alone.commit >= copied) return [];
    return [
      `${databasePath(this.#directory)} is older than its write-ahead log: it holds commit ` +
        `${this.#alone.commit}, and was complete up to ${copied}`,
    ];
  }

  /** Pages of an older log over those of a newer database are a mixture of two states. */
  olderLog(commit: number): string[] {
    const alone = this.#alone?.commit ?? 0;
    if (alone <= commit) return [];
    return [
      `${walPath(this.#directory)} is older than its database: with it the journal is at commit ` +
        `${commit}, without it at ${alone}`,
    ];
  }
}
