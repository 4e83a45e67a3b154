// A process that leaves a read transaction open: publishers wait, health and doctor name it, and
// everything goes on once it has ended. Named only where the kernel lists locks.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { embedded } from "../../src/adapters/embedded/index.ts";
import { walPath } from "../../src/adapters/embedded/journal/directory.ts";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { checkReaders } from "../../src/cli/doctor/host-checks.ts";
import { delay, systemClock } from "../../src/kernel/clock.ts";
import { systemRandom } from "../../src/kernel/random.ts";
import { OutgoingBatch } from "../../src/message/outgoing-batch.ts";
import type { Transport } from "../../src/ports/transport.ts";
import { runCli } from "./cli-io.ts";
import { temporaryDirectory } from "./member-process.ts";

const walBytesMax = 2_097_152;
const listsLocks = existsSync("/proc/locks");
const template = {
  type: "com.example.made",
  version: 1,
  source: "test",
  contentType: "text/plain",
};

async function openJournal(t: TestContext): Promise<{ directory: string; transport: Transport }> {
  const directory = temporaryDirectory();
  const transport = embedded({ directory, walBytesMax });
  await transport.open({ clock: systemClock, random: systemRandom, name: "test" });
  t.after(() => transport.close());
  await transport.declare({ name: "one", partitions: 1, retention: {}, compression: "none" });
  return { directory, transport };
}

/** A process that reads; ended after the test at the latest. */
async function startReader(
  t: TestContext,
  directory: string,
): Promise<{ child: ChildProcess; end: () => Promise<void> }> {
  const path = fileURLToPath(new URL("fixtures/open-reader.ts", import.meta.url));
  const child = spawn(process.execPath, ["--no-warnings", path, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const end = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  t.after(end);
  await Promise.race([
    once(child.stdout, "data"),
    exited.then(() => Promise.reject(new Error("the reader ended"))),
  ]);
  return { child, end };
}

async function publish(transport: Transport, bytes: number): Promise<void> {
  const batch = new OutgoingBatch("one", "normal", systemRandom);
  batch.add(template, "x".repeat(bytes), systemClock.wallMs(), undefined);
  await transport.append([batch]);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(systemClock, 10);
}

test("a reader that stays open holds up publishers and is named by health", async (t) => {
  const { directory, transport } = await openJournal(t);
  await publish(transport, 1_000);
  const reader = await startReader(t, directory);
  while (transport.health().status === "ok") await publish(transport, 100_000);
  let goesOn = false;
  const ready = transport.ready().then(() => (goesOn = true));
  const named = (): boolean =>
    transport.health().reasons.some((reason) => reason.includes(`process ${reader.child.pid} (`));
  if (listsLocks) {
    await until(named);
    const [reason = ""] = transport.health().reasons;
    assert.match(
      reason,
      /the write-ahead log has \d+ bytes: process \d+ \(node \S*open-reader\.ts\) /,
    );
    assert.match(reason, /keeps a read transaction open: end it; publishers wait/);
  }
  assert.equal(goesOn, false);
  assert.ok(statSync(walPath(directory)).size <= walBytesMax);
  await reader.end();
  await ready;
  await until(() => transport.health().status === "ok");
  await publish(transport, 1_000);
});

test("doctor names a process that keeps a read transaction open", {
  skip: !listsLocks,
}, async (t) => {
  const { directory, transport } = await openJournal(t);
  await publish(transport, 1_000);
  const check = (): Promise<Finding> => checkReaders(directory, systemClock);
  assert.equal((await check()).status, "ok");
  const reader = await startReader(t, directory);
  const { stdout } = await runCli(["doctor", "-d", directory, "--json"]);
  const { checks } = JSON.parse(stdout) as { checks: Finding[] };
  const found = checks.find((finding) => finding.check === "readers") ?? assert.fail(stdout);
  assert.equal(found.status, "warn");
  assert.match(
    found.message,
    new RegExp(`process ${reader.child.pid} \\(node .*open-reader\\.ts\\)`),
  );
  await reader.end();
  assert.equal((await check()).status, "ok");
});
