// Planted histories of what is lost, never sent, failed, or there twice: some that must be found,
// and near misses, which look alike and are sound.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HistoryChecker, checkHistory } from "../../../src/testing/history/check-history.ts";
import { violationsPerKindMax } from "../../../src/testing/history/violation.ts";
import {
  type Planted,
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
  timed,
  tried,
} from "./planted-history.ts";

const lost: Planted[] = [
  {
    name: "acknowledged, and not in the full read",
    history: [...stored("a", 0), ...stored("b", 1), ...full([undefined, "b"])],
    finds: ["lost"],
  },
  {
    name: "acknowledged, and removed by retention before the full read",
    history: [...stored("a", 0), ...stored("b", 1), ...full(["b"], 1)],
  },
  {
    name: "acknowledged, and the log itself says that it is gone",
    history: [
      ...stored("a", 0),
      ...stored("b", 1),
      { kind: "replay-gap", log, firstOffset: 0, count: 1 },
      ...full([undefined, "b"]),
    ],
  },
  {
    name: "not acknowledged for certain, and not in the full read",
    history: [...tried("a", "unknown"), ...stored("b", 0), ...full(["b"])],
  },
  {
    name: "an offset is missing in a log without holes",
    history: [...stored("b", 1), ...full([undefined, "b"])],
    rules: { isDense: true },
    finds: ["lost"],
  },
  {
    name: "an offset is missing in a log that may have holes",
    history: [...stored("b", 1), ...full([undefined, "b"])],
  },
  {
    name: "the group has settled everything, and one was never delivered",
    history: [
      subscribed,
      ...stored("a", 0),
      ...stored("b", 1),
      delivered("b", 1),
      handled(1),
      drained,
      ...full(["a", "b"]),
    ],
    finds: ["lost"],
  },
  {
    name: "the group went past a message of the key",
    history: [
      subscribed,
      ...stored("a", 0, "k"),
      ...stored("b", 1, "k"),
      delivered("b", 1, "k"),
      handled(1),
      ...full(["a", "b"]),
    ],
    finds: ["lost"],
  },
  {
    name: "a message of another key is not delivered yet",
    history: [
      subscribed,
      ...stored("a", 0, "j"),
      ...stored("b", 1, "k"),
      delivered("b", 1, "k"),
      handled(1),
      ...full(["a", "b"]),
    ],
  },
  {
    name: "settled without its effect",
    history: [
      { ...subscribed, hasEffects: true },
      ...stored("a", 0),
      delivered("a", 0),
      handled(0),
      drained,
      ...full(["a"]),
    ],
    finds: ["lost"],
  },
  {
    name: "in flight when its member died, and settled",
    history: [subscribed, ...stored("a", 0), delivered("a", 0), crash, drained, ...full(["a"])],
  },
  {
    name: "due long ago, and never visible",
    history: [
      { kind: "invoke", operation: "late", log, id: "a", dueAtMs: 10 },
      { kind: "ok", operation: "late" },
      { kind: "replay-end", atMs: 200, log, startOffset: 0, endOffset: 0 },
    ],
    rules: { stuckMs: 100 },
    finds: ["lost"],
  },
  {
    name: "delayed, and cancelled",
    history: [
      { kind: "invoke", operation: "late", log, id: "a", dueAtMs: 10 },
      { kind: "ok", operation: "late" },
      { kind: "cancelled", log, id: "a" },
      { kind: "replay-end", atMs: 200, log, startOffset: 0, endOffset: 0 },
    ],
    rules: { stuckMs: 100 },
  },
];

const phantoms: Planted[] = [
  { name: "read, and never sent", history: [tail("a", 0)], finds: ["phantom"] },
  {
    name: "noted as read before it is noted as sent",
    history: [tail("a", 0), ...stored("a", 0), ...full(["a"])],
  },
  {
    name: "read with other content than was sent",
    history: [...stored("a", 0), tail("a", 0, "r", "other")],
    finds: ["inconsistent-offset", "phantom"],
  },
  {
    name: "handled, and not stored",
    history: [...tried("a", "unknown"), delivered("a", 0), handled(0), ...full([undefined])],
    finds: ["phantom"],
  },
  {
    name: "handled, and stored although nobody was told",
    history: [...tried("a", "unknown"), delivered("a", 0), handled(0), ...full(["a"])],
  },
  {
    name: "handled by a member to which nobody delivered it",
    history: [...stored("a", 0), handled(0)],
    finds: ["phantom"],
  },
  {
    name: "an effect of a message that was never sent",
    history: [{ kind: "effect", group, log, id: "a" }],
    finds: ["phantom"],
  },
];

const abortedReads: Planted[] = [
  {
    name: "publishing failed for certain, and it was read",
    history: [...tried("a", "failed"), tail("a", 0)],
    finds: ["aborted-read"],
  },
  {
    name: "read first, and then publishing failed for certain",
    history: [
      { kind: "invoke", operation: "x", log, id: "a" },
      tail("a", 0),
      { kind: "failed", operation: "x" },
    ],
    finds: ["aborted-read"],
  },
  {
    name: "publishing failed, was tried again, and it was read",
    history: [...tried("a", "failed"), ...stored("a", 0), tail("a", 0), ...full(["a"])],
  },
  {
    name: "publishing ended without an answer, and it was read",
    history: [...tried("a", "failed"), ...tried("a", "unknown"), tail("a", 0), ...full(["a"])],
  },
];

const duplicates: Planted[] = [
  {
    name: "stored twice",
    history: [...stored("a", 0), ...full(["a", "a"])],
    finds: ["duplicate"],
  },
  {
    name: "acknowledged twice, at two offsets",
    history: [...stored("a", 0), ...stored("a", 1)],
    finds: ["duplicate"],
  },
  {
    name: "acknowledged twice, at one offset",
    history: [...stored("a", 0), ...stored("a", 0), ...full(["a"])],
  },
  {
    name: "two ids under one idempotency id",
    history: [
      { kind: "invoke", operation: "x", log, id: "a", idempotencyId: "order 1" },
      { kind: "unknown", operation: "x" },
      { kind: "invoke", operation: "y", log, id: "b", idempotencyId: "order 1" },
      { kind: "ok", operation: "y", offset: 1 },
      ...full(["a", "b"]),
    ],
    finds: ["duplicate"],
  },
  {
    name: "stored again when the window had passed",
    history: [
      ...stored("a", 0),
      { kind: "replay", log, id: "a", offset: 0, appendedAtMs: 0 },
      { kind: "replay", log, id: "a", offset: 1, appendedAtMs: 101 },
      { kind: "replay-end", log, startOffset: 0, endOffset: 2 },
    ],
    rules: { dedupeWindowMs: 100 },
  },
  {
    name: "stored again within the window",
    history: [
      ...stored("a", 0),
      { kind: "replay", log, id: "a", offset: 0, appendedAtMs: 0 },
      { kind: "replay", log, id: "a", offset: 1, appendedAtMs: 100 },
      { kind: "replay-end", log, startOffset: 0, endOffset: 2 },
    ],
    rules: { dedupeWindowMs: 100 },
    finds: ["duplicate"],
  },
  {
    name: "two effects in one group",
    history: [
      ...stored("a", 0),
      { kind: "effect", group, log, id: "a" },
      { kind: "effect", group, log, id: "a" },
    ],
    finds: ["duplicate"],
  },
  {
    name: "an effect in each of two groups, and a delivery again",
    history: [
      subscribed,
      ...stored("a", 0),
      { kind: "effect", group, log, id: "a" },
      { kind: "effect", group: "audit", log, id: "a" },
      delivered("a", 0),
      crash,
      delivered("a", 0),
      handled(0),
      ...full(["a"]),
    ],
  },
];

testPlanted([...lost, ...phantoms, ...abortedReads, ...duplicates]);

test("each kind lists at most its bound, and counts the rest", () => {
  const reads = Array.from({ length: violationsPerKindMax + 7 }, (_, offset) =>
    tail(`m${offset}`, offset),
  );
  const violations = checkHistory(timed(reads));
  assert.equal(violations.length, violationsPerKindMax + 1);
  assert.equal(violations.at(-1)?.message, "phantom: 7 more, not listed");
});

test("an outcome of an unknown operation is refused", () => {
  const checker = new HistoryChecker();
  assert.throws(() => checker.add({ kind: "ok", atMs: 0, operation: 7 }), /operation 7/);
});
