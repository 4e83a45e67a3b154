// What defineEvent, defineCommand and defineChannel make, and everything they refuse.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { defineChannel } from "./channel.ts";
import { defineCommand, reservedReplies } from "./command.ts";
import { defineEvent, isOutgoingMessage } from "./event.ts";
import { assertName, deadLetterChannelOf, invalidChannelOf, isCompanionChannel } from "./names.ts";

const data = z.object({ orderId: z.string() });
const Placed = defineEvent("com.acme.order.placed", {
  data,
  key: (order) => order.orderId,
  owner: "orders",
  classification: "personal",
});
/** Lets a wrong value through the types, as a caller without types would. */
const untyped = (value: unknown): never => value as never;
const refused = (message: RegExp) => ({ code: "INVALID_ARGUMENT", message });

describe("names", () => {
  test("the grammar", () => {
    const good = ["a", "0", "com.acme.order-placed_2", "a".repeat(200)];
    const bad = ["", "A", ".a", "-a", "_a", "a b", "a/b", "ä", "a\n", "a".repeat(201)];
    for (const name of good) assert.doesNotThrow(() => assertName("group", name));
    for (const name of [...bad, undefined, null, 7n, {}]) {
      assert.throws(() => assertName("group", untyped(name)), { code: "INVALID_NAME" });
    }
    assert.throws(
      () => assertName("group", "x y".repeat(1e6)),
      (error: Error) => {
        assert.match(error.message, /^group name "x y/);
        return error.message.length < 500;
      },
    );
  });

  test("companions of a channel", () => {
    assert.equal(deadLetterChannelOf("orders"), "orders.dead-letters");
    assert.equal(invalidChannelOf("orders"), "orders.invalid");
    for (const name of ["orders.dead-letters", "orders.invalid"]) {
      assert.ok(isCompanionChannel(name));
      assert.throws(() => defineChannel(name, { messages: [Placed] }), { code: "INVALID_NAME" });
    }
    assert.ok(!isCompanionChannel("orders"));
  });
});

describe("events", () => {
  test("a contract is frozen and has what was given, else the defaults", () => {
    assert.ok(Object.isFrozen(Placed) && Object.isFrozen(Placed.upcasts));
    assert.deepEqual(
      [Placed.kind, Placed.version, Placed.owner, Placed.classification, Placed.hasKey],
      ["event", 1, "orders", "personal", true],
    );
    assert.equal(Placed.keyOf({ orderId: "7" }), "7");
    const plain = defineEvent("a", { data });
    assert.deepEqual(
      [plain.owner, plain.classification, plain.hasKey, plain.keyOf({ orderId: "7" })],
      [undefined, "internal", false, undefined],
    );
  });

  test("a message names its contract and cannot be imitated", () => {
    const message = Placed.message({ orderId: "7" }, { subject: "s" });
    assert.equal(message.contract, Placed);
    assert.deepEqual([message.data, message.options], [{ orderId: "7" }, { subject: "s" }]);
    assert.ok(isOutgoingMessage(message));
    for (const value of [{ ...message }, undefined, null, 3, [message]]) {
      assert.ok(!isOutgoingMessage(value));
    }
  });

  test("validators of all three kinds are accepted, also those that are functions", () => {
    const arktype = defineEvent("a", { data: type({ n: "number" }), key: (it) => `${it.n}` });
    assert.equal(arktype.keyOf({ n: 4 }), "4");
    const valibot = defineEvent("a", { data: v.object({ n: v.number() }) });
    assert.equal(valibot.schema["~standard"].vendor, "valibot");
  });

  test("wrong options are refused, each with its own reason", () => {
    assert.throws(() => defineEvent("Order Placed", { data }), { code: "INVALID_NAME" });
    for (const version of [0, -1, 1.5, 65_536, Number.NaN, "2"]) {
      assert.throws(
        () => defineEvent("a", { version: untyped(version), data }),
        refused(/version is .*1 to 65535/),
      );
    }
    assert.equal(defineEvent("a", { version: 65_535, data }).version, 65_535);
    for (const schema of [undefined, null, {}, { "~standard": {} }, "string"]) {
      assert.throws(() => defineEvent("a", { data: untyped(schema) }), refused(/Standard Schema/));
    }
    assert.throws(
      () => defineEvent("a", { data, key: untyped("orderId") }),
      refused(/key is not a function/),
    );
    const key = (): string => "a";
    for (const sequence of ["n", 7]) {
      assert.throws(
        () => defineEvent("a", { data, key, sequence: untyped(sequence) }),
        refused(/sequence is not a function/),
      );
    }
    assert.throws(
      () => defineEvent("a", { data, sequence: () => 1 }),
      refused(/sequence needs a key/),
    );
    assert.throws(
      () => defineEvent("a", { data, classification: untyped("secret") }),
      refused(/classification is 'secret': give public or internal/),
    );
  });
});

describe("commands", () => {
  const replies = { reserved: z.object({ until: z.string() }), outOfStock: z.object({}) };

  test("a command makes its replies", () => {
    const Reserve = defineCommand("com.acme.stock.reserve", { data, replies });
    assert.equal(Reserve.kind, "command");
    assert.deepEqual(
      { ...Reserve.replies.reserved({ until: "x" }) },
      {
        command: "com.acme.stock.reserve",
        type: "reserved",
        data: { until: "x" },
      },
    );
    assert.deepEqual(Object.keys(Reserve.replySchemas), ["reserved", "outOfStock"]);
    assert.equal(Reserve.message({ sku: "a" } as never).contract, Reserve);
    for (const part of [Reserve, Reserve.replies, Reserve.replySchemas]) {
      assert.ok(Object.isFrozen(part));
    }
  });

  test("reserved, malformed and inherited names, and replies without a schema, are refused", () => {
    const define = (given: unknown) => () => defineCommand("a", { data, replies: untyped(given) });
    for (const name of reservedReplies) {
      assert.throws(
        define({ [name]: data }),
        refused(new RegExp(`'${name}' has a name that is re`)),
      );
    }
    for (const name of ["", "not ok", "1st", "ä", "a".repeat(65)]) {
      assert.throws(define({ [name]: data }), refused(/has a name that is not valid/));
    }
    assert.throws(define(JSON.parse('{"__proto__": 1}')), refused(/'__proto__' has a name/));
    assert.throws(define({ ok: {} }), refused(/has a schema that is not/));
    const odd = define({ constructor: data })() as unknown as { replies: object };
    assert.ok(Object.hasOwn(odd.replies, "constructor"));
  });
});

describe("channels", () => {
  const Cancelled = defineEvent("com.acme.order.cancelled", { data });

  test("a channel has what was given, else the defaults, and keeps its own list", () => {
    const messages = [Placed, Cancelled];
    const orders = defineChannel("orders", { messages });
    messages.pop();
    assert.deepEqual(orders.messages, [Placed, Cancelled]);
    assert.deepEqual(
      [orders.partitions, orders.overflow, orders.compression, orders.retention, orders.limits],
      [8, "wait", "none", {}, {}],
    );
    const full = defineChannel("orders", {
      messages: [Placed],
      partitions: 1_024,
      retention: { days: 0.5, bytes: 1e9, unread: "drop" },
      limits: { depthMax: 1e6, bytesMax: 1e9 },
      overflow: "reject",
      compression: "zstd",
      priorityOf: (key) => (key === "vip" ? "high" : "normal"),
    });
    assert.equal(full.priorityOf?.("vip"), "high");
    assert.ok(Object.isFrozen(full) && Object.isFrozen(full.messages));
  });

  test("a list without contracts, or with one twice, is refused", () => {
    const define = (messages: unknown) => () =>
      defineChannel("orders", { messages: untyped(messages) });
    for (const none of [[], undefined, Placed]) {
      assert.throws(define(none), refused(/lists no messages/));
    }
    for (const wrong of [undefined, "com.acme.order.placed", {}]) {
      assert.throws(define([Placed, wrong]), refused(/no contract/));
    }
    const twin = defineEvent("com.acme.order.placed", { data });
    for (const twice of [
      [Placed, Placed],
      [Placed, twin],
    ]) {
      assert.throws(define(twice), {
        code: "CONTRACT_CONFLICT",
        message: /placed version 1 twice/,
      });
    }
    const next = defineEvent("com.acme.order.placed", { version: 2, data });
    assert.doesNotThrow(define([Placed, next]));
  });

  test("each wrong option is refused by its name", () => {
    const wrong: Readonly<Record<string, readonly object[]>> = {
      partitions: [0, 1_025, 1.5, "8"].map((partitions) => ({ partitions })),
      "retention\\.days": [0, -1, Number.NaN, "7"].map((days) => ({ retention: { days } })),
      "retention\\.bytes": [0, 0.5].map((bytes) => ({ retention: { bytes } })),
      "retention\\.unread": [{ retention: { unread: "lose" } }],
      "limits\\.depthMax": [{ limits: { depthMax: 0 } }],
      "limits\\.bytesMax": [{ limits: { bytesMax: Number.POSITIVE_INFINITY } }],
      overflow: [{ overflow: "drop" }],
      compression: [{ compression: "gzip" }],
      priorityOf: [{ priorityOf: "high" }],
    };
    for (const [option, cases] of Object.entries(wrong)) {
      for (const options of cases) {
        assert.throws(
          () => defineChannel("orders", { messages: [Placed], ...options }),
          refused(new RegExp(`channel 'orders': ${option} is .*: give `)),
        );
      }
    }
  });
});

test("options that are missing, or a schema in their place, are refused with what to give", () => {
  for (const options of [undefined, {}, data]) {
    assert.throws(() => defineEvent("com.acme.a", untyped(options)), {
      code: "INVALID_ARGUMENT",
      message: /^event 'com\.acme\.a': data is not .*: give \{ data: schema \}/,
    });
  }
});
