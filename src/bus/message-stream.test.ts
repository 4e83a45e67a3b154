// The stream behind bus.messages(), by itself: lost messages, failures, late starts, closing.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnyMessage } from "../contracts/contract.ts";
import type { Handler, HandlerContext } from "../delivery/handler-context.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { CommitResult, CommitUnit } from "../ports/commit-unit.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import type { Delivery } from "./held-delivery.ts";
import { MessageStream } from "./message-stream.ts";
import type { CommitObserver } from "./observed-consumer.ts";

interface Bench {
  readonly clock: VirtualClock;
  readonly stream: MessageStream;
  readonly drains: number[];
  readonly closes: () => number;
  readonly fail: (error: unknown) => void;
  /** Hands a message over; resolves or rejects as the stream's owner settles it. */
  deliver(offset: number, signal?: AbortSignal): Promise<unknown>;
  commit(offset: number, kind: CommitResult["kind"]): void;
  failCommit(offset: number, error: unknown): void;
  restart(): void;
}

interface BenchOptions {
  readonly starts?: Promise<void>;
  readonly signal?: AbortSignal;
  readonly failsToDrain?: boolean;
  readonly isClaimed?: boolean;
}

function unitOf(offset: number): CommitUnit {
  const batch = { stored: { priority: "normal", offsetAt: () => offset } };
  const settlements = [{ batch, records: [0], outcomes: [{ kind: "ack" }] }];
  return { sequence: 1, settlements, publishes: [], state: [] } as unknown as CommitUnit;
}

function bench(options: BenchOptions = {}): Bench {
  const clock = new VirtualClock();
  const drains: number[] = [];
  const failure = Promise.withResolvers<unknown>();
  let handler: Handler | undefined;
  let observer: CommitObserver | undefined;
  let closes = 0;
  const stream = new MessageStream({
    clock,
    drainTimeoutMs: 5_000,
    signal: options.signal,
    isClaimed: options.isClaimed === true,
    onClosed: () => closes++,
    start: async (given, observing) => {
      await options.starts;
      handler = given;
      observer = observing;
      const drain = async (deadlineMs: number): Promise<boolean> => {
        if (options.failsToDrain === true) throw new Error("cannot be closed");
        return drains.push(deadlineMs) > 0;
      };
      return { failure: failure.promise, drain };
    },
  });
  return {
    clock,
    stream,
    drains,
    closes: () => closes,
    fail: failure.resolve,
    deliver(offset, signal = new AbortController().signal) {
      const message = { id: `m${offset}`, channel: "notes", priority: "normal", offset };
      const context = { signal } as unknown as HandlerContext;
      return handler?.(message as unknown as AnyMessage, context) as Promise<unknown>;
    },
    commit: (offset, kind) => observer?.answered(unitOf(offset), { kind } as CommitResult),
    failCommit: (offset, error) => observer?.failed(unitOf(offset), error),
    restart: () => observer?.restarted(),
  };
}

async function taken(step: Promise<IteratorResult<Delivery, undefined>>): Promise<Delivery> {
  const { value } = await step;
  assert.ok(value !== undefined);
  return value;
}

test("nothing is started before the first message is asked for", async () => {
  const { stream, deliver, clock, drains } = bench();
  assert.equal(deliver(0), undefined);
  const first = stream.next();
  await clock.settle();
  const handled = deliver(0);
  const delivery = await taken(first);
  void delivery.ack();
  await handled;
  assert.deepEqual(drains, []);
});

test("a refused commit rejects the ack; the message comes again", async () => {
  const { stream, deliver, commit, restart, clock } = bench();
  const first = stream.next();
  await clock.settle();
  void deliver(4);
  const lost = (await taken(first)).ack();
  void deliver(5);
  const behind = (await taken(stream.next())).ack();
  commit(4, "fenced");
  restart();
  await assert.rejects(lost, { code: "LEASE_LOST", message: /m4 of 'notes'/ });
  await assert.rejects(behind, { code: "LEASE_LOST", message: /m5 of 'notes'/ });
  const second = stream.next();
  void deliver(4);
  const kept = (await taken(second)).ack();
  commit(4, "committed");
  await kept;
});

test("a commit that surely had no effect rejects the ack once it is put back", async () => {
  const { stream, deliver, failCommit, restart, clock } = bench();
  const first = stream.next();
  await clock.settle();
  void deliver(4);
  const lost = (await taken(first)).ack();
  failCommit(4, new SpillwayError("JOURNAL_BUSY", "locked"));
  restart();
  await assert.rejects(lost, { code: "LEASE_LOST", certainty: "definite" });
});

test("when the transport fails every ack says that nobody knows", async () => {
  const { stream, deliver, failCommit, fail, clock } = bench();
  const first = stream.next();
  await clock.settle();
  const acks: Promise<void>[] = [];
  void deliver(0);
  acks.push((await taken(first)).ack());
  void deliver(1);
  acks.push((await taken(stream.next())).ack());
  const error = new SpillwayError("JOURNAL_IO", "disk");
  failCommit(0, error);
  fail(error);
  for (const ack of acks) {
    await assert.rejects(ack, { code: "JOURNAL_IO", certainty: "indefinite" });
  }
  await assert.rejects(stream.next(), error);
  assert.equal((await stream.next()).done, true);
});

test("a drain whose deadline has passed waits for no clock", async () => {
  const { stream, deliver, clock } = bench();
  const first = stream.next();
  await clock.settle();
  void deliver(0);
  await taken(first);
  assert.equal(await stream.drain(clock.monotonicMs()), false);
});

test("at the deadline of a drain what was settled and not committed is lost", async () => {
  const { stream, deliver, clock } = bench();
  const first = stream.next();
  await clock.settle();
  void deliver(0);
  const lost = assert.rejects((await taken(first)).ack(), { code: "LEASE_LOST" });
  const drained = stream.drain(clock.monotonicMs() + 2_000);
  await clock.advance(2_000);
  assert.equal(await drained, false);
  await lost;
});

test("what was acknowledged before is settled at once, and not waited for", async () => {
  const { stream, deliver, clock } = bench({ isClaimed: true });
  const first = stream.next();
  await clock.settle();
  void deliver(0);
  await (await taken(first)).ack();
  void deliver(1);
  await (await taken(stream.next())).reject("unwanted");
  assert.equal(await stream.drain(clock.monotonicMs() + 2_000), true);
});

test("a message whose keys were lost is not handed out, and cannot be settled", async () => {
  const { stream, deliver, clock } = bench();
  const first = stream.next();
  await clock.settle();
  const lost = new AbortController();
  void deliver(0, lost.signal);
  const delivery = await taken(first);
  const neverTaken = new AbortController();
  void deliver(1, neverTaken.signal);
  void deliver(2);
  lost.abort(new Error("taken over"));
  neverTaken.abort(new Error("taken over"));
  await assert.rejects(delivery.ack(), { code: "LEASE_LOST" });
  await assert.rejects(delivery.reject("late"), { code: "LEASE_LOST" });
  assert.equal((await taken(stream.next())).message.offset, 2);
});

test("the first decision counts", async () => {
  const { stream, deliver, clock } = bench();
  const first = stream.next();
  await clock.settle();
  const handled = deliver(0);
  const delivery = await taken(first);
  void delivery.retry({ afterMs: 10 });
  void delivery.ack();
  await assert.rejects(handled, { code: "RETRY_LATER" });
});

test("leaving waits for what was settled, and for nothing else", async () => {
  const { stream, deliver, commit, clock, drains, closes } = bench();
  const first = stream.next();
  await clock.settle();
  void deliver(0);
  void deliver(1);
  const delivery = await taken(first);
  await taken(stream.next());
  void delivery.ack();
  const left = stream.return();
  await clock.settle();
  assert.deepEqual(drains, []);
  commit(0, "committed");
  assert.deepEqual(await left, { done: true, value: undefined });
  assert.deepEqual([drains, closes()], [[0], 1]);
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

test("a drain gives the owner until the deadline to settle what it has", async () => {
  const { stream, deliver, clock, drains } = bench();
  const first = stream.next();
  await clock.settle();
  void deliver(0);
  await taken(first);
  const waiting = stream.next();
  const drained = stream.drain(clock.monotonicMs() + 2_000);
  assert.equal((await waiting).done, true);
  await clock.advance(2_000);
  assert.equal(await drained, false);
  assert.deepEqual(drains, [2_000]);
});

test("a failure is reported once, then the stream is over", async () => {
  const { stream, clock, fail } = bench();
  const waiting = stream.next();
  const rejected = assert.rejects(waiting, /disk/);
  await clock.settle();
  fail(new Error("disk"));
  await rejected;
  assert.equal((await stream.next()).done, true);
});

test("a drain that fails after a failure ends nothing but the stream", async () => {
  const { stream, clock, fail } = bench({ failsToDrain: true });
  const rejected = assert.rejects(stream.next(), /disk/);
  await clock.settle();
  fail(new Error("disk"));
  await rejected;
  await clock.settle();
  await assert.rejects(stream.drain(0), /cannot be closed/);
});

test("a failure while nobody waits is kept for the next one who asks", async () => {
  const { stream, deliver, clock, fail } = bench();
  const first = stream.next();
  await clock.settle();
  void deliver(0);
  await taken(first);
  fail(new Error("disk"));
  await clock.settle();
  await assert.rejects(stream.next(), /disk/);
  assert.equal((await stream.next()).done, true);
});

test("a stream that is left while it starts leaves the group again", async () => {
  const starts = Promise.withResolvers<void>();
  const { stream, clock, drains } = bench({ starts: starts.promise });
  const waiting = stream.next();
  const left = stream.return();
  assert.equal((await waiting).done, true);
  starts.resolve();
  await clock.settle();
  await left;
  assert.deepEqual(drains, [0]);
});

test("a signal that fired before ends the stream without starting it", async () => {
  const { stream, closes } = bench({ signal: AbortSignal.abort() });
  assert.equal((await stream.next()).done, true);
  await stream.return();
  assert.equal(closes(), 1);
});
