// Key slots are part of the stored format: fixed values that must never change.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { keySlot, slotCount, slotOfBytes } from "./key-slot.ts";

/** From the published FNV-1a test vectors (32 bits), xor-folded to 16 by hand. */
const vectors: Readonly<Record<string, number>> = {
  "": 0x811c ^ 0x9dc5,
  a: 0xe40c ^ 0x292c,
  foobar: 0xbf9c ^ 0xf968,
};

test("published vectors", () => {
  for (const [key, slot] of Object.entries(vectors)) assert.equal(keySlot(key), slot, key);
});

test("slots that were ever stored stay what they were", () => {
  assert.deepEqual(
    ["order-1", "com.acme", "Zürich", "東京", "🚀", "a\u0000b"].map(keySlot),
    [58_898, 39_833, 43_040, 53_169, 62_845, 47_905],
  );
});

test("a key's slot is the slot of its UTF-8 bytes, and is a slot", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (key) => {
      const slot = keySlot(key);
      assert.equal(slot, slotOfBytes(Buffer.from(`_${key}_`), 1, Buffer.byteLength(key) + 1));
      assert.ok(Number.isInteger(slot) && slot >= 0 && slot < slotCount);
    }),
  );
});

test("keys spread evenly over slots", () => {
  const buckets = new Uint32Array(16);
  for (let index = 0; index < 16_000; index++) {
    const bucket = keySlot(`customer-${index}`) >>> 12;
    buckets[bucket] = (buckets[bucket] as number) + 1;
  }
  for (const count of buckets) assert.ok(count > 800 && count < 1_200, String(buckets));
});
