// Random sequences of port operations are played on memory(), the reference model, and on another
// adapter; at each step both must show the same. A failure prints its seed and the shortest
// sequence that was found; SPILLWAY_SEED=<number> plays the same sequences again.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import * as fc from "fast-check";
import { ContractRun } from "../../src/testing/contract-suites/contract-run.ts";
import type { TransportUnderTest } from "../../src/testing/contract-suites/transport-under-test.ts";
import { type Operation, Player, sequences } from "./port-operations.ts";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { directSubject, memorySubject, threadSubject } from "./subjects.ts";

const seed = Number(process.env["SPILLWAY_SEED"] ?? 20_260_101);

/** Plays one sequence on both, step by step. */
async function compare(subject: TransportUnderTest, operations: readonly Operation[]) {
  const runs = [await ContractRun.start(memorySubject), await ContractRun.start(subject)];
  try {
    const [model, other] = runs.map((run) => new Player(run)) as [Player, Player];
    await model.start();
    await other.start();
    for (const [step, operation] of [...operations, { kind: "stats" } as const].entries()) {
      const expected = await model.play(operation);
      const found = await other.play(operation);
      assert.deepEqual(found, expected, `step ${step}: ${operation.kind}`);
    }
  } finally {
    for (const run of runs) await run.end();
  }
}

async function check(subject: TransportUnderTest, numRuns: number): Promise<void> {
  const property = fc.asyncProperty(sequences, (operations) => compare(subject, operations));
  await fc.assert(property, { seed, numRuns, endOnFailure: false });
}

const runs = new Map([
  [directSubject, isLongRun ? 2_000 : 100],
  [threadSubject, isLongRun ? 400 : 20],
]);

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);
let sequencesPlayed = 0;

for (const [subject, numRuns] of runs) {
  test(`${subject.name} shows the same as memory (seed ${seed}, ${numRuns} runs)`, async () => {
    await check(subject, numRuns);
    sequencesPlayed += numRuns;
  });
}

after(async () => {
  const violations = sequencesPlayed === sum([...runs.values()]) ? [] : ["see the test's output"];
  await recordEvidence("differential", { seed, counts: { sequencesPlayed }, violations });
});

test("a forgotten acknowledgement is found by comparing", async () => {
  const forgetful: TransportUnderTest = {
    ...memorySubject,
    async create(environment) {
      const transport = await memorySubject.create(environment);
      const consume = transport.consume.bind(transport);
      let commits = 0;
      transport.consume = async (options) => {
        const consumer = await consume(options);
        const commit = consumer.commit.bind(consumer);
        consumer.commit = (unit) => {
          const isForgotten = unit.settlements.length > 0 && ++commits === 2;
          return commit(isForgotten ? { ...unit, settlements: [] } : unit);
        };
        return consumer;
      };
      return transport;
    },
  };
  await assert.rejects(check(forgetful, 200), /seed: \d+/);
});
