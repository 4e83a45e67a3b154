// What is done around a server, with a fake one: start, stop, kill, freeze, and above all that
// nothing is left behind however the process ends that started it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "spillway/testing";
import { portAttemptsMax } from "../../src/testing/brokers/broker.ts";
import { freePorts } from "../../src/testing/brokers/free-ports.ts";
import { eventually } from "../integration/bus-subjects.ts";
import { processesIn, startFake } from "./fake-broker.ts";
import { startHolder } from "./holder.ts";

const starts = (directory: string): number =>
  readFileSync(join(directory, "data"), "utf8").split("\n").length - 1;

test("a broker answers, keeps its data over kill and restart, and leaves nothing", async () => {
  const broker = await startFake();
  const { directory, port } = broker;
  assert.equal(broker.state, "running");
  assert.equal(broker.version, "1.0");
  assert.equal(broker.pids.length, 1);
  assert.ok(existsSync(join(directory, "was-set-up")));
  const first = broker.pids;
  await broker.kill();
  assert.equal(broker.state, "stopped");
  assert.deepEqual(broker.pids, []);
  assert.deepEqual(
    processesIn(directory).map(({ command }) => /guardian/.test(command)),
    [true],
  );
  await broker.restart();
  assert.equal(broker.port, port);
  assert.notDeepEqual(broker.pids, first);
  assert.equal(starts(directory), 2);
  await broker.restart();
  assert.equal(starts(directory), 3);
  await broker.stop();
  assert.equal(broker.state, "stopped");
  await broker.close();
  assert.equal(broker.state, "closed");
  assert.deepEqual(processesIn(directory), []);
  assert.equal(existsSync(directory), false);
  await assert.rejects(broker.restart(), { code: "CLOSED" });
});

test("a frozen broker stands still with all its processes, and goes on when thawed", async () => {
  const broker = await startFake();
  try {
    const servers = (): readonly string[] =>
      processesIn(broker.directory)
        .filter(({ command }) => !command.includes("guardian"))
        .map(({ state }) => state);
    await broker.freeze();
    assert.equal(broker.state, "frozen");
    assert.deepEqual(servers(), ["T", "T"]);
    await broker.thaw();
    assert.equal(broker.state, "running");
    assert.equal(servers().includes("T"), false);
    await broker.freeze();
    await broker.restart();
    assert.equal(broker.state, "running");
  } finally {
    await broker.close();
  }
});

test("a server that goes by itself is seen, and can be started again", async () => {
  const broker = await startFake();
  try {
    process.kill(broker.pids[0] ?? 0, "SIGKILL");
    await eventually(() => broker.state === "ended");
    await broker.restart();
    assert.equal(broker.state, "running");
  } finally {
    await broker.close();
  }
});

test("a server that does not end when asked is killed after stopTimeoutMs", async () => {
  const broker = await startFake({ behaviour: "is stubborn", stopTimeoutMs: 50 });
  try {
    await broker.stop();
    assert.equal(broker.state, "stopped");
    assert.ok(broker.logTail().includes("no"));
  } finally {
    await broker.close();
  }
});

test("an early end is an error with the exit code and the last lines", async () => {
  await assert.rejects(startFake({ behaviour: "fails" }), (error: Error) => {
    assert.match(error.message, /^Fake: fake ended with exit code 3 before it was ready/);
    assert.match(error.message, /\n {2}\| line 100\n {2}\| fake-server: there is no setting/);
    assert.equal(error.message.includes("line 50\n"), false);
    return true;
  });
});

test("a server that is never ready is killed at the limit, and its words are told", async () => {
  const folder = mkdtempSync(join(tmpdir(), "spillway-brokers-test-"));
  try {
    const start = startFake({ behaviour: "never listens", readyTimeoutMs: 2_500, folder });
    await assert.rejects(start, {
      code: "BROKER_FAILED",
      message:
        /not ready within readyTimeoutMs \(2500\); its last lines:\n {2}\| waiting for nothing/,
    });
    assert.deepEqual(processesIn(folder), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a port that somebody has is named, and not tried again", async () => {
  const [port = 0] = await freePorts(1, seededRandom(process.pid));
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  try {
    await assert.rejects(startFake({ port }), {
      code: "BROKER_FAILED",
      message: new RegExp(`^Fake: another process listens on port ${port}: end it, or leave`),
    });
  } finally {
    other.close();
  }
});

test("a port taken between choice and use is replaced, but not for ever", async () => {
  const folder = mkdtempSync(join(tmpdir(), "spillway-brokers-test-"));
  try {
    const broker = await startFake({ behaviour: "collides once", folder });
    assert.equal(broker.state, "running");
    await broker.close();
    const always = startFake({ behaviour: "collides always", folder });
    await assert.rejects(always, /fake ended with exit code 1[^]*address already in use/);
    const ports = readFileSync(join(folder, "starts"), "utf8").trim().split("\n");
    assert.equal(ports.length, portAttemptsMax);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

for (const [deed, signal] of [
  ["waits", "SIGKILL"],
  ["freezes", "SIGKILL"],
  ["waits", "SIGINT"],
  ["waits", "SIGTERM"],
  ["throws", undefined],
  ["ends", undefined],
] as const) {
  const ending = signal === undefined ? deed : `${deed} and gets ${signal}`;
  test(`nothing is left of a process that ${ending}`, async () => {
    const { child, held } = await startHolder("fake", deed);
    const exited = child.exitCode ?? new Promise((resolve) => child.once("exit", resolve));
    if (signal !== undefined) {
      assert.equal(processesIn(held.directory).length, 3, "guardian, server, and its child");
      // To the whole group, as a terminal and the test runner do.
      process.kill(-(child.pid ?? 0), signal);
    }
    await exited;
    await eventually(() => processesIn(held.directory).length === 0);
    await eventually(() => !existsSync(held.directory));
  });
}

test("when its guardian is killed, the broker's processes end all the same", async () => {
  const broker = await startFake();
  const { directory } = broker;
  process.kill(broker.guardianPid, "SIGKILL");
  await eventually(() => processesIn(directory).length === 0);
  assert.equal(broker.state, "ended");
  await assert.rejects(broker.restart(), { code: "BROKER_FAILED" });
  await broker.close();
  assert.equal(existsSync(directory), false);
});
