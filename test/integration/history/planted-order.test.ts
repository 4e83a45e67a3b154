// Planted histories of what is out of order, in two places, seen otherwise by a reader, or stuck:
// some that must be found, and near misses, which look alike and are sound.
import {
  type Planted,
  type Untimed,
  crash,
  delivered,
  drained,
  full,
  group,
  handled,
  log,
  stored,
  subscribed,
  tail,
  testPlanted,
  tried,
} from "./planted-history.ts";

/** The publish as one of a message that groups may settle without a handler. */
function skippable(event: Untimed): Untimed {
  return event.kind === "invoke" ? { ...event, isSkippable: true } : event;
}

const reorders: Planted[] = [
  {
    name: "sent after the other of its key was acknowledged, and stored before it",
    history: [...stored("a", 5, "k"), ...stored("b", 4, "k")],
    finds: ["reorder"],
  },
  {
    name: "the same, found only in the full read",
    history: [...stored("a", 1, "k"), ...tried("b", "unknown", "k"), ...full(["b", "a"])],
    finds: ["reorder"],
  },
  { name: "two keys", history: [...stored("a", 5, "k"), ...stored("b", 4, "j")] },
  {
    name: "sent at the same time",
    history: [
      { kind: "invoke", operation: "x", log, id: "a", key: "k" },
      { kind: "invoke", operation: "y", log, id: "b", key: "k" },
      { kind: "ok", operation: "x", offset: 5 },
      { kind: "ok", operation: "y", offset: 4 },
    ],
  },
  {
    name: "sent again, and answered with where it was stored first",
    history: [...tried("a", "unknown", "k"), ...stored("b", 1, "k"), ...stored("a", 0, "k")],
  },
  {
    name: "delivered while one before it waits for its retry",
    history: [
      subscribed,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      delivered("a", 0, "k"),
      handled(0, "failed"),
      delivered("b", 1, "k", "other"),
    ],
    finds: ["reorder"],
  },
  {
    name: "delivered while its member still has the one before it",
    history: [
      subscribed,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      delivered("a", 0, "k"),
      delivered("b", 1, "k"),
    ],
    finds: ["reorder"],
  },
  {
    name: "delivered after one behind it",
    history: [
      subscribed,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      delivered("b", 1, "k"),
      handled(1),
      delivered("a", 0, "k"),
      handled(0),
      ...full(["a", "b"]),
    ],
    finds: ["reorder"],
  },
  {
    name: "delivered when the one before it was given up",
    history: [
      subscribed,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      delivered("a", 0, "k", "m", 3),
      handled(0, "failed"),
      delivered("b", 1, "k"),
    ],
  },
  {
    name: "one after another that has failed, and whose time may have passed meanwhile",
    history: [
      subscribed,
      ...stored("a", 0, "k").map(skippable),
      ...stored("b", 1, "k"),
      delivered("a", 0, "k"),
      handled(0, "failed"),
      delivered("b", 1, "k"),
      handled(1),
      drained,
      ...full(["a", "b"]),
    ],
  },
  {
    name: "one before another whose time may pass, and which is still handled",
    history: [
      subscribed,
      ...stored("a", 0, "k").map(skippable),
      ...stored("b", 1, "k"),
      delivered("a", 0, "k"),
      delivered("b", 1, "k"),
    ],
    finds: ["reorder"],
  },
  {
    name: "out of order in a group that does not ask for order",
    history: [
      { ...subscribed, order: "none" },
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      delivered("b", 1, "k"),
      delivered("a", 0, "k"),
    ],
  },
  {
    name: "everything again after a crash",
    history: [
      subscribed,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      delivered("a", 0, "k"),
      handled(0),
      delivered("b", 1, "k"),
      crash,
      delivered("a", 0, "k"),
      handled(0),
      delivered("b", 1, "k"),
      handled(1),
      drained,
      ...full(["a", "b"]),
    ],
  },
  {
    name: "a member wakes up late, while another has gone on",
    history: [
      subscribed,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      ...stored("c", 2, "k"),
      delivered("a", 0, "k", "frozen"),
      { kind: "rebalance", group },
      delivered("a", 0, "k", "m"),
      handled(0),
      delivered("b", 1, "k", "m"),
      handled(1),
      handled(0, "failed", "frozen"),
      delivered("b", 1, "k", "frozen"),
      delivered("c", 2, "k", "m"),
      handled(2),
      handled(1, "abandoned", "frozen"),
      drained,
      ...full(["a", "b", "c"]),
    ],
  },
];

const rest: Planted[] = [
  {
    name: "two messages at one offset",
    history: [...stored("a", 0), ...stored("b", 0)],
    finds: ["inconsistent-offset"],
  },
  {
    name: "acknowledged at one offset, read at another",
    history: [...stored("a", 0), ...stored("b", 1), tail("b", 0)],
    finds: ["inconsistent-offset"],
  },
  {
    name: "one offset in two logs",
    history: [
      ...stored("a", 0),
      { kind: "invoke", operation: "z", log: "other", id: "b" },
      { kind: "ok", operation: "z", offset: 0 },
    ],
  },
  {
    name: "a reader goes back",
    history: [...stored("a", 0), ...stored("b", 1), tail("b", 1), tail("a", 0)],
    finds: ["non-monotonic"],
  },
  {
    name: "a reader sees one message twice",
    history: [...stored("a", 0), tail("a", 0), tail("a", 0)],
    finds: ["non-monotonic"],
  },
  {
    name: "a reader was told to go back; another is behind",
    history: [
      ...stored("a", 0),
      ...stored("b", 1),
      tail("b", 1),
      { kind: "seek", reader: "r" },
      tail("a", 0),
      tail("a", 0, "s"),
    ],
  },
  {
    name: "a member is given again what it has finished",
    history: [...stored("a", 0), delivered("a", 0), handled(0), delivered("a", 0)],
    finds: ["non-monotonic"],
  },
  {
    name: "a member is given again what has failed, and what it finished before a crash",
    history: [
      ...stored("a", 0),
      delivered("a", 0),
      handled(0, "failed"),
      delivered("a", 0, undefined, "m", 2),
      handled(0),
      crash,
      delivered("a", 0, undefined, "m", 2),
    ],
  },
  {
    name: "the full read goes back",
    history: [
      ...stored("a", 0),
      ...stored("b", 1),
      { kind: "replay", log, id: "b", offset: 1 },
      { kind: "replay", log, id: "a", offset: 0 },
    ],
    finds: ["non-monotonic"],
  },
  {
    name: "a reader left out a message",
    history: [
      ...["a", "b", "c"].flatMap((id, offset) => stored(id, offset)),
      tail("a", 0),
      tail("c", 2),
      ...full(["a", "b", "c"]),
    ],
    finds: ["tail-not-replay"],
  },
  {
    name: "a reader ended before the log did",
    history: [
      ...stored("a", 0),
      ...stored("b", 1),
      tail("a", 0),
      { kind: "tail-end", reader: "r", log },
      ...full(["a", "b"]),
    ],
    finds: ["tail-not-replay"],
  },
  {
    name: "a reader that began with the first message saw nothing",
    history: [
      { kind: "tail-start", reader: "r", log, from: 0 },
      ...stored("a", 0),
      { kind: "tail-end", reader: "r", log },
      ...full(["a"]),
    ],
    finds: ["tail-not-replay"],
  },
  {
    name: "a reader that began behind the last message saw nothing",
    history: [
      ...stored("a", 0),
      { kind: "tail-start", reader: "r", log, from: 1 },
      { kind: "tail-end", reader: "r", log },
      ...full(["a"]),
    ],
  },
  {
    name: "a reader left out the message with which it began",
    history: [
      ...stored("a", 0),
      ...stored("b", 1),
      { kind: "tail-start", reader: "r", log, from: 0 },
      tail("b", 1),
      ...full(["a", "b"]),
    ],
    finds: ["tail-not-replay"],
  },
  {
    name: "a reader saw what is not stored",
    history: [...tried("a", "unknown"), tail("a", 0), ...full([undefined])],
    finds: ["phantom", "tail-not-replay"],
  },
  {
    name: "a reader began late, was stopped early, and saw what was removed since",
    history: [
      ...["a", "b", "c", "d"].flatMap((id, offset) => stored(id, offset)),
      tail("b", 1),
      tail("c", 2),
      ...full(["c", "d"], 2),
    ],
  },
  {
    name: "nothing moves after the faults have stopped",
    history: [
      subscribed,
      ...stored("a", 0),
      { kind: "calm", atMs: 50 },
      ...full(["a"]),
      { kind: "end", atMs: 150 },
    ],
    rules: { stuckMs: 100 },
    finds: ["stuck"],
  },
  {
    name: "nothing moves, but the bound has not passed",
    history: [
      subscribed,
      ...stored("a", 0),
      { kind: "calm", atMs: 51 },
      ...full(["a"]),
      { kind: "end", atMs: 150 },
    ],
    rules: { stuckMs: 100 },
  },
  {
    name: "nothing moves while there are faults",
    history: [subscribed, ...stored("a", 0), ...full(["a"]), { kind: "end", atMs: 150 }],
    rules: { stuckMs: 100 },
  },
  {
    name: "others were finished within the bound",
    history: [
      subscribed,
      ...stored("a", 0),
      ...stored("b", 1),
      { kind: "calm", atMs: 50 },
      delivered("b", 1),
      { ...handled(1), atMs: 60 },
      ...full(["a", "b"]),
      { kind: "end", atMs: 150 },
    ],
    rules: { stuckMs: 100 },
  },
  {
    name: "a publish without an outcome",
    history: [
      { kind: "calm" },
      { kind: "invoke", operation: "x", log, id: "a" },
      { kind: "end", atMs: 150 },
    ],
    rules: { stuckMs: 100 },
    finds: ["stuck"],
  },
];

testPlanted([...reorders, ...rest]);
