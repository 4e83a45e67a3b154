// Checks a long sound history, made while it is read: messages of a few keys, three groups, in
// cycles at whose end everything is settled and the log is read in full. Prints what came of it.
// Arguments: messages, cycles, "checkpoints" or "at once", and "loses": an early message is not in
// the last full read.
import { HistoryChecker } from "../../../src/testing/history/check-history.ts";

const [messagesText = "", cyclesText = "", mode = "", loses] = process.argv.slice(2);
const perCycle = Number(messagesText) / Number(cyclesText);
const groups = ["one", "two", "three"];
const keys = 100;
const log = "orders";

const checker = new HistoryChecker({ isDense: true });
let atMs = 0;
let heapPeak = 0;

function publish(offset: number): void {
  const [id, key] = [`m${offset}`, `k${offset % keys}`];
  checker.add({ kind: "invoke", atMs, operation: offset, log, id, key, publisher: "p" });
  checker.add({ kind: "ok", atMs, operation: offset, offset });
}

function handle(group: string, offset: number): void {
  const [id, key] = [`m${offset}`, `k${offset % keys}`];
  const place = { atMs, group, member: "m", log, offset };
  checker.add({ kind: "delivery", ...place, id, key, attempt: 1 });
  checker.add({ kind: "handled", ...place, outcome: "done" });
  checker.add({ kind: "settled", ...place });
}

function readInFull(end: number, isLast: boolean): void {
  for (let offset = 0; offset < end; offset++) {
    if (isLast && loses !== undefined && offset === 7) continue;
    const [id, key] = [`m${offset}`, `k${offset % keys}`];
    checker.add({ kind: "replay", atMs, log, id, key, offset });
  }
  checker.add({ kind: "replay-end", atMs, log, startOffset: 0, endOffset: end });
}

for (const group of groups) {
  checker.add({ kind: "subscribe", atMs, group, log, from: 0, hasSettlements: true });
}
for (let cycle = 1; cycle <= Number(cyclesText); cycle++) {
  const isLast = cycle === Number(cyclesText);
  const from = (cycle - 1) * perCycle;
  for (let offset = from; offset < from + perCycle; offset++, atMs++) {
    publish(offset);
    for (const group of groups) handle(group, offset);
  }
  heapPeak = Math.max(heapPeak, process.memoryUsage().heapUsed);
  if (mode === "checkpoints" || isLast) {
    for (const group of groups) checker.add({ kind: "drained", atMs, group, log });
    readInFull(from + perCycle, isLast);
  }
  if (mode === "checkpoints") checker.checkpoint();
}
const violations = checker.finish().map(({ kind }) => kind);
const heapPeakMebibytes = Math.ceil(heapPeak / 1024 / 1024);
process.stdout.write(JSON.stringify({ heapPeakMebibytes, violations }));
