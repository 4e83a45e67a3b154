// Planted histories of groups with other rules: at most once, by sequence, and effects that are to
// come in the order of their keys. Some must be found; near misses look alike and are sound.
import {
  delivered,
  drained,
  full,
  group,
  handled,
  log,
  type Planted,
  stored,
  subscribed,
  testPlanted,
  type Untimed,
} from "./planted-history.ts";

const mostOnce = { ...subscribed, delivery: "at-most-once" } as const;
const bySequence = { ...subscribed, order: "sequence" } as const;
const withEffects = { ...subscribed, hasEffects: true };

function numbered(id: string, offset: number, sequence: number): Untimed[] {
  const operation = `${id} ${offset}`;
  return [
    { kind: "invoke", operation, log, id, key: "k", sequence },
    { kind: "ok", operation, offset },
  ];
}

function effect(id: string, place?: number): Untimed {
  return { kind: "effect", group, log, id, place };
}

const planted: Planted[] = [
  {
    name: "at most once, and given twice, with a crash between",
    history: [
      mostOnce,
      ...stored("a", 0),
      delivered("a", 0),
      { kind: "crash", group, member: "m" },
      delivered("a", 0, undefined, "n"),
    ],
    finds: ["duplicate"],
  },
  {
    name: "at most once, settled first, and left out for ever",
    history: [
      mostOnce,
      ...stored("a", 0),
      ...stored("b", 1),
      { kind: "settled", group, member: "m", log, offset: 0 },
      delivered("a", 0),
      { kind: "settled", group, member: "m", log, offset: 1 },
      { kind: "crash", group, member: "m" },
      drained,
      ...full(["a", "b"]),
    ],
  },
  {
    name: "given in the order of sequences, which is not that of the log",
    history: [
      bySequence,
      ...numbered("second", 0, 2),
      ...numbered("first", 1, 1),
      delivered("first", 1, "k"),
      handled(1),
      delivered("second", 0, "k"),
      handled(0),
      drained,
      ...full(["second", "first"]),
    ],
  },
  {
    name: "given in the order of the log, which is not that of the sequences",
    history: [
      bySequence,
      ...numbered("second", 0, 2),
      ...numbered("first", 1, 1),
      delivered("second", 0, "k"),
      handled(0),
      delivered("first", 1, "k"),
      handled(1),
      ...full(["second", "first"]),
    ],
    finds: ["reorder"],
  },
  {
    name: "effects in the order of the log",
    history: [
      withEffects,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      drained,
      ...full(["a", "b"]),
      effect("a", 0),
      effect("b", 1),
    ],
  },
  {
    name: "effects in another order than the log",
    history: [
      withEffects,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      drained,
      ...full(["a", "b"]),
      effect("a", 1),
      effect("b", 0),
    ],
    finds: ["reorder"],
  },
  {
    name: "effects in another order, of two keys, or without places",
    history: [
      withEffects,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "l"),
      ...stored("c", 2, "k"),
      drained,
      ...full(["a", "b", "c"]),
      effect("b", 0),
      effect("a", 1),
      effect("c"),
    ],
  },
  {
    name: "effects in another order than the sequences",
    history: [
      withEffects,
      ...numbered("second", 0, 2),
      ...numbered("first", 1, 1),
      drained,
      ...full(["second", "first"]),
      effect("second", 0),
      effect("first", 1),
    ],
    finds: ["reorder"],
  },
  {
    name: "everything is settled, and one has had no effect",
    history: [
      withEffects,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      drained,
      ...full(["a", "b"]),
      effect("a", 0),
    ],
    finds: ["lost"],
  },
];

testPlanted(planted);
