import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { PassingMap, PassingSet } from "./passing-map.ts";

test("it does what a Map does, however much passes through", () => {
  const step = fc.record({
    action: fc.constantFrom("set", "delete", "clear"),
    key: fc.nat({ max: 40 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      const map = new PassingMap<number, string>();
      const model = new Map<number, string>();
      for (const [index, { action, key }] of steps.entries()) {
        if (action === "set") {
          map.set(key, `${index}`);
          model.set(key, `${index}`);
        } else if (action === "delete") assert.equal(map.delete(key), model.delete(key));
        else if (key === 0) {
          map.clear();
          model.clear();
        }
        assert.equal(map.get(key), model.get(key));
        assert.equal(map.has(key), model.has(key));
        assert.equal(map.size, model.size);
      }
      assert.deepEqual([...map], [...model]);
      assert.deepEqual([...map.values()], [...model.values()]);
    }),
  );
});

test("items of a set stay in the order in which they were added", () => {
  const set = new PassingSet<string>();
  for (let round = 0; round < 100; round++) {
    set.add(`item ${round}`);
    if (round >= 3) assert.ok(set.delete(`item ${round - 3}`));
  }
  assert.deepEqual([...set], ["item 97", "item 98", "item 99"]);
  assert.equal(set.delete("item 0"), false);
  assert.ok(set.has("item 98"));
  assert.equal(set.size, 3);
});

test("an item may be deleted while the set is gone through", () => {
  const set = new PassingSet<number>();
  for (let item = 0; item < 60; item++) set.add(item);
  const seen: number[] = [];
  for (const item of set) {
    seen.push(item);
    set.delete(item);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 60 }, (_, item) => item),
  );
  assert.equal(set.size, 0);
});
