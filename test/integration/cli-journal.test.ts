// The commands on a real journal, each as a process of its own, several of them at the same time.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ChannelStats } from "../../src/ports/transport.ts";
import { type Ended, runCli, startCli } from "./cli-io.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const orders = Array.from({ length: 50 }, (_, index) => ({
  orderId: `o-${index % 5}`,
  cents: index,
}));
const ndjson = (records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("");

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-cli-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function publishOrders(directory: string): Promise<Ended> {
  const words = ["publish", "-d", directory, "-c", "orders", "-t", "com.acme.order.placed"];
  return runCli([...words, "--key-field", "orderId", "--json"], ndjson(orders));
}

async function succeed(...words: string[]): Promise<string> {
  const ended = await runCli(words);
  assert.equal(ended.code, 0, ended.stderr);
  return ended.stdout;
}

test("what is published is listed and printed, and can be published again", async (t) => {
  const [first, second] = [join(temporary(t), "new"), temporary(t)];
  const { code, stdout, stderr } = await publishOrders(first);
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual(
    [report["channel"], report["created"], report["stored"], report["skipped"]],
    ["orders", true, 50, 0],
  );
  const { channels } = JSON.parse(await succeed("channels", "-d", first, "--json")) as {
    channels: ChannelStats[];
  };
  assert.deepEqual(
    channels.map(({ channel, logs }) => [channel, logs.map((log) => log.endOffset)]),
    [["orders", [50]]],
  );
  const lines = await succeed("tail", "-d", first, "-c", "orders", "--json");
  const again = await runCli(["publish", "-d", second, "-c", "copy", "--json"], lines);
  assert.equal((JSON.parse(again.stdout) as { stored: number }).stored, 50, again.stderr);
  assert.equal(await succeed("tail", "-d", second, "-c", "copy", "--json"), lines);
});

test("tail chooses by key, type, offset, time and count", async (t) => {
  const directory = temporary(t);
  await publishOrders(directory);
  const tail = async (...words: string[]): Promise<unknown[]> => {
    const text = await succeed("tail", "-d", directory, "-c", "orders", "--json", ...words);
    const events = text.split("\n").filter((line) => line !== "");
    return events.map((line) => (JSON.parse(line) as { data: { cents: number } }).data.cents);
  };
  assert.deepEqual(await tail("--key", "o-3", "--limit", "3"), [3, 8, 13]);
  assert.deepEqual(await tail("--from", "47"), [47, 48, 49]);
  assert.deepEqual(await tail("--type", "com.acme.other"), []);
  assert.equal((await tail("--from", "2020-01-31")).length, 50);
  assert.deepEqual(await tail("--from", "2200-01-31T12:00:00Z"), []);
  const text = await succeed("tail", "-d", directory, "-c", "orders", "-n", "1");
  assert.match(
    text,
    /^\S+Z {2}0 {2}com\.acme\.order\.placed {2}o-0 {2}\{"orderId":"o-0","cents":0\}\n$/,
  );
});

test("bad lines end the run, or are skipped and reported", async (t) => {
  const directory = temporary(t);
  const input = `${ndjson(orders.slice(0, 2))}{"orderId":\n${ndjson(orders.slice(2, 3))}`;
  const words = ["publish", "-d", directory, "-c", "orders", "-t", "com.acme.order.placed"];
  const ended = await runCli(words, input);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /^spillway: INPUT_INVALID: standard input, line 3: this is not JSON/);
  assert.match(ended.stderr, /\{"orderId": \(2 messages are stored\)/);
  const skipped = await runCli([...words, "--continue"], input);
  assert.equal(skipped.code, 1);
  assert.match(skipped.stderr, /^skipped line 3: this is not JSON/m);
  assert.match(
    skipped.stdout,
    /^stored 3 messages in channel 'orders' in .*; 1 bad record skipped\n$/,
  );
});

test("a file is published; CloudEvents in an array over several lines are read", async (t) => {
  const directory = temporary(t);
  const events = [1, 2, 3].map((number) => ({
    specversion: "1.0",
    id: `event-${number}`,
    source: "/shop",
    type: "com.acme.OrderPlaced",
    data: { number },
  }));
  const file = join(directory, "events.json");
  writeFileSync(file, JSON.stringify(events, undefined, 2));
  const words = ["publish", "--directory", join(directory, "data"), "--channel", "orders"];
  assert.match(
    (await runCli([...words, file])).stdout,
    /^stored 3 messages in new channel 'orders'/,
  );
  assert.match((await runCli([...words, file])).stdout, /stored 0 messages .*3 were stored before/);
  const missing = await runCli([...words, join(directory, "none.json")]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^spillway: INPUT_INVALID: cannot read the input: ENOENT/);
  for (const name of ["journal.db", "journal.db-wal"]) {
    writeFileSync(join(directory, name), "", { flag: "a" });
    const own = await runCli([...words, join(directory, name)]);
    assert.equal(own.code, 1);
    assert.match(own.stderr, /INPUT_INVALID: '.*' is a file of a journal/);
  }
});

test("looking creates nothing: a missing and an empty directory are told apart", async (t) => {
  const directory = temporary(t);
  const missing = join(directory, "missing");
  const commands = [["channels"], ["groups"], ["tail", "-c", "orders"], ["doctor"]];
  for (const command of commands) {
    const none = await runCli([...command, "--directory", missing]);
    assert.equal(none.code, 1, none.stderr);
    assert.match(none.stderr + none.stdout, /there is no directory|does not exist/);
    const empty = await runCli([...command, "--directory", directory]);
    assert.equal(empty.code, 1, empty.stderr);
    assert.match(empty.stderr + empty.stdout, /JOURNAL_FORMAT: there is no journal in/);
  }
  assert.equal(existsSync(missing), false);
  assert.deepEqual(readdirSync(directory), []);
});

test("doctor finds a good journal good, and a foreign one foreign", async (t) => {
  const good = temporary(t);
  await publishOrders(good);
  const { healthy, checks } = JSON.parse(await succeed("doctor", "-d", good, "--json")) as {
    healthy: boolean;
    checks: { check: string; status: string; message: string }[];
  };
  assert.equal(healthy, true);
  assert.deepEqual(
    checks.filter(({ status }) => status === "fail"),
    [],
  );
  for (const name of ["runtime", "directory", "file system", "free space", "WAL", "processes"]) {
    assert.ok(
      checks.some(({ check }) => check === name),
      name,
    );
  }
  assert.equal(checks.find(({ check }) => check === "channels")?.message, "1 with 50 messages");

  const garbage = temporary(t);
  writeFileSync(join(garbage, "journal.db"), "this is no database\n".repeat(1_000));
  const other = temporary(t);
  const database = new DatabaseSync(join(other, "journal.db"));
  database.exec("CREATE TABLE something (id INTEGER)");
  database.close();
  for (const directory of [garbage, other]) {
    const ended = await runCli(["doctor", "--directory", directory]);
    assert.equal(ended.code, 1);
    assert.match(ended.stdout, /^fail {2}journal +JOURNAL_FORMAT: .*journal\.db/m);
    assert.deepEqual(
      readdirSync(directory).filter((name) => name !== "journal.db"),
      [],
    );
  }
});

test("an unknown channel is told with those that exist", async (t) => {
  const directory = temporary(t);
  await publishOrders(directory);
  for (const command of ["tail", "groups"]) {
    const ended = await runCli([command, "-d", directory, "-c", "order"]);
    assert.equal(ended.code, 1);
    assert.match(
      ended.stderr,
      /UNKNOWN_CHANNEL: the journal has no channel 'order': it has orders/,
    );
  }
  const json = await runCli(["tail", "-d", directory, "-c", "order", "--json"]);
  const { error } = JSON.parse(json.stderr) as { error: { code: string; remedy: string } };
  assert.equal(error.code, "UNKNOWN_CHANNEL");
  assert.notEqual(error.remedy, "");
});

test("tail follows what other processes publish, and Ctrl-C ends it", async (t) => {
  const directory = temporary(t);
  await publishOrders(directory);
  const words = ["tail", "-d", directory, "-c", "orders", "--follow", "--json"];
  const following = startCli(words);
  await following.seen(/"cents":49/);
  const held = JSON.parse(await succeed("doctor", "-d", directory, "--json")) as {
    checks: { check: string; message: string }[];
  };
  assert.match(
    held.checks.find(({ check }) => check === "processes")?.message ?? "",
    new RegExp(`open in ${following.child.pid} |cannot be listed`),
  );
  const more = ["publish", "-d", directory, "-c", "orders", "-t", "com.acme.order.placed"];
  await runCli(more, '{"cents":"later"}\n');
  await following.seen(/"cents":"later"/);
  following.child.kill("SIGINT");
  const ended = await following.ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stdout.trimEnd().split("\n").length, 51);
});

test("a reader that goes away is no error", async (t) => {
  const directory = temporary(t);
  const many = Array.from({ length: 3_000 }, (_, index) => ({ index, text: "x".repeat(200) }));
  await runCli(["publish", "-d", directory, "-c", "many", "-t", "com.acme.many"], ndjson(many));
  const flags = ["--conditions=spillway:source", "--no-warnings"];
  const tail = [process.execPath, ...flags, main, "tail", "-d", directory, "-c", "many", "--json"];
  const quoted = tail.map((word) => `'${word}'`).join(" ");
  const script = `{ ${quoted}; echo "code $?" >&2; } | head -n 1`;
  const shell = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  shell.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  shell.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  await new Promise((resolve) => shell.once("close", resolve));
  assert.equal(stdout.trimEnd().split("\n").length, 1);
  assert.equal(stderr, "code 0\n");
});

test("Ctrl-C while publishing stores what has come and says so", async (t) => {
  const directory = temporary(t);
  const words = ["publish", "-d", directory, "-c", "orders", "-t", "com.acme.order.placed", "-"];
  const publishing = startCli(words, null);
  publishing.child.stdin?.write(ndjson(orders));
  // The journal exists once the channel does; from then on another process sees what is stored.
  const stored = async (): Promise<boolean> => {
    const { stdout } = await runCli(["channels", "-d", directory, "--json"]);
    return /"endOffset":50/.test(stdout);
  };
  while (!(await stored())) assert.equal(publishing.child.exitCode, null);
  publishing.child.kill("SIGINT");
  const ended = await publishing.ended;
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stdout, /^stored 50 messages .*interrupted before the end of the input\n$/);
});

test("an older Node is refused in one line, before anything else is loaded", async () => {
  const script = `
    Object.defineProperty(process.versions, "node", { value: "20.11.0" });
    await import(${JSON.stringify(pathToFileURL(main).href)});`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, "demo"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.equal(code, 1);
  assert.match(output, /^spillway: RUNTIME_TOO_OLD: this is Node\.js 20\.11\.0, [^\n]*\n$/);
});
