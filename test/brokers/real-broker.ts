// What every real broker has to do, told by its name, how to write to it and read it, and what it
// says of a configuration that it does not take. A broker that is not installed is not tested, or
// with SPILLWAY_REQUIRE_BROKERS=1 fails.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type BrokerName, findBroker, startBroker } from "spillway/testing";
import { partsOf, startLocal } from "../../src/testing/brokers/broker.ts";
import { resolveBrokerOptions } from "../../src/testing/brokers/broker-options.ts";
import { isFree } from "../../src/testing/brokers/free-ports.ts";
import type { LocalBroker } from "../../src/testing/brokers/local-broker.ts";
import { ask } from "../../src/testing/brokers/probe.ts";
import { recipes } from "../../src/testing/brokers/servers/recipes.ts";
import { eventually } from "../integration/bus-subjects.ts";
import { processesIn } from "./fake-broker.ts";
import { startHolder } from "./holder.ts";

/** A broker and a client of it. */
export interface RealBroker {
  readonly name: BrokerName;
  /** Stores a text durably. */
  readonly write: (broker: LocalBroker, text: string) => Promise<void>;
  /** Every text, in order. Called once. */
  readonly read: (broker: LocalBroker) => Promise<readonly string[]>;
  readonly wrongConfig: string;
  /** What the server itself says of it. */
  readonly itsWords: RegExp;
}

const thief = fileURLToPath(new URL("fixtures/port-thief.ts", import.meta.url));
const isRequired = process.env["SPILLWAY_REQUIRE_BROKERS"] === "1";
const textCount = 20;
const noAnswerMs = 300;
const answerMs = 30_000;

/** Starts it where a thief takes the first port that it chooses. */
async function startRobbed(name: BrokerName, parentDirectory: string): Promise<LocalBroker> {
  const flag = join(parentDirectory, "stolen");
  const parts = partsOf(name);
  const plan: typeof parts.found.plan = (site) => {
    const server = parts.found.plan(site);
    const steals = { name: "thief", program: process.execPath };
    const words = [thief, String(site.ports[0]), flag];
    return { ...server, setUp: [...server.setUp, { ...steals, words }] };
  };
  const options = resolveBrokerOptions(name, { parentDirectory });
  const broker = await startLocal({ ...parts, found: { ...parts.found, plan } }, options);
  assert.notEqual(broker.port, Number(readFileSync(flag, "utf8")));
  return broker;
}

/** Registers the tests of a broker. */
export function testRealBroker({ name, write, read, wrongConfig, itsWords }: RealBroker): void {
  const { missing = false } = findBroker(name);
  const options = { skip: isRequired ? false : missing, timeout: 400_000 };
  const { probe, title } = recipes[name];

  test(`${name} keeps what it stored over freeze, kill and a stolen port`, options, async () => {
    const folder = mkdtempSync(join(tmpdir(), "spillway-brokers-test-"));
    // PostgreSQL runs as another user where the test runs as root.
    chmodSync(folder, 0o755);
    try {
      const broker = await startRobbed(name, folder);
      try {
        assert.match(broker.version, /^\d+\.\d+/);
        const texts = Array.from({ length: textCount }, (_, index) => `${name} ${index}`);
        for (const text of texts) await write(broker, text);
        await broker.freeze();
        assert.equal(await ask(broker.port, probe, noAnswerMs), undefined);
        await broker.thaw();
        assert.notEqual(await ask(broker.port, probe, answerMs), undefined);
        await write(broker, "after the thaw");
        await broker.kill();
        assert.equal(await ask(broker.port, probe, noAnswerMs), undefined);
        await broker.restart();
        assert.deepEqual(await read(broker), [...texts, "after the thaw"]);
      } finally {
        await broker.close();
      }
      assert.deepEqual(processesIn(broker.directory), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`${name} leaves nothing when the test's process is killed`, options, async () => {
    const { child, held } = await startHolder(name, "waits");
    assert.ok(held.pids.length > 0);
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await eventually(() => processesIn(held.directory).length === 0);
    for (const pid of held.pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    await eventually(() => !existsSync(held.directory));
    assert.ok(await isFree(held.port));
  });

  test(`${name} says itself what is wrong with its configuration`, options, async () => {
    await assert.rejects(startBroker(name, { config: wrongConfig }), (error: Error) => {
      assert.match(error.message, new RegExp(`^${title}: .* ended with exit code`));
      assert.match(error.message, itsWords);
      return true;
    });
  });
}
