// Planted histories of brokers that are unlike a log with one row of offsets: queues without any,
// and partitions with offsets of their own. Some must be found; near misses look alike, and are
// sound.
import type { GroupSubscribed } from "../../../src/testing/history/history-event.ts";
import {
  group,
  log,
  type Outcome,
  type Planted,
  testPlanted,
  tried,
  type Untimed,
} from "./planted-history.ts";

const all: Untimed<GroupSubscribed> = { kind: "subscribe", group, log, from: 0 };
const fromHere: Untimed<GroupSubscribed> = { kind: "subscribe", group, log };
const drained: Untimed = { kind: "drained", group, log };

let operations = 0;

/** A message that a queue, or a partition, confirmed. */
function sent(id: string, key?: string, to?: { log: string; offset: number }): Untimed[] {
  const operation = `sent ${++operations}`;
  return [
    { kind: "invoke", operation, log, id, key, value: `content of ${id}` },
    { kind: "ok", operation, ...to },
  ];
}

function got(id: string, key?: string, member = "m", attempt = 1): Untimed {
  return { kind: "delivery", group, member, log, id, key, attempt };
}

function did(id: string, outcome: Outcome = "done", member = "m"): Untimed {
  return { kind: "handled", group, member, log, id, outcome };
}

const queues: Planted[] = [
  {
    name: "a queue gives everything once",
    history: [
      all,
      ...sent("a", "k"),
      ...sent("b", "k"),
      got("a"),
      did("a"),
      got("b"),
      did("b"),
      drained,
    ],
  },
  {
    name: "a queue is empty, and a confirmed message never came",
    history: [all, ...sent("a"), ...sent("b"), got("b"), did("b"), drained],
    finds: ["lost"],
  },
  {
    name: "a queue is empty, and a message without an answer never came",
    history: [all, ...tried("a", "unknown"), ...sent("b"), got("b"), did("b"), drained],
  },
  {
    name: "a queue was bound after the message",
    history: [...sent("a"), fromHere, ...sent("b"), got("b"), did("b"), drained],
  },
  {
    name: "a queue was bound before the message, and lost it",
    history: [fromHere, ...sent("a"), drained],
    finds: ["lost"],
  },
  {
    name: "a queue gives what nobody sent",
    history: [all, got("a"), did("a")],
    finds: ["phantom"],
  },
  {
    name: "a queue gives what was refused",
    history: [all, ...tried("a", "failed"), got("a"), did("a")],
    finds: ["aborted-read"],
  },
  {
    name: "a queue gives content that was not sent",
    history: [
      all,
      ...sent("a"),
      { kind: "delivery", group, member: "m", log, id: "a", attempt: 1, value: "torn" },
    ],
    finds: ["phantom"],
  },
  {
    name: "a queue turns two messages of a key around",
    history: [
      all,
      ...sent("a", "k"),
      ...sent("b", "k"),
      got("b", "k"),
      did("b"),
      got("a", "k"),
      did("a"),
      drained,
    ],
    finds: ["reorder"],
  },
  {
    name: "a queue gives two messages that were sent at once in either order",
    history: [
      all,
      { kind: "invoke", operation: "a", log, id: "a", key: "k" },
      { kind: "invoke", operation: "b", log, id: "b", key: "k" },
      { kind: "ok", operation: "a" },
      { kind: "ok", operation: "b" },
      got("b", "k"),
      did("b"),
      got("a", "k"),
      did("a"),
      drained,
    ],
  },
  {
    name: "a queue turns around what one channel sent at once",
    history: [
      all,
      { kind: "invoke", operation: "a", log, id: "a", key: "k", publisher: "p" },
      { kind: "invoke", operation: "b", log, id: "b", key: "k", publisher: "p" },
      { kind: "ok", operation: "a" },
      { kind: "ok", operation: "b" },
      got("b", "k"),
      did("b"),
      got("a", "k"),
      did("a"),
    ],
    finds: ["reorder"],
  },
  {
    name: "a queue passes a message that has failed",
    history: [
      all,
      ...sent("a", "k"),
      ...sent("b", "k"),
      got("a", "k"),
      did("a", "failed"),
      got("b", "k"),
    ],
    finds: ["reorder"],
  },
  {
    name: "a queue gives again what has failed, and what a dead member had",
    history: [
      all,
      ...sent("a", "k"),
      got("a", "k"),
      did("a", "failed"),
      got("a", "k", "m", 2),
      { kind: "crash", group, member: "m" },
      got("a", "k", "n", 3),
      did("a", "done", "n"),
      drained,
    ],
  },
  {
    name: "a queue gives a member again what it has acknowledged",
    history: [all, ...sent("a"), got("a"), did("a"), got("a")],
    finds: ["non-monotonic"],
  },
  {
    name: "a queue stands still with a message in it",
    history: [all, ...sent("a"), { kind: "calm", atMs: 50 }, { kind: "end", atMs: 150 }],
    rules: { stuckMs: 100 },
    finds: ["stuck"],
  },
];

const [zero, one] = ["orders/0", "orders/1"];
const made: Untimed[] = [zero, one].map((each) => ({ kind: "partition", log: each, of: log }));

function shown(id: string, partition: string, offset: number): Untimed {
  return { kind: "replay", log: partition, id, offset };
}

function ends(zeroEnd: number, oneEnd: number): Untimed[] {
  return [
    { kind: "replay-end", log: zero, startOffset: 0, endOffset: zeroEnd },
    { kind: "replay-end", log: one, startOffset: 0, endOffset: oneEnd },
  ];
}

const partitions: Planted[] = [
  {
    name: "two partitions have a message at the same offset",
    history: [
      ...made,
      ...sent("a", "k", { log: zero, offset: 0 }),
      ...sent("b", "l", { log: one, offset: 0 }),
      shown("a", zero, 0),
      shown("b", one, 0),
      ...ends(1, 1),
    ],
  },
  {
    name: "a partition has lost what it confirmed",
    history: [
      ...made,
      ...sent("a", "k", { log: zero, offset: 0 }),
      ...sent("b", "l", { log: one, offset: 0 }),
      shown("b", one, 0),
      ...ends(0, 1),
    ],
    finds: ["lost"],
  },
  {
    name: "a confirmation does not say in which partition the lost message was",
    history: [...made, ...sent("a"), ...ends(0, 0)],
    finds: ["lost"],
  },
  {
    name: "a message is in two partitions",
    history: [
      ...made,
      ...sent("a", "k", { log: zero, offset: 0 }),
      shown("a", zero, 0),
      shown("a", one, 0),
      ...ends(1, 1),
    ],
    finds: ["duplicate"],
  },
  {
    name: "two messages of a key, the later one at a smaller offset of another partition",
    history: [
      ...made,
      ...sent("a", "k", { log: zero, offset: 5 }),
      ...sent("b", "k", { log: one, offset: 0 }),
    ],
  },
  {
    name: "two messages of a key, the later one at a smaller offset of the same partition",
    history: [
      ...made,
      ...sent("a", "k", { log: zero, offset: 5 }),
      ...sent("b", "k", { log: zero, offset: 0 }),
    ],
    finds: ["reorder"],
  },
  {
    name: "a message of unknown end is in one of the partitions",
    history: [...made, ...tried("a", "unknown"), shown("a", one, 0), ...ends(0, 1)],
  },
  {
    name: "a partition shows a message that was refused",
    history: [...made, ...tried("a", "failed"), shown("a", one, 0), ...ends(0, 1)],
    finds: ["aborted-read"],
  },
  {
    name: "a group has settled one partition, and left out a message of the other",
    history: [
      ...made,
      { kind: "subscribe", group, log: zero, from: 0 },
      { kind: "subscribe", group, log: one, from: 0 },
      ...sent("a", "k", { log: zero, offset: 0 }),
      ...sent("b", "l", { log: one, offset: 0 }),
      { kind: "delivery", group, member: "m", log: zero, id: "a", offset: 0, attempt: 1 },
      { kind: "handled", group, member: "m", log: zero, offset: 0, outcome: "done" },
      { kind: "drained", group, log: zero },
      { kind: "drained", group, log: one },
      shown("a", zero, 0),
      shown("b", one, 0),
      ...ends(1, 1),
    ],
    finds: ["lost"],
  },
];

testPlanted([...queues, ...partitions]);
