// What is refused before anything is started, and what is said of what is not here.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../kernel/random.ts";
import { findBroker, startBroker } from "./broker.ts";
import { brokerNames } from "./broker-names.ts";
import { freePorts, isFree } from "./free-ports.ts";

test("options that are wrong are refused with all faults at once", async () => {
  const wrong = { port: 0, readyTimeoutMs: 1.5, parentDirectory: "", redyTimeoutMs: 1 };
  await assert.rejects(startBroker("nats", wrong), {
    code: "INVALID_ARGUMENT",
    details: {
      faults: [
        "redyTimeoutMs is not an option: did you mean readyTimeoutMs?",
        'parentDirectory is "": give the path of a folder',
        "port is 0: give a whole number from 1 to 65535",
        "readyTimeoutMs is 1.5: give a whole number from 1 to 3600000",
      ],
    },
  });
});

test("a name that is no broker's is refused with those that are", () => {
  const name: string = "pulsar";
  assert.throws(() => findBroker(name as "nats"), {
    code: "INVALID_ARGUMENT",
    message: '"pulsar" is not a broker: give "nats", "postgres", "rabbitmq", "kafka"',
  });
});

test("what is missing is named with how to get it; nothing is fetched by itself", async () => {
  const before = process.env["XDG_CACHE_HOME"];
  process.env["XDG_CACHE_HOME"] = "/nonexistent";
  try {
    const { title, missing = "" } = findBroker("kafka");
    assert.equal(title, "Apache Kafka");
    assert.match(missing, /are not in \/nonexistent\/spillway\/kafka-4/);
    assert.match(missing, /installBroker\("kafka"\) of spillway\/testing/);
    await assert.rejects(startBroker("kafka"), { code: "BROKER_MISSING", message: missing });
  } finally {
    if (before === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = before;
  }
});

test("every broker can be looked for", () => {
  for (const name of brokerNames) assert.equal(findBroker(name).name, name);
});

test("free ports are different, free, and below those of outgoing connections", async () => {
  const ports = await freePorts(20, seededRandom(7));
  assert.equal(new Set(ports).size, 20);
  for (const port of ports) {
    assert.ok(port < 60_000);
    assert.ok(await isFree(port));
  }
});
