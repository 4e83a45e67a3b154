// Numbers through the public surface: what a producer gives, what is refused, batches, statistics,
// and the redrive of what came too late.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createBus,
  defineEvent,
  flowControl,
  resequence,
  type ResequenceOptions,
  type SequenceRules,
  type SubscribeOptions,
} from "spillway";
import { memory } from "spillway/memory";
import { z } from "zod";
import { eventually, OrderPlaced, testOnEach } from "../bus-subjects.ts";

const Measured = defineEvent("test.meter.measured", {
  data: z.object({ meter: z.string(), n: z.int() }),
  key: ({ meter }) => meter,
  sequence: ({ n }) => n,
});
const once = { delivery: "effectively-once" } as const;

/** `count` measurements of a meter from number 1 on, with others left out. */
const measured = (count: number, without: readonly number[] = []) =>
  Array.from({ length: count }, (_, index) => ({ meter: "m", n: index + 1 })).filter(
    ({ n }) => !without.includes(n),
  );

testOnEach("a handler sees numbers and gaps; the group's numbers count them", async (transport) => {
  await using bus = await createBus({ name: "meters", transport });
  const seen: unknown[] = [];
  const options = { ...once, sequence: "check" } as const;
  const subscription = await bus.subscribe(Measured, options, async (message, { sequence }) => {
    seen.push([message.sequence, sequence?.kind, sequence?.expected, sequence?.missing]);
  });
  await bus.publish(Measured, { meter: "m", n: 1 });
  await bus.publish(Measured, { meter: "m", n: 99 }, { sequence: 4 });
  await eventually(() => seen.length === 2);
  assert.deepEqual(seen, [
    [1, "first", undefined, 0],
    [4, "gap", 2, 2],
  ]);
  await eventually(async () => (await subscription.stats()).sequenceGaps === 1);
  const { sequenceLate, sequenceDuplicates } = await subscription.stats();
  assert.deepEqual([sequenceLate, sequenceDuplicates], [0, 0]);
});

testOnEach(
  "what came too late is redriven and handled, and changes no position",
  async (transport) => {
    await using bus = await createBus({ name: "meters", transport });
    const seen: unknown[] = [];
    const sequence = resequence({ first: 1, waitMsMax: 1 });
    const subscription = await bus.subscribe(
      Measured,
      { ...once, sequence },
      async (message, it) => {
        seen.push([message.sequence, it.sequence?.kind]);
      },
    );
    await bus.publishMany(Measured, measured(4, [2]));
    await eventually(() => seen.length === 3);
    await bus.publishMany(Measured, measured(2, [1]));
    const letters = bus.deadLetters(Measured);
    await eventually(async () => (await subscription.stats()).deadLettered === 1);
    const { finished } = await letters.redrive();
    assert.equal((await finished).resolved, 1);
    await bus.publish(Measured, { meter: "m", n: 5 });
    await eventually(() => seen.length === 5);
    assert.deepEqual(seen, [
      [1, "in-order"],
      [3, "gap"],
      [4, "in-order"],
      [2, "late"],
      [5, "in-order"],
    ]);
  },
);

testOnEach("batches are in order, too, and each item has its own number", async (transport) => {
  await using bus = await createBus({ name: "meters", transport });
  const seen: unknown[] = [];
  const sequence = resequence({ first: 1 });
  const options = { ...once, sequence, batch: { messagesMax: 10 } };
  await bus.subscribeBatch(Measured, options, async (items) => {
    for (const { context } of items) seen.push(context.sequence?.number);
  });
  await bus.publishMany(Measured, measured(20).toReversed());
  await eventually(() => seen.length === 20);
  assert.deepEqual(
    seen,
    measured(20).map(({ n }) => n),
  );
});

test("a sequence needs order, a place for its positions, and rules made for it", async () => {
  await using bus = await createBus({ name: "meters", transport: memory() });
  const refused = async (options: object, expected: RegExp): Promise<void> => {
    const given = { ...once, sequence: "check", ...options } as SubscribeOptions;
    const error = { code: "INVALID_ARGUMENT", message: expected };
    await assert.rejects(async () => bus.subscribe(Measured, given, async () => {}), error);
  };
  await refused({ order: "none" }, /sequence of group 'meters' on '.*' needs order: "key"/);
  await refused({ delivery: "at-least-once" }, /needs delivery: "effectively-once"/);
  await refused({ sequence: "resequence" }, /sequence is "resequence": give "check", or what/);
  const lookAlike: unknown = { ...resequence({ first: 1 }) };
  await refused({ sequence: lookAlike }, /sequence is a object: give "check"/);
  await refused({ flow: flowControl({ coalesce: { withinMs: 1 } }) }, /flow: coalesce beside/);
  const flow = flowControl({ debounce: { quietMs: 1 } });
  await refused({ flow }, /debounce beside `sequence`: a message that is passed over would be/);
  const subscription = await bus.subscribe(
    Measured,
    { ...once, sequence: "check" },
    async () => {},
  );
  assert.throws(
    () => subscription.flow.update({ coalesce: { withinMs: 1 } }),
    /flow.update: coalesce beside `sequence`/,
  );
});

test("rules that cannot be used are refused by name", () => {
  const refused = (options: unknown, expected: RegExp): void => {
    const error = { code: "INVALID_ARGUMENT", message: expected };
    assert.throws(() => resequence(options as ResequenceOptions), error);
  };
  for (const first of [undefined, -1, 0.5, "1", 2 ** 53]) {
    refused(
      { first },
      /resequence: first is .*: give the number of a key's first message, or "any"/,
    );
  }
  refused({ first: 1, waitMsMax: 0 }, /waitMsMax is 0: give a whole number from 1 to 86400000/);
  refused({ first: 1, waitMsMax: Infinity }, /waitMsMax is Infinity/);
  refused({ first: 1, depthMax: 10_001 }, /depthMax is 10001: give a whole number from 1 to 10000/);
  refused({ first: 1, heldMax: 25_001 }, /heldMax is 25001: give a whole number from 1 to 25000/);
  refused({ first: 1, late: "ignore" }, /late is "ignore": give "dead-letter", "handle" or/);
  refused({ first: 1, duplicate: 1 }, /duplicate is 1: give "dead-letter", "handle" or "discard"/);
  refused({ first: 1, waitMs: 1 }, /resequence: waitMs is not an option: did you mean waitMsMax/);
  const rules: SequenceRules = resequence({ first: "any" });
  assert.deepEqual(rules, {
    kind: "resequence",
    first: "any",
    waitMsMax: 30_000,
    depthMax: 1_000,
    heldMax: 10_000,
    late: "dead-letter",
    duplicate: "dead-letter",
  });
});

test("what cannot number a message is refused before it is stored", async () => {
  await using bus = await createBus({ name: "meters", transport: memory() });
  await assert.rejects(async () => bus.publish(Measured, { meter: "m", n: -1 }), {
    code: "INVALID_ARGUMENT",
    message:
      /message 'test.meter.measured': sequence is -1: give a whole number from 0 to 2\^53 - 1/,
  });
  const many = { sequence: 1 } as unknown as undefined;
  await assert.rejects(
    async () => bus.publishMany(OrderPlaced, [{ orderId: "1", cents: 1 }], many),
    /sequence is not an option/,
  );
});
