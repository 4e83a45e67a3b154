// One member of a group: waits for deliveries and commits units. The group knows who owns what, the
// transport applies units; this file only joins them, and remembers whether a unit was refused.
import { ClosedError, SpillwayError } from "../../errors/spillway-error.ts";
import type { Priority } from "../../message/envelope.ts";
import type { CommitResult, CommitUnit } from "../../ports/commit-unit.ts";
import { ConsumerHold, type HoldEnvironment } from "../../ports/consumer-hold.ts";
import type { Consumer, DeliveryBatch } from "../../ports/transport.ts";
import type { MemoryChannel } from "./memory-channel.ts";
import type { MemoryGroup } from "./memory-group.ts";

/** Applies a unit of `consumer` as a whole, or says why not. */
export type ApplyUnit = (consumer: MemoryConsumer, unit: CommitUnit) => CommitResult;

/** A group's consumer. */
export class MemoryConsumer implements Consumer {
  readonly channel: MemoryChannel;
  readonly group: MemoryGroup;
  readonly #apply: ApplyUnit;
  readonly #hold: ConsumerHold;
  #isFetching = false;
  #isPoisoned = false;
  #isClosed = false;

  constructor(
    channel: MemoryChannel,
    group: MemoryGroup,
    apply: ApplyUnit,
    environment: HoldEnvironment,
  ) {
    this.#hold = new ConsumerHold(channel.declaration.name, environment, () => channel.wake());
    this.channel = channel;
    this.group = group;
    this.#apply = apply;
  }

  async next(
    messagesMax: number,
    signal: AbortSignal,
    first?: Priority,
  ): Promise<DeliveryBatch | undefined> {
    if (this.#isFetching || !(messagesMax >= 1)) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `Consumer.next(${messagesMax}): ask for 1 or more, one call at a time`,
      );
    }
    this.#isFetching = true;
    try {
      while (!this.#isClosed && !signal.aborted) {
        const { isHeld } = this.#hold;
        const most = this.#hold.most(messagesMax);
        const batch = isHeld ? undefined : this.group.fetch(this, most, first);
        if (batch !== undefined) {
          this.#hold.taken();
          return batch;
        }
        await this.channel.changed(signal);
      }
      return undefined;
    } finally {
      this.#isFetching = false;
    }
  }

  owns(batch: DeliveryBatch, record: number): boolean {
    return this.group.owns(this, batch, record);
  }

  release(batch: DeliveryBatch, record: number): void {
    this.group.release(this, batch, record);
  }

  async reload(priority: Priority, offsets: readonly number[]): Promise<readonly DeliveryBatch[]> {
    this.#assertLiving("reload");
    return this.group.reload(this, priority, offsets);
  }

  async commit(unit: CommitUnit): Promise<CommitResult> {
    this.#assertLiving("commit");
    if (this.#isPoisoned) return { kind: "poisoned" };
    const result = this.#apply(this, unit);
    this.#isPoisoned = result.kind !== "committed";
    if (result.kind === "committed" && result.over !== undefined) this.#hold.over(result.over);
    return result;
  }

  resume(): void {
    this.#isPoisoned = false;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#hold.close();
    this.group.leave(this);
    this.channel.wake();
  }

  #assertLiving(what: string): void {
    if (!this.#isClosed) return;
    const { name } = this.group;
    throw new ClosedError(`${what}: this consumer of group '${name}' is closed: make a new one`);
  }
}
