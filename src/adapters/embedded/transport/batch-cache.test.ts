import assert from "node:assert/strict";
import { test } from "node:test";
import type { BatchView } from "../journal/format.ts";
import { BatchCache } from "./batch-cache.ts";

const batch = (base: number, bytes: number): BatchView => ({ base, bytes }) as BatchView;

test("the bytes held never exceed the bound; the batch used longest ago goes first", () => {
  const cache = new BatchCache(100);
  for (const base of [0, 10, 20]) {
    cache.put(1, batch(base, 40));
    assert.ok(cache.bytes <= 100);
  }
  assert.equal(cache.get(1, 0), undefined);
  assert.ok(cache.get(1, 10));
  cache.put(1, batch(30, 40));
  assert.ok(cache.get(1, 10), "used since, so kept");
  assert.equal(cache.get(1, 20), undefined);
});

test("a batch larger than the bound is not kept, and pushes nothing out", () => {
  const cache = new BatchCache(100);
  cache.put(1, batch(0, 60));
  cache.put(1, batch(10, 101));
  assert.equal(cache.get(1, 10), undefined);
  assert.ok(cache.get(1, 0));
});

test("logs have batches of their own, and a repeated put counts once", () => {
  const cache = new BatchCache(100);
  cache.put(1, batch(0, 60));
  cache.put(1, batch(0, 60));
  assert.equal(cache.bytes, 60);
  assert.equal(cache.get(2, 0), undefined);
});
