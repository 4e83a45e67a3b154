// The order by key on the shelf, held against a plain model of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WindowBatch } from "../delivery/window.ts";
import { seededRandom } from "../kernel/random.ts";
import { KeyQueues } from "./key-queues.ts";
import { Waiting } from "./waiting.ts";

interface Told {
  readonly lane: number;
  readonly offset: number;
  readonly key: string | undefined;
}

/** Few slots, so that several keys share one; slots that share a place, too. */
function waitingOf({ lane, offset, key }: Told): Waiting {
  const slot = key === undefined ? 1 : [1, 4_097, 7][key.charCodeAt(0) % 3];
  const stored = { offsetAt: () => offset, keyAt: () => key, slotAt: () => slot };
  return new Waiting({ lane, stored, recordAt: () => 0 } as unknown as WindowBatch, 0);
}

test("of each key the first message may start, and those behind it follow by offset", () => {
  const random = seededRandom(3);
  const below = (end: number): number => random.uint32() % end;
  for (let round = 0; round < 300; round++) {
    const queues = new KeyQueues("key");
    const heads = new Map<string, Waiting>();
    /** By lane and key the offsets that are on the shelf and not out. */
    const model = new Map<string, number[]>();
    const nameOf = ({ lane, key }: Waiting): string => `${lane}/${key}`;
    const free = Array.from({ length: 60 }, (_, offset) => offset);
    const show = (waiting: Waiting | undefined): void => {
      if (waiting !== undefined) heads.set(nameOf(waiting), waiting);
    };
    for (let step = 0; step < 120; step++) {
      if (free.length > 0 && below(2) === 0) {
        const [offset = 0] = free.splice(below(free.length), 1);
        const waiting = waitingOf({ lane: below(3), offset, key: "abcdef"[below(6)] });
        const offsets = model.get(nameOf(waiting)) ?? [];
        model.set(
          nameOf(waiting),
          [...offsets, offset].sort((one, other) => one - other),
        );
        show(queues.enter(waiting));
        continue;
      }
      const head = [...heads.values()][below(Math.max(1, heads.size))];
      if (head === undefined) continue;
      if (!head.isOut) {
        assert.equal(head.offset, model.get(nameOf(head))?.shift(), "the first one of its key");
        queues.given(head);
        continue;
      }
      heads.delete(nameOf(head));
      show(queues.leave(head));
    }
    for (const head of heads.values()) {
      const offsets = model.get(nameOf(head)) ?? [];
      const left = head.isOut ? [] : [head.offset];
      queues.given(head);
      for (let next = queues.leave(head); next !== undefined; next = queues.leave(next)) {
        left.push(next.offset);
        queues.given(next);
      }
      assert.deepEqual(left, offsets);
      model.delete(nameOf(head));
    }
    assert.deepEqual(
      [...model.values()].filter(({ length }) => length > 0),
      [],
    );
  }
});

test("a message that steps back is on the shelf no more; without keys nobody waits", () => {
  const queues = new KeyQueues("key");
  const [first, later] = [5, 9].map((offset) => waitingOf({ lane: 0, offset, key: "a" }));
  assert.ok(first !== undefined && later !== undefined);
  assert.equal(queues.enter(later), later);
  assert.equal(queues.enter(first), first);
  assert.deepEqual([first.isRetracted, later.isRetracted], [false, true]);
  assert.equal(
    queues.aheadOf(({ offset }) => offset === 9),
    first,
  );
  const other = waitingOf({ lane: 1, offset: 1, key: "a" });
  assert.equal(queues.enter(other), other, "another log");
  const keyless = [1, 2].map((offset) => waitingOf({ lane: 0, offset, key: undefined }));
  for (const each of keyless) assert.equal(queues.enter(each), each);
  queues.given(first);
  assert.equal(queues.leave(first)?.offset, 9);
  queues.clear();
  assert.equal(
    queues.aheadOf(() => true),
    undefined,
  );
  const unordered = new KeyQueues("none");
  for (const offset of [1, 2]) {
    const waiting = waitingOf({ lane: 0, offset, key: "a" });
    assert.equal(unordered.enter(waiting), waiting);
    assert.equal(unordered.leave(waiting), undefined);
  }
});
