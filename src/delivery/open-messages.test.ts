/**
 * Which open messages are read again, how many of them together, and in which order.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keySlot } from "../kernel/key-slot.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import type { OpenMessage } from "./key-lines.ts";
import { OpenMessages } from "./open-messages.ts";

const all = 1_000;
const entry = { attempt: 1, dueAtMs: 0 } as const;
const parked = { ...entry, reason: "parked" } as const;

/** Open messages of normal priority, all committed, `failed` of them before the others. */
function openMessages(): {
  readonly open: OpenMessages;
  fail(offset: number, key: string, before?: OpenMessage): OpenMessage;
  park(offset: number, key: string): void;
} {
  const open = new OpenMessages({
    clock: new VirtualClock(),
    parkedPerKeyMax: all,
    onKeyFull: "dead-letter",
    onReleased: () => undefined,
    onEnded: () => undefined,
  });
  return {
    open,
    fail(offset, key, before) {
      const message = open.fail({ lane: 1, offset, key }, { ...entry, reason: "retry" }, before);
      open.confirm(message);
      return message;
    },
    park(offset, key) {
      open.confirm(open.park({ lane: 1, offset, key }, parked, undefined));
    },
  };
}

const offsetsOf = (messages: readonly OpenMessage[]): number[] =>
  messages.map(({ offset }) => offset);

test("what is released is read again by offset, whenever its turn came", () => {
  const { open, fail } = openMessages();
  for (const offset of [40, 7, 23, 1, 12]) open.makeDue(fail(offset, `key ${offset}`));
  assert.deepEqual(offsetsOf(open.takeReleased(3)), [1, 7, 12]);
  open.makeDue(fail(3, "key 3"));
  assert.deepEqual(offsetsOf(open.takeReleased(all)), [3, 23, 40]);
  assert.equal(open.hasReleased, false);
});

test("behind a failed message few are released at first, then more, until one fails", () => {
  const { open, fail, park } = openMessages();
  const first = fail(0, "a");
  for (let offset = 1; offset < 400; offset++) park(offset, "a");
  open.makeDue(first);
  const waves: number[] = [];
  let wave = open.takeReleased(all);
  const settle = (messages: readonly OpenMessage[]): void => {
    for (const each of messages) {
      open.forget(1, each.offset);
      open.leave(each);
    }
  };
  while (waves.length < 8) {
    waves.push(wave.length);
    settle(wave);
    wave = open.takeReleased(all);
  }
  assert.deepEqual(waves, [1, 2, 4, 8, 16, 32, 64, 64]);
  const [failing, ...others] = wave;
  assert.ok(failing !== undefined);
  const again = fail(failing.offset, "a", failing);
  for (const each of others) {
    open.confirm(open.park({ lane: 1, offset: each.offset, key: "a" }, each, each));
  }
  open.makeDue(again);
  const retried = open.takeReleased(all);
  assert.deepEqual(retried, [again]);
  settle(retried);
  assert.equal(open.takeReleased(all).length, 2);
});

/** Delivers an open message anew, and says what becomes of it when its turn in the window comes. */
function deliverAnew(open: OpenMessages, offset: number, reason: "retry" | "parked"): string {
  const place = { lane: 1, offset, key: "a" };
  const message = open.recover(place, { ...entry, reason });
  const admission = open.admit(message, place);
  if (admission === "park") open.confirm(open.park(place, { ...entry, reason }, message));
  return admission;
}

test("of a key that was lost and won again, what came anew goes before what was known", () => {
  const { open, fail, park } = openMessages();
  const first = fail(2, "a");
  for (const offset of [4, 5, 9]) park(offset, "a");
  open.makeDue(first);
  // The key was lost before they could be read again, and won before the last was missed.
  for (const message of open.takeReleased(all)) open.lost(message);
  assert.equal(deliverAnew(open, 2, "retry"), "park");
  for (const message of open.takeReleased(all)) open.lost(message);
  for (const offset of [4, 5]) assert.equal(deliverAnew(open, offset, "parked"), "park");
  assert.equal(deliverAnew(open, 9, "parked"), "park", "behind those before it");
  const order: number[] = [];
  for (let wave = open.takeReleased(all); wave.length > 0; wave = open.takeReleased(all)) {
    for (const each of wave) {
      order.push(each.offset);
      open.forget(1, each.offset);
      open.leave(each);
    }
  }
  assert.deepEqual(order, [2, 4, 5, 9]);
  assert.equal(open.isFree(keySlot("a")), true);
});

test("a key that was lost and won again as a whole begins anew", () => {
  const { open, fail, park } = openMessages();
  fail(2, "a");
  for (const offset of [4, 9]) park(offset, "a");
  assert.equal(deliverAnew(open, 2, "retry"), "run");
  assert.equal(open.isFree(keySlot("a")), true);
  assert.equal(open.size, 1);
});
