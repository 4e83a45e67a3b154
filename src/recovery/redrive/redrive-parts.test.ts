// The parts of a redrive by themselves: batches, judgement, plans and their bound, notes, causes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memory } from "../../adapters/memory/index.ts";
import { OutgoingPacker } from "../../delivery/outgoing-packer.ts";
import { encodeNote, noteTemplate, type NoteKind } from "../../delivery/redrive-note.ts";
import { seededRandom } from "../../kernel/random.ts";
import { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { Transport } from "../../ports/transport.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { LetterBox } from "../dead-letters/letter-box.ts";
import { groupsMax, LetterCounter } from "../dead-letters/letter-groups.ts";
import type { DeadLetter } from "../dead-letters/letter.ts";
import { Standings } from "../dead-letters/redrive-notes.ts";
import { batchSize, batchSpanMs, hasFailed } from "./batch-schedule.ts";
import { planRedrive } from "./redrive-plan.ts";

const random = seededRandom(1);

async function openTransport(...channels: readonly string[]): Promise<Transport> {
  const transport = memory();
  await transport.open({ clock: new VirtualClock(), random, name: "test" });
  for (const name of channels) {
    await transport.declare({ name, partitions: 1, retention: {}, compression: "none" });
  }
  return transport;
}

/** Stores letters of one group: the key, and the offset of the message itself. */
async function storeLetters(
  transport: Transport,
  letters: readonly (readonly [key: string, offset: number])[],
): Promise<void> {
  for (const [key, offset] of letters) {
    const batch = new OutgoingBatch("orders.dead-letters", "normal", random);
    const template = { type: "a", version: 1, source: "s", contentType: "application/json" };
    const extensions = {
      deadlettergroup: "g",
      deadletteroffset: String(offset),
      deadletterordered: true,
      deadlettercode: key,
    };
    batch.add(template, "{}", 1, key, { extensions });
    await transport.append([batch]);
  }
}

test("batches grow from one letter, and a rate bounds them", () => {
  const sizes = Array.from({ length: 10 }, (_, index) => batchSize(index, undefined));
  assert.deepEqual(sizes, [1, 2, 5, 20, 50, 100, 200, 500, 500, 500]);
  assert.deepEqual([batchSize(9, 60), batchSize(9, 0.5), batchSize(1, 60)], [60, 1, 2]);
  assert.deepEqual(
    [batchSpanMs(30, 60), batchSpanMs(1, 0.5), batchSpanMs(7, undefined)],
    [500, 2_000, 0],
  );
});

test("a batch has failed where more than the bound failed", () => {
  const cases: readonly (readonly [number, number, number, boolean])[] = [
    [0, 0, 0, false],
    [1, 0, 0.2, true],
    [1, 4, 0.2, false],
    [2, 7, 0.2, true],
    [1, 99, 0, true],
    [5, 0, 1, false],
  ];
  for (const [failed, resolved, bound, expected] of cases) {
    assert.equal(hasFailed(failed, resolved, bound), expected, `${failed} of ${failed + resolved}`);
  }
});

test("a plan is in the order of the messages, with whole keys, and bounded", async () => {
  const transport = await openTransport("orders.dead-letters");
  const box = new LetterBox(transport, "orders", "dead-letter");
  await storeLetters(transport, [
    ["a", 5],
    ["b", 1],
    ["a", 2],
    ["c", 3],
    ["a", 9],
  ]);
  const standings = new Standings();
  const plan = async (filter: object, more: object = {}): Promise<number[]> => {
    const request = { filter, wholeKeys: true, ...more };
    return (await planRedrive(box, standings, request)).letters.map(({ offset }) => offset);
  };
  assert.deepEqual(await plan({}), [1, 2, 3, 0, 4]);
  assert.deepEqual(await plan({ offsets: [0] }), [2, 0, 4]);
  assert.deepEqual(await plan({ offsets: [0] }, { wholeKeys: false }), [0]);
  assert.deepEqual(await plan({}, { end: 3 }), [1, 2, 0]);
  assert.deepEqual(await plan({ offsets: [0] }, { end: 3 }), [2, 0]);
  standings.take({ kind: "redriven", letter: 2, job: "j", atMs: 1, offset: 0 });
  assert.deepEqual(await plan({ offsets: [0] }), [0, 4]);
  assert.equal((await plan({}, { lettersMax: 4 })).length, 4);
  await assert.rejects(plan({}, { lettersMax: 3 }), {
    code: "REDRIVE_TOO_LARGE",
    message: /4 letters are meant, one redrive takes 3/,
  });
});

test("the last note of a letter decides; what is no note is passed", async () => {
  const transport = await openTransport("orders.dead-letters", "orders.dead-letters.redrives");
  const box = new LetterBox(transport, "orders", "dead-letter");
  const packer = new OutgoingPacker(random);
  const kinds: readonly (readonly [number, NoteKind])[] = [
    [7, "redriven"],
    [7, "failed"],
    [9_000, "redriven"],
    [9_000, "skipped"],
    [8, "resolved"],
    [10, "redriven"],
  ];
  for (const [letter, kind] of kinds) {
    packer.add(encodeNote(box.letters, { kind, letter, job: "j", atMs: 1 }));
  }
  await transport.append(packer.batches);
  const strange = new OutgoingBatch(box.notes, "normal", random);
  for (const text of ["", "7", "{}", '{"letter":1,"kind":"toString"}', '{"letter":-0.5}']) {
    strange.add(noteTemplate, text, 1);
  }
  await transport.append([strange]);
  const standings = await box.standings();
  assert.deepEqual(
    [7, 8, 9, 10, 9_000, 1_000_000].map((letter) => standings.of(letter)),
    ["failed", "resolved", "pending", "redriven", "pending", "pending"],
  );
  assert.equal((await box.history(7)).length, 2);
});

test("beyond so many causes letters are counted, not grouped", () => {
  const counter = new LetterCounter();
  const letter = { group: "g", code: "X", failedAtMs: 1, offset: 0 } as DeadLetter;
  for (let index = 0; index < groupsMax + 7; index++) {
    counter.take({ ...letter, fingerprint: String(index) });
  }
  counter.take({ ...letter, fingerprint: "0", failedAtMs: 5 });
  const { groups, letters, others } = counter.result();
  assert.deepEqual([groups.length, letters, others], [groupsMax, groupsMax + 8, 7]);
  assert.deepEqual([groups[0]?.count, groups[0]?.firstAtMs, groups[0]?.lastAtMs], [2, 1, 5]);
});
