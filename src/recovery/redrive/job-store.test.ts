// Two processes that change one redrive.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory } from "../../adapters/memory/index.ts";
import { seededRandom } from "../../kernel/random.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { LetterBox } from "../dead-letters/letter-box.ts";
import { changesMax, JobStore } from "./job-store.ts";
import type { RedriveJob } from "./redrive-job.ts";

const job: RedriveJob = {
  id: "job",
  letters: "orders.dead-letters",
  state: "running",
  stopReason: undefined,
  filter: {},
  rules: {},
  startedAtMs: 0,
  updatedAtMs: 0,
  selected: 9,
  redriven: 0,
  resolved: 0,
  failed: 0,
  skipped: 0,
  end: 9,
  types: undefined,
  edit: undefined,
  runner: "first",
};

/** A store, and a job begun in it; `other` belongs to another process. */
async function begun(): Promise<{ readonly store: JobStore; readonly other: JobStore }> {
  const transport = memory();
  await transport.open({ clock: new VirtualClock(), random: seededRandom(1), name: "test" });
  await transport.declare({ name: "orders", partitions: 1, retention: {}, compression: "none" });
  const box = new LetterBox(transport, "orders", "dead-letter");
  const [store, other] = [await JobStore.open(box), await JobStore.open(box)];
  await store.begin(job, await store.last());
  return { store, other };
}

test("a job is changed although its runner writes between the look and the change", async () => {
  const { store, other } = await begun();
  const { version } = await store.last();
  let moved: Promise<unknown> | undefined;
  const changed = await store.changeLast((last) => {
    assert.ok(last !== undefined);
    moved ??= other.write({ ...job, redriven: 5 }, version);
    return { ...last, runner: "second" };
  });
  await moved;
  assert.deepEqual([changed.before?.redriven, changed.before?.runner], [5, "first"]);
  assert.deepEqual([changed.job.redriven, changed.job.runner], [5, "second"]);
  assert.deepEqual(await store.last(), { ...(await other.last()), job: changed.job });
  await assert.rejects(other.write(job, version), { code: "REDRIVE_TAKEN_OVER" });
});

test("a job that never stands still is given up after changesMax looks", async () => {
  const { store, other } = await begun();
  let looks = 0;
  let { version } = await store.last();
  let writing: Promise<unknown> = Promise.resolve();
  const change = store.changeLast((last) => {
    looks++;
    const expected = version;
    writing = other.write({ ...job, redriven: looks }, expected).then((next) => (version = next));
    return last ?? job;
  });
  await assert.rejects(change, { code: "REDRIVE_TAKEN_OVER" });
  await writing;
  assert.equal(looks, changesMax);
});
