// Planted bugs of the journal: appends, units, state, ids, delayed messages.
import type { Plant } from "./plant.ts";

const journal = "src/adapters/embedded/journal";

/** See the head of this file. */
export const journalPlants: readonly Plant[] = [
  {
    bug: "the fence is not looked at",
    like: "row 11: a lease without a fencing token",
    changes: [
      {
        file: `${journal}/units.ts`,
        find:
          "if (lease !== undefined && lease.epoch === epoch && " +
          "lease.member === member.id) continue;",
        replace: "if (lease !== undefined) continue;",
      },
    ],
    caughtBy: 6,
    finds: /effects|results|reorder|duplicate|neither|had its effect/,
  },
  {
    bug: "the cursor of one range is not moved",
    like: "row 10: what was committed is handled again",
    changes: [
      {
        file: `${journal}/units.ts`,
        find: "this.#pending.moveCursor(member.group, log, range, position);",
        replace: "if (range !== 1) this.#pending.moveCursor(member.group, log, range, position);",
      },
    ],
    caughtBy: 2,
    finds: /stuck|effects/,
  },
  {
    bug: "failed messages are not noted as open",
    like: "row 8: acknowledged messages lost without a fault",
    changes: [
      {
        file: `${journal}/units.ts`,
        find: "this.#pending.setOpen(member.group, log, range, base, entries);",
        replace:
          "if (entries === null) this.#pending.setOpen(member.group, log, range, base, null);",
      },
    ],
    caughtBy: 1,
    finds: /neither|lost|effects|results/,
  },
  {
    bug: "what was settled is committed without its state",
    like: "row 13: a transaction that is torn",
    changes: [
      {
        file: `${journal}/units.ts`,
        find: "if (value === undefined) continue;",
        replace: "if (value === undefined || version % 7 === 3) continue;",
      },
    ],
    caughtBy: 1,
    finds: /effects/,
  },
  {
    bug: "a failure of the disk is taken for a definite one",
    like: "row 10: definite and indefinite failures are not told apart",
    changes: [
      {
        file: `${journal}/sqlite-errors.ts`,
        find: '      "same message id",\n    { cause: error },',
        replace: '      "same message id",\n    { cause: error, certainty: "definite" },',
      },
    ],
    caughtBy: 2,
    finds: /aborted-read|duplicate/,
  },
  {
    bug: "repeats of a given id are not looked for",
    like: "row 6: deduplication that forgets",
    changes: [
      {
        file: `${journal}/append.ts`,
        find: "if (!append.hasGivenIds && room >= count) {",
        replace: "if (room >= count) {",
      },
    ],
    caughtBy: 1,
    finds: /duplicate/,
  },
  {
    bug: "a state row that others changed is overwritten",
    like: "row 9: lost updates",
    changes: [
      {
        file: `${journal}/units.ts`,
        find: "if (!matches(member, expected, actual, table, key)) return",
        replace: "if (!matches(member, expected, actual, table, key) && actual < 0) return",
      },
    ],
    caughtBy: 7,
    finds: /effects/,
  },
  {
    bug: "the log's new end is wrong by one after a large batch",
    like: "row 5: publishing goes on at a wrong offset",
    changes: [
      {
        file: `${journal}/append.ts`,
        find: "head.end += count;",
        replace: "head.end += count > 9 ? count - 1 : count;",
      },
    ],
    caughtBy: 4,
    finds: /inconsistent-offset|reorder|stuck/,
  },
  {
    bug: "a message that is due is removed from the delayed ones only later",
    like: "row 14: one event, told twice",
    changes: [
      {
        file: `${journal}/timers.ts`,
        find: '      this.#writer.run("DELETE FROM timer WHERE id = ?", row.id);',
        replace:
          "      if (nowMs - dueAtMs > 120)\n" +
          '        this.#writer.run("DELETE FROM timer WHERE id = ?", row.id);',
      },
    ],
    caughtBy: 2,
    finds: /duplicate/,
  },
  {
    bug: "of delayed messages that are due at once only one is moved",
    like: "row 8: acknowledged messages lost without a fault",
    changes: [
      {
        file: `${journal}/timers.ts`,
        find: "batch.records.push(record);",
        replace: "if (batch.records.length < 1) batch.records.push(record);",
      },
    ],
    caughtBy: 2,
    finds: /lost/,
  },
  {
    bug: "what a refused unit publishes is stored",
    like: "row 7: what an aborted transaction wrote is read",
    changes: [
      {
        file: `${journal}/units.ts`,
        find: "      this.#poison(unit, member);\n      return refusal;",
        replace:
          '      if (refusal.kind !== "full") this.#append(prepared, true);\n' +
          "      this.#poison(unit, member);\n      return refusal;",
      },
    ],
    caughtBy: 1,
    finds: /results|dead letters|duplicate|fired twice/,
  },
  {
    bug: "batches are cached without the log to which they belong",
    like: "row 14: a cache that tells of other events",
    changes: [
      {
        file: "src/adapters/embedded/transport/batch-cache.ts",
        find: "    const key = `${log}:${base}`;",
        replace: "    const key = `${Math.min(log, 1)}:${base}`;",
      },
      {
        file: "src/adapters/embedded/transport/batch-cache.ts",
        find: "    const key = `${log}:${batch.base}`;",
        replace: "    const key = `${Math.min(log, 1)}:${batch.base}`;",
      },
    ],
    caughtBy: 1,
    finds: /phantom|inconsistent-offset|stuck|refused by the product/,
  },
  {
    bug: "a reader that waited goes on with the newest message",
    like: "row 14: events of a watch that are lost",
    changes: [
      {
        file: "src/adapters/embedded/transport/read-log.ts",
        find: "      await nextChange(feed, signal);\n",
        replace:
          "      await nextChange(feed, signal);\n" +
          "      offset = Math.max(offset, (feed.ends[lane] as number) - 1);\n",
      },
    ],
    caughtBy: 1,
    finds: /tail-not-replay/,
  },
];
