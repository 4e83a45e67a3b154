/**
 * The page of the study of synchronous calls beside messages: what it says follows from the run it
 * is made of, and the figures of a run follow from what happened to its orders.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { renderPage } from "../../benchmarks/sync-vs-async/page/study-page.ts";
import { momentsOf } from "../../benchmarks/sync-vs-async/run/moments.ts";
import type { SentOrder } from "../../benchmarks/sync-vs-async/run/producer.ts";
import { sideResultOf } from "../../benchmarks/sync-vs-async/run/side-result.ts";
import type { StudyCase, StudyRun } from "../../benchmarks/sync-vs-async/study-run.ts";
import { parseRun } from "../../benchmarks/sync-vs-async/sync-vs-async-study.ts";

const path = new URL("./fixtures/sync-vs-async-run.json", import.meta.url);
const run = parseRun(readFileSync(path, "utf8"), path.pathname);

const pageOf = (of: StudyRun): string => renderPage(of)[0]?.text ?? "";

/** What stands below a heading. */
function section(page: string, heading: string): string {
  return page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
}

test("the page has the run's method, its figures and its pictures", () => {
  const [page, ...pictures] = renderPage(run);
  assert.equal(page?.path, "sync-vs-async.md");
  assert.ok(page.text.includes(run.command));
  assert.match(page.text, /2026-01-02, Node v26\.0\.0,\n4 processors/);
  assert.match(page.text, /\| load 0\.5, 4 services \| calls \| 200 \| 166 ms \| 230 ms \|/);
  assert.match(page.text, /\| load 0\.5, 4 services \| Spillway \| 200 \| 3\.25 ms \| 12 ms \|/);
  const named = [...page.text.matchAll(/\]\((images\/[^)]+)\)/g)].map((match) => match[1]);
  assert.deepEqual(
    named,
    pictures.map((picture) => picture.path),
  );
  assert.equal(pictures.length, 4);
  for (const { text } of [page, ...pictures]) assert.doesNotMatch(text, /NaN|undefined|Infinity/);
});

test("a picture has each line, within its frame", () => {
  for (const { text } of renderPage(run).slice(1)) {
    const lines = [...text.matchAll(/<polyline [^>]*points="([^"]+)"/g)];
    assert.equal(lines.length, 4);
    for (const point of lines.flatMap((line) => (line[1] ?? "").split(" "))) {
      const [x = -1, y = -1] = point.split(",").map(Number);
      assert.ok(x >= 0 && x <= 760 && y >= 0 && y <= 420, `${point} is outside`);
    }
    assert.equal(text.match(/<text/g)?.length, text.match(/<\/text>/g)?.length);
  }
});

test("who wins where is what the figures say, also when it is the other side", () => {
  const page = pageOf(run);
  const calls = section(page, "Where the calls win");
  const messages = section(page, "Where the messages win");
  assert.match(calls, /one order at a time, 4 services: end p50 165 ms \(190 ms\)/);
  assert.match(calls, /the last one dead: .*recovery 0 s \(3 s\)/);
  assert.match(messages, /load 5, 4 services: .*completed 100\.0 % \(22\.0 %\)/);
  assert.match(messages, /the last one slow: .*recovery 4 s \(not while orders came\)/);
  assert.match(page, /between 96 % .* and 100 % \(load 5, 4 services\)/);

  const swapped = run.results.map(({ case: study, sync, spillway }) => {
    return { case: study, sync: spillway, spillway: sync };
  });
  const other = pageOf({ ...run, results: swapped });
  assert.equal(section(other, "Where the calls win"), messages);
  assert.equal(section(other, "Where the messages win"), calls);
});

test("a case whose orders never came, and a run without charts, make a page, too", () => {
  const none = { offered: 0, accepted: 0, completed: 0, completedInTime: 0 };
  const results = run.results.map(({ case: study, sync, spillway }) => {
    return { case: study, sync: { ...sync, ...none }, spillway: { ...spillway, ...none } };
  });
  for (const { text } of renderPage({ ...run, results })) {
    assert.doesNotMatch(text, /NaN|undefined|Infinity/);
  }
  assert.equal(renderPage({ ...run, results: run.results.slice(0, 1) }).length, 1);
});

test("a file that is no run of this study is refused by name", () => {
  for (const text of ["null", "[]", '{"study":"peers"}', '{"study":"sync-vs-async"}']) {
    assert.throws(() => parseRun(text, "other.json"), /^Error: other\.json is no run of this/);
  }
});

const faulty: StudyCase = { group: "fault", chain: 2, load: 0.5, fault: "dead", seconds: 9 };
const startedAtMs = 1_000_000;

/** One order each 100 ms, answered after 10 ms, passing the chain after so long. */
function recordsWith(passesAfterMs: (dueMs: number) => number | undefined) {
  const completedAtMs = new Map<string, number>();
  const sent = Array.from({ length: 90 }, (_, index): SentOrder => {
    const dueAtMs = startedAtMs + index * 100;
    const afterMs = passesAfterMs(index * 100);
    if (afterMs !== undefined) completedAtMs.set(String(index), dueAtMs + afterMs);
    return { id: String(index), dueAtMs, answeredAtMs: dueAtMs + 10, answer: "yes" };
  });
  return { startedAtMs, sent, completedAtMs, processorMs: 180 };
}

test("recovery ends with the last window in which orders were late", () => {
  const recovery = (passesAfterMs: (dueMs: number) => number | undefined) =>
    sideResultOf(recordsWith(passesAfterMs), faulty).recoverySeconds;
  assert.equal(
    recovery(() => 50),
    0,
  );
  assert.equal(
    recovery((dueMs) => (dueMs < 7_500 ? 2_001 : 2_000)),
    2,
  );
  assert.equal(
    recovery((dueMs) => (dueMs === 8_900 ? undefined : 50)),
    null,
  );
  // Nothing is wrong in a case without a fault.
  const { fault: _, ...well } = faulty;
  assert.equal(
    sideResultOf(
      recordsWith(() => 50),
      well,
    ).recoverySeconds,
    null,
  );
});

test("orders are counted by what was said and by what happened", () => {
  const records = recordsWith((dueMs) => (dueMs === 0 ? undefined : 5_000));
  const sent = records.sent.map((order, index): SentOrder => {
    if (index >= 80) return { ...order, answer: "none" };
    return index >= 70 ? { ...order, answer: "no" } : order;
  });
  const result = sideResultOf({ ...records, sent }, faulty);
  assert.deepEqual(result, {
    offered: 90,
    accepted: 70,
    timedOut: 10,
    refused: 10,
    answerP50Ms: 10,
    answerP99Ms: 10,
    completed: 89,
    completedInTime: 0,
    // Due up to 4 s after the start: 40 of them.
    completedPerSecond: 4.44,
    completedP50Ms: 5_000,
    completedP99Ms: 5_000,
    lost: 1,
    unknown: 20,
    drainSeconds: 5,
    recoverySeconds: null,
    processorMsPerOrder: 2.02,
  });
});

test("orders come at the same moments for the same seed, in bursts where there are bursts", () => {
  const steady: StudyCase = { group: "load", chain: 4, load: 2, seconds: 10 };
  assert.deepEqual(momentsOf(steady, 1), momentsOf(steady, 1));
  assert.notDeepEqual(momentsOf(steady, 1), momentsOf(steady, 2));
  assert.ok(Math.abs(momentsOf(steady, 1).length - 2_000) < 200);
  const bursts = momentsOf({ group: "burst", chain: 4, load: 1, seconds: 8 }, 1);
  assert.ok(Math.abs(bursts.length - 800) < 120);
  assert.ok(bursts.every((moment) => moment % 4_000 < 1_000));
  assert.deepEqual(momentsOf({ ...steady, group: "single", load: 0 }, 1), []);
});
