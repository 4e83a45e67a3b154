// Members of one group come, handle some messages, give some back, and go, in random order. At the
// end every message was acknowledged exactly once, and each key's messages in the order of storing.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Consumer } from "../../src/ports/transport.ts";
import { ContractRun } from "../../src/testing/contract-suites/contract-run.ts";
import { numbered, type Taken } from "../../src/testing/contract-suites/contract-words.ts";
import type { TransportUnderTest } from "../../src/testing/contract-suites/transport-under-test.ts";
import { isLongRun } from "../evidence.ts";
import { directSubject, memorySubject } from "./subjects.ts";

const seed = Number(process.env["SPILLWAY_SEED"] ?? 20_260_102);
const membersMax = 5;

type Step =
  | { readonly kind: "append"; readonly count: number }
  | { readonly kind: "join" }
  | { readonly kind: "reopen" }
  | { readonly kind: "leave"; readonly member: number }
  | { readonly kind: "fetch"; readonly member: number; readonly count: number }
  | { readonly kind: "handle"; readonly member: number; readonly count: number };

const member = fc.nat({ max: membersMax - 1 });
const count = fc.integer({ min: 1, max: 9 });
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof<fc.WeightedArbitrary<Step>[]>(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("append"), count }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("join") }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("leave"), member }) },
    { weight: 16, arbitrary: fc.record({ kind: fc.constant("fetch"), member, count }) },
    { weight: 16, arbitrary: fc.record({ kind: fc.constant("handle"), member, count }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen") }) },
  ),
  { minLength: 30, maxLength: 80, size: "max" },
);

interface Membership {
  readonly consumer: Consumer;
  /** Fetched and not yet handled, in order. */
  readonly waiting: Taken[];
}

/** One group on one channel of several ranges, and what was acknowledged so far. */
class Group {
  readonly #run: ContractRun;
  readonly #members: Membership[] = [];
  readonly acknowledged: Taken[] = [];
  appended = 0;

  constructor(run: ContractRun) {
    this.#run = run;
  }

  async step(step: Step): Promise<void> {
    if (step.kind === "append") return this.append(step.count);
    if (step.kind === "join") return this.join();
    if (step.kind === "reopen") return this.#reopen();
    const membership = this.#members[step.member % Math.max(1, this.#members.length)];
    if (membership === undefined) return;
    if (step.kind === "leave") await this.#leave(membership);
    else if (step.kind === "fetch") await this.#fetch(membership, step.count);
    else await this.#handle(membership, step.count);
  }

  async append(count: number): Promise<void> {
    const drafts = numbered("m", count).map((_, index) => {
      const place = this.appended + index;
      return { payload: `m-${place}`, key: `key-${place % 11}` };
    });
    this.appended += count;
    await this.#run.publish("one", drafts);
  }

  async join(): Promise<void> {
    if (this.#members.length === membersMax) return;
    this.#members.push({ consumer: await this.#run.join("one", "group"), waiting: [] });
  }

  async #leave(membership: Membership): Promise<void> {
    this.#members.splice(this.#members.indexOf(membership), 1);
    await membership.consumer.close();
  }

  async #fetch({ consumer, waiting }: Membership, count: number): Promise<void> {
    waiting.push(...(await this.#run.takeSome(consumer, count)));
  }

  async #handle({ consumer, waiting }: Membership, count: number): Promise<void> {
    for (const taken of waiting.splice(0, count)) {
      if (consumer.owns(taken.batch, taken.record)) {
        await this.#run.ack(consumer, [taken]);
        this.acknowledged.push(taken);
      } else consumer.release(taken.batch, taken.record);
    }
  }

  /** All members go; where the store can be opened again, it is. */
  async #reopen(): Promise<void> {
    if (this.#run.transport.capabilities.durable === "no") {
      while (this.#members[0] !== undefined) await this.#leave(this.#members[0]);
      return;
    }
    this.#members.length = 0;
    await this.#run.restart();
  }

  /** Everybody handles until nothing is left. */
  async finish(): Promise<void> {
    if (this.#members.length === 0) await this.join();
    await this.#run.eventually("everything is settled", async () => {
      for (const membership of this.#members) {
        await this.#fetch(membership, 50);
        await this.#handle(membership, Infinity);
      }
      return (await this.#run.groupStatsOf("one", "group")).depth === 0;
    });
  }
}

async function play(subject: TransportUnderTest, sequence: readonly Step[]): Promise<void> {
  const run = await ContractRun.start(subject);
  try {
    await run.declare("one", { partitions: 6 });
    const group = new Group(run);
    await group.append(5);
    for (const step of sequence) await group.step(step);
    await group.finish();
    const offsets = group.acknowledged.map(({ offset }) => offset);
    assert.deepEqual(
      offsets.toSorted((left, right) => left - right),
      Array.from({ length: group.appended }, (_, offset) => offset),
      "every message is acknowledged exactly once",
    );
    const lastOf = new Map<string | undefined, number>();
    for (const { key, offset } of group.acknowledged) {
      assert.ok(offset > (lastOf.get(key) ?? -1), `order of ${key} at offset ${offset}`);
      lastOf.set(key, offset);
    }
  } finally {
    await run.end();
  }
}

for (const subject of [memorySubject, directSubject]) {
  const numRuns = (subject === memorySubject ? 100 : 30) * (isLongRun ? 20 : 1);
  test(`${subject.name}: once each, in order by key (seed ${seed}, ${numRuns} runs)`, async () => {
    const property = fc.asyncProperty(steps, (sequence) => play(subject, sequence));
    await fc.assert(property, { seed, numRuns });
  });
}
