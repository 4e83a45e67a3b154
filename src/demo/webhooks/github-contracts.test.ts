// The bundled deliveries are those of the development dependency, and each has a contract it fits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { collectDeliveries } from "../../../scripts/demo-data.ts";
import type { StandardResult } from "../../contracts/standard-schema.ts";
import {
  type AnyDelivery,
  contractByEvent,
  deliveryChannels,
  subjectOf,
} from "./github-contracts.ts";
import {
  listOf,
  object,
  optional,
  payloadSchema,
  text,
  wholeNumber,
} from "../stage/payload-schema.ts";
import { readRecordedDeliveries } from "./recorded-deliveries.ts";

test("the bundled file holds exactly what the script collects: 329 deliveries", () => {
  const bundled = readRecordedDeliveries();
  assert.equal(bundled.length, 329);
  assert.deepEqual(bundled, collectDeliveries());
});

test("every recorded delivery has a contract, fits it and has a key", () => {
  for (const { event, payload } of readRecordedDeliveries()) {
    const found = contractByEvent.get(event);
    assert.ok(found !== undefined, event);
    const result = found.contract.schema["~standard"].validate(payload) as StandardResult<unknown>;
    assert.deepEqual(result.issues, undefined, event);
    assert.notEqual(found.contract.keyOf(payload as AnyDelivery), "", event);
  }
});

test("every contract is used by a recorded delivery, and lies on one channel", () => {
  const used = new Set(readRecordedDeliveries().map((delivery) => delivery.event));
  assert.deepEqual([...contractByEvent.keys()].sort(), [...used].sort());
  const listed = Object.values(deliveryChannels).flatMap((channel) => [...channel.messages]);
  assert.equal(listed.length, contractByEvent.size);
});

test("a delivery without a repository is keyed by organization, then by sender", () => {
  assert.equal(subjectOf({ organization: { login: "acme" }, sender: { login: "ann" } }), "acme");
  assert.equal(subjectOf({ repository: null, sender: { login: "ann" } }), "ann");
  assert.equal(subjectOf({}), "github");
});

test("the validator reports every faulty path and gives a good value itself back", () => {
  const schema = payloadSchema(
    object({ name: text, tags: listOf(text), size: optional(wholeNumber) }),
  );
  const good = { name: "a", tags: ["x"], size: null, more: true };
  assert.deepEqual(schema["~standard"].validate(good), { value: good });
  assert.deepEqual(schema["~standard"].validate({ tags: ["x", 2], size: 1.5 }), {
    issues: [
      { message: "expected text, found undefined", path: ["name"] },
      { message: "expected text, found number", path: ["tags", 1] },
      { message: "expected a whole number, found number", path: ["size"] },
    ],
  });
  assert.ok("issues" in (schema["~standard"].validate([]) as StandardResult<unknown>));
});
