// publishMany: bounded memory, order, and what a failure in the middle says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { memory } from "../adapters/memory/index.ts";
import type { AnyContract } from "../contracts/contract.ts";
import { defineEvent } from "../contracts/event.ts";
import type { StandardSchema } from "../contracts/standard-schema.ts";
import { OutgoingEncoder } from "../delivery/outgoing-encoder.ts";
import { BackPressureError, SpillwayError, ValidationError } from "../errors/spillway-error.ts";
import { systemClock } from "../kernel/clock.ts";
import { seededRandom } from "../kernel/random.ts";
import { jsonCodec } from "../message/codec.ts";
import type { Transport } from "../ports/transport.ts";
import { ChannelCounters } from "../telemetry/counters.ts";
import type { PublishManyOptions } from "./publish-options.ts";
import { publishMany } from "./publish-many.ts";
import { Publisher } from "./publisher.ts";
import type { Receipt } from "./receipt.ts";

const aNumber: StandardSchema<number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      typeof value === "number"
        ? { value }
        : { issues: [{ message: "not a number", path: ["c"] }] },
  },
};
const Measured = defineEvent("measured", { data: aNumber });

interface Bench {
  readonly publisher: Publisher;
  readonly transport: Transport;
  many(
    elements: Iterable<unknown> | AsyncIterable<unknown>,
    options?: PublishManyOptions,
  ): Promise<readonly Receipt[]>;
}

async function bench(
  pendingMax: number,
  pendingBytesMax = 1_000_000,
  contract: AnyContract = Measured,
): Promise<Bench> {
  const transport = memory();
  const random = seededRandom(1);
  const clock = systemClock;
  await transport.open({ clock, random, name: "test" });
  await transport.declare({ name: "m", partitions: 1, retention: {}, compression: "none" });
  const counters = new ChannelCounters();
  const publisher = new Publisher({
    transport,
    clock,
    random,
    encoder: new OutgoingEncoder({
      clock,
      random,
      source: "test",
      codec: jsonCodec,
      messageBytesMax: 1_000,
      routeOf: () => ({ channel: "m", priorityOf: undefined }),
    }),
    pendingMax,
    pendingBytesMax,
    batchDelayMs: 0,
    countersOf: () => counters,
    waitsFor: () => false,
  });
  const many: Bench["many"] = (elements, options) =>
    publishMany(publisher, "m", contract, elements, options);
  return { publisher, transport, many };
}

async function depthOf(transport: Transport): Promise<number> {
  const [channel] = await transport.stats();
  return channel?.logs.find((log) => log.priority === "normal")?.endOffset ?? 0;
}

test("ten thousand elements are taken only while there is room, and stored in order", async () => {
  const { many, publisher } = await bench(100);
  let most = 0;
  function* source(): Generator<number> {
    for (let index = 0; index < 10_000; index++) {
      most = Math.max(most, publisher.budget.count);
      yield index;
    }
  }
  const receipts = await many(source());
  assert.equal(receipts.length, 10_000);
  assert.ok(receipts.every((receipt, index) => receipt.offset === index));
  assert.equal(most, 50);
});

test("an asynchronous source is followed at its own speed", async () => {
  const { many } = await bench(4);
  async function* source(): AsyncGenerator<number> {
    for (let index = 0; index < 20; index++) {
      await new Promise((resolve) => setImmediate(resolve));
      yield index;
    }
  }
  assert.equal((await many(source())).length, 20);
  assert.deepEqual(await many([]), []);
});

test("others can still publish while publishMany uses its half of the room", async () => {
  const { many, publisher } = await bench(10);
  const running = many(Array.from({ length: 1_000 }, (_, index) => index));
  const waiter = Promise.withResolvers<Receipt>();
  publisher.publish("m", Measured, 7, undefined, waiter);
  assert.equal((await waiter.promise).duplicate, false);
  assert.equal((await running).length, 1_000);
});

test("an invalid element is named with its index and how many are stored", async () => {
  const { many, transport } = await bench(10);
  const elements = Array.from({ length: 50 }, (_, index) => (index === 30 ? "x" : index));
  await assert.rejects(many(elements), (error) => {
    assert.ok(error instanceof ValidationError);
    assert.match(error.message, /element 30 given to publishMany of 'measured' \(30 are stored\)/);
    assert.deepEqual(error.issues, [{ path: "c", message: "not a number" }]);
    assert.equal(error.certainty, "definite");
    assert.deepEqual([error.details["index"], error.details["stored"]], [30, 30]);
    return true;
  });
  assert.equal(await depthOf(transport), 30);
});

test("with an asynchronous validator nothing is taken behind an invalid element", async () => {
  const checked: unknown[] = [];
  const slow: StandardSchema<number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: async (value) => {
        checked.push(value);
        await new Promise((resolve) => setImmediate(resolve));
        return aNumber["~standard"].validate(value);
      },
    },
  };
  const { many, transport } = await bench(10, 1_000_000, defineEvent("slow", { data: slow }));
  await assert.rejects(many([0, 1, "x", 3, 4]), {
    code: "VALIDATION_FAILED",
    message: /element 2 given to publishMany of 'slow' \(2 are stored\)/,
  });
  assert.deepEqual(checked, [0, 1, "x"]);
  assert.equal(await depthOf(transport), 2);
});

test("an element for which there is no room yet waits, however large", async () => {
  const text = defineEvent("text", { data: z.string() });
  const { many } = await bench(10, 1_000, text);
  const receipts = await many([300, 700, 10, 990, 990].map((length) => "x".repeat(length)));
  assert.deepEqual(
    receipts.map((receipt) => receipt.offset),
    [0, 1, 2, 3, 4],
  );
});

test("a transport that refuses for lack of room is a failure", async () => {
  const { many, transport } = await bench(10);
  transport.append = () => Promise.reject(new BackPressureError("full"));
  await assert.rejects(many([1, 2]), { code: "BACK_PRESSURE", certainty: "definite" });
});

test("a source that throws is reported at the element it did not give", async () => {
  const { many, transport } = await bench(10);
  function* source(): Generator<number> {
    yield* [1, 2, 3];
    throw new Error("the file ended early");
  }
  await assert.rejects(many(source()), {
    code: "INVALID_ARGUMENT",
    message: /stopped at element 3, 3 are stored: the file ended early/,
  });
  assert.equal(await depthOf(transport), 3);
});

test("a signal stops taking elements; what was under way may be stored", async () => {
  const { many } = await bench(10);
  const controller = new AbortController();
  let taken = 0;
  async function* source(): AsyncGenerator<number> {
    for (;;) {
      if (taken === 25) controller.abort(new Error("enough"));
      yield taken++;
    }
  }
  await assert.rejects(many(source(), { signal: controller.signal }), (error) => {
    assert.ok(error instanceof SpillwayError);
    assert.equal(error.code, "ABORTED");
    assert.ok((error.details["index"] as number) <= 26);
    return true;
  });
  assert.equal(taken, 26);
});

test("elements that do not reach the transport are answered with its certainty", async () => {
  const { many, transport } = await bench(10);
  await transport.close();
  await assert.rejects(many([1, 2]), (error) => {
    assert.ok(error instanceof SpillwayError);
    assert.deepEqual(
      [error.code, error.certainty, error.details["index"], error.details["stored"]],
      ["CLOSED", "definite", 0, 0],
    );
    return true;
  });
});
