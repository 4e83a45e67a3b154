// One member of a group: fetches what its key ranges have, commits units, hands ranges over. What
// it knows about messages stands in range-tracker.ts; here are waiting, sending and the order of
// events. Always true: units are sent in the order of commit(); after a refused one nothing is
// sent until resume(); a range is released only when nothing of it is held or under way.
import { ClosedError } from "../../../errors/spillway-error.ts";
import type { CancelTimer, Clock } from "../../../kernel/clock.ts";
import { PassingSet } from "../../../kernel/passing-map.ts";
import type { Priority } from "../../../message/envelope.ts";
import type { CommitResult, CommitUnit } from "../../../ports/commit-unit.ts";
import { ConsumerHold } from "../../../ports/consumer-hold.ts";
import type { Gap } from "../../../ports/gap.ts";
import type { Consumer, DeliveryBatch } from "../../../ports/transport.ts";
import { diagnostics, type GapDiagnostics } from "../../../telemetry/channels.ts";
import type { Engine, RangeGrant } from "../journal/engine.ts";
import { stateColumnsOf } from "../journal/state-columns.ts";
import type { ChannelFeed } from "./channel-feed.ts";
import type { ChannelRooms } from "./channel-rooms.ts";
import { DeliveryFetcher } from "./delivery-fetcher.ts";
import { type GroupCommit, type PreparedBatch, prepareBatches } from "./group-commit.ts";
import { RangeTracker } from "./range-tracker.ts";
import type { BatchReader } from "./reader.ts";
import type { UnitPlan } from "./unit-plan.ts";

/** How long cursors of ranges without messages of their own may stay behind. */
export const cursorAdvanceMs = 1_000;

/** What a consumer works with. */
export interface ConsumerEnvironment {
  readonly clock: Clock;
  readonly engine: Engine;
  readonly groupCommit: GroupCommit;
  readonly reader: BatchReader;
  readonly feed: ChannelFeed;
  readonly rooms: ChannelRooms;
  /** Throws UNKNOWN_CHANNEL for a channel that was never declared. */
  readonly assertChannel: (channel: string) => void;
  /** Called once the member left, or cannot any more. */
  readonly onLeft?: () => void;
}

/** Who it is. */
export interface ConsumerIdentity {
  readonly channel: string;
  readonly group: string;
  readonly member: number;
  readonly partitions: number;
}

/** A group's consumer on the embedded journal. */
export class GroupConsumer implements Consumer {
  readonly #environment: ConsumerEnvironment;
  readonly #identity: ConsumerIdentity;
  readonly #tracker: RangeTracker;
  readonly #fetcher: DeliveryFetcher;
  readonly #hold: ConsumerHold;
  readonly #unlisten: () => void;
  readonly #sending = new PassingSet<Promise<unknown>>();
  #generation = 1;
  #poisoned = false;
  /** Units of the caller under way; the consumer's own cursor moves are not counted. */
  #callersUnits = 0;
  #closed = false;
  #closing: Promise<void> | undefined;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #cancelAdvance: CancelTimer | undefined;

  constructor(environment: ConsumerEnvironment, identity: ConsumerIdentity) {
    this.#environment = environment;
    this.#identity = identity;
    this.#tracker = new RangeTracker(identity.partitions);
    const { reader, feed } = environment;
    this.#fetcher = new DeliveryFetcher(this.#tracker, reader, feed, identity.channel, (gap) =>
      this.#tellGap(gap),
    );
    const { clock, rooms } = environment;
    const room = (channel: string, signal: AbortSignal) => rooms.wait(channel, signal);
    this.#hold = new ConsumerHold(identity.channel, { clock, room }, () => this.#wake?.());
    this.#unlisten = environment.feed.listen(() => this.#wake?.());
  }

  /** Notice: these ranges are ours now. */
  granted(grants: readonly RangeGrant[]): void {
    if (this.#closed) return;
    this.#tracker.grant(grants);
    this.#wake?.();
  }

  /** Notice: hand these ranges over. */
  revoked(ranges: readonly number[]): void {
    this.#tracker.revoke(ranges);
    // Not at once: the engine may be in the middle of telling others.
    queueMicrotask(() => this.#releaseIdle());
  }

  /** Notice: these ranges belong to somebody else. */
  lost(ranges: readonly number[]): void {
    this.#tracker.drop(ranges);
  }

  #tellGap({ channel, priority, firstOffset, count, reason }: Gap): void {
    if (!diagnostics.gap.hasSubscribers) return;
    const { group } = this.#identity;
    const told: GapDiagnostics = { channel, group, priority, firstOffset, count, reason };
    diagnostics.gap.publish(told);
  }

  /** The transport is at its end. */
  failed(error: Error): void {
    this.#failure ??= error;
    this.#hold.close();
    this.#cancelAdvance?.();
    this.#wake?.();
  }

  async next(
    messagesMax: number,
    signal: AbortSignal,
    first?: Priority,
  ): Promise<DeliveryBatch | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#closed || signal.aborted) return undefined;
      const most = this.#hold.most(messagesMax);
      const taken = this.#hold.isHeld ? "none" : this.#fetcher.take(most, first);
      if (typeof taken === "object") {
        this.#hold.taken();
        return taken;
      }
      if (taken === "more") {
        await new Promise<void>((resolve) => this.#environment.clock.soon(resolve));
      } else {
        this.#advanceLater();
        await this.#change(signal);
      }
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake = undefined;
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener("abort", done, { once: true });
    });
  }

  owns(batch: DeliveryBatch, record: number): boolean {
    if (this.#closed || this.#failure !== undefined) return false;
    return this.#tracker.owns(batch, record);
  }

  get ownershipVersion(): number | undefined {
    return this.#closed || this.#failure !== undefined ? undefined : this.#tracker.ownership.losses;
  }

  release(batch: DeliveryBatch, record: number): void {
    this.#tracker.release(batch, record);
    this.#releaseIdle();
  }

  reload(priority: Priority, offsets: readonly number[]): Promise<readonly DeliveryBatch[]> {
    return this.#fetcher.reload(this.#environment.clock, priority, offsets);
  }

  async commit(unit: CommitUnit): Promise<CommitResult> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw this.#closedError();
    if (this.#poisoned) return { kind: "poisoned" };
    const { assertChannel } = this.#environment;
    // Whether an optional one has a channel is the writer's to say, within the transaction.
    for (const { channel, isOptional } of unit.publishes) if (!isOptional) assertChannel(channel);
    const batches = prepareBatches(unit.publishes);
    const plan = this.#tracker.plan(unit.settlements);
    this.#callersUnits++;
    try {
      return await this.#send(plan, unit, batches);
    } finally {
      this.#callersUnits--;
    }
  }

  #send(
    plan: UnitPlan,
    { sequence, state, expired = 0 }: Omit<CommitUnit, "settlements" | "publishes">,
    batches: readonly PreparedBatch[],
  ): Promise<CommitResult> {
    const generation = this.#generation;
    const { member } = this.#identity;
    const { fences, cursors, open } = plan;
    const columns = stateColumnsOf(state);
    const settled = { fences, cursors, open, expired, state: columns };
    const head = { member, generation, sequence, ...settled };
    const sent = this.#settled(this.#environment.groupCommit.commit(head, batches), plan);
    this.#sending.add(sent);
    const forget = (): boolean => this.#sending.delete(sent);
    sent.then(forget, forget);
    return sent;
  }

  async #settled(answer: Promise<CommitResult>, plan: UnitPlan): Promise<CommitResult> {
    const generation = this.#generation;
    try {
      const result = await answer;
      if (result.kind === "committed") this.#tracker.finish(plan);
      else this.#refuse(generation);
      if (result.kind === "committed" && result.over !== undefined) this.#hold.over(result.over);
      return result;
    } catch (error) {
      this.#refuse(generation);
      throw error;
    } finally {
      this.#releaseIdle();
    }
  }

  /** A unit was refused, and so is everything sent after it: takes all of it back. */
  #refuse(generation: number): void {
    if (generation !== this.#generation || this.#poisoned) return;
    this.#tracker.undoAll();
    // Where only a cursor move of our own was refused, the caller has nothing to hand back.
    if (this.#callersUnits > 0) this.#poisoned = true;
    else this.#generation++;
  }

  resume(): void {
    if (!this.#poisoned) return;
    this.#poisoned = false;
    this.#generation++;
    this.#wake?.();
  }

  /** Hands ranges over of which nothing is left to do. */
  #releaseIdle(): void {
    const ranges = this.#tracker.ownership.releasable();
    if (ranges.length === 0 || this.#closed) return;
    this.#tracker.drop(ranges);
    const { engine } = this.#environment;
    // A failed release is the end of the engine, which is told to everybody anyway.
    engine.request("release", { member: this.#identity.member, ranges }).catch(() => undefined);
  }

  /** Lets cursors follow where nothing of our ranges came, so that retention can go on. */
  #advanceLater(): void {
    if (this.#cancelAdvance !== undefined || !this.#tracker.lagging) return;
    const action = (): void => {
      this.#cancelAdvance = undefined;
      this.#advance()?.catch(() => undefined);
    };
    const { clock } = this.#environment;
    this.#cancelAdvance = clock.after(cursorAdvanceMs, action, { background: true });
  }

  #advance(): Promise<CommitResult> | undefined {
    const { ownership, lagging } = this.#tracker;
    if (this.#poisoned || this.#failure !== undefined || !ownership.quiet || !lagging) {
      return undefined;
    }
    return this.#send(this.#tracker.planAdvance(), { sequence: 0, state: [] }, []);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#hold.close();
    this.#unlisten();
    this.#cancelAdvance?.();
    this.#wake?.();
    await Promise.allSettled(this.#sending);
    await this.#advance()?.catch(() => undefined);
    this.#tracker.drop(Array.from({ length: this.#identity.partitions }, (_, range) => range));
    try {
      if (this.#failure !== undefined) return;
      await this.#environment.engine.request("leave", { member: this.#identity.member });
    } catch (error) {
      // Where the journal failed meanwhile there is nothing left to give up.
      if (this.#failure === undefined) throw error;
    } finally {
      this.#environment.onLeft?.();
    }
  }

  #closedError(): ClosedError {
    const { channel, group } = this.#identity;
    return new ClosedError(`the consumer of group '${group}' on channel '${channel}' is closed`);
  }
}
