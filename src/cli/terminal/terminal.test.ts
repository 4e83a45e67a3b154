// Presentation: widths, numbers, tables, bars, and a view that draws in place and gives the
// cursor back.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import {
  clip,
  clipStyled,
  colourStyle,
  plainStyle,
  printable,
  styleFor,
  visibleWidth,
} from "./ansi.ts";
import { keysOf } from "./key-reader.ts";
import { LiveView } from "./live-view.ts";
import { counted, formatBytes, formatCount, formatDuration, formatRate } from "./number-format.ts";
import { remainingMs, renderBar, renderProgress } from "./progress-bar.ts";
import { renderTable } from "./table.ts";

test("colour is for terminals that want it", () => {
  assert.equal(styleFor(true, {}), colourStyle);
  assert.equal(styleFor(true, { NO_COLOR: "" }), colourStyle);
  assert.equal(styleFor(true, { NO_COLOR: "1" }), plainStyle);
  assert.equal(styleFor(true, { TERM: "dumb" }), plainStyle);
  assert.equal(styleFor(false, {}), plainStyle);
});

test("text is cut by what is visible, and foreign text cannot move the cursor", () => {
  const styled = `${colourStyle.red("abc")}${colourStyle.bold("def")}`;
  assert.equal(visibleWidth(styled), 6);
  assert.equal(stripVTControlCharacters(clipStyled(styled, 4)), "abcd");
  assert.ok(clipStyled(styled, 4).endsWith("\u001B[22m"));
  assert.equal(clip("🐎🐎🐎", 2), "🐎…");
  assert.equal(clip("abc", 3), "abc");
  assert.equal(printable("a\u001B[2J\nb\u202Ec"), "a [2J b c");
});

test("numbers are written for people", () => {
  const messages = [0, 1, 2_000].map((count) => counted(count, "message"));
  assert.deepEqual(messages, ["0 messages", "1 message", "2,000 messages"]);
  assert.equal(counted(1, "batch is", "batches are"), "1 batch is");
  assert.deepEqual([0, 999, 1_000, 1_234_567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
  assert.deepEqual([0, 3.46, 28.2, 12_345].map(formatRate), ["0/s", "3.5/s", "28/s", "12,345/s"]);
  assert.deepEqual([0, 1_023, 1_536, 104_857_600, 5e15].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.5 KiB",
    "100 MiB",
    "4547 TiB",
  ]);
  assert.deepEqual(
    [0, 42.4, 3_450, 125_000, 11_520_000, 180_000_000, Number.NaN].map(formatDuration),
    ["0 ms", "42 ms", "3.5 s", "2 min 5 s", "3 h 12 min", "2 d 2 h", "–"],
  );
});

test("columns stand at one place, whatever the styles", () => {
  const lines = renderTable(
    [{ title: "NAME" }, { title: "COUNT", align: "right", widthMin: 7 }],
    [
      ["a", "5"],
      [colourStyle.red("longer"), "1,000"],
    ],
  );
  assert.deepEqual(lines.map(stripVTControlCharacters), [
    "NAME      COUNT",
    "a             5",
    "longer    1,000",
  ]);
});

test("the bar shows share, rate and remaining time, and is never too wide", () => {
  assert.equal(renderBar(0.5, 4, plainStyle), "██░░");
  assert.equal(renderBar(7, 4, plainStyle), "████");
  const progress = { share: 0.25, count: 500, elapsedMs: 2_000 };
  assert.equal(remainingMs(progress), 6_000);
  assert.equal(remainingMs({ ...progress, share: undefined }), undefined);
  assert.equal(
    renderProgress(progress, 100, plainStyle),
    "██████░░░░░░░░░░░░░░░░░░  25%  500 stored  250/s  6.0 s left",
  );
  assert.equal(
    renderProgress({ ...progress, share: undefined }, 100, plainStyle),
    "500 stored  250/s",
  );
  assert.equal(visibleWidth(renderProgress(progress, 30, colourStyle)), 30);
});

test("a view draws at most ten frames a second, in place, and restores the cursor", async () => {
  const clock = new VirtualClock();
  const writes: string[] = [];
  /** What was written since the last call, with escape sequences made visible. */
  const written = (): string => writes.splice(0).join("").replaceAll("\u001B[", "^");
  let frame = 0;
  const output = { write: (text: string) => writes.push(text), columns: 11, rows: 4 };
  const view = new LiveView(output, clock, () => [`frame ${++frame} is wide`, "b", "c", "d", "e"]);
  assert.equal(written(), "^?25l");
  view.refresh();
  for (let at = 0; at < 5; at++) view.refresh();
  assert.equal(written(), "\rframe 1 is^K\nb^K\nc^K\n^J");
  await clock.advance(99);
  assert.equal(written(), "");
  await clock.advance(1);
  assert.equal(written(), "\r^3Aframe 2 is^K\nb^K\nc^K\n^J");
  view.print(["kept"]);
  assert.equal(written(), "\r^3Akept^K\nframe 3 is^K\nb^K\nc^K\n^J");
  view.refresh();
  view.close();
  view.close();
  await clock.advance(1_000);
  assert.equal(written(), "\r^3Aframe 4 is^K\nb^K\nc^K\n^J^?25h");
});

test("keys are single characters; arrows and function keys are none", () => {
  const escape = "\u001B";
  assert.deepEqual(keysOf("kq"), ["k", "q"]);
  assert.deepEqual(keysOf(`${escape}[As${escape}[1;5Dd${escape}OPf${escape}[15~`), ["s", "d", "f"]);
  assert.deepEqual(keysOf(`${escape}k\u0003${escape}`), ["\u0003"], "Alt and a key is none");
});

test("a view can be erased", () => {
  const writes: string[] = [];
  const output = { write: (text: string) => writes.push(text) };
  const view = new LiveView(output, new VirtualClock(), () => ["a", "b"]);
  view.refresh();
  writes.length = 0;
  view.close({ erase: true });
  assert.deepEqual(writes, ["\r\u001B[2A\u001B[J", "\u001B[?25h"]);
});

test("no text of the command line puts a plural of its own behind a count", () => {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const fixed = /\$\{formatCount\([^`{}]*\)\} (?!is |was )[a-z]+s\b/;
  const found = files
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .filter((name) => fixed.test(readFileSync(join(folder, name), "utf8")));
  assert.deepEqual(found, [], "say it with counted()");
});
