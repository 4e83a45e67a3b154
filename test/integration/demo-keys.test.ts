// The checkout demo in a terminal: each key does what the last line says, and however it ends, the
// terminal is as it was.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { startCli } from "./cli-io.ts";
import { noTerminal, startInTerminal, type TerminalEnd } from "./terminal-play.ts";

const limitMs = 300_000;
const options = { skip: noTerminal, timeout: limitMs };
/** Open until somebody closes it, with little load. */
const words = ["demo", "--no-sync", "--no-faults", "--seconds", "3600", "--rate", "10"];
const chaotic = [...words, "--chaos", "5"];
const showCursor = "\u001B[?25h";
const hideCursor = "\u001B[?25l";

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-keys-test-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function assertRestored({ settings, screen }: TerminalEnd): void {
  assert.match(settings[0], /^[0-9a-f:]+$/);
  assert.equal(settings[1], settings[0], "the terminal's settings");
  assert.ok(screen.lastIndexOf(showCursor) >= screen.lastIndexOf(hideCursor), "the cursor");
}

test(
  "keys kill, slow down, deaden and flood; q closes the shop and prints the ledger",
  options,
  async (t) => {
    const folder = temporary(t);
    const play = startInTerminal(t, chaotic, { TMPDIR: folder });
    await play.seen(/the shop is open/);
    play.press("\u001B[Ax");
    for (const [key, expected] of [
      ["c", /chaos has ended/],
      ["s", /the bank takes 10 times as long/],
      ["s", /the bank is as fast as ever/],
      ["d", /the bank is dead/],
      ["d", /the bank is back/],
      ["f", /5 times as many customers come/],
      ["k", /(intake|stock|payment|shipping)-\d was killed \(kill -9\)/],
      ["", /(intake|stock|payment|shipping)-\d runs again/],
    ] as const) {
      play.press(key);
      await play.seen(expected);
    }
    play.press("q");
    const end = await play.ended;
    assert.equal(end.code, 0, end.screen);
    assert.match(end.screen, /interrupted: settling what was accepted/);
    assert.match(end.screen, /services on Spillway: balanced to the cent and to the piece\./);
    assertRestored(end);
    assert.deepEqual(readdirSync(folder), [], "nothing is left behind");
  },
);

test("Ctrl-C closes the shop, a second one ends the process at once", options, async (t) => {
  const first = startInTerminal(t, words);
  await first.seen(/the shop is open/);
  first.press("\u0003");
  const settled = await first.ended;
  assert.equal(settled.code, 0, settled.screen);
  assert.match(settled.screen, /balanced to the cent and to the piece\./);
  assertRestored(settled);

  const second = startInTerminal(t, words);
  await second.seen(/the shop is open/);
  // Two in one go: there is no time to settle anything between them.
  second.press("d");
  await second.seen(/the bank is dead/);
  second.press("\u0003\u0003");
  const ended = await second.ended;
  assert.equal(ended.code, 130, ended.screen);
  assert.doesNotMatch(ended.screen, /Ledger/);
  assertRestored(ended);
});

test("an error gives the terminal back as well", options, async (t) => {
  const refused = startInTerminal(t, ["demo", "--no-sync", "--input", temporary(t)]);
  const end = await refused.ended;
  assert.equal(end.code, 1);
  assert.match(end.screen, /is a directory: give a file/);
  assertRestored(end);
});

test("without a terminal for input no keys are read", { timeout: limitMs }, async (t) => {
  const running = startCli(words, null);
  t.after(() => running.child.kill("SIGKILL"));
  await running.seen(/spillway: [1-9]\d* accepted/);
  running.child.stdin?.write("kdsfq");
  await running.seen(/spillway: \d\d+ accepted/);
  running.child.kill("SIGTERM");
  const { code, stdout } = await running.ended;
  running.child.stdin?.destroy();
  assert.equal(code, 0, stdout);
  assert.doesNotMatch(stdout, /killed|dead|10 times|as many|q quit/);
  assert.match(stdout, /balanced to the cent and to the piece\./);
});
