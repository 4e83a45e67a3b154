import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { systemClock } from "../../../kernel/clock.ts";
import { seededRandom } from "../../../kernel/random.ts";
import { OutgoingBatch } from "../../../message/outgoing-batch.ts";
import { type Connection, openConnection } from "../journal/connection.ts";
import { batchCrc, type BatchView, encodeBatch } from "../journal/format.ts";
import { gapCrc, logCrc, stateCrc } from "../journal/row-checksums.ts";
import { createSchema } from "../journal/schema.ts";
import { type BatchReader, openReader } from "./reader.ts";
import { StateReader, statePageRows } from "./state-reader.ts";
import { endOf } from "./tracked-batch.ts";
import { isGap } from "../../../ports/gap.ts";
import type { Priority } from "../../../message/envelope.ts";

const template = { type: "a.b", version: 1, source: "test", contentType: "application/json" };
const options = { clock: systemClock, durability: "relaxed", busyTimeoutMs: 1_000 } as const;

/** A journal with one channel, whose normal log has batches of these sizes. */
function journalOf(
  t: TestContext,
  sizes: readonly number[],
): { writer: Connection; reader: BatchReader } {
  const directory = mkdtempSync(join(tmpdir(), "reader-"));
  const writer = openConnection(directory, "writer", options);
  createSchema(writer, "test");
  const end = sizes.reduce((sum, size) => sum + size, 0);
  writer.exec(`INSERT INTO channel VALUES (1, 'one', 1, '{}', 'none', 0);
    INSERT INTO log VALUES (5, 1, 1, 0, ${end}, 0, 0, 0, ${logCrc(1, 1, 0, end, 0, 0, 0)})`);
  let base = 0;
  let previousCrc = 0;
  for (const [index, size] of sizes.entries()) {
    const batch = new OutgoingBatch("one", "normal", seededRandom(index));
    for (let at = 0; at < size; at++) batch.add(template, `${base + at}`, 1_000);
    const blob = encodeBatch(batch);
    const appendedAtMs = 1_000 + index * 10;
    const crc = batchCrc({ log: 5, base, count: size, appendedAtMs, previousCrc }, blob);
    writer
      .prepare("INSERT INTO batch VALUES (NULL, 5, ?, ?, ?, ?, ?, 0, NULL, ?)")
      .run(base, size, appendedAtMs, previousCrc, crc, blob);
    base += size;
    previousCrc = crc;
  }
  const reader = openReader(
    { ...options, directory, cacheBytesMax: 1_000_000, isDamaged: false },
    () => new SpillwayError("JOURNAL_IO", "the disk failed"),
  );
  t.after(() => {
    reader.close();
    writer.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { writer, reader };
}

function batchAt(
  reader: BatchReader,
  channel: string,
  priority: Priority,
  offset: number,
): BatchView | undefined {
  const found = reader.at(channel, priority, offset);
  assert.ok(found === undefined || !isGap(found));
  return found;
}

function payloadsFrom(reader: BatchReader, offset: number): string[] {
  const payloads: string[] = [];
  for (let at = offset; ; ) {
    const batch = batchAt(reader, "one", "normal", at);
    if (batch === undefined) return payloads;
    for (let index = 0; index < batch.count; index++) payloads.push(batch.payloadTextAt(index));
    at = endOf(batch);
  }
}

test("finds the batch that holds an offset, and what comes after it", (t) => {
  const { reader } = journalOf(t, [3, 1, 4]);
  assert.deepEqual(payloadsFrom(reader, 0), ["0", "1", "2", "3", "4", "5", "6", "7"]);
  assert.equal(batchAt(reader, "one", "normal", 2)?.base, 0);
  assert.equal(batchAt(reader, "one", "normal", 5)?.base, 4);
  assert.equal(batchAt(reader, "one", "normal", 8), undefined);
  assert.equal(batchAt(reader, "one", "high", 0), undefined);
  assert.equal(batchAt(reader, "other", "normal", 0), undefined);
  assert.deepEqual(reader.log("one", "normal"), { id: 5, start: 0, end: 8 });
  assert.deepEqual(reader.channelNames(10), ["one"]);
});

test("finds the first message of a time", (t) => {
  const { reader } = journalOf(t, [3, 1, 4, 2]);
  const offsets = [0, 1_000, 1_001, 1_010, 1_015, 1_030, 1_031].map((timeMs) =>
    reader.offsetAtTime("one", "normal", timeMs),
  );
  assert.deepEqual(offsets, [0, 0, 3, 3, 4, 8, 10]);
  assert.equal(reader.offsetAtTime("one", "low", 0), 0);
});

test("a batch is read once, then shared", (t) => {
  const { writer, reader } = journalOf(t, [3, 1]);
  const first = batchAt(reader, "one", "normal", 0);
  writer.exec("DELETE FROM batch");
  assert.equal(batchAt(reader, "one", "normal", 0), first);
  assert.throws(() => reader.at("one", "normal", 3), { code: "JOURNAL_DAMAGED" });
});

const damages: Record<string, string> = {
  "a changed byte":
    "UPDATE batch SET data = CAST(substr(data, 1, 60) || x'ff' || substr(data, 62) AS BLOB) " +
    "WHERE base = 3",
  "a changed time": "UPDATE batch SET appended_at = 1011 WHERE base = 3",
  "a changed count": "UPDATE batch SET count = 2 WHERE base = 3",
  "a missing batch": "DELETE FROM batch WHERE base = 3",
  "a missing first batch": "DELETE FROM batch WHERE base = 0",
  "a batch in another's place":
    "DELETE FROM batch WHERE base = 3; UPDATE batch SET base = 3 WHERE base = 4",
};

for (const [name, sql] of Object.entries(damages)) {
  test(`${name} is reported with channel and offset, in one pass and by itself`, (t) => {
    const { writer, reader } = journalOf(t, [3, 1, 4]);
    writer.exec(sql);
    const damaged = { code: "JOURNAL_DAMAGED", message: /channel 'one'/ };
    assert.throws(() => payloadsFrom(reader, 0), damaged);
    if (!name.includes("missing")) {
      assert.throws(() => batchAt(reader, "one", "normal", 3), damaged);
    }
  });
}

test("batches that retention removed from the front are no damage", (t) => {
  const { writer, reader } = journalOf(t, [3, 1, 4]);
  writer.exec("DELETE FROM batch WHERE base = 0");
  const crc = logCrc(1, 1, 3, 8, 0, 0, 0);
  writer.exec(`UPDATE log SET start = 3, crc = ${crc}`);
  assert.deepEqual(payloadsFrom(reader, 0), ["3", "4", "5", "6", "7"]);
});

test("a gap is found where no batch is, from the offset that was asked for", (t) => {
  const { writer, reader } = journalOf(t, [3, 4, 2]);
  const gap = (base: number, count: number): void => {
    const crc = gapCrc(5, base, count, "lost", 7);
    writer.exec(`INSERT INTO gap VALUES (5, ${base}, ${count}, 'lost', 7, ${crc})`);
  };
  writer.exec("DELETE FROM batch WHERE base = 3");
  assert.throws(() => reader.at("one", "normal", 3), /before offset 7 are missing/);
  gap(3, 4);
  const found = (offset: number): unknown => {
    const element = reader.at("one", "normal", offset);
    if (element === undefined || !isGap(element)) return element?.base;
    return [element.firstOffset, element.count, element.reason, element.notedAtMs];
  };
  assert.deepEqual([0, 2, 3, 5, 7, 9].map(found), [
    0,
    0,
    [3, 4, "lost", 7],
    [5, 2, "lost", 7],
    7,
    undefined,
  ]);
  writer.exec("DELETE FROM batch WHERE base <> 0");
  assert.throws(() => reader.at("one", "normal", 8), /offsets 8 to 8 are missing/);
  gap(7, 2);
  assert.deepEqual(found(8), [8, 1, "lost", 7]);
  writer.exec("UPDATE gap SET count = 5");
  assert.throws(() => reader.at("one", "normal", 3), /a gap/);
});

test("nothing is held open between reads: a checkpoint passes all of the log", (t) => {
  const { writer, reader } = journalOf(t, [3, 1, 4]);
  payloadsFrom(reader, 0);
  const row = writer.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
  assert.deepEqual({ ...row }, { busy: 0, log: 0, checkpointed: 0 });
});

test("state rows are checked, and entries come in pages, in key order", async (t) => {
  const { writer, reader } = journalOf(t, [1]);
  const scope = { channel: "one", group: "group" };
  const state = new StateReader(reader.connection);
  assert.deepEqual(state.read(scope, "t", "k"), { value: undefined, version: 0 });
  writer.exec("INSERT INTO grp VALUES (9, 1, 'group', '', 0, 0, 0, 0, 0, 0, 0); BEGIN");
  writer.exec("INSERT INTO state_table VALUES (1, 9, 't'), (2, 9, 't2')");
  const insert = writer.prepare("INSERT INTO state VALUES (?, ?, 7, ?, ?)");
  const put = (table: string, key: string, value: string): unknown =>
    insert.run(table === "t" ? 1 : 2, key, value, stateCrc(9, table, key, 7, value));
  put("t", "", "empty key");
  for (let row = 0; row < statePageRows * 2; row++) put("t", `k${row}`, `${row}`);
  put("t2", "other", "table");
  writer.exec("COMMIT");
  assert.deepEqual(state.read(scope, "t", "k3"), { value: "3", version: 7 });
  const keys: string[] = [];
  for await (const { key, value } of state.entries(scope, "t")) {
    keys.push(key);
    assert.equal(key === "" ? "empty key" : key.slice(1), value);
  }
  assert.equal(keys.length, statePageRows * 2 + 1);
  assert.deepEqual(keys, keys.toSorted());
  writer.exec("UPDATE state SET value = '4' WHERE key = 'k3'");
  assert.throws(() => state.read(scope, "t", "k3"), { code: "JOURNAL_DAMAGED" });
});
