// A test of services over one bus, told as a story: publish, wait until everything caused is
// finished, look. Owns what was seen and the words to ask for it. Always true: it changes nothing
// on the bus; what was stored before it began is not part of it.
import { insideOf } from "../../bus/bus-inside.ts";
import type { Bus } from "../../bus/bus.ts";
import type { AnyContract, MessageOf } from "../../contracts/contract.ts";
import type { InputOf } from "../../contracts/standard-schema.ts";
import { assertKnownOptions, optionNames } from "../../errors/known-options.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Clock } from "../../kernel/clock.ts";
import { assertContract } from "../fakes/message-of.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { CallNotes, type SeenCall } from "./call-notes.ts";
import { decodeSeen, treeMessageOf } from "./decode-seen.ts";
import { causeTree } from "./cause-tree.ts";
import { assertCount, type Expected, failUnfinished } from "./expectation.ts";
import { waitForQuiet } from "./quiescence.ts";
import { type SeenLetter, SeenMessages } from "./seen-messages.ts";

/** Options of Scenario.settled(). */
export interface SettledOptions {
  /**
   * How much time may pass until all is finished, retries and delayed messages that become due
   * meanwhile included. Default: 60,000 ms of virtual time, 4,000 ms of real time.
   */
  readonly withinMs?: number;
}

const knownSettled = optionNames<SettledOptions>({ withinMs: true });
const knownExpected = optionNames<Expected<unknown>>({ times: true, group: true, where: true });
const virtualWithinMs = 60_000;
const realWithinMs = 4_000;

/** What was seen since scenario() was called; made by scenario(). */
export class Scenario implements Disposable {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #seen: SeenMessages;
  readonly #calls: CallNotes;
  readonly #wait: (withinMs: number) => Promise<readonly string[]>;
  #isCurrent = false;

  /** Made by scenario(). */
  constructor(bus: Bus, seen: SeenMessages) {
    const inside = insideOf(bus, "scenario");
    const { transport, clock } = inside.settings;
    this.#bus = bus;
    this.#clock = clock;
    this.#seen = seen;
    this.#calls = new CallNotes(inside);
    const callsUnderWay = (): number => this.#calls.underWay;
    const look = (): Promise<void> => {
      this.#calls.assertBounded();
      return this.#seen.assertBounded();
    };
    const isMember = (channel: string, group: string): boolean =>
      inside.groups.isMember(channel, group);
    this.#wait = (withinMs) =>
      waitForQuiet({ bus, transport, clock, isMember, callsUnderWay, look }, withinMs);
  }

  /** Publishes a message of any contract: an event, or a command whose answer nobody awaits. */
  async publish<Contract extends AnyContract>(
    contract: Contract,
    data: InputOf<Contract["schema"]>,
    options?: Parameters<Bus["publish"]>[2],
  ): Promise<string> {
    assertContract(contract, "scenario.publish");
    this.#isCurrent = false;
    // Which of the two it is decides the call; that its data fits was checked above.
    const [of, given] = [contract as never, data as never];
    const isCommand = contract.kind === "command";
    const receipt = isCommand
      ? await this.#bus.send(of, given, options)
      : await this.#bus.publish(of, given, options);
    return receipt.id;
  }

  /**
   * Waits until nothing is unread by groups that have members, no handler is at work, and nothing
   * is due within `withinMs`; lets virtual time pass for it where the bus has a VirtualClock. Then
   * reads what was stored. Rejects with an AssertionError that shows the tree where work is left.
   */
  async settled(options: SettledOptions = {}): Promise<void> {
    assertKnownOptions(options, knownSettled, "scenario.settled");
    const isVirtual = this.#clock instanceof VirtualClock;
    const withinMs = options.withinMs ?? (isVirtual ? virtualWithinMs : realWithinMs);
    if (!Number.isFinite(withinMs) || withinMs < 0) {
      const text = `scenario.settled: withinMs is ${withinMs}: give milliseconds, 0 or more`;
      throw new SpillwayError("INVALID_ARGUMENT", text);
    }
    const unfinished = await this.#wait(withinMs);
    await this.#seen.read();
    this.#isCurrent = true;
    if (unfinished.length > 0) failUnfinished(unfinished, withinMs, this.tree());
  }

  /**
   * Lets `durationMs` pass on the bus's VirtualClock, then does what settled() does. Rejects with
   * INVALID_ARGUMENT where the bus has another clock.
   */
  async advance(durationMs: number): Promise<void> {
    if (!(this.#clock instanceof VirtualClock)) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        "scenario.advance: the bus has the machine's clock: give createBus() a VirtualClock",
      );
    }
    await this.#clock.advance(durationMs);
    await this.settled();
  }

  /** Messages of a contract that were stored, in order, whoever published them. */
  published<Contract extends AnyContract>(contract: Contract): readonly MessageOf<Contract>[] {
    assertContract(contract, "scenario");
    this.#assertCurrent("published");
    return decodeSeen(
      contract,
      this.#seen.messages,
      insideOf(this.#bus, "scenario").settings.codec,
    );
  }

  /** Calls of handlers with a message of that contract, in order of their beginning. */
  consumed(contract: AnyContract, group?: string): readonly SeenCall[] {
    assertContract(contract, "scenario");
    this.#assertCurrent("consumed");
    return this.#calls.of(contract, group);
  }

  /** Messages of a contract that were set aside: dead letters, and invalid messages. */
  deadLettered(contract: AnyContract, group?: string): readonly SeenLetter[] {
    assertContract(contract, "scenario");
    this.#assertCurrent("deadLettered");
    return this.#seen.letters.filter(
      (letter) =>
        letter.envelope.type === contract.type && (group === undefined || letter.group === group),
    );
  }

  /** Fails unless messages of the contract were published, `times` of them where that is given. */
  assertPublished<Contract extends AnyContract>(
    contract: Contract,
    expected: Omit<Expected<MessageOf<Contract>>, "group"> = {},
  ): readonly MessageOf<Contract>[] {
    const found = this.published(contract);
    return this.#assert(`${contract.type} to be published`, found, expected);
  }

  /** Fails unless messages of the contract were handled without an error. */
  assertConsumed(contract: AnyContract, expected: Expected<SeenCall> = {}): readonly SeenCall[] {
    const calls = this.consumed(contract, expected.group).filter((call) => call.isDone);
    return this.#assert(`${contract.type} to be handled`, calls, expected);
  }

  /** Fails unless handlers were called again with messages of the contract, after a failure. */
  assertRetried(contract: AnyContract, expected: Expected<SeenCall> = {}): readonly SeenCall[] {
    const calls = this.consumed(contract, expected.group).filter(({ attempt }) => attempt > 1);
    return this.#assert(`${contract.type} to be retried`, calls, expected);
  }

  /** Fails unless messages of the contract were set aside. */
  assertDeadLettered(
    contract: AnyContract,
    expected: Expected<SeenLetter> = {},
  ): readonly SeenLetter[] {
    const letters = this.deadLettered(contract, expected.group);
    return this.#assert(`${contract.type} to be dead-lettered`, letters, expected);
  }

  /** What caused what, as text; the same that a failed assertion shows. */
  tree(): string {
    this.#assertCurrent("tree");
    const notesOf = (message: { readonly id: string }): readonly string[] => [
      ...this.#calls.linesOf(message.id),
      ...this.#seen.letters
        .filter(({ envelope }) => envelope.id === message.id)
        .map(({ kind, group, code, reason }) => `${kind} of ${group}: ${code}: ${reason}`),
    ];
    return causeTree(this.#seen.messages.map((place) => treeMessageOf(place, notesOf)));
  }

  /** Stops watching; the same as the end of a `using` block. */
  stop(): void {
    this.#calls.stop();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #assert<Item>(what: string, items: readonly Item[], expected: Expected<Item>): readonly Item[] {
    assertKnownOptions(expected, knownExpected, "scenario");
    const { times = 1 } = expected;
    if (!Number.isSafeInteger(times) || times < 0) {
      const text = `scenario: times is ${times}: give a whole number, 0 or more`;
      throw new SpillwayError("INVALID_ARGUMENT", text);
    }
    return assertCount(what, items, expected, () => this.tree());
  }

  #assertCurrent(call: string): void {
    if (this.#isCurrent) return;
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `scenario.${call}: await scenario.settled() first: it reads what happened`,
    );
  }
}

/**
 * Begins a scenario on a bus: from here on it sees what is published, handled, retried and set
 * aside. Best with `memory()`, or `embedded({ engine: "direct" })`, and a VirtualClock; then no
 * real time passes. Assertions throw node:assert's AssertionError, which every runner understands.
 *
 * @example
 * import { createBus, defineEvent } from "spillway";
 * import { memory } from "spillway/memory";
 * import { scenario, VirtualClock } from "spillway/testing";
 * import { z } from "zod";
 * const Placed = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
 * const Invoiced = defineEvent("invoice.issued", { data: z.object({ id: z.string() }) });
 * const clock = new VirtualClock();
 * await using bus = await createBus({ name: "billing", transport: memory(), clock });
 * await bus.subscribe(Placed, async (message) => Invoiced.message({ id: message.data.id }));
 *
 * using orders = await scenario(bus);
 * await orders.publish(Placed, { id: "7" });
 * await orders.settled();
 * orders.assertPublished(Invoiced, { times: 1, where: ({ data }) => data.id === "7" });
 */
export async function scenario(bus: Bus): Promise<Scenario> {
  const { transport } = insideOf(bus, "scenario").settings;
  const seen = new SeenMessages(transport);
  await seen.begin();
  return new Scenario(bus, seen);
}
