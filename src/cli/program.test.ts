// The program's words: help, version, wrong usage with suggestions, and how errors are told.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { capturedIo, type CapturedIo } from "../../test/integration/cli-io.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { commandTable } from "./command-table.ts";
import { reportError } from "./error-report.ts";
import { run } from "./program.ts";
import { plainStyle } from "./terminal/ansi.ts";

async function call(...words: string[]): Promise<{ code: number; io: CapturedIo }> {
  const io = capturedIo();
  return { code: await run(words, io), io };
}

test("--help lists every command, no words at all are wrong usage", async () => {
  const { code, io } = await call("--help");
  assert.equal(code, 0);
  for (const { name, summary } of commandTable) {
    assert.match(io.text(), new RegExp(`^  ${name} +${summary}$`, "m"));
  }
  const none = await call();
  assert.equal(none.code, 2);
  assert.equal(none.io.text(), io.text());
});

test("every command explains itself and each of its flags within 100 columns", async () => {
  for (const entry of commandTable) {
    const command = await entry.load();
    assert.equal(command.name, entry.name);
    assert.equal(command.summary, entry.summary);
    const { code, io } = await call(entry.name, "--help");
    assert.equal(code, 0);
    for (const flag of [...Object.keys(command.flags), "json", "verbose", "help"]) {
      assert.match(io.text(), new RegExp(`^  --${flag}\\b`, "m"), `${entry.name} --${flag}`);
    }
    assert.match(io.text(), /^Usage: spillway /m);
    for (const line of io.text().split("\n")) assert.ok(line.length <= 100, line);
  }
});

test("--version is that of the package", async () => {
  const path = new URL("../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
  assert.equal((await call("--version")).io.text(), `${version}\n`);
});

const wrong: readonly (readonly [string[], RegExp])[] = [
  [["pubish"], /there is no command 'pubish': did you mean 'publish'\?/],
  [["xyzzy"], /there is no command 'xyzzy': there are demo, publish/],
  [["--verson"], /there is no flag --verson before a command/],
  [["tail", "--chanel", "a"], /tail has no flag --chanel: did you mean --channel\?/],
  [["tail", "--qqq"], /tail has no flag --qqq\n/],
  [["tail"], /tail needs --channel CHANNEL/],
  [["tail", "--channel"], /--channel needs a value: CHANNEL/],
  [["tail", "--channel", "--follow"], /--channel needs a value: CHANNEL/],
  [["tail", "--channel="], /--channel needs a value: CHANNEL/],
  [["tail", "-c", "a", "-c", "b"], /-c is given twice/],
  [["tail", "-c", "a", "--follow=yes"], /--follow takes no value, and 'yes' was given/],
  [["tail", "-c", "a", "--limit", "1.5"], /--limit is '1.5': give a whole number, 1 or more/],
  [["tail", "-c", "a", "--limit", "0"], /--limit is '0'/],
  [["tail", "-c", "a", "--from", "yesterday"], /--from is 'yesterday': give earliest/],
  [["tail", "-c", "a", "--priority", "top"], /--priority is 'top': give one of high, normal, low/],
  [["tail", "-c", "a", "b"], /tail does not know what to do with 'b'\n/],
  [["tail", "orders"], /tail .*'orders': did you mean --channel orders\?/],
  [["explain", "orders", "--offset", "1"], /explain .*: did you mean --channel orders\?/],
  [["publish", "-c", "a", "--key-field", "k"], /--key-field is for plain data: give --type/],
  [["demo", "--directory"], /--directory needs a value: DIRECTORY/],
  [["demo", "--columns", "a=b"], /demo has no flag --columns: did you mean --column\?/],
  [["demo", "--column", "id=a"], /--column says what the input's columns are: give --input/],
  [
    ["demo", "--input", "a", "--column", "cust=b"],
    /--column has no 'cust': did you mean 'customer'/,
  ],
  [["demo", "--seconds", "0"], /--seconds is '0': give a number, from 1 to 86400/],
  [["demo", "--crash"], /--crash is for 'spillway demo webhooks'/],
];
for (const [words, expected] of wrong) {
  test(`wrong usage: spillway ${words.join(" ")}`, async () => {
    const { code, io } = await call(...words);
    assert.equal(code, 2);
    assert.equal(io.text(), "");
    assert.match(io.errorText(), /^spillway: INVALID_ARGUMENT: /);
    assert.match(io.errorText(), expected);
    assert.match(io.errorText(), /\n {2}See: spillway .*--help\n$/);
  });
}

test("an error has its code, its message, its remedy, and a stack only when asked for", () => {
  const error = new SpillwayError("UNKNOWN_CHANNEL", "no channel 'a\u001B[2Jb'", {
    details: { channel: "a" },
  });
  const text = (json: boolean, verbose: boolean): string =>
    reportError(error, { json, verbose, style: plainStyle });
  assert.equal(
    text(false, false),
    "spillway: UNKNOWN_CHANNEL: no channel 'a [2Jb'\n" +
      "  Check the name against the list in the message.\n",
  );
  assert.match(text(false, true), /program\.test\.ts/);
  const { error: told } = JSON.parse(text(true, false)) as { error: Record<string, unknown> };
  assert.deepEqual(Object.keys(told), ["code", "message", "remedy", "details"]);
  assert.equal(told["code"], "UNKNOWN_CHANNEL");
  const defect = reportError(new TypeError("x is not a function"), {
    json: false,
    verbose: false,
    style: plainStyle,
  });
  assert.match(defect, /^spillway: UNEXPECTED: x is not a function\n {2}This should not happen/);
});
