// Random sequences of port operations, and one player that performs them on a transport and says
// what can be observed. Two transports that keep the port's promises give the same observations.
import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Priority } from "../../src/message/envelope.ts";
import type { Outcome, StateChange } from "../../src/ports/commit-unit.ts";
import type { AppendResult, Consumer, OpenEntry } from "../../src/ports/transport.ts";
import type { ContractRun } from "../../src/testing/contract-suites/contract-run.ts";
import {
  acked,
  type MessageDraft,
  type Taken,
} from "../../src/testing/contract-suites/contract-words.ts";
import { withoutGaps } from "../../src/ports/gap.ts";

/** Two channels, one of them with several ranges. */
export const channels = { one: 1, four: 4 } as const;
type ChannelName = keyof typeof channels;

/** What to do with the delivery at this place: acknowledge, keep open, or leave. */
interface Choice {
  readonly place: number;
  readonly outcome: "ack" | "retry" | "parked";
  readonly attempt: number;
}

interface Change {
  readonly key: string;
  readonly value: string | null | undefined;
  /** Claim a version that never was. */
  readonly isStale: boolean;
}

/** One step of a sequence. */
export type Operation =
  | {
      readonly kind: "append";
      readonly channel: ChannelName;
      readonly priority: Priority;
      readonly drafts: readonly MessageDraft[];
    }
  | {
      readonly kind: "join";
      readonly channel: ChannelName;
      readonly group: string;
      readonly from: "earliest" | "latest" | { readonly offset: number };
    }
  | { readonly kind: "leave"; readonly channel: ChannelName; readonly group: string }
  | { readonly kind: "take"; readonly channel: ChannelName; readonly group: string }
  | {
      readonly kind: "commit";
      readonly channel: ChannelName;
      readonly group: string;
      readonly choices: readonly Choice[];
      readonly changes: readonly Change[];
      readonly publishes: readonly MessageDraft[];
    }
  | { readonly kind: "reload"; readonly channel: ChannelName; readonly group: string }
  | { readonly kind: "read"; readonly channel: ChannelName; readonly from: number }
  | { readonly kind: "stats" }
  | { readonly kind: "reopen" };

const channel = fc.constantFrom<ChannelName>("one", "four");
const group = fc.constantFrom("blue", "green");
const priority = fc.constantFrom<Priority>("normal", "normal", "normal", "high", "low");
const payload = fc.constantFrom("a", "b", "ü");
const key = fc.constantFrom("k1", "k2", "k3", "k4", "k5", "k6");
const id = fc.constantFrom("id-1", "id-2", "id-3", "0198c0de-0000-7000-8000-000000000003");
const draft: fc.Arbitrary<MessageDraft> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ payload, key }, { requiredKeys: ["payload"] }) },
  { weight: 1, arbitrary: fc.record({ payload: fc.constantFrom("a", "a", "b"), id }) },
);
const choice: fc.Arbitrary<Choice> = fc.record({
  place: fc.nat({ max: 30 }),
  outcome: fc.constantFrom("ack", "ack", "ack", "retry", "parked"),
  attempt: fc.nat({ max: 4 }),
});
const change: fc.Arbitrary<Change> = fc.record({
  key: fc.constantFrom("x", "y"),
  value: fc.constantFrom("1", "2", null, undefined),
  isStale: fc.nat({ max: 7 }).map((roll) => roll === 0),
});
const member = { channel, group };

/** Sequences of operations; later ones refer to what earlier ones left. */
export const sequences: fc.Arbitrary<readonly Operation[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("append"),
        channel,
        priority,
        drafts: fc.array(draft, { minLength: 1, maxLength: 6 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("join"),
        ...member,
        from: fc.oneof(
          fc.constantFrom("earliest", "latest"),
          fc.record({ offset: fc.nat({ max: 6 }) }),
        ),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave"), ...member }) },
    { weight: 7, arbitrary: fc.record({ kind: fc.constant("take"), ...member }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("commit"),
        ...member,
        choices: fc.array(choice, { maxLength: 8 }),
        changes: fc.uniqueArray(change, { maxLength: 2, selector: ({ key }) => key }),
        publishes: fc.array(draft, { maxLength: 2 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("reload"), ...member }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("read"), channel, from: fc.nat({ max: 8 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("stats") }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen") }) },
  ),
  { minLength: 20, maxLength: 60, size: "max" },
);

interface Membership {
  readonly consumer: Consumer;
  /** Delivered and not acknowledged, by priority and offset. */
  held: Taken[];
}

/** Performs operations on one transport. */
export class Player {
  readonly #run: ContractRun;
  readonly #members = new Map<string, Membership>();
  /** Where a store cannot be opened again, its members leave instead: the same, seen from here. */
  readonly #canReopen: boolean;

  constructor(run: ContractRun) {
    this.#run = run;
    this.#canReopen = run.transport.capabilities.durable !== "no";
  }

  /** Declares the channels. */
  async start(): Promise<void> {
    for (const [name, partitions] of Object.entries(channels)) {
      await this.#run.declare(name, { partitions });
    }
  }

  /** Performs one operation and says what was observed, as plain data. */
  play(operation: Operation): Promise<unknown> {
    switch (operation.kind) {
      case "append":
        return this.#append(operation);
      case "join":
        return this.#join(operation.channel, operation.group, operation.from);
      case "leave":
        return this.#leave(operation.channel, operation.group);
      case "take":
        return this.#take(operation.channel, operation.group);
      case "commit":
        return this.#commit(operation);
      case "reload":
        return this.#reload(operation.channel, operation.group);
      case "read":
        return this.#read(operation.channel, operation.from);
      case "stats":
        return this.#stats();
      case "reopen":
        break;
    }
    return this.#reopen();
  }

  async #append(operation: Extract<Operation, { readonly kind: "append" }>): Promise<unknown> {
    const { channel, priority, drafts } = operation;
    const result = await this.#run.publish(channel, drafts, { priority });
    // Each append has a time of its own, on virtual and on real clocks.
    await this.#run.pass(2);
    return seen(result);
  }

  async #join(
    channel: ChannelName,
    group: string,
    from: "earliest" | "latest" | { readonly offset: number },
  ): Promise<unknown> {
    await this.#leave(channel, group);
    const consumer = await this.#run.join(channel, group, { from });
    this.#members.set(`${channel} ${group}`, { consumer, held: [] });
    return "joined";
  }

  async #leave(channel: ChannelName, group: string): Promise<unknown> {
    const membership = this.#members.get(`${channel} ${group}`);
    await membership?.consumer.close();
    return this.#members.delete(`${channel} ${group}`);
  }

  async #membership(channel: ChannelName, group: string): Promise<Membership> {
    const name = `${channel} ${group}`;
    if (!this.#members.has(name)) await this.#join(channel, group, "earliest");
    return this.#members.get(name) ?? assert.fail("just joined");
  }

  /** Takes all there is. The depth says how much that is, so nothing waits for what never comes. */
  async #take(channel: ChannelName, group: string): Promise<unknown> {
    const membership = await this.#membership(channel, group);
    const { depth } = await this.#run.groupStatsOf(channel, group);
    const taken = await this.#run.take(membership.consumer, depth - membership.held.length, 7);
    membership.held = [...membership.held, ...taken].sort(byPlace);
    return taken.sort(byPlace).map(({ batch, record, offset, open }) => {
      const { stored } = batch;
      const id = stored.idGivenAt(record) ? stored.idAt(record) : undefined;
      const payload = stored.payloadTextAt(record);
      return {
        priority: stored.priority,
        offset,
        payload,
        key: stored.keyAt(record),
        id,
        ...listed(open),
      };
    });
  }

  async #commit(operation: Extract<Operation, { readonly kind: "commit" }>): Promise<unknown> {
    const { channel, group, choices, changes, publishes } = operation;
    const membership = await this.#membership(channel, group);
    if (membership.held.length === 0) await this.#take(channel, group);
    const { consumer, held } = membership;
    const outcomes = new Map<Taken, Outcome>();
    for (const { place, outcome, attempt } of choices) {
      const taken = held[place % held.length];
      if (taken === undefined) continue;
      const open = { kind: "open", attempt, dueAtMs: attempt * 1_000 } as const;
      outcomes.set(taken, outcome === "ack" ? acked : { ...open, reason: outcome });
    }
    const unit = {
      settle: [...outcomes],
      publishes: publishes.length === 0 ? [] : [this.#run.batch("one", publishes)],
      state: await this.#stateChanges(channel, group, changes),
    };
    const result = await this.#run.within("commit", this.#run.commit(consumer, unit));
    if (result.kind !== "committed") {
      consumer.resume();
      if (result.kind !== "reused") return result;
      const places = result.reused.map(({ publish, index, error: { code } }) => {
        return { publish, index, code };
      });
      return { kind: result.kind, places };
    }
    membership.held = held.filter((taken) => outcomes.get(taken)?.kind !== "ack");
    return { kind: result.kind, appended: result.appended.map(seen) };
  }

  async #stateChanges(
    channel: ChannelName,
    group: string,
    changes: readonly Change[],
  ): Promise<StateChange[]> {
    const found: StateChange[] = [];
    for (const { key, value, isStale } of changes) {
      const row = await this.#run.transport.state?.read({ channel, group }, "t", key);
      const version = row?.version ?? 0;
      found.push({ table: "t", key, expected: isStale ? version + 1 : version, value });
    }
    return found;
  }

  /** Reads what is held again, and goes on with what was read. */
  async #reload(channel: ChannelName, group: string): Promise<unknown> {
    const membership = await this.#membership(channel, group);
    const offsets = membership.held
      .filter(({ batch }) => batch.stored.priority === "normal")
      .map(({ offset }) => offset);
    const batches = await membership.consumer.reload("normal", offsets);
    return batches.flatMap(({ stored, records }) =>
      records.map((record) => [stored.offsetAt(record), stored.payloadTextAt(record)]),
    );
  }

  async #read(channel: ChannelName, from: number): Promise<unknown> {
    const messages: unknown[] = [];
    for await (const batch of withoutGaps(
      this.#run.transport.read(channel, { from: { offset: from } }),
    )) {
      for (let at = 0; at < batch.count; at++) {
        messages.push([batch.offsetAt(at), batch.payloadTextAt(at), batch.keyAt(at)]);
      }
    }
    return messages;
  }

  async #stats(): Promise<unknown> {
    const all = await this.#run.transport.stats();
    const sorted = all.toSorted((left, right) => (left.channel < right.channel ? -1 : 1));
    const rows: Record<string, string | undefined> = {};
    for (const name of ["blue", "green"]) {
      for (const table of Object.keys(channels)) {
        const scope = { channel: table, group: name };
        for (const key of ["x", "y"]) {
          const row = await this.#run.transport.state?.read(scope, "t", key);
          rows[`${table} ${name} ${key}`] = row?.value;
        }
      }
    }
    return { rows, channels: sorted.map(comparable) };
  }

  async #reopen(): Promise<unknown> {
    for (const name of Object.keys(channels) as ChannelName[]) {
      for (const group of ["blue", "green"]) await this.#leave(name, group);
    }
    if (this.#canReopen) {
      await this.#run.restart();
      await this.start();
    }
    return "reopened";
  }
}

function comparable(stats: Awaited<ReturnType<ContractRun["statsOf"]>>): unknown {
  const { channel, delayed, logs, groups } = stats;
  const ends = logs.filter(({ endOffset }) => endOffset > 0);
  return {
    channel,
    delayed,
    logs: ends
      .map(({ priority, startOffset, endOffset }) => `${priority} ${startOffset}–${endOffset}`)
      .sort(),
    groups: groups
      .map(({ group, depth, open, members }) => ({ group, depth, open, members }))
      .sort((left, right) => (left.group < right.group ? -1 : 1)),
  };
}

/** A result without what carries no promise: where nothing was stored, firstOffset says nothing. */
function seen(result: AppendResult): unknown {
  const exceptions = [...(result.exceptions ?? [])].map(([index, exception]) => [
    index,
    "code" in exception ? exception.code : exception.offset,
  ]);
  return { firstOffset: result.firstOffset, exceptions };
}

/** Whether a message that was merely in flight is listed is the adapter's business. */
function listed(open: OpenEntry | undefined): { readonly open?: OpenEntry } {
  return open === undefined || (open.reason === "in-flight" && open.attempt === 0) ? {} : { open };
}

function byPlace(left: Taken, right: Taken): number {
  const lanes = left.batch.stored.priority.localeCompare(right.batch.stored.priority);
  return lanes === 0 ? left.offset - right.offset : lanes;
}
