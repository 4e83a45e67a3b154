// The rows of the table of error codes (error-codes.ts) that concern what is stored on a disk: the
// journal, its backups, and what works on their files.
import { type ErrorCodeEntry, row } from "./error-code-entry.ts";

/** Errors of a journal's directory, disk and files. */
export const storageCodes = {
  JOURNAL_FORMAT: row(
    false,
    "definite",
    "The directory was written by a newer version of the library, or is not a journal.",
    "Use the version that wrote it, or another directory; nothing was changed.",
  ),
  JOURNAL_DIRECTORY: row(
    false,
    "definite",
    "The directory cannot be created or written, or lies on a network file system.",
    "Choose a local directory that this user may write.",
  ),
  JOURNAL_BUSY: row(
    true,
    "definite",
    "Another process held the journal's write lock longer than `busyTimeoutMs`.",
    "Look for a stopped process with `spillway doctor`, then try again.",
  ),
  JOURNAL_IO: row(
    true,
    "indefinite",
    "The disk reported an error while the journal wrote.",
    "Check the disk; repeat with the same message id: a repeat within the window is stored once.",
  ),
  JOURNAL_FULL: row(
    true,
    "definite",
    "The journal's disk is full, or less than `freeBytesMin` stayed free for `spaceWaitMs`.",
    "Free space on that disk, or shorten retention; then repeat it, all else goes on by itself.",
  ),
  JOURNAL_DAMAGED: row(
    false,
    "definite",
    "Something stored does not match its checksum, or the end of the journal is missing.",
    "Copy the directory and run `spillway verify`; reading goes on, and nothing is deleted.",
  ),
  MESSAGES_GONE: row(
    false,
    "definite",
    "A reader came to messages that were stored and are gone: lost, or damaged and set aside.",
    "Pass `onGap` to read on behind them; get what was lost from where it came from.",
  ),
  JOURNAL_STOPPED: row(
    true,
    "indefinite",
    "The thread that writes the journal ended unexpectedly.",
    "See `cause`; open the journal again and repeat with the same message ids.",
  ),
  INCARNATION_CHANGED: row(
    false,
    "definite",
    "A position was taken from another history of this journal: it was restored from a backup.",
    "Compare what you hold with what the journal holds, then start from a position of this one.",
  ),
  BACKUP_CONFLICT: row(
    false,
    "definite",
    "The directory for a backup, or for a restored journal, already holds something else.",
    "Give another directory; nothing in this one was changed.",
  ),
  BACKUP_INCOMPLETE: row(
    false,
    "definite",
    "The backup was interrupted before it was complete, or lacks what was damaged in the journal.",
    "Run the backup again: it goes on where it stopped. Repair the journal where it is damaged.",
  ),
  BACKUP_IO: row(
    true,
    "definite",
    "The disk of a backup, or of a journal being restored, is full or reported an error.",
    "Free space or check the disk, then run the same again: what is complete stays complete.",
  ),
  TASK_STOPPED: row(
    true,
    "indefinite",
    "A process that worked on a journal's files (backup, restore …) ended unexpectedly.",
    "See the message; run the same again: it goes on where it stopped, or starts anew.",
  ),
} as const satisfies Record<string, ErrorCodeEntry>;
