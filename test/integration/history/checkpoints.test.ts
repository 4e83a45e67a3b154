// A history that is judged and forgotten again and again finds what one that is judged once finds:
// what was there must be there still, what was settled must stay settled, what is open is kept.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HistoryChecker } from "../../../src/testing/history/check-history.ts";
import type { ViolationKind } from "../../../src/testing/history/violation.ts";
import {
  called,
  crash,
  delivered,
  drained,
  full,
  group,
  handled,
  log,
  stored,
  subscribed,
  timed,
  tried,
  type Untimed,
} from "./planted-history.ts";

const settling = { ...subscribed, hasSettlements: true };

/** One message, through and through. */
function through(id: string, offset: number): Untimed[] {
  return [
    ...stored(id, offset, "k"),
    delivered(id, offset, "k"),
    handled(offset),
    { kind: "settled", group, member: "m", log, offset },
  ];
}

const before = [settling, ...through("a", 0), ...through("b", 1), ...through("c", 2)];
const read = full(["a", "b", "c"]);

interface Case {
  readonly name: string;
  readonly first?: readonly Untimed[];
  readonly after: readonly Untimed[];
  readonly finds?: readonly ViolationKind[];
}

const cases: Case[] = [
  {
    name: "the same again, and more",
    after: [...through("d", 3), drained, ...full(["a", "b", "c", "d"])],
  },
  { name: "only what is new is read", after: [...through("d", 3), drained, ...full(["d"], 3)] },
  {
    name: "what was there is gone",
    after: [drained, ...full(["a", undefined, "c"])],
    finds: ["lost"],
  },
  {
    name: "what was there is another",
    after: [drained, ...full(["a", "x", "c"])],
    finds: ["inconsistent-offset"],
  },
  { name: "what was removed since", after: [drained, ...full(["d"], 3), ...through("d", 3)] },
  {
    name: "what the log itself reports as gone",
    after: [
      drained,
      { kind: "replay", log, id: "a", offset: 0 },
      { kind: "replay-gap", log, firstOffset: 1, count: 2 },
      { kind: "replay-end", log, startOffset: 0, endOffset: 3 },
    ],
  },
  {
    name: "what was settled is given to a member that began since",
    after: [crash, delivered("b", 1, "k"), drained, ...read],
    finds: ["non-monotonic"],
  },
  {
    name: "what was settled is given to somebody who is late",
    after: [delivered("b", 1, "k", "late"), handled(1, "done", "late"), drained, ...read],
  },
  {
    name: "a later message of a key is given twice, in order",
    after: [...through("d", 3), ...through("e", 4), drained, ...full(["a", "b", "c", "d", "e"])],
  },
  {
    name: "a new message is acknowledged where another one was",
    after: [...stored("d", 1, "k")],
    finds: ["inconsistent-offset"],
  },
  {
    name: "a publisher's order goes on",
    first: [...before, ...Object.values(called("p2", "unknown"))],
    after: [...through("d", 3), drained, ...full(["a", "b", "c", "d"])],
  },
  {
    name: "what had no answer becomes visible",
    first: [...before, ...tried("late", "unknown", "l")],
    after: [
      delivered("late", 3, "l"),
      handled(3),
      { kind: "settled", group, member: "m", log, offset: 3 },
      drained,
      ...full(["a", "b", "c", "late"]),
    ],
  },
  {
    name: "a new message is lost",
    after: [...through("d", 3), drained, ...read],
    finds: ["lost"],
  },
  {
    name: "a follower goes on, and leaves one out",
    first: [
      ...before,
      ...["a", "b", "c"].map(
        (id, offset): Untimed => ({ kind: "tail", reader: "r", log, id, offset }),
      ),
    ],
    after: [
      ...through("d", 3),
      ...through("e", 4),
      { kind: "tail", reader: "r", log, id: "e", offset: 4 },
      drained,
      ...full(["a", "b", "c", "d", "e"]),
    ],
    finds: ["tail-not-replay"],
  },
];

for (const { name, first = before, after, finds = [] } of cases) {
  test(`${finds.join() || "sound"} after a checkpoint: ${name}`, () => {
    const checker = new HistoryChecker({ isDense: true });
    const all = timed([...first, ...read, drained, ...after]);
    const place = all.length - after.length;
    for (const event of all.slice(0, place)) checker.add(event);
    assert.deepEqual(checker.checkpoint(), []);
    for (const event of all.slice(place)) checker.add(event);
    const found = [...new Set(checker.finish().map(({ kind }) => kind))].sort();
    assert.deepEqual(found, finds);
  });
}

test("nothing is forgotten that is not settled, or was not read in full", () => {
  const checker = new HistoryChecker({ isDense: true });
  const events = timed([...before, drained, ...full(["a", "b"])]);
  for (const [index, event] of events.entries()) {
    if (index === before.length || index === before.length + 1) {
      assert.deepEqual(checker.checkpoint(), []);
    }
    checker.add(event);
  }
  assert.deepEqual(
    checker.checkpoint().map(({ kind, id }) => [kind, id]),
    [["lost", "c"]],
  );
});
