// `spillway simulate` on a real journal and on trace files.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { run } from "../../src/cli/program.ts";
import { capturedIo } from "./cli-io.ts";

interface Run {
  readonly concurrency: string;
  readonly arrived: number;
  readonly handled: number;
  readonly shed: number;
  readonly left: number;
  readonly depthMax: number;
  readonly inFlightMax: number;
  readonly workerSeconds: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly longest: number };
  readonly samples: readonly { readonly pool: number }[];
}

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-simulate-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function call(words: readonly string[], input = "") {
  const io = capturedIo(input);
  const code = await run(words, io);
  return { code, stdout: io.text(), stderr: io.errorText() };
}

async function runsOf(...words: string[]): Promise<readonly Run[]> {
  const { code, stdout, stderr } = await call(["simulate", ...words, "--json"]);
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as { readonly runs: readonly Run[] }).runs;
}

/** 100 messages a second, and 500 a second for one second. */
function burst(t: TestContext): string {
  const file = join(temporary(t), "burst.csv");
  const lines = Array.from({ length: 40 }, (_, at) => {
    const count = at >= 10 && at < 20 ? 50 : 10;
    return `${at * 100},${count}`;
  });
  writeFileSync(file, ["atMs,count", ...lines, ""].join("\n"));
  return file;
}

test("a trace is played against several pools, as a table, as JSON and as a picture", async (t) => {
  const trace = burst(t);
  const plot = join(temporary(t), "what-if.svg");
  const words = ["--trace", trace, "--handler-ms", "20"];
  const pools = ["--concurrency", "4", "--concurrency", "12", "--concurrency", "1..32"];
  const runs = await runsOf(...words, ...pools, "--goal-ms", "250", "--plot", plot);
  const [four, twelve, scaled] = runs;
  assert.ok(four !== undefined && twelve !== undefined && scaled !== undefined);
  for (const { arrived, handled, left } of runs) {
    assert.deepEqual({ arrived, handled, left }, { arrived: 800, handled: 800, left: 0 });
  }
  assert.ok(four.latencyMs.p99 > 1_000, "200 a second are too few");
  assert.ok(twelve.latencyMs.p99 < 100);
  assert.ok(scaled.latencyMs.p99 < 250);
  assert.ok(scaled.workerSeconds < twelve.workerSeconds, `${scaled.workerSeconds}`);
  assert.match(readFileSync(plot, "utf8"), /^<svg .*polyline.*— 1\.\.32<\/text>\n<\/svg>\n$/s);

  const table = await call(["simulate", ...words, ...pools]);
  assert.match(table.stdout, /800 messages\nconcurrency +p50 +p99 +longest +depth max/);
  assert.match(table.stdout, /\n12 +20 ms /);
  assert.deepEqual(await runsOf(...words, ...pools, "--goal-ms", "250"), runs, "it repeats");
});

test("rates, limits, servers and handlers that vary change what happens", async (t) => {
  const words = ["--trace", burst(t), "--handler-ms", "20"];
  const [rated] = await runsOf(...words, "--rate", "100");
  assert.ok((rated?.latencyMs.longest ?? 0) > 3_000, "800 messages at 100 a second");
  const [full] = await runsOf(
    ...words,
    "--concurrency",
    "4",
    "--depth-max",
    "50",
    "--overflow",
    "reject",
  );
  assert.ok((full?.shed ?? 0) > 100, `${full?.shed} shed`);
  assert.equal((full?.handled ?? 0) + (full?.shed ?? 0), 800);
  assert.ok((full?.depthMax ?? 0) <= 50);
  const [served] = await runsOf(...words, "--concurrency", "32", "--servers", "4");
  assert.ok((served?.latencyMs.p99 ?? 0) > 1_000);
  const [spread] = await runsOf(...words, "--handler-p99-ms", "200", "--seed", "7");
  const [other] = await runsOf(...words, "--handler-p99-ms", "200", "--seed", "8");
  assert.ok((spread?.latencyMs.p99 ?? 0) > 100);
  assert.notEqual(spread?.latencyMs.p99, other?.latencyMs.p99);
});

test("a journal's log is played with its keys; nothing in it changes", async (t) => {
  const directory = temporary(t);
  const orders = Array.from({ length: 60 }, (_, n) => JSON.stringify({ id: `o-${n % 3}`, n }));
  const publish = ["publish", "-d", directory, "-c", "orders", "-t", "order.placed"];
  const published = await call([...publish, "--key-field", "id"], `${orders.join("\n")}\n`);
  assert.equal(published.code, 0, published.stderr);
  const words = ["-c", "orders", "-d", directory, "--handler-ms", "10", "--concurrency", "20"];
  const [whole] = await runsOf(...words);
  assert.equal(whole?.handled, 60);
  assert.ok((whole?.inFlightMax ?? 99) <= 3, "three keys: three at once");
  assert.ok((whole?.latencyMs.longest ?? 0) >= 200, "twenty of one key, one after the other");
  const [later] = await runsOf(...words, "--from", "40");
  assert.equal(later?.arrived, 20);
  const missing = await call(["simulate", "-c", "order", "-d", directory, "--handler-ms", "10"]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /no channel 'order'/);
});

test("wrong usage is refused by name", async (t) => {
  const trace = burst(t);
  const usage = async (message: RegExp, ...words: string[]): Promise<void> => {
    const { code, stderr } = await call(["simulate", ...words]);
    assert.match(stderr, message);
    assert.equal(code, 2);
  };
  const words = ["--trace", trace, "--handler-ms", "20"];
  await usage(/give --channel CHANNEL, .*, or --trace FILE/, "--handler-ms", "1");
  await usage(/give --channel CHANNEL, .*: one of them/, ...words, "--channel", "orders");
  await usage(/'orders': did you mean --channel orders\?/, "orders", "--handler-ms", "1");
  await usage(/simulate needs --handler-ms MS/, "-c", "orders");
  await usage(/--concurrency is '8\.\.4': give a number/, ...words, "--concurrency", "8..4");
  await usage(
    /--overflow is 'drop': give one of wait, reject, shed/,
    ...words,
    "--overflow",
    "drop",
  );
  await usage(/--goal-ms goes with --concurrency MIN\.\.MAX/, ...words, "--goal-ms", "250");
  await usage(/--from goes with --channel/, ...words, "--from", "earliest");
  await usage(/--directory goes with --channel/, ...words, "--directory", "data");
  await usage(/--overflow goes with --depth-max/, ...words, "--overflow", "shed");
  await usage(/--handler-p99-ms is below --handler-ms/, ...words, "--handler-p99-ms", "5");
  await usage(
    /--from is 'soon': give earliest/,
    "-c",
    "orders",
    "--handler-ms",
    "1",
    "--from",
    "soon",
  );
  const nothing = ["--trace", trace, "--handler-ms", "0", "--handler-p99-ms", "5"];
  await usage(/--handler-p99-ms needs a --handler-ms above 0/, ...nothing);
  const broken = join(temporary(t), "broken.csv");
  writeFileSync(broken, "atMs,count\n0,1\n100,x\n");
  const read = await call(["simulate", "--trace", broken, "--handler-ms", "1"]);
  assert.equal(read.code, 1);
  assert.match(read.stderr, /broken\.csv: line 3 is "100,x": give "atMs,count" as numbers/);
  const over = await call(["simulate", ...words, "--plot", "data/journal.db"]);
  assert.equal(over.code, 1);
  assert.match(over.stderr, /'data\/journal\.db' is a file of a journal: give another name/);
  writeFileSync(broken, '{"atMs": 5}\n{"atMs": "x"}\n');
  const lines = await call(["simulate", "--trace", broken, "--handler-ms", "1"]);
  assert.match(lines.stderr, /line 2 is .*give atMs as a number of milliseconds/);
});
