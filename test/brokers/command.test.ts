// `npm run brokers`: brokers that go on running without the command, and are found again. Its state
// is in a folder of the test, so that brokers of a developer are left alone.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { findBroker } from "spillway/testing";
import { ask } from "../../src/testing/brokers/probe.ts";
import { nats } from "../../src/testing/brokers/servers/nats.ts";
import { absentBrokers } from "../../scripts/test-runner/absent-brokers.ts";
import { eventually } from "../integration/bus-subjects.ts";
import { processesIn } from "./fake-broker.ts";

const script = fileURLToPath(new URL("../../scripts/brokers.ts", import.meta.url));
const isRequired = process.env["SPILLWAY_REQUIRE_BROKERS"] === "1";
const skip = isRequired ? false : (findBroker("nats").missing ?? false);

interface Told {
  readonly name: string;
  readonly state: string;
  readonly port: number;
  readonly directory: string;
  readonly guardianPid: number;
  readonly message?: string;
}

/** Calls the command with a state folder; more variables where given. */
function call(
  state: string,
  words: readonly string[],
  more: Readonly<Record<string, string>> = {},
) {
  const env = { ...process.env, SPILLWAY_BROKERS_STATE: state, ...more };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--no-warnings", script, ...words],
    {
      env,
      encoding: "utf8",
    },
  );
  const told = (): Told => {
    const [first] = JSON.parse(stdout) as readonly Told[];
    assert.ok(first, stderr);
    return first;
  };
  return { status, stdout, stderr, told };
}

test("a broker that was brought up runs on, is found, and goes down", { skip }, async () => {
  const state = mkdtempSync(join(tmpdir(), "spillway-brokers-test-"));
  try {
    const up = call(state, ["up", "nats", "--json"]);
    assert.equal(up.status, 0, up.stderr);
    const { port, directory, guardianPid } = up.told();
    assert.notEqual(await ask(port, nats.probe, 30_000), undefined);
    assert.match(call(state, ["up", "nats"]).stdout, new RegExp(`:${port} .*already up`));
    assert.equal(call(state, ["status", "nats", "--json"]).told().state, "running");

    // Its guardian killed: what is left over is cleared away by the next look.
    process.kill(guardianPid, "SIGKILL");
    await eventually(() => !processesIn(directory).some(({ pid }) => pid === guardianPid));
    assert.equal(call(state, ["status", "nats", "--json"]).told().state, "down");
    assert.deepEqual(processesIn(directory), []);
    assert.equal(existsSync(directory), false);

    const again = call(state, ["up", "nats", "--json"]).told();
    assert.equal(call(state, ["down", "nats"]).status, 0);
    assert.deepEqual(processesIn(again.directory), []);
    assert.equal(existsSync(again.directory), false);
    assert.match(call(state, ["down", "nats"]).stdout, /was not up/);
  } finally {
    call(state, ["down"]);
    rmSync(state, { recursive: true });
  }
});

test("what is missing is said with how to get it, and wrong usage is told apart", () => {
  const state = mkdtempSync(join(tmpdir(), "spillway-brokers-test-"));
  try {
    const empty = { XDG_CACHE_HOME: state };
    const up = call(state, ["up", "kafka"], empty);
    assert.equal(up.status, 1);
    assert.match(up.stderr, /the libraries of Kafka [\d.]+ are not in .*kafka-[\d.]+/);
    assert.match(up.stderr, /npm run brokers -- install kafka/);
    assert.equal(call(state, ["up", "kafka", "--quick"]).status, 2);
    assert.equal(call(state, ["up", "kafak"]).status, 2);
    const install = call(state, ["status", "--install"]);
    assert.equal(install.status, 2);
    assert.match(install.stderr, /^--install goes with up\n/);
    assert.equal(call(state, ["down", "-h"]).status, 0);
    assert.equal(call(state, []).status, 2);
    assert.equal(call(state, ["--help"]).status, 0);
  } finally {
    rmSync(state, { recursive: true });
  }
});

test("a note that a command could not finish is no broker, and is cleared away", () => {
  const state = mkdtempSync(join(tmpdir(), "spillway-brokers-test-"));
  try {
    writeFileSync(join(state, "nats.json"), '{"name":"na');
    assert.equal(call(state, ["status", "nats", "--json"]).told().state, "down");
    assert.equal(existsSync(join(state, "nats.json")), false);
    writeFileSync(join(state, "nats.json"), "");
    assert.match(call(state, ["down", "nats"]).stdout, /was not up/);
  } finally {
    rmSync(state, { recursive: true });
  }
});

test("the test runner names the brokers that it could not run", () => {
  const before = process.env["XDG_CACHE_HOME"];
  try {
    process.env["XDG_CACHE_HOME"] = "/nonexistent";
    assert.ok(
      absentBrokers().some((line) => line.startsWith("not run: Apache Kafka cannot be started")),
    );
  } finally {
    if (before === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = before;
  }
});
