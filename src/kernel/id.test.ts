// Ids: the layout of RFC 9562, text and bytes, and the bytes that stand for an id given as text.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatId, idBytes, isCanonicalUuid, newId, writeGivenId, writeId } from "./id.ts";
import { systemClock } from "./clock.ts";
import { type Random, seededRandom, systemRandom } from "./random.ts";

const constant = (word: number): Random => ({ uint32: () => word, float: () => 0 });

test("the time, the version and the variant are where the RFC puts them", () => {
  const wallMs = 0x017f22e279b0;
  const bytes = new Uint8Array(3 * idBytes).fill(0xaa);
  writeId(bytes, idBytes, wallMs, constant(0));
  assert.equal(formatId(bytes, idBytes), "017f22e2-79b0-7000-8000-000000000000");
  writeId(bytes, idBytes, wallMs, constant(0xffffffff));
  assert.equal(formatId(bytes, idBytes), "017f22e2-79b0-7fff-bfff-ffffffffffff");
  const around = [...bytes.subarray(0, idBytes), ...bytes.subarray(2 * idBytes)];
  assert.ok(
    around.every((byte) => byte === 0xaa),
    "nothing is written beside the id",
  );
});

test("ids sort by their time, up to the largest time that fits", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 48 - 2), fc.integer(), (wallMs, seed) => {
      const random = seededRandom(seed);
      const [early, late] = [wallMs, wallMs + 1].map((time) => {
        const bytes = new Uint8Array(idBytes);
        writeId(bytes, 0, time, random);
        return formatId(bytes, 0);
      });
      assert.ok((early as string) < (late as string));
    }),
  );
});

test("new ids are canonical and all different", () => {
  const ids = Array.from({ length: 1_000 }, () => newId(systemClock, systemRandom));
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.every(isCanonicalUuid));
});

test("a canonical UUID is kept as its bytes, whatever its version", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: idBytes, maxLength: idBytes }), (bytes) => {
      const text = formatId(bytes, 0);
      const target = new Uint8Array(idBytes + 2);
      assert.equal(writeGivenId(target, 1, text), true);
      assert.deepEqual([...target.subarray(1, idBytes + 1)], [...bytes]);
      assert.equal(formatId(target, 1), text);
    }),
  );
});

test("any other text is kept as the first half of its SHA-256", () => {
  const uuid = "017f22e2-79b0-7000-8000-00000000000a";
  const texts = ["", "order 7", "ü".repeat(500), uuid.toUpperCase(), `${uuid}\n`, `{${uuid}}`];
  for (const text of texts) {
    const target = new Uint8Array(idBytes);
    assert.equal(writeGivenId(target, 0, text), false, text);
    const digest = createHash("sha256").update(text, "utf8").digest();
    assert.deepEqual(Buffer.from(target), digest.subarray(0, idBytes));
  }
});
