// One run of one contract case: the transport under test, time, and the verbs in which cases are
// written (publish, take, commit, expect nothing). Knows no adapter. Always true: a wait has a
// bound, and one that reaches it fails with what was awaited.
import assert from "node:assert/strict";
import { type Clock, delay, systemClock } from "../../kernel/clock.ts";
import { type Random, seededRandom } from "../../kernel/random.ts";
import type { Priority } from "../../message/envelope.ts";
import { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { CommitResult } from "../../ports/commit-unit.ts";
import type {
  AppendResult,
  ChannelDeclaration,
  ChannelStats,
  Consumer,
  ConsumerOptions,
  GroupStats,
  Transport,
  TransportEnvironment,
} from "../../ports/transport.ts";
import { VirtualClock } from "../virtual-clock.ts";
import {
  acked,
  type MessageDraft,
  payloadsOf,
  plainTemplate,
  settlementsOf,
  type Taken,
  takenOf,
  type UnitDraft,
} from "./contract-words.ts";
import type { TransportUnderTest } from "./transport-under-test.ts";
import { withoutGaps } from "../../ports/gap.ts";

/** How long a run waits for what must happen. */
export const awaitedMsMax = 10_000;
/** How long a run listens before it concludes that nothing happens. */
export const quietMs = 120;
const stepMs = 10;

/** What a contract case works with. */
export class ContractRun {
  readonly clock: Clock;
  readonly random: Random = seededRandom(42);
  /** The transport of now; restart() puts another one here. */
  transport: Transport;
  readonly #subject: TransportUnderTest;
  readonly #environment: TransportEnvironment;
  readonly #opened: Transport[];
  readonly #sequences = new WeakMap<Consumer, number>();

  private constructor(
    subject: TransportUnderTest,
    environment: TransportEnvironment,
    transport: Transport,
  ) {
    this.#subject = subject;
    this.#environment = environment;
    this.clock = environment.clock;
    this.transport = transport;
    this.#opened = [transport];
  }

  /** Makes a transport on an empty store. */
  static async start(subject: TransportUnderTest): Promise<ContractRun> {
    const clock = subject.clock === "virtual" ? new VirtualClock() : systemClock;
    const environment = { clock, random: seededRandom(1), name: "contract" };
    return new ContractRun(subject, environment, await subject.create(environment));
  }

  /** Closes everything and removes the store. */
  async end(): Promise<void> {
    for (const transport of this.#opened) await transport.close();
    await this.#subject.remove?.(this.transport);
  }

  /** Closes the transport and opens its store again. */
  async restart(): Promise<void> {
    this.transport = await this.#subject.restart(this.transport, this.#environment);
    this.#opened.push(this.transport);
  }

  /** The same store, opened a second time. */
  async share(): Promise<Transport> {
    const environment = { ...this.#environment, name: "contract-second" };
    const second = await this.#subject.share(this.transport, environment);
    this.#opened.push(second);
    return second;
  }

  /** Whether time passes only when the case lets it. */
  get isVirtual(): boolean {
    return this.clock instanceof VirtualClock;
  }

  /** Lets time pass on the clock of this run. */
  async pass(durationMs: number): Promise<void> {
    if (this.clock instanceof VirtualClock) await this.clock.advance(durationMs);
    else await delay(this.clock, durationMs);
  }

  /** Waits until `check` gives true. */
  async eventually(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
    const untilMs = this.clock.monotonicMs() + awaitedMsMax;
    while (!(await check())) {
      assert.ok(this.clock.monotonicMs() < untilMs, `${what}: not within ${awaitedMsMax} ms`);
      await this.pass(stepMs);
    }
  }

  /** What `promise` resolves to, letting time pass meanwhile. */
  async within<Value>(what: string, promise: Promise<Value>): Promise<Value> {
    const isSettled = await this.#settles(promise, awaitedMsMax);
    assert.ok(isSettled, `${what}: not within ${awaitedMsMax} ms`);
    return promise;
  }

  /** Whether `promise` settles before `durationMs` have passed; waits no longer than needed. */
  async #settles(promise: Promise<unknown>, durationMs: number): Promise<boolean> {
    let isSettled = false;
    const controller = new AbortController();
    const settle = (): void => {
      isSettled = true;
      controller.abort();
    };
    promise.then(settle, settle);
    if (this.clock instanceof VirtualClock) {
      await this.clock.settle();
      for (let passedMs = 0; passedMs < durationMs && !isSettled; passedMs += stepMs) {
        await this.clock.advance(stepMs);
      }
    } else await delay(this.clock, durationMs, controller.signal).catch(() => undefined);
    return isSettled;
  }

  /** Declares a channel: one range, no compression, default retention, unless said otherwise. */
  async declare(name: string, options: Partial<ChannelDeclaration> = {}): Promise<void> {
    const plain = { partitions: 1, retention: {}, compression: "none" } as const;
    await this.transport.declare({ name, ...plain, ...options });
  }

  /** A batch of messages, all delayed by `delayMs` if given. */
  batch(
    channel: string,
    drafts: readonly (string | MessageDraft)[],
    options: { readonly priority?: Priority; readonly dueAtMs?: readonly number[] } = {},
  ): OutgoingBatch {
    const priority = options.priority ?? "normal";
    const batch = new OutgoingBatch(channel, priority, this.random, options.dueAtMs);
    for (const draft of drafts) {
      const { payload, key, id, attributes, template, timeMs } =
        typeof draft === "string" ? ({ payload: draft } as MessageDraft) : draft;
      const whole = template === undefined ? plainTemplate : { ...plainTemplate, ...template };
      batch.add(whole, payload, timeMs ?? this.clock.wallMs(), key, attributes, id);
    }
    return batch;
  }

  /** Stores messages in one batch. */
  async publish(
    channel: string,
    drafts: readonly (string | MessageDraft)[],
    options?: { readonly priority?: Priority; readonly dueAtMs?: readonly number[] },
  ): Promise<AppendResult> {
    const batch = this.batch(channel, drafts, options);
    const [result] = await this.within("append", this.transport.append([batch]));
    assert.ok(result !== undefined, "append gives one result a batch");
    return result;
  }

  /** Joins a group, reading everything from the start unless said otherwise. */
  async join(
    channel: string,
    group: string,
    options: Partial<ConsumerOptions> & { readonly transport?: Transport } = {},
  ): Promise<Consumer> {
    const { transport = this.transport, from = "earliest", types } = options;
    return this.within("join", transport.consume({ channel, group, from, types }));
  }

  /** Exactly the next `count` deliveries of a consumer. */
  async take(consumer: Consumer, count: number, messagesMax = count): Promise<Taken[]> {
    const taken: Taken[] = [];
    while (taken.length < count) {
      const most = Math.min(messagesMax, count - taken.length);
      const next = consumer.next(most, new AbortController().signal);
      const batch = await this.within(`delivery ${taken.length + 1} of ${count}`, next);
      assert.ok(batch !== undefined, `the consumer ended after ${taken.length} of ${count}`);
      assert.ok(batch.records.length <= most, `${batch.records.length} deliveries, not ${most}`);
      taken.push(...takenOf(batch));
    }
    return taken;
  }

  /** One batch of deliveries; none when nothing arrives for a short time. */
  async takeSome(consumer: Consumer, messagesMax: number): Promise<Taken[]> {
    const controller = new AbortController();
    const next = consumer.next(messagesMax, controller.signal);
    if (!(await this.#settles(next, quietMs))) controller.abort();
    const batch = await this.within("next() after its signal aborted", next);
    return batch === undefined ? [] : takenOf(batch);
  }

  /** The deliveries that arrive until nothing comes for a short time. */
  async takeUntilQuiet(consumer: Consumer, messagesMax = 100): Promise<Taken[]> {
    const taken: Taken[] = [];
    for (;;) {
      const some = await this.takeSome(consumer, messagesMax);
      if (some.length === 0) return taken;
      taken.push(...some);
    }
  }

  /** Asserts that a consumer gets nothing for a short time. */
  async takeNothing(consumer: Consumer): Promise<void> {
    const taken = await this.takeUntilQuiet(consumer);
    assert.deepEqual(payloadsOf(taken), [], "no delivery was expected");
  }

  /** Commits a unit with the next number of this consumer; not awaited, units may be in flight. */
  commit(consumer: Consumer, unit: UnitDraft): Promise<CommitResult> {
    const sequence = (this.#sequences.get(consumer) ?? 0) + 1;
    this.#sequences.set(consumer, sequence);
    const { settle = [], publishes = [], state = [], expired = 0 } = unit;
    const settlements = settlementsOf(settle);
    return consumer.commit({ sequence, settlements, expired, publishes, state });
  }

  /** Commits and asserts that the unit was accepted. */
  async commitAll(
    consumer: Consumer,
    unit: UnitDraft,
  ): Promise<Extract<CommitResult, { readonly kind: "committed" }>> {
    const result = await this.within("commit", this.commit(consumer, unit));
    assert.ok(result.kind === "committed", `the unit was refused: ${JSON.stringify(result)}`);
    return result;
  }

  /** Acknowledges deliveries in one unit. */
  async ack(consumer: Consumer, taken: readonly Taken[]): Promise<void> {
    await this.commitAll(consumer, { settle: taken.map((one) => [one, acked] as const) });
  }

  /** The counters of a channel. */
  async statsOf(channel: string): Promise<ChannelStats> {
    const all = await this.within("stats", this.transport.stats());
    const found = all.find((stats) => stats.channel === channel);
    assert.ok(found !== undefined, `stats() does not list channel '${channel}'`);
    return found;
  }

  /** The counters of a group. */
  async groupStatsOf(channel: string, group: string): Promise<GroupStats> {
    const { groups } = await this.statsOf(channel);
    const found = groups.find((stats) => stats.group === group);
    assert.ok(found !== undefined, `stats() does not list group '${group}'`);
    return found;
  }

  /** Every stored payload of a channel's log, oldest first. */
  async stored(channel: string, priority: Priority = "normal"): Promise<string[]> {
    const payloads: string[] = [];
    for await (const batch of withoutGaps(
      this.transport.read(channel, { from: "earliest", priority }),
    )) {
      for (let index = 0; index < batch.count; index++) payloads.push(batch.payloadTextAt(index));
    }
    return payloads;
  }
}
