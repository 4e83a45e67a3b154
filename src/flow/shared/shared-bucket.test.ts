import assert from "node:assert/strict";
import { test } from "node:test";
import { rateLimit } from "../rate-limit.ts";
import { SharedBucket } from "./shared-bucket.ts";

/** A bucket whose tokens can be used for 250 ms, five at most in one lease. */
function made(): { readonly bucket: SharedBucket; readonly asked: () => number } {
  let asked = 0;
  const host = { ask: () => void asked++, tell: () => undefined };
  const rate = rateLimit({ perSecond: 100, burst: 100, shared: "bank" });
  return { bucket: new SharedBucket(rate, undefined, "bank", host), asked: () => asked };
}

test("no more tokens are wanted than messages wait", () => {
  const { bucket } = made();
  assert.equal(bucket.wanted(0), 0);
  bucket.waiting = 2;
  assert.equal(bucket.wanted(0), 2);
  bucket.granted([0]);
  assert.equal(bucket.wanted(0), 1);
});

test("a lot grows while all of it is used, and falls to what was of use", () => {
  const { bucket } = made();
  bucket.waiting = 1_000;
  const lots: number[] = [];
  for (let nowMs = 0; nowMs < 500; nowMs += 100) {
    const lot = bucket.wanted(nowMs);
    lots.push(lot);
    bucket.granted(Array.from({ length: lot }, () => nowMs));
    for (let used = 0; used < lot; used++) bucket.take(nowMs);
  }
  assert.deepEqual(lots, [2, 4, 5, 5, 5]);
  bucket.granted([500, 500, 500, 500, 500]);
  bucket.take(500);
  bucket.take(500);
  assert.equal(bucket.wanted(800), 2);
});

test("a token whose time has passed is not used; one that is to come is waited for", () => {
  const { bucket, asked } = made();
  bucket.granted([0, 200]);
  assert.deepEqual([bucket.mayTake(0), bucket.available(0)], [true, 1]);
  assert.equal(bucket.availableAtMs(2, 0), 200);
  assert.equal(asked(), 0);
  assert.equal(bucket.mayTake(249), true);
  assert.equal(bucket.available(249.5), 1, "the first one is over");
  assert.equal(bucket.mayTake(450), false);
  assert.equal(asked(), 1);
});

test("a token that is given back keeps its time", () => {
  const { bucket } = made();
  bucket.granted([0, 100, 200]);
  const [first, second] = [bucket.take(210), bucket.take(210)];
  bucket.giveBack(second);
  bucket.giveBack(first);
  assert.equal(bucket.available(210), 3);
  assert.equal(bucket.available(300), 2);
  assert.equal(bucket.available(400), 1);
});
