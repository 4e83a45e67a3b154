// The bugs that the simulation must find: each a patch of a copy of the sources, what it stands
// for, and a seed that catches it. The plants are listed for people in
// docs/reference/planted-bugs.md.
import type { Change } from "../planted-copy.ts";

/** One bug. */
export interface Plant {
  readonly bug: string;
  /** What it is like: a row of the list of bugs in well-known systems, or one fixed here. */
  readonly like: string;
  readonly changes: readonly Change[];
  /** The first seed, from 1 on, that catches it: a short run begins there. */
  readonly caughtBy: number;
  /** What the run must say. */
  readonly finds: RegExp;
}

const journal = "src/adapters/embedded/journal";

/** Most seeds after which each of them must be caught. */
export const seedsToCatchMax = 2_000;

export const plants: readonly Plant[] = [
  {
    bug: "a publish is acknowledged before its commit",
    like: "row 1: acknowledged and lost",
    changes: [
      {
        file: "src/bus/appends.ts",
        find: "const results = await transport.append(batches.map((each) => each.batch));",
        replace: `void transport.append(batches.map((each) => each.batch)).catch(() => undefined);
      const results = batches.map(() => ({ firstOffset: 0 }) as AppendResult);`,
      },
    ],
    caughtBy: 1,
    finds: /lost|inconsistent-offset/,
  },
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
    caughtBy: 14,
    finds: /aborted-read|duplicate/,
  },
  {
    bug: "a dead letter is written, and its message is not acknowledged",
    like: "row 12: poison messages that loop for ever",
    changes: [
      {
        file: "src/delivery/outcomes.ts",
        find:
          'this.#note({ batch, position }, "failed", verdict.reason);\n' +
          "    this.#settler.ack(batch, position, open);",
        replace:
          'this.#note({ batch, position }, "failed", verdict.reason);\n' +
          "    if (batch.stored.offsetAt(record) % 3 !== 0)\n" +
          "      this.#settler.ack(batch, position, open);\n" +
          "    else this.#keep({ batch, position, open } as HandlerRun, 1, 0, []);",
      },
    ],
    caughtBy: 1,
    finds: /dead letters|stuck|non-monotonic/,
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
    caughtBy: 7,
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
    bug: "several messages of a key are handled at once",
    like: "row 9: messages of a key in another order",
    changes: [
      {
        file: "src/delivery/dispatcher.ts",
        find: "if (this.#out[slot] === 0) {",
        replace: "if (this.#out[slot] === 0 || position % 5 === 0) {",
      },
    ],
    caughtBy: 2,
    finds: /while|reorder|had its effect/,
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
    caughtBy: 6,
    finds: /inconsistent-offset|reorder/,
  },
];
