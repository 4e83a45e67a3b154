import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { seededRandom } from "../../../kernel/random.ts";
import type { MessageAttributes, MessageTemplate } from "../../../message/envelope.ts";
import { OutgoingBatch } from "../../../message/outgoing-batch.ts";
import {
  assembleBatch,
  batchCrc,
  BatchView,
  checkBatchCrc,
  compressBatch,
  decodeOpen,
  encodeBatch,
  encodeOpen,
  mergeBatches,
  openCount,
  rowCrc,
  subsetBatch,
  viewOf,
} from "./format.ts";

interface Given {
  readonly template: MessageTemplate;
  readonly payload: string | Uint8Array;
  readonly timeMs: number;
  readonly key: string | undefined;
  readonly attributes: MessageAttributes | undefined;
  readonly id: string | undefined;
}

const template: MessageTemplate = {
  type: "com.acme.order.placed",
  version: 1,
  source: "billing",
  contentType: "application/json",
};
const second: MessageTemplate = { ...template, version: 2, dataSchema: "urn:größe" };
const place = { channel: "orders", priority: "normal" as const, base: 70, appendedAtMs: 9 };

const text = fc.string({
  unit: fc.constantFrom("a", "Z", '"', "é", "漢", "🐟", "\ud800", "\u0000"),
});
const message: fc.Arbitrary<Given> = fc.record({
  template: fc.constantFrom(template, second),
  payload: fc.oneof(fc.string(), text, fc.uint8Array({ maxLength: 40 })),
  timeMs: fc.oneof(fc.integer({ min: 1_700_000_000_000, max: 1_700_900_000_000 }), fc.nat()),
  key: fc.option(text, { nil: undefined }),
  attributes: fc.option(
    fc.record({ subject: fc.string(), expiresAtMs: fc.nat() }, { requiredKeys: ["subject"] }),
    { nil: undefined },
  ),
  id: fc.option(fc.oneof(fc.uuid(), text), { nil: undefined }),
});
const messages = fc.array(message, { minLength: 1, maxLength: 12 });

function batchOf(given: readonly Given[]): OutgoingBatch {
  const batch = new OutgoingBatch("orders", "normal", seededRandom(7));
  for (const { template, payload, timeMs, key, attributes, id } of given) {
    batch.add(template, payload, timeMs, key, attributes, id);
  }
  return batch;
}

/** Everything a reader can ask of a record, as plain data. */
function recordOf(batch: BatchView | OutgoingBatch, index: number): unknown {
  return {
    template: { ...batch.templateAt(index) },
    id: wellFormed(batch.idAt(index)),
    given: batch.idGivenAt(index),
    time: batch.timeAt(index),
    key: wellFormed(batch.keyAt(index)),
    slot: batch.slotAt(index),
    attributes: JSON.stringify(batch.attributesAt(index)),
    text: wellFormed(batch.payloadTextAt(index)),
    bytes: [...batch.payloadBytesAt(index)],
    size: batch.payloadSizeAt(index),
  };
}

/** UTF-8 has no lone surrogates: they become U+FFFD when stored. */
function wellFormed(value: string | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value, "utf8").toString("utf8");
}

function recordsOf(batch: BatchView | OutgoingBatch): unknown[] {
  return Array.from({ length: batch.count }, (_, index) => recordOf(batch, index));
}

function isDamaged(error: unknown): boolean {
  return error instanceof SpillwayError && error.code === "JOURNAL_DAMAGED";
}

/** The same blob with an explicit offset column: what compaction will write. */
function sparse(blob: Uint8Array, deltas: readonly number[]): Uint8Array {
  const view = viewOf(blob);
  const { layout } = view;
  const column = Buffer.from(new Uint32Array(deltas).buffer);
  const head = Buffer.concat([
    blob.subarray(0, layout.slotsAt),
    column,
    blob.subarray(layout.slotsAt, layout.recordFlagsAt + layout.count),
  ]);
  head[3] = layout.flags & ~1;
  const padding = Buffer.alloc((8 - (head.byteLength % 8)) % 8);
  return Buffer.concat([head, padding, blob.subarray(layout.bodyAt)]);
}

describe("batch blob", () => {
  test("gives back every column of every record, compressed or not", () => {
    fc.assert(
      fc.property(messages, (given) => {
        const batch = batchOf(given);
        const expected = recordsOf(batch);
        const blob = encodeBatch(batch);
        assert.deepEqual(recordsOf(new BatchView(blob, place)), expected);
        assert.deepEqual(recordsOf(new BatchView(compressBatch(blob), place)), expected);
      }),
      { numRuns: 300 },
    );
  });

  test("owns its buffer, so that it can be transferred", () => {
    const blob = encodeBatch(batchOf([given({})]));
    assert.equal(blob.byteOffset, 0);
    assert.equal(blob.buffer.byteLength, blob.byteLength);
    const moved = structuredClone(blob, { transfer: [blob.buffer] });
    assert.equal(new BatchView(moved, place).payloadTextAt(0), '{"n":1}');
  });

  test("decodes ASCII payloads from one string and others record by record", () => {
    const many = Array.from({ length: 1_000 }, (_, index) => given({ payload: `{"n":${index}}` }));
    const ascii = new BatchView(encodeBatch(batchOf(many)), place);
    assert.equal(ascii.payloadTextAt(999), '{"n":999}');
    many[500] = given({ payload: '{"n":"é"}' });
    const mixed = new BatchView(encodeBatch(batchOf(many)), place);
    assert.deepEqual(
      [499, 500, 501].map((index) => mixed.payloadTextAt(index)),
      ['{"n":499}', '{"n":"é"}', '{"n":501}'],
    );
    assert.equal(mixed.payloadSizeAt(500), 10);
  });

  test("data that a JSON codec wrote is one array, copies and bytes are not", () => {
    const texts = ['{"a":1}', '"ä, ö"', "[2,3]", "null"];
    for (const payloads of [texts, texts.filter((text) => text !== '"ä, ö"'), ["7"]]) {
      const blob = encodeBatch(batchOf(payloads.map((payload) => given({ payload }))));
      for (const view of [viewOf(blob), viewOf(compressBatch(blob))]) {
        assert.equal(view.payloadArrayText, `[${payloads.join(",")}]`);
        for (const [index, payload] of payloads.entries()) {
          assert.equal(view.payloadTextAt(index), payload);
          assert.equal(view.payloadSizeAt(index), Buffer.byteLength(payload));
          assert.equal(Buffer.from(view.payloadBytesAt(index)).toString("utf8"), payload);
        }
      }
      const part = viewOf(subsetBatch(blob, [0]));
      assert.deepEqual([part.payloadArrayText, part.payloadTextAt(0)], [undefined, payloads[0]]);
    }
    const copied = new OutgoingBatch("orders", "normal", seededRandom(1));
    copied.add(template, "1,2", 1, undefined, undefined, "id", true);
    assert.equal(viewOf(encodeBatch(copied)).payloadArrayText, undefined);
    const bytes = batchOf([given({}), given({ payload: new Uint8Array([49]) })]);
    assert.equal(viewOf(encodeBatch(bytes)).payloadArrayText, undefined);
  });

  test("reads an unaligned blob", () => {
    const blob = encodeBatch(batchOf([given({}), given({ key: "k" })]));
    const shifted = new Uint8Array(blob.byteLength + 3);
    shifted.set(blob, 3);
    const view = new BatchView(shifted.subarray(3), place);
    assert.equal(view.keyAt(1), "k");
    assert.equal(view.offsetAt(1), 71);
  });

  test("compression makes repetitive batches smaller and keeps the rest as it is", () => {
    const many = Array.from({ length: 200 }, () => given({ payload: '{"city":"Rotterdam"}' }));
    const blob = encodeBatch(batchOf(many));
    const small = compressBatch(blob);
    assert.ok(small.byteLength < blob.byteLength - 3_000);
    assert.equal(compressBatch(small), small);
    const single = encodeBatch(batchOf([given({ payload: "7" })]));
    assert.equal(new BatchView(compressBatch(single), place).payloadTextAt(0), "7");
  });

  test("times further apart than 32 bits can say come back exactly", () => {
    const times = [1_700_000_000_000, 0, 4_102_444_800_000, 1_700_000_000_000.5];
    const blob = encodeBatch(batchOf(times.map((timeMs) => given({ timeMs, key: "k" }))));
    const timesOf = (bytes: Uint8Array): number[] => {
      const view = viewOf(bytes);
      return Array.from({ length: view.count }, (_, index) => view.timeAt(index));
    };
    assert.deepEqual(timesOf(blob), times);
    assert.deepEqual(timesOf(compressBatch(blob)), times);
    assert.deepEqual(timesOf(subsetBatch(blob, [1, 2])), [0, 4_102_444_800_000]);
    assert.equal(viewOf(subsetBatch(blob, [0])).layout.flags & 8, 0);
    assert.equal(viewOf(blob).keyAt(3), "k");
  });

  test("subset and merge keep records as they are, in order", () => {
    fc.assert(
      fc.property(messages, messages, fc.func(fc.boolean()), (one, other, picked) => {
        const left = batchOf(one);
        const right = batchOf(other);
        const merged = mergeBatches([encodeBatch(left), encodeBatch(right)]);
        const all = [...recordsOf(left), ...recordsOf(right)];
        assert.deepEqual(recordsOf(viewOf(merged)), all);
        const keep = all.map((_, index) => index).filter((index) => picked(index));
        if (keep.length === 0) return;
        assert.deepEqual(
          recordsOf(viewOf(subsetBatch(merged, keep))),
          keep.map((index) => all[index]),
        );
      }),
      { numRuns: 100 },
    );
  });

  test("merging shares dictionary entries of equal templates", () => {
    const copies = [1, 2, 3].map(() =>
      encodeBatch(batchOf([given({ template: { ...template } })])),
    );
    assert.equal(
      viewOf(mergeBatches(copies)).layout.dictionaryBytes,
      viewOf(copies[0] as Uint8Array).layout.dictionaryBytes,
    );
  });

  test("offsets with holes are read from their column", () => {
    const blob = encodeBatch(batchOf([given({}), given({ key: "k" }), given({ payload: "3" })]));
    const view = new BatchView(sparse(blob, [0, 4, 9]), place);
    assert.deepEqual(
      [0, 1, 2].map((index) => view.offsetAt(index)),
      [70, 74, 79],
    );
    assert.equal(view.keyAt(1), "k");
    assert.equal(view.payloadTextAt(2), "3");
    assert.throws(() => new BatchView(sparse(blob, [0, 4, 4]), place), isDamaged);
  });

  test("an index outside the batch is a RangeError", () => {
    const view = new BatchView(encodeBatch(batchOf([given({})])), place);
    for (const index of [1, -1]) {
      assert.throws(() => view.payloadTextAt(index), RangeError);
      assert.throws(() => view.idAt(index), RangeError);
      assert.throws(() => view.keyAt(index), RangeError);
      assert.throws(() => view.offsetAt(index), RangeError);
    }
  });
});

describe("damaged blobs", () => {
  const readAll = (blob: Uint8Array): void => {
    recordsOf(new BatchView(blob, place));
  };

  test("flipped, cut and lengthened bytes give JOURNAL_DAMAGED or a whole batch", () => {
    fc.assert(
      fc.property(
        messages,
        fc.boolean(),
        fc.array(fc.record({ at: fc.nat(), value: fc.nat(255) }), { maxLength: 4 }),
        fc.integer({ min: -40, max: 8 }),
        (given, compressed, changes, longer) => {
          const plain = encodeBatch(batchOf(given));
          const blob = compressed ? compressBatch(plain) : plain;
          const bytes = new Uint8Array(Math.max(0, blob.byteLength + longer));
          bytes.set(blob.subarray(0, bytes.byteLength));
          for (const { at, value } of changes) {
            if (bytes.byteLength > 0) bytes[at % Math.min(bytes.byteLength, 400)] = value;
          }
          try {
            readAll(bytes);
          } catch (error) {
            if (!isDamaged(error)) throw error;
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("every truncation is found", () => {
    const blob = encodeBatch(batchOf([given({}), given({ key: "k", id: "order-1" })]));
    for (let length = 0; length < blob.byteLength; length++) {
      assert.throws(() => readAll(blob.slice(0, length)), isDamaged, `length ${length}`);
    }
  });

  test("an unknown format, compression or flag is found", () => {
    for (const [at, value] of [
      [0, 2],
      [1, 1],
      [2, 2],
      [3, 32],
    ] as const) {
      const blob = encodeBatch(batchOf([given({})]));
      blob[at] = value;
      assert.throws(() => readAll(blob), isDamaged);
    }
  });

  test("a header that claims more than the compressed body holds is found", () => {
    const many = Array.from({ length: 200 }, () => given({ payload: '{"city":"Rotterdam"}' }));
    for (const claimed of [1, 5_000_000, 0xffff_ffff]) {
      const blob = compressBatch(encodeBatch(batchOf(many)));
      assert.equal(blob[2], 1);
      new DataView(blob.buffer).setUint32(12, claimed, true);
      assert.throws(() => readAll(blob), isDamaged);
    }
  });
});

describe("open lists", () => {
  const entry = fc.record(
    {
      offset: fc.integer({ min: 1_000, max: 2_000 }),
      attempt: fc.nat(65_535),
      dueAtMs: fc.nat(),
      reason: fc.constantFrom("retry" as const, "parked" as const, "in-flight" as const),
    },
    { noNullPrototype: true },
  );

  test("round trip, and the count without decoding", () => {
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const bytes = encodeOpen(1_000, entries);
        assert.deepEqual(decodeOpen(1_000, bytes), entries);
        assert.equal(openCount(bytes), entries.length);
      }),
    );
  });

  test("mutated lists give entries or JOURNAL_DAMAGED", () => {
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1 }),
        fc.nat(),
        fc.nat(255),
        fc.nat(20),
        (...row) => {
          const [entries, at, value, cut] = row;
          const bytes = encodeOpen(1_000, entries);
          bytes[at % bytes.byteLength] = value;
          try {
            decodeOpen(1_000, bytes.subarray(0, bytes.byteLength - cut));
          } catch (error) {
            assert.ok(isDamaged(error));
          }
        },
      ),
    );
  });
});

describe("checksums", () => {
  const head = { log: 3, base: 70, count: 2, appendedAtMs: 1_700, previousCrc: 99 };
  const blob = encodeBatch(batchOf([given({}), given({})]));

  test("cover place, times, the batch before and every byte", () => {
    const crc = batchCrc(head, blob);
    checkBatchCrc(head, blob, crc);
    for (const name of ["log", "base", "count", "appendedAtMs", "previousCrc"] as const) {
      const moved = { ...head, [name]: head[name] + 1 };
      assert.throws(() => checkBatchCrc(moved, blob, crc), isDamaged, name);
    }
    for (let at = 0; at < blob.byteLength; at++) {
      const flipped = blob.slice();
      flipped[at] = (flipped[at] as number) ^ 4;
      assert.notEqual(batchCrc(head, flipped), crc);
    }
  });

  test("of a small row cover its columns and bytes", () => {
    const crc = rowCrc(["accounts", 7, null], Uint8Array.of(1));
    assert.notEqual(rowCrc(["accounts", 8, null], Uint8Array.of(1)), crc);
    assert.notEqual(rowCrc(["accounts", 7, null], Uint8Array.of(2)), crc);
    assert.equal(rowCrc(["accounts", 7, null], Uint8Array.of(1)), crc);
  });
});

test("assembling takes single records of different batches", () => {
  const left = viewOf(encodeBatch(batchOf([given({ payload: "1" }), given({ payload: "2" })])));
  const right = viewOf(encodeBatch(batchOf([given({ payload: "3", template: second })])));
  const view = viewOf(
    assembleBatch([
      { view: right, index: 0 },
      { view: left, index: 1 },
    ]),
  );
  assert.deepEqual([view.payloadTextAt(0), view.payloadTextAt(1)], ["3", "2"]);
  assert.deepEqual([view.templateAt(0).version, view.templateAt(1).version], [2, 1]);
});

function given(parts: Partial<Given>): Given {
  return {
    template,
    payload: '{"n":1}',
    timeMs: 1_700_000_000_000,
    key: undefined,
    attributes: undefined,
    id: undefined,
    ...parts,
  };
}
