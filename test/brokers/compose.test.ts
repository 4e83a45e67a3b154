// compose.yaml names the same set of servers, and the same Kafka.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { brokerNames } from "spillway/testing";
import { kafkaVersion } from "../../src/testing/brokers/servers/kafka/kafka-libraries.ts";

const compose = readFileSync(new URL("../../compose.yaml", import.meta.url), "utf8");

test("compose.yaml has a service for every broker", () => {
  const [, services = ""] = compose.split(/^(?:services|volumes):$/m);
  const names = Array.from(services.matchAll(/^ {2}(\w+):$/gm), ([, name = ""]) => name);
  assert.deepEqual(names.toSorted(), brokerNames.toSorted());
});

test("compose.yaml runs the Kafka that Maven fetches", () => {
  assert.match(kafkaVersion(), /^4\.\d+\.\d+$/);
  assert.equal(/apache\/kafka:(\S+)/.exec(compose)?.[1], kafkaVersion());
});
