// Journals to be damaged: one that was closed, and one as a kill leaves it, with a write-ahead log
// that the database needs. Each with what must be read from it, and with earlier copies of its
// files. Made once; each fault works on a copy.
import assert from "node:assert/strict";
import { join } from "node:path";
import { embedded } from "../../../src/adapters/embedded/index.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { OutgoingBatch } from "../../../src/message/outgoing-batch.ts";
import type { Transport } from "../../../src/ports/transport.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { describeJournal, type JournalDescription } from "../../golden/describe-journal.ts";
import { nextOf, writeJournal, writtenAtMs } from "../../golden/write-journal.ts";
import { copyFiles } from "../../journal/damaged-directories.ts";

/** A journal, and what it was. */
export interface DamageScene {
  readonly name: string;
  readonly directory: string;
  /** Directories with its files as they were earlier. */
  readonly earlier: readonly string[];
  readonly expected: JournalDescription;
}

/** Commits after the last copy that the write-ahead log of the killed journal has. */
const commitsMore = 24;

/** Makes both below `root`. */
export async function makeScenes(root: string): Promise<DamageScene[]> {
  const closed = join(root, "closed");
  await writeJournal(closed);
  const copies = [join(root, "earlier-1"), join(root, "earlier-2")];
  const killed = join(root, "killed");
  await goOn(closed, join(root, "live"), copies, killed);
  const foreign = join(root, "foreign");
  // Another journal altogether.
  await writeJournal(foreign, 8);
  return [
    await sceneOf("closed", closed, copies),
    await sceneOf("killed", killed, [...copies, foreign]),
  ];
}

async function sceneOf(
  name: string,
  directory: string,
  earlier: readonly string[],
): Promise<DamageScene> {
  const copy = `${directory}-expected`;
  copyFiles(directory, copy);
  let status = "";
  const expected = await describeJournal(copy, (transport) => {
    status = transport.health().status;
  });
  assert.equal(status, "ok", `the scene ${name} is sound`);
  return { name, directory, earlier, expected };
}

/** Goes on in a copy of a closed journal, and takes copies while it is open. */
async function goOn(
  closed: string,
  live: string,
  copies: readonly string[],
  killed: string,
): Promise<void> {
  copyFiles(closed, live);
  const clock = new VirtualClock({ wallMs: writtenAtMs + 5_000 });
  const transport = embedded({ directory: live, engine: "direct" });
  await transport.open({ clock, random: seededRandom(11), name: "damage" });
  try {
    for (let round = 0; round < commitsMore; round++) {
      if (round === 4) copyFiles(live, copies[0] as string);
      if (round === 12) copyFiles(live, copies[1] as string);
      await commitOne(transport, clock, round);
    }
    copyFiles(live, killed, ["database", "wal", "shm", "tail"]);
  } finally {
    await transport.close();
  }
}

/** One message more, and one unit that settles and changes state which is there already. */
async function commitOne(transport: Transport, clock: VirtualClock, round: number): Promise<void> {
  await clock.advance(100);
  const batch = new OutgoingBatch("orders", "normal", seededRandom(round));
  const template = {
    type: "com.acme.golden",
    version: 1,
    source: "/golden/shop",
    contentType: "application/json",
  };
  for (let n = 0; n < 3; n++) {
    const payload = JSON.stringify({ round, n, text: "y".repeat(round * 10) });
    batch.add(template, payload, clock.wallMs(), `customer-${round % 7}`);
  }
  await transport.append([batch]);
  const consumer = await transport.consume({
    channel: "orders",
    group: "billing",
    from: "earliest",
    types: undefined,
  });
  const delivery = await nextOf(consumer, clock);
  assert.ok(delivery !== undefined);
  const [record = 0] = delivery.records;
  const key = `account-${1 + (round % 5)}`;
  const result = await consumer.commit({
    sequence: 1,
    settlements: [{ batch: delivery, records: [record], outcomes: [{ kind: "ack" }] }],
    publishes: [],
    state: [{ table: "accounts", key, expected: undefined, value: `{"cents":${round}}` }],
  });
  assert.equal(result.kind, "committed");
  await consumer.close();
}
