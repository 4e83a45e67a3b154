// One of several processes that publish the same given ids to one journal at the same time.
// Prints, as one line of JSON, the offset at which each id was said to be stored and how many
// were new.
import { readSync } from "node:fs";
import { JournalCore } from "../../src/adapters/embedded/journal/core.ts";
import type { EngineOptions } from "../../src/adapters/embedded/journal/engine.ts";
import { encodeBatch } from "../../src/adapters/embedded/journal/format.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { seededRandom, systemRandom } from "../../src/kernel/random.ts";
import { OutgoingBatch } from "../../src/message/outgoing-batch.ts";
import { plainUnit } from "./core-rig.ts";

const [directory = "", seed = "1", idsText = "0"] = process.argv.slice(2);
const template = {
  type: "com.acme.sample",
  version: 1,
  source: "race",
  contentType: "application/json",
};
const options: EngineOptions = {
  directory,
  durability: "relaxed",
  leaseMs: 3_000,
  maxBlockedMs: 60_000,
  busyTimeoutMs: 20_000,
  walBytesMax: 67_108_864,
  dedupeWindowMs: 600_000,
  dedupeCountMax: 100_000,
};
const core = new JournalCore({
  clock: systemClock,
  random: systemRandom,
  bell: "",
  onNotice: () => undefined,
  progress: () => systemClock.monotonicMs(),
});
core.handle("open", { options });
core.handle("declare", {
  channel: { name: "orders", partitions: 4, retention: {}, compression: "none" },
});

// All of them are open before any of them publishes.
console.log("ready");
readSync(0, new Uint8Array(1));
const random = seededRandom(Number(seed));
const ids = Array.from({ length: Number(idsText) }, (_, n) => ({ n, order: random.uint32() }))
  .sort((left, right) => left.order - right.order)
  .map(({ n }) => n);
const offsets: Record<string, number> = {};
let fresh = 0;
while (ids.length > 0) {
  const taken = ids.splice(0, 1 + (random.uint32() % 20));
  const batch = new OutgoingBatch("orders", "normal", systemRandom);
  for (const n of taken) batch.add(template, `{"n":${n}}`, 1, undefined, undefined, `id-${n}`);
  const { results } = core.handle("transact", {
    units: [
      plainUnit([
        {
          channel: "orders",
          priority: "normal",
          count: batch.count,
          hasGivenIds: true,
          blob: encodeBatch(batch),
          dueAtMs: undefined,
          isOptional: false,
        },
      ]),
    ],
  });
  const [result] = results;
  if (result?.kind !== "committed") throw new Error("refused");
  const [{ firstOffset, exceptions } = { firstOffset: -1, exceptions: [] }] = result.appended;
  const repeats = new Map(exceptions);
  let next = firstOffset;
  for (const [index, n] of taken.entries()) {
    const repeat = repeats.get(index);
    if (typeof repeat === "string") throw new Error(repeat);
    if (repeat === undefined) fresh++;
    offsets[`id-${n}`] = repeat ?? next++;
  }
}
core.handle("close", {});
console.log(JSON.stringify({ fresh, offsets }));
