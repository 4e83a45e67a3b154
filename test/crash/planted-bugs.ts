// The bugs that are planted into a copy of the sources, and what must find each of them.
import type { Change } from "../planted-copy.ts";

type Suite =
  | "crash"
  | "faults"
  | "fsync"
  | "locks"
  | "ownership"
  | "power-cut"
  | "recovery"
  | "resequence";

/** One bug. */
export interface Plant {
  readonly bug: string;
  readonly changes: readonly Change[];
  /** The suite in test/crash that must fail, and which of its tests. */
  readonly suite: Suite;
  readonly testName: string;
  /** Where messages stay unsettled for ever: how long the suite waits for them, not its 30 s. */
  readonly drainMs?: number;
  /** What its output must say. */
  readonly finds: RegExp;
}

const journal = "src/adapters/embedded/journal";

export const plants: readonly Plant[] = [
  {
    bug: "synchronous=NORMAL on the writing connection",
    changes: [
      {
        file: `${journal}/connection.ts`,
        find: 'durability === "fsync" ? 2 : 1',
        replace: "1",
      },
    ],
    suite: "fsync",
    testName: "no publish resolves",
    finds: /resolved before a sync/,
  },
  {
    bug: "synchronous=NORMAL on the writing connection, and the power goes",
    changes: [
      {
        file: `${journal}/connection.ts`,
        find: 'durability === "fsync" ? 2 : 1',
        replace: "1",
      },
    ],
    suite: "power-cut",
    testName: "power cuts",
    // Four ways to be seen: by the ids that are gone; by settled messages that come again; where
    // all of the journal is gone, before the first acknowledgement or after it; where the disk kept
    // a newer `tail` than database.
    finds: /lost: \S+ was|which \S+ had settled|nothing was stored|AtCut":[1-9][^]*are missing/,
  },
  {
    bug: "a publish is acknowledged before its commit",
    changes: [
      {
        file: "src/bus/appends.ts",
        find: "const results = await transport.append(batches.map((each) => each.batch));",
        replace: `void transport.append(batches.map((each) => each.batch)).catch(() => undefined);
      const results = batches.map(() => ({ firstOffset: 0 }) as AppendResult);`,
      },
    ],
    suite: "fsync",
    testName: "no publish resolves",
    finds: /resolved before a sync/,
  },
  {
    bug: "a file of the database is opened by path in a process that writes it",
    changes: [
      {
        file: `${journal}/writer.ts`,
        find: 'this.connection.exec("BEGIN IMMEDIATE");',
        replace: `this.connection.exec("BEGIN IMMEDIATE");
        process.getBuiltinModule("fs").readFileSync(\`\${this.connection.location()}-shm\`);`,
      },
    ],
    suite: "locks",
    testName: "while one process has the write lock",
    finds: /a second process got the write lock/,
  },
  {
    bug: "the cursor of one range is not moved",
    changes: [
      {
        file: `${journal}/units.ts`,
        find: "this.#pending.moveCursor(member.group, log, range, position);",
        replace: "if (range !== 1) this.#pending.moveCursor(member.group, log, range, position);",
      },
    ],
    suite: "crash",
    testName: "crash cycles",
    drainMs: 10_000,
    finds: /ledger: account|which \S+ had settled|stuck|order: /,
  },
  {
    bug: "the fence is not looked at",
    changes: [
      {
        file: `${journal}/units.ts`,
        find:
          "if (lease !== undefined && lease.epoch === epoch && " +
          "lease.member === member.id) continue;",
        replace: "if (lease !== undefined) continue;",
      },
    ],
    suite: "ownership",
    testName: "frozen process",
    finds: /the late commit was accepted/,
  },
  {
    bug: "what was settled is committed apart from its effects",
    changes: [
      {
        file: `${journal}/units.ts`,
        find: "this.#settle(unit, member);",
        replace:
          "if (unit.state.length > 0) this.late.push(() => this.#settle(unit, member));\n" +
          "    else this.#settle(unit, member);",
      },
      {
        file: `${journal}/units.ts`,
        find: "  readonly #writer: Writer;",
        replace: "  late: (() => void)[] = [];\n  readonly #writer: Writer;",
      },
      {
        file: `${journal}/units.ts`,
        find: "return this.#limits.counting(() =>",
        replace: `queueMicrotask(() => {
        const late = this.late;
        this.late = [];
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
        if (late.length === 0) return;
        this.#writer.transaction("settling", () => late.forEach((each) => each()));
      });
      return this.#limits.counting(() =>`,
      },
    ],
    suite: "crash",
    testName: "crash cycles",
    // Repeated effects, settled messages that come again, or messages that are never settled.
    finds: /ledger: account|which \S+ had settled|stuck: /,
  },
  {
    bug: "the reader does not look at checksums",
    changes: [
      {
        file: "src/adapters/embedded/transport/reader.ts",
        find: "if (batchCrc(head, data) !== crc) {",
        replace: "if (batchCrc(head, data) === -1) {",
      },
    ],
    suite: "faults",
    testName: "cases, seed",
    finds: /wrong read: /,
  },
  {
    bug: "a journal is not compared with its tail",
    changes: [
      {
        file: `${journal}/soundness.ts`,
        find: "const losses = lossReasons(difference);",
        // The suite itself needs one loss, of a journal that is hardly begun.
        replace: "const losses = commit < 60 ? lossReasons(difference) : [];",
      },
    ],
    suite: "faults",
    testName: "cases, seed",
    finds: /it says nothing/,
  },
  {
    bug: "repair leaves a batch out",
    changes: [
      {
        file: "src/adapters/embedded/inspection/salvage/log-rebuild.ts",
        find: "store(batch: FoundBatch): void {",
        replace: "store(batch: FoundBatch): void {\n    if (batch.base % 5 === 3) return;",
      },
    ],
    suite: "faults",
    testName: "cases, seed",
    finds: /is lost, and no fault touched it/,
  },
  // What a process does wrong itself shows as well that its suite would tell.
  {
    bug: "a job that was done leaves nothing",
    changes: [
      {
        file: "test/crash/fixtures/fragile.ts",
        find: "return Done.message({ key: data.key, n: data.n });",
        replace: "return data.n === 31 ? undefined : Done.message({ key: data.key, n: data.n });",
      },
    ],
    suite: "recovery",
    testName: "policies survive",
    finds: /lost: group workers: job 31 /,
  },
  {
    bug: "a measurement is recorded before the one in front of it",
    changes: [
      {
        file: "test/crash/fixtures/resequencer.ts",
        find: "return Recorded.message(message.data);",
        replace:
          "const { meter, n } = message.data;\n" +
          "    const at = n === 5 ? 6 : n === 6 ? 5 : n;\n" +
          "    return Recorded.message({ meter, n: at });",
      },
    ],
    suite: "resequence",
    testName: "each key comes out whole",
    finds: /reorder: group \S+: meter \d 5 of key /,
  },
];
