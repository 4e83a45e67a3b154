/**
 * The recording of the demo: the screen shows what a terminal would, and the picture has each row
 * once for as long as it stays.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Frame, renderSvg } from "../../scripts/recording/render-svg.ts";
import { TerminalScreen } from "../../scripts/recording/terminal-screen.ts";

const textOf = (screen: TerminalScreen): string[] =>
  screen.rows().map((row) => row.map(({ character }) => character).join(""));

test("a screen is written, drawn over, erased and scrolled as a terminal's", () => {
  const screen = new TerminalScreen(8, 3);
  screen.write("\u001B[?25lone\u001B[K\r\ntwo\u001B[K\r\n\u001B[J");
  assert.deepEqual(textOf(screen), ["one", "two", ""]);
  screen.write("\r\u001B[2A1\u001B[K\r\nfar too wide\r\n");
  assert.deepEqual(textOf(screen), ["1", "far too ", ""]);
  screen.write("three\r\nfour");
  assert.deepEqual(textOf(screen), ["far too ", "three", "four"]);
  screen.write("\r\u001B[1A\u001B[J█");
  assert.deepEqual(textOf(screen), ["far too ", "█"]);
});

test("styles begin and end where they are switched", () => {
  const screen = new TerminalScreen(9, 1);
  screen.write("\u001B[1ma\u001B[31mb\u001B[22mc\u001B[39md\u001B[2;36me\u001B[0mf");
  const codes = screen.rows()[0]?.map((cell) => cell.codes);
  assert.deepEqual(codes, [[1], [1, 31], [31], [], [2, 36], []]);
});

test("a row is drawn once for as long as it stays, and the last frame without animation", () => {
  const frames = ["a <b>\nx", "a <b>\ny", "a <b>"].map((text, index): Frame => {
    const screen = new TerminalScreen(9, 2);
    screen.write(text.replaceAll("\n", "\r\n"));
    return { atSeconds: index, rows: screen.rows() };
  });
  const svg = renderSvg(frames, { columns: 9, rowsMax: 2, seconds: 4, title: "t" });
  assert.equal(svg.match(/a &lt;b&gt;/g)?.length, 1);
  const drawn = svg.split("\n").filter((line) => line.startsWith("<text"));
  assert.equal(drawn.length, 3);
  assert.doesNotMatch(drawn[0] ?? "", /animate|hidden/);
  assert.match(
    drawn[1] ?? "",
    /visibility="hidden".*values="visible;hidden" keyTimes="0;0.25".*>x</,
  );
  assert.match(drawn[2] ?? "", /values="hidden;visible;hidden" keyTimes="0;0.25;0.5".*>y</);
});
