// The contract of shared rates: what members of one transport start together, each asking for
// itself, is never more than the rate allows. By the port it is state that is changed by compare
// and set.
import assert from "node:assert/strict";
import { rateLimit, type RateLimitOptions } from "../../flow/rate-limit.ts";
import { ratesPlace, SharedRates, sweepMs } from "../../flow/shared/shared-rates.ts";
import type { Bucket } from "../../flow/token-bucket.ts";
import type { Transport } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";

const requires = ["atomicUnit"] as const;
const refusal = "assertSupported() of the rate";
const name = "bank";

/** Somebody with messages that wait for a shared rate: starts one whenever there is a token. */
class Asker {
  readonly startsMs: number[] = [];
  readonly rates: SharedRates;
  readonly #run: ContractRun;
  readonly #options: RateLimitOptions;
  readonly #buckets = new Map<string | undefined, Bucket>();

  constructor(run: ContractRun, transport: Transport, options: RateLimitOptions) {
    this.rates = new SharedRates({ transport, clock: run.clock, random: run.random });
    this.rates.assertSupported(name);
    this.#run = run;
    this.#options = options;
  }

  /** So many messages wait, of one value. */
  wants(count: number, value?: string): Bucket {
    let bucket = this.#buckets.get(value);
    if (bucket === undefined) {
      const rate = rateLimit({ ...this.#options, shared: name });
      bucket = this.rates.bucketOf(rate, name, value, (told) => this.#start(told));
      this.#buckets.set(value, bucket);
    }
    bucket.waiting += count;
    this.#start(bucket);
    return bucket;
  }

  #start(bucket: Bucket): void {
    const { clock } = this.#run;
    while (bucket.waiting > 0) {
      const nowMs = clock.monotonicMs();
      const atMs = bucket.availableAtMs(1, nowMs);
      if (atMs > nowMs) {
        if (atMs < Infinity) clock.after(atMs - nowMs, () => this.#start(bucket));
        return;
      }
      bucket.waiting--;
      bucket.take(nowMs);
      this.startsMs.push(nowMs);
    }
  }
}

/** Asserts that a bucket of the rate was never asked for more than it had. */
function assertKept(askers: readonly Asker[], perSecond: number, burst: number): void {
  const startsMs = askers.flatMap((asker) => asker.startsMs).sort((a, b) => a - b);
  let tokens = burst;
  for (const [at, atMs] of startsMs.entries()) {
    const passedMs = atMs - (startsMs[at - 1] ?? atMs);
    tokens = Math.min(burst, tokens + (passedMs * perSecond) / 1_000) - 1;
    assert.ok(tokens > -1e-6, `start ${at + 1} of ${startsMs.length} has no token left`);
  }
}

const startedBy = (askers: readonly Asker[]): number =>
  askers.reduce((sum, { startsMs }) => sum + startsMs.length, 0);

async function rowsOf({ transport }: ContractRun): Promise<string[]> {
  const keys: string[] = [];
  const entries = transport.state?.entries(ratesPlace, name) ?? [];
  for await (const { key } of entries) keys.push(key);
  return keys;
}

/** What shared rates promise. */
export const rateCases: readonly ContractCase[] = [
  {
    name: "shared rate: three that ask start no more together than one may, and use most of it",
    requires,
    refusal,
    async run(run) {
      const options = { perSecond: 200, burst: 40 };
      const askers = [1, 2, 3].map(() => new Asker(run, run.transport, options));
      for (const asker of askers) asker.wants(10_000);
      await run.eventually("two seconds' worth", () => startedBy(askers) >= 400);
      for (const { rates } of askers) rates.close();
      assertKept(askers, 200, 40);
      for (const { startsMs } of askers) assert.ok(startsMs.length > 0, "each gets some");
    },
  },
  {
    name: "shared rate: processes that ask start no more together than one may",
    requires: ["atomicUnit", "multiProcess"],
    refusal: "opening the store a second time is refused",
    async run(run) {
      const options = { perSecond: 200, burst: 40 };
      const transports = [run.transport, await run.share()];
      const askers = transports.map((transport) => new Asker(run, transport, options));
      for (const asker of askers) asker.wants(10_000);
      await run.eventually("two seconds' worth", () => startedBy(askers) >= 400);
      for (const { rates } of askers) rates.close();
      assertKept(askers, 200, 40);
      for (const { startsMs } of askers) assert.ok(startsMs.length > 0, "each gets some");
    },
  },
  {
    name: "shared rate: who wants nothing leases nothing, and what was leased is there for others",
    requires,
    refusal,
    async run(run) {
      const [idle, busy] = [1, 2].map(() => {
        return new Asker(run, run.transport, { perSecond: 100, burst: 100 });
      }) as [Asker, Asker];
      idle.wants(1);
      await run.eventually("one start", () => idle.startsMs.length === 1);
      busy.wants(300);
      await run.eventually("300 starts", () => busy.startsMs.length === 300);
      assertKept([idle, busy], 100, 100);
      idle.rates.close();
      busy.rates.close();
      assert.equal(idle.startsMs.length, 1);
    },
  },
  {
    name: "shared rate: each value has a bucket of its own, and rows of full ones are removed",
    requires,
    refusal,
    async run(run) {
      const asker = new Asker(run, run.transport, { perSecond: 1, burst: 1 });
      for (let key = 0; key < 300; key++) asker.wants(1, `key-${key}`);
      await run.eventually("each starts", () => asker.startsMs.length === 300);
      assert.equal((await rowsOf(run)).length, 300);
      if (run.isVirtual) {
        await run.pass(sweepMs);
        asker.wants(1, "another");
        asker.wants(1, "one more");
        await run.pass(10_000);
        asker.wants(1, "the last");
        await run.pass(10_000);
        assert.ok((await rowsOf(run)).length < 10, "rows of full buckets are gone");
      }
      asker.rates.close();
    },
  },
];
