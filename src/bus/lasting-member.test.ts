import assert from "node:assert/strict";
import { test } from "node:test";
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import { seededRandom } from "../kernel/random.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { GroupMember, type MemberDelivery } from "./lasting-member.ts";

const interrupted = new SpillwayError("TRANSPORT_INTERRUPTED", "the disk is gone");
const timeoutMs = 60_000;

/** A delivery that fails and ends when the test says so. */
class ScriptedDelivery implements MemberDelivery {
  readonly #failure = Promise.withResolvers<unknown>();
  readonly #ended = Promise.withResolvers<void>();
  readonly failure = this.#failure.promise;
  readonly ended = this.#ended.promise;
  readonly troubles: readonly string[];
  readonly drains: number[] = [];
  readonly local = {} as MemberDelivery["local"];
  readonly held = [];
  readonly release = (): number => 0;

  constructor(name: string) {
    this.troubles = [`trouble of ${name}`];
  }

  fail(error: unknown): void {
    this.#failure.resolve(error);
  }

  /** Its last handler has returned. */
  end(): void {
    this.#ended.resolve();
  }

  async drain(deadlineMs: number): Promise<boolean> {
    this.drains.push(deadlineMs);
    return true;
  }
}

/** A member whose joins are answered by the test; what happens to it is noted in order. */
class Rig {
  readonly clock = new VirtualClock();
  readonly first = new ScriptedDelivery("first");
  readonly noted: string[] = [];
  readonly member: GroupMember;
  failure: unknown;
  /** Answers the joins, in order; without an answer a join waits for ever. */
  readonly answers: (() => Promise<MemberDelivery>)[] = [];

  constructor() {
    this.member = new GroupMember({
      name: "group 'g' on 'orders'",
      delivery: this.first,
      clock: this.clock,
      random: seededRandom(1),
      timeoutMs,
      join: () => {
        this.noted.push("join");
        return this.answers.shift()?.() ?? new Promise(() => undefined);
      },
      onInterrupted: () => this.noted.push("interrupted"),
      onLeft: () => this.noted.push("left"),
    });
    this.member.failure.then(
      (error) => (this.failure = error),
      () => assert.fail("failure never rejects"),
    );
  }

  answer(delivery: ScriptedDelivery): void {
    this.answers.push(async () => delivery);
  }

  refuse(error: SpillwayError): void {
    this.answers.push(async () => {
      throw error;
    });
  }
}

test("after an interruption it joins again, once the handlers before have ended", async () => {
  const rig = new Rig();
  const second = new ScriptedDelivery("second");
  rig.answer(second);
  assert.deepEqual(rig.member.troubles, ["trouble of first"]);
  rig.first.fail(interrupted);
  await rig.clock.advance(timeoutMs - 1);
  assert.deepEqual(rig.noted, [], "a handler still runs");
  assert.match(rig.member.troubles.join(), /joins again: the disk is gone/);
  rig.first.end();
  await rig.clock.advance(1_000);
  assert.deepEqual(rig.noted, ["interrupted", "join"]);
  assert.deepEqual(rig.member.troubles, ["trouble of second"]);
  assert.equal(rig.failure, undefined);
  assert.equal(await rig.member.drain(77), true);
  assert.deepEqual([rig.first.drains, second.drains], [[], [77]]);
  assert.equal(rig.noted.at(-1), "left");
});

test("a handler that does not end holds it up no longer than it may take", async () => {
  const rig = new Rig();
  rig.answer(new ScriptedDelivery("second"));
  rig.first.fail(interrupted);
  await rig.clock.advance(timeoutMs);
  assert.deepEqual(rig.noted, ["interrupted"]);
  await rig.clock.advance(1_000);
  assert.deepEqual(rig.noted, ["interrupted", "join"]);
});

test("it tries again while that may help, with waits that grow up to a bound", async () => {
  const rig = new Rig();
  const tries = 12;
  for (let index = 0; index < tries; index++) rig.refuse(interrupted);
  rig.answer(new ScriptedDelivery("second"));
  rig.first.end();
  rig.first.fail(interrupted);
  await rig.clock.advance(1_000);
  const early = rig.noted.filter((what) => what === "join").length;
  assert.ok(early >= 1 && early < tries, `${early} tries in the first second`);
  await rig.clock.advance(tries * 10_000);
  assert.equal(rig.noted.filter((what) => what === "join").length, tries + 1);
  assert.equal(rig.noted.filter((what) => what === "interrupted").length, 1);
  assert.deepEqual(rig.member.troubles, ["trouble of second"]);
});

test("it asks once, and waits for the transport to be open as long as that takes", async () => {
  const rig = new Rig();
  const well = Promise.withResolvers<MemberDelivery>();
  rig.answers.push(() => well.promise);
  rig.first.end();
  rig.first.fail(interrupted);
  await rig.clock.advance(60_000);
  assert.deepEqual(rig.noted, ["interrupted", "join"]);
  assert.match(rig.member.troubles.join(), /joins again: the disk is gone/);
  well.resolve(new ScriptedDelivery("second"));
  await rig.clock.settle();
  assert.deepEqual(rig.member.troubles, ["trouble of second"]);
});

test("where there is no going on it stops, and says why", async () => {
  const damaged = new SpillwayError("JOURNAL_DAMAGED", "bytes are wrong");
  const atOnce = new Rig();
  atOnce.first.fail(damaged);
  await atOnce.clock.settle();
  assert.equal(atOnce.failure, damaged);
  assert.deepEqual(atOnce.noted, []);
  assert.match(atOnce.member.troubles.join(), /stopped: bytes are wrong/);
  const later = new Rig();
  later.refuse(damaged);
  later.first.end();
  later.first.fail(interrupted);
  await later.clock.advance(1_000);
  assert.equal(later.failure, damaged);
  assert.deepEqual(later.noted, ["interrupted", "join"]);
});

test("one that leaves meanwhile joins no more, and gives up what it joined too late", async () => {
  const rig = new Rig();
  const late = Promise.withResolvers<MemberDelivery>();
  rig.answers.push(() => late.promise);
  rig.first.end();
  rig.first.fail(interrupted);
  await rig.clock.advance(1_000);
  assert.equal(rig.noted.at(-1), "join");
  await rig.member.drain(5);
  assert.deepEqual(rig.first.drains, [5]);
  const second = new ScriptedDelivery("second");
  late.resolve(second);
  await rig.clock.advance(60_000);
  assert.deepEqual(second.drains, [0]);
  assert.deepEqual(rig.noted, ["interrupted", "join", "left"]);
  assert.equal(rig.failure, undefined, "leaving is no failure");
});

test("one that leaves while a handler runs, or before its next try, does not try", async () => {
  for (const hasEnded of [false, true]) {
    const rig = new Rig();
    if (hasEnded) rig.first.end();
    rig.first.fail(new ClosedError("closed", { cause: interrupted }));
    await rig.clock.settle();
    assert.equal((rig.failure as SpillwayError).code, "CLOSED", "closing does not pass");
    const other = new Rig();
    if (hasEnded) other.first.end();
    other.first.fail(interrupted);
    await other.clock.settle();
    await other.member.drain(1);
    await other.clock.advance(timeoutMs * 2);
    assert.ok(!other.noted.includes("join"), other.noted.join());
    assert.equal(other.failure, undefined);
  }
});
