// `spillway verify` and verifyJournal() on real directories: sound ones while services write to
// them, and damaged ones.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type VerifyReport, verifyJournal } from "spillway/embedded";
import {
  checkStructure,
  walGrowthMax,
} from "../../src/adapters/embedded/inspection/structure-check.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { writeJournal } from "../golden/write-journal.ts";
import { flipBit, pageBytes, sizeOf, zero } from "../journal/damage.ts";
import { runCli, startCli } from "./cli-io.ts";

const service = fileURLToPath(new URL("fixtures/busy-service.ts", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "spillway-verify-"));
const whole = join(root, "whole");
before(() => writeJournal(whole));
after(() => rmSync(root, { recursive: true, force: true }));

function copyOf(t: TestContext): string {
  const directory = join(root, t.name.replaceAll(/\W/g, "-"));
  cpSync(whole, directory, { recursive: true });
  return directory;
}

test("a sound journal: exit code 0, in words and as JSON", async () => {
  const text = await runCli(["verify", "-d", whole]);
  assert.equal(text.code, 0, text.stderr);
  assert.match(text.stdout, /^sound: \d+ messages in \d+ batches \(.*\) and \d+ rows, in /);
  const json = await runCli(["verify", "-d", whole, "--json"]);
  const report = JSON.parse(json.stdout) as VerifyReport;
  assert.deepEqual(
    [report.sound, report.complete, report.findings, json.stderr],
    [true, true, [], ""],
  );
});

test("while services publish, consume and delete, nothing false is found", async (t) => {
  const directory = join(root, "busy");
  const services = Array.from({ length: 2 }, () =>
    fork(service, [directory], { execArgv: ["--conditions=spillway:source", "--no-warnings"] }),
  );
  t.after(() => services.forEach((child) => child.kill("SIGKILL")));
  await Promise.all(services.map(async (child) => once(child, "message")));
  const commits: number[] = [];
  for (let round = 0; round < 5; round++) {
    const report = await verifyJournal(directory);
    assert.deepEqual(
      report.findings.filter(({ severity }) => severity === "damage"),
      [],
    );
    assert.deepEqual([report.sound, report.complete], [true, true]);
    commits.push(report.commit ?? 0);
  }
  assert.ok((commits.at(-1) ?? 0) > (commits[0] ?? 0), "the services stood still");
  for (const child of services) child.send("stop");
  await Promise.all(services.map(async (child) => once(child, "exit")));
  assert.equal((await verifyJournal(directory)).sound, true);
});

test("a flipped bit is found, named, and changes nothing on disk", async (t) => {
  const directory = copyOf(t);
  const path = join(directory, "journal.db");
  // The last page of the database holds the end of the last batch that went to overflow pages, or
  // rows; wherever it is, one of some bits is covered by a checksum.
  const pages = sizeOf(path) / pageBytes;
  for (let page = 3; page < pages; page++) flipBit(path, page * pageBytes + pageBytes - 9, 3);
  const ended = await runCli(["verify", "-d", directory, "--json"]);
  assert.equal(ended.code, 1, ended.stderr);
  const report = JSON.parse(ended.stdout) as VerifyReport;
  assert.equal(report.sound, false);
  const batches = report.findings.filter(({ kind }) => kind === "batch-damaged");
  assert.ok(batches.some(({ channel }) => channel === "orders"));
  const text = await runCli(["verify", "-d", directory]);
  assert.equal(text.code, 1);
  assert.match(text.stdout, /^batch-damaged\s+channel 'orders' \(.*\), offset/m);
  assert.match(text.stdout, /→ .*spillway repair/);
  assert.match(text.stdout, /^damaged: /m);
});

test("pages of zeros are found wherever they are", async (t) => {
  const path = "journal.db";
  const pages = sizeOf(join(whole, path)) / pageBytes;
  const unnoticed: number[] = [];
  for (let page = 0; page < pages; page++) {
    const directory = copyOf(t);
    zero(join(directory, path), page * pageBytes, pageBytes);
    const report = await verifyJournal(directory);
    if (report.sound) unnoticed.push(page + 1);
    rmSync(directory, { recursive: true });
  }
  assert.deepEqual(unnoticed, []);
});

test("a verification that is stopped ends cleanly and says that it did", async () => {
  const stop = new AbortController();
  const steps: string[] = [];
  const report = await verifyJournal(whole, {
    signal: stop.signal,
    onProgress: ({ step }) => {
      steps.push(step);
      stop.abort();
    },
  });
  assert.deepEqual([report.complete, report.sound, steps], [false, true, ["structure"]]);
  const cli = startCli(["verify", "-d", whole]);
  const children = `/proc/${cli.child.pid}/task/${cli.child.pid}/children`;
  if (!existsSync(children)) return;
  const { readFileSync } = await import("node:fs");
  while (readFileSync(children, "utf8") === "") await new Promise((turn) => setImmediate(turn));
  cli.child.kill("SIGINT");
  const ended = await cli.ended;
  assert.deepEqual([ended.code, ended.signal, ended.stderr], [1, null, ""]);
  assert.match(ended.stdout, /^stopped before the end, sound so far: /);
});

test("the check of the structure gives way before the write-ahead log grows too far", async (t) => {
  const directory = copyOf(t);
  const running = checkStructure(directory, { clock: systemClock });
  // What a publisher would do: the check's process has hardly started by now.
  const wal = join(directory, "journal.db-wal");
  if (!existsSync(wal)) cpSync(join(directory, "journal.db"), wal);
  truncateSync(wal, sizeOf(wal) + walGrowthMax * 2);
  assert.deepEqual(await running, { kind: "ended", why: "log-grew" });
});

test("no journal, another database and wrong words are told apart from damage", async (t) => {
  const nowhere = await runCli(["verify", "-d", join(root, "nowhere")]);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /JOURNAL_DIRECTORY: there is no directory/);
  await assert.rejects(verifyJournal(join(root, "nowhere")), { code: "JOURNAL_FORMAT" });
  const wrong = await runCli(["verify", "--frob"]);
  assert.equal(wrong.code, 2);
  const directory = copyOf(t);
  // The application's number stands in the header: another program's database.
  zero(join(directory, "journal.db"), 68, 4);
  await assert.rejects(verifyJournal(directory), { code: "JOURNAL_FORMAT" });
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.endsWith(".db")),
    ["journal.db"],
  );
});
