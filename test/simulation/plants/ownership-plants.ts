// Planted bugs of ownership: leases, cursors that are handed over, processes that are gone.
import type { Plant } from "./plant.ts";

const journal = "src/adapters/embedded/journal";
const transport = "src/adapters/embedded/transport";

/** See the head of this file. */
export const ownershipPlants: readonly Plant[] = [
  {
    bug: "a range that changes hands goes back by one message",
    like: "row 14: back in time after a partition",
    changes: [
      {
        file: `${journal}/groups.ts`,
        find: "cursors.push({ priority, position: cursor.position });",
        replace: "cursors.push({ priority, position: Math.max(0, cursor.position - 1) });",
      },
    ],
    caughtBy: 1,
    finds: /effects|duplicate|non-monotonic|handled/,
  },
  {
    bug: "a range that changes hands begins one message further on",
    like: "row 14: events lost over a change of hands",
    changes: [
      {
        file: `${journal}/groups.ts`,
        find: "cursors.push({ priority, position: cursor.position });",
        replace: "cursors.push({ priority, position: cursor.position + 1 });",
      },
    ],
    caughtBy: 1,
    finds: /neither|lost|stuck|effects/,
  },
  {
    bug: "a process that was taken for dead does not put its members back",
    like: "fixed here: members without a process (0898614)",
    changes: [
      {
        file: `${journal}/members.ts`,
        find: '(id, grp, process) SELECT ?, id, ? FROM grp WHERE id = ?",',
        replace: '(id, grp, process) SELECT ?, id, ? FROM grp WHERE id = -?",',
      },
    ],
    caughtBy: 1,
    finds: /stuck/,
  },
  {
    bug: "nobody notices that a process is silent",
    like: "row 8: consumers that are stuck",
    changes: [
      {
        file: `${journal}/processes.ts`,
        find: "if ((silent && !interrupted) || this.#gone.has(bell)) dead.push({ id, beat });",
        replace: "if (!silent && this.#gone.has(bell)) dead.push({ id, beat });",
      },
    ],
    caughtBy: 1,
    finds: /stuck/,
  },
  {
    bug: "how often a message failed is forgotten when its range changes hands",
    like: "row 12: poison messages that loop for ever",
    changes: [
      {
        file: `${transport}/lane-tracker.ts`,
        find: "tracked.setEntry(record, { attempt, dueAtMs, reason });",
        replace: "tracked.setEntry(record, { attempt: Math.min(attempt, 0), dueAtMs, reason });",
      },
    ],
    caughtBy: 1,
    finds: /attempt/,
  },
  {
    bug: "a group goes on reading behind the furthest of its ranges",
    like: "row 14: events lost by a reader that is behind",
    changes: [
      {
        file: `${transport}/lane-tracker.ts`,
        find: "if (lowest === undefined || offset < lowest) lowest = offset;",
        replace: "if (lowest === undefined || offset > lowest) lowest = offset;",
      },
    ],
    caughtBy: 4,
    finds: /neither|lost|stuck/,
  },
];
